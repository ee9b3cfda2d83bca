// SPDX-License-Identifier: Apache-2.0
// What the server and the first process of a sandbox (`sandbox-init`) say to each other, over a SOCK_SEQPACKET socket pair:
// prepare → ready; launch → executed; then orders one way, and the other way how each program has ended. Plain values; both
// ends are of one build.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime-api/protocol/limits.hpp"

namespace kiln::sandbox {

/// The number under which sandbox-init finds its socket.
inline constexpr int control_fd = 3;
/// Makes a niceness, which may be below zero, a number that cannot.
inline constexpr int niceness_offset = 20;
/// More descriptors than a launch has: outputs of a runtime and ten extensions, channels, log frames, mounts.
inline constexpr std::size_t max_descriptors = limits::max_extensions + limits::max_inherited_channels + 8;
/// A launch carries a function's environment (4 KiB) and little else; a plan carries the system-call filter.
inline constexpr std::size_t max_message = 128 * 1024;

/// Something of the host, shown read-only inside.
struct Bind {
  std::string source;  ///< absolute, on the host
  std::string target;  ///< relative to the new root
};

struct Link {
  std::string target;
  std::string path;  ///< relative to the new root
};

struct TextFile {
  std::string path;  ///< relative to the new root
  std::string content;
};

/// The file system an instance sees, but for what is the function's own.
struct RootLayout {
  std::vector<std::string> folders;  ///< relative to the new root, parents first
  std::vector<Bind> trees;           ///< folders and files
  std::vector<Bind> devices;
  std::vector<Link> links;
  std::vector<TextFile> files;
  std::vector<std::string> masked;  ///< absolute paths below /proc that are covered
};

/// Everything that can be done before it is known whose instance it will be. Descriptors: the network namespace.
struct PreparePlan {
  std::uint32_t uid = 0;         ///< on the host; also the group
  std::uint32_t inside_uid = 0;  ///< what it is called inside, where there is a user namespace
  bool user_namespace = false;
  bool cgroup_namespace = false;
  bool landlock = false;
  std::uint32_t niceness = 0;  ///< once somebody waits for it, plus 20: it is made with a lower priority
  RootLayout root;
  std::string syscall_filter;  ///< struct sock_filter, one after another
  bool awaited = false;        ///< somebody waits: what only makes a later start shorter is left out
  bool snapshot = false;       ///< it will hold a function's snapshot, and may fork into new namespaces
  std::string fork_filter;     ///< of a snapshot: the filter of its forks,
  bool fork_landlock = false;  ///< and whether they are in a Landlock domain, which is theirs to enter
};

/// One program of an instance: its extensions, and the runtime.
struct Program {
  std::string executable;              ///< inside, as is every path here
  std::vector<std::string> arguments;  ///< argv[0] and on
  std::vector<std::string> environment;
  std::string working_directory;
};

/// Descriptors: the output of each program, what the runtime inherits, a detached mount for each of `mounts`.
struct LaunchPlan {
  std::vector<Program> programs;  ///< started in this order
  std::uint32_t inherited = 0;    ///< the last program, which is the runtime, inherits so many
  std::string hostname;
  std::vector<std::string> mounts;  ///< where the mounts go, read-only
  std::uint32_t tmp_mb = 0;
  std::uint32_t tmp_files = 0;
  std::uint32_t open_files = 0;
  std::uint32_t processes = 0;
  std::uint32_t data_mb = 0;  ///< of each process, where nothing else limits all of them; 0: no limit
  /// The runtime loads the function and serves forks (snapshot_process.hpp). What it inherits first is the socket for that.
  bool snapshot = false;
};

/// What is done from outside to the sandbox that a snapshot has forked. Descriptors: the pidfd of its first process.
struct CompletionPlan {
  std::string hostname;
  std::uint32_t tmp_mb = 0;
  std::uint32_t tmp_files = 0;
  std::vector<std::string> masked;  ///< as in RootLayout
};

enum class ReplyKind : std::uint32_t {
  ready = 1,     ///< of a snapshot: the function has been loaded
  failed,        ///< number: errno; text: the step that failed
  executed,      ///< all of the launch; with the runtime as a pidfd
  not_executed,  ///< number: errno; program; text: the step that failed
  exited,        ///< number: exit status; program
  signalled,     ///< number: the signal; program
  forked,        ///< by a zygote; number: the process id. By the fork of a snapshot: it is there
  unsuitable,    ///< of a snapshot: it cannot be forked; text: why, to follow "the function"
};

/// Sent as its bytes.
struct Reply {
  ReplyKind kind = ReplyKind::ready;
  std::int32_t number = 0;
  std::uint32_t program = 0;   ///< its place in the launch
  std::uint32_t in_group = 0;  ///< forked, by a zygote: it is in the group that was sent along
  std::int64_t at_ns = 0;      ///< executed: when the runtime was, on the monotonic clock
  char text[112] = {};
};

/// What a zygote is to be, before anything is forked from it.
struct ZygotePlan {
  RootLayout root;                   ///< as its sandboxes will have it
  std::vector<std::string> modules;  ///< loaded ahead of time, in this order
};

/// What a zygote of sandboxes is asked, with the socket that the new first process is to have and, in version 2 of control
/// groups, the folder of the group that it is to be in.
inline constexpr char fork_request = 'f';

/// From the server, as its bytes: a signal for a program and what it has started.
struct Order {
  std::uint32_t program = 0;
  std::int32_t signal = 0;
};

std::string encode(const PreparePlan& plan);
std::string encode(const LaunchPlan& plan);
std::string encode(const ZygotePlan& plan);
std::string encode(const CompletionPlan& plan);
/// Throws std::runtime_error where the bytes are no such message.
void decode(std::string_view bytes, PreparePlan& plan);
void decode(std::string_view bytes, LaunchPlan& plan);
void decode(std::string_view bytes, ZygotePlan& plan);
void decode(std::string_view bytes, CompletionPlan& plan);

}  // namespace kiln::sandbox
