// SPDX-License-Identifier: Apache-2.0
#include "conformance/server/platform.hpp"

#include <utility>

#include "conformance/finding.hpp"
#include "runtime-api/protocol/environment.hpp"

namespace kiln::conformance {

using namespace std::chrono_literals;

HttpUrl parse_url(const std::string& url) {
  static constexpr std::string_view scheme = "http://";
  if (!url.starts_with(scheme)) throw CannotRun(url + " is no URL of the form http://HOST:PORT/PATH");
  const auto slash = std::min(url.find('/', scheme.size()), url.size());
  HttpUrl result{url.substr(scheme.size(), slash - scheme.size()), url.substr(slash)};
  if (result.address.find(':') == std::string::npos) result.address += ":80";
  if (result.target.empty()) result.target = "/";
  return result;
}

FunctionUnderTest RunningPlatform::prepare(const Setting& setting) {
  if (!setting.is_plain())
    throw NotOffered{"a function of this timeout or concurrency cannot be had of a running server"};
  return function_;
}

CommandPlatform::CommandPlatform(const std::vector<std::string>& command, const std::vector<std::string>& bootstrap,
                                 FunctionUnderTest function, std::chrono::milliseconds patience)
    : function_(std::move(function)), patience_(patience) {
  bool placed = false;
  for (const auto& word : command) {
    if (word != "{bootstrap}") {
      command_.push_back(word);
      continue;
    }
    command_.insert(command_.end(), bootstrap.begin(), bootstrap.end());
    placed = true;
  }
  if (!placed) throw CannotRun("the platform's command has no {bootstrap}, where the words go that start the stand-in");
}

FunctionUnderTest CommandPlatform::prepare(const Setting& setting) {
  child_.reset();  // its ports are to be free again
  auto variables = current_environment();
  variables["AWS_LAMBDA_FUNCTION_TIMEOUT"] = std::to_string(setting.timeout.count());
  variables.erase(environment::runtime_api);
  if (setting.concurrency > 1) variables[environment::max_concurrency] = std::to_string(setting.concurrency);
  FunctionUnderTest function = function_;
  function.timeout = setting.timeout;
  function.mark_name = "KILN_CONFORMANCE_CASE";
  function.mark = variables[function.mark_name] = std::to_string(++count_);
  child_ = std::make_unique<Child>(command_, variables);
  const std::string address = parse_url(function_.invoke_url).address;
  for (const Deadline deadline = Deadline::after(patience_); !deadline.passed();) {
    std::string why;
    if (connect_to(address, deadline, why).is_open()) return function;
    // Nobody tells when it listens; its end is told.
    if (child_->wait(Deadline::after(20ms))) break;
  }
  if (!setting.is_plain()) throw NotOffered{"the platform does not come up with a concurrency or timeout of its own"};
  throw CannotRun("the platform does not answer at " + address + "; it printed:\n" + child_->printed());
}

}  // namespace kiln::conformance
