// SPDX-License-Identifier: Apache-2.0
// Rendering of failures, for people and for scripts.
#include "cli/failure.hpp"

#include <nlohmann/json.hpp>

namespace kiln::cli {

std::string render_text(const Failure& failure, bool colour) {
  std::string text = colour ? "\x1b[31mkiln:\x1b[0m " : "kiln: ";
  text += failure.message;
  text += '\n';
  for (const auto& line : failure.advice) {
    text += "  " + line + '\n';
  }
  if (!failure.request_id.empty()) {
    text += "  (request id " + failure.request_id + ")\n";
  }
  return text;
}

std::string render_json(const Failure& failure) {
  nlohmann::ordered_json error = {{"ExitCode", static_cast<int>(failure.code)},
                                  {"Kind", meaning_of(failure.code).kind},
                                  {"Message", failure.message},
                                  {"Advice", failure.advice}};
  if (!failure.type.empty()) {
    error["Type"] = failure.type;
  }
  if (!failure.request_id.empty()) {
    error["RequestId"] = failure.request_id;
  }
  // Messages may quote bytes of files or peers that are no UTF-8: replacing them keeps the line valid JSON.
  const nlohmann::ordered_json document = {{"Error", error}};
  return document.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + '\n';
}

}  // namespace kiln::cli
