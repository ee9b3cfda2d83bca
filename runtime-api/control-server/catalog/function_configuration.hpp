// SPDX-License-Identifier: Apache-2.0
// What the catalog knows of a function and of an HTTP trigger. Plain values, shared between threads as const.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime-api/protocol/limits.hpp"

namespace kiln {

/// LoggingConfig. The two levels are empty while the format is "Text".
struct LoggingConfiguration {
  std::string format = "Text";  ///< "Text" or "JSON"
  std::string application_level;
  std::string system_level;
  std::string group;  ///< "/aws/lambda/NAME" unless the user chose another
};

struct LayerReference {
  std::string arn;
  std::uint64_t code_size = 0;
};

/// kiln's own settings of a function (member "Kiln" of the JSON shapes).
struct KilnSettings {
  int concurrency = limits::default_concurrency;  ///< invocations at once in one instance
  int max_instances = 64;                         ///< instances of the function at once
  int min_instances = 0;                          ///< so many are kept ready, called or not
  std::string ready_schedule;                     ///< ... and more at some hours (ready_schedule.hpp)
  int idle_seconds = 60;                          ///< an idle instance is reclaimed after this long
  std::string isolation = "auto";                 ///< "auto": the server's; "process", "sandbox", "oci", "command"
  std::string image;                              ///< of its containers, for launchers that have these; empty: theirs
  std::string pull;       ///< runtimes connect there that somebody else starts (pull_address.hpp)
  bool preload = false;   ///< its module is loaded once, and instances are forks of that
  std::string preimport;  ///< the set of modules that its Python has loaded already; empty: the server's own
};

struct FunctionConfiguration {
  std::string name;
  std::string arn;  ///< without a qualifier
  std::string version = "$LATEST";
  std::string runtime;  ///< as the user wrote it; see canonical_runtime()
  std::string handler;
  std::string role;  ///< empty where none was given
  std::string description;
  int memory_mb = limits::default_memory_mb;
  int timeout_s = limits::default_timeout_s;
  std::optional<std::map<std::string, std::string>> environment;  ///< empty map and absent differ in answers
  std::string code_sha256_base64;
  std::string code_sha256_hex;  ///< names the object in the code store
  std::uint64_t code_size = 0;  ///< bytes of the zip
  std::string last_modified;    ///< "2025-11-25T02:26:54.000+0000"
  std::string revision_id;      ///< changes with every update
  std::string state = "Active";
  std::string last_update_status = "Successful";
  std::vector<std::string> architectures;
  int ephemeral_storage_mb = 512;
  std::string tracing_mode = "PassThrough";
  std::string snap_start = "None";  ///< SnapStart.ApplyOn
  LoggingConfiguration logging;
  std::vector<LayerReference> layers;
  std::map<std::string, std::string> tags;
  KilnSettings kiln;
};

/// "provided" for it and its aliases (provided.al2, provided.al2023); every other name as it is.
std::string_view canonical_runtime(std::string_view runtime);

/// An HTTP method and path bound to a function.
struct HttpTrigger {
  std::string id;
  std::string function_name;
  std::string method;  ///< upper case, or "ANY"
  std::string path;    ///< literal segments, `{name}`, and `{name+}` as the last one

  friend bool operator==(const HttpTrigger&, const HttpTrigger&) = default;
};

}  // namespace kiln
