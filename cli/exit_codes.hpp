// SPDX-License-Identifier: Apache-2.0
// What the exit status of `kiln` says, for scripts. The table below is printed by `kiln --help` and repeated in
// docs/cli.md (a test compares them).
#pragma once

#include <array>
#include <string_view>

namespace kiln::cli {

enum class ExitCode : int {
  success = 0,
  function_error = 1,
  usage = 2,
  unreachable = 3,
  not_found = 4,
  refused = 5,
  throttled = 6,
  server_failed = 7,
  local_input = 8,
  build_failed = 9,
  serve_failed = 10,
  internal = 70,
};

struct ExitCodeMeaning {
  ExitCode code;
  /// Stable word for scripts, `Error.Kind` of --json.
  std::string_view kind;
  std::string_view meaning;
};

inline constexpr std::array exit_code_table{
    ExitCodeMeaning{ExitCode::success, "success", "it worked"},
    ExitCodeMeaning{ExitCode::function_error, "function-error",
                    "the function ran and failed (raised, timed out, exited); `conformance`: does not conform"},
    ExitCodeMeaning{ExitCode::usage, "usage", "the command line is wrong"},
    ExitCodeMeaning{ExitCode::unreachable, "unreachable", "no server answers at the endpoint, or it went away"},
    ExitCodeMeaning{ExitCode::not_found, "not-found", "the function or trigger does not exist"},
    ExitCodeMeaning{ExitCode::refused, "refused", "the server refused the request (bad value, conflict, too large)"},
    ExitCodeMeaning{ExitCode::throttled, "throttled", "all instances are busy and the queue is full; try again"},
    ExitCodeMeaning{ExitCode::server_failed, "server-failed", "the server failed, or its answer makes no sense"},
    ExitCodeMeaning{ExitCode::local_input, "local-input", "a file or folder here cannot be read, packed or written"},
    ExitCodeMeaning{ExitCode::build_failed, "build-failed", "the function, or its image, could not be built"},
    ExitCodeMeaning{ExitCode::serve_failed, "serve-failed", "the server could not start (port taken, data unusable)"},
    ExitCodeMeaning{ExitCode::internal, "internal", "a fault in kiln itself"},
};

/// The row of `code`; every enumerator has one.
constexpr const ExitCodeMeaning& meaning_of(ExitCode code) {
  for (const auto& row : exit_code_table) {
    if (row.code == code) {
      return row;
    }
  }
  return exit_code_table.back();
}

}  // namespace kiln::cli
