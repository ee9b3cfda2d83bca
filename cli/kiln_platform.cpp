// SPDX-License-Identifier: Apache-2.0
#include "cli/kiln_platform.hpp"

#include "cli/failure.hpp"
#include "cli/package.hpp"
#include "cli/terminal.hpp"
#include "conformance/wire/event.hpp"
#include "runtime-api/protocol/base64.hpp"
#include "runtime-api/protocol/environment.hpp"

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <system_error>

namespace kiln::cli {
namespace {

namespace fs = std::filesystem;

/// The zip of a folder with one executable, `bootstrap`, that becomes the stand-in.
std::string stand_in_package(const std::vector<std::string>& stand_in) {
  std::string script = "#!/bin/sh\nexec";
  for (const auto& word : stand_in) script += " " + shell_word(word);
  auto folder = (fs::temp_directory_path() / "kiln-conformance-XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr) {
    throw CommandFailure({.code = ExitCode::local_input, .message = "cannot make a temporary folder " + folder});
  }
  const fs::path file = fs::path(folder) / "bootstrap";
  std::ofstream(file) << script << "\n";
  fs::permissions(file, fs::perms::owner_all);
  auto package = pack_folder(folder);
  std::error_code ignored;
  fs::remove_all(folder, ignored);
  return std::move(package.bytes);
}

}  // namespace

KilnPlatform::KilnPlatform(ApiClient& api, const std::vector<std::string>& stand_in)
    : api_(api),
      code_(base64_encode(stand_in_package(stand_in))),
      prefix_("conformance-" + conformance::new_uuid().substr(0, 8) + "-") {}

KilnPlatform::~KilnPlatform() {
  try {
    remove();
  } catch (const CommandFailure&) {
    // The server has gone, and the report is what counts.
  }
}

void KilnPlatform::remove() {
  if (!function_.empty()) api_.delete_function(std::exchange(function_, {}));
}

conformance::FunctionUnderTest KilnPlatform::prepare(const conformance::Setting& setting) {
  remove();
  std::string name = prefix_ + std::to_string(++count_);
  // The kit plays the runtime from outside, over the instance's Runtime API: not to be reached where an instance has a
  // network of its own.
  const Json kiln{{"Concurrency", setting.concurrency}, {"MaxInstances", 1}, {"Isolation", "process"}};
  const auto created = api_.create_function({{"FunctionName", name},
                                             {"Runtime", "provided"},
                                             {"Handler", "index.handler"},
                                             {"Description", "a function of kiln conformance; may be deleted"},
                                             {"Timeout", setting.timeout.count()},
                                             {"Kiln", kiln},
                                             {"Code", {{"ZipFile", code_}}}});
  if (!created)
    throw CommandFailure({.code = ExitCode::refused, .message = "there is a function " + name + " already"});
  function_ = std::move(name);
  const std::string url = api_.endpoint().url();
  return {.invoke_url = url + "/2015-03-31/functions/" + function_ + "/invocations",
          .stream_url = url + "/2021-11-15/functions/" + function_ + "/response-streaming-invocations",
          .runtime_api = {},
          .timeout = setting.timeout,
          .mark_name = environment::function_name,
          .mark = function_};
}

}  // namespace kiln::cli
