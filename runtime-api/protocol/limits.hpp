// SPDX-License-Identifier: Apache-2.0
// Sizes and times both sides of the wire agree on. Sources: the Lambda developer guide ("Lambda quotas") and the
// service model; where a number is kiln's own, it says so.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace kiln::limits {

using namespace std::chrono_literals;

/// Largest request payload of a synchronous invocation, in bytes (6 MiB).
inline constexpr std::size_t max_request_payload = 6'291'456;
/// Largest response payload a runtime may post, in bytes (6 MiB + 100).
inline constexpr std::size_t max_response_payload = 6'291'556;
/// Streamed responses have no limit in size (AWS: 200 MiB); the function's timeout bounds them. What is read of one, in
/// bytes, whose invoker has gone away, before the instance is ended (kiln's own).
inline constexpr std::uint64_t max_dropped_stream = 67'108'864;
/// Largest body of init/error, extension and telemetry requests, in bytes.
inline constexpr std::size_t max_control_body = 1'048'576;
/// Extensions of one instance, external and internal together.
inline constexpr std::size_t max_extensions = 10;
/// X-Ray error causes longer than this are cropped, in bytes.
inline constexpr std::size_t max_xray_cause = 65'536;
/// Largest X-Amz-Client-Context header, in base64 bytes.
inline constexpr std::size_t max_client_context = 3'583;
/// Log tail returned with X-Amz-Log-Type: Tail, in bytes.
inline constexpr std::size_t max_log_tail = 4'096;

/// Packed and unpacked size of a code package, in bytes, and its largest number of entries (kiln's own).
inline constexpr std::size_t max_code_packed = 52'428'800;
inline constexpr std::size_t max_code_unpacked = 262'144'000;
inline constexpr std::size_t max_code_entries = 20'000;

inline constexpr int min_memory_mb = 128;
inline constexpr int max_memory_mb = 10'240;
inline constexpr int default_memory_mb = 128;
/// With so much memory an instance has the time of one whole processor (developer guide, "Configure Lambda function memory").
inline constexpr int memory_mb_of_one_cpu = 1'769;
/// Processes and threads of an instance, and open files of each ("Lambda quotas").
inline constexpr int instance_processes = 1'024;
inline constexpr int instance_open_files = 1'024;

inline constexpr int min_timeout_s = 1;
inline constexpr int max_timeout_s = 900;
inline constexpr int default_timeout_s = 3;
inline constexpr int default_concurrency = 1;
/// Environment of a function, measured as compact JSON, in bytes.
inline constexpr std::size_t max_environment = 4'096;

/// Sockets that a bootstrap of ours inherits; where it is to run more invocations at once it connects instead (kiln's own).
inline constexpr std::size_t max_inherited_channels = 64;
/// Polls that one instance may have parked (emulator, managed instances).
inline constexpr std::size_t max_parked_polls = 10'000;
/// A runtime that has not asked for its first event by then has failed its init phase.
inline constexpr auto init_timeout = 10'000ms;
/// How long a runtime may pause within a body it posts, or take nothing of an event. As long as API Gateway lets a stream be
/// silent; the function's timeout comes first, mostly.
inline constexpr auto stream_idle_timeout = 300'000ms;
/// From the end of a restore to the first poll.
inline constexpr auto restore_timeout = 10'000ms;
/// From SIGTERM to SIGKILL of an instance, its external extensions included.
inline constexpr auto shutdown_timeout = 2'000ms;
/// The same where all its extensions are internal.
inline constexpr auto internal_shutdown_timeout = 500ms;
/// How much of it the runtime has, where there are external extensions that come after it.
inline constexpr auto runtime_shutdown_share = 300ms;
/// In front of SIGTERM: how long an instance's subscribers have to take what is buffered for them (kiln's own).
inline constexpr auto telemetry_flush = 200ms;
/// An idle instance is reclaimed after this long (kiln's default; per function settable).
inline constexpr auto idle_timeout = 60'000ms;

}  // namespace kiln::limits
