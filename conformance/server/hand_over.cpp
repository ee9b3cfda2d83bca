// SPDX-License-Identifier: Apache-2.0
#include "conformance/server/hand_over.hpp"

#include <poll.h>

#include <charconv>
#include <csignal>
#include <nlohmann/json.hpp>

#include "conformance/finding.hpp"
#include "runtime-api/protocol/environment.hpp"

namespace kiln::conformance {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr auto short_wait = 2s;

/// One line without its end; nothing where the peer ends or says nothing.
std::optional<std::string> read_line(const Socket& socket, std::string& said, Deadline deadline) {
  for (;;) {
    const auto end = said.find('\n');
    if (end != std::string::npos) {
      std::string line = said.substr(0, end);
      said.erase(0, end + 1);
      return line;
    }
    if (socket.receive(said, deadline) != Socket::Received::data) return std::nullopt;
  }
}

int number_behind(std::string_view line, std::string_view word) {
  int number = 0;
  line.remove_prefix(word.size());
  std::from_chars(line.data(), line.data() + line.size(), number);
  return number;
}

}  // namespace

StandIn::~StandIn() {
  if (!socket_.is_open()) return;
  exit(0);
  gone(short_wait);
}

void StandIn::command(const std::string& line) { socket_.send(line + "\n", Deadline::after(short_wait)); }
void StandIn::exit(int code) { command("exit " + std::to_string(code)); }
void StandIn::raise(int signal) { command("raise " + std::to_string(signal)); }

bool StandIn::gone(std::chrono::milliseconds patience) {
  if (!socket_.is_open()) return true;
  const Deadline deadline = Deadline::after(patience);
  for (;;) {
    const auto received = socket_.receive(said_, deadline);
    if (received == Socket::Received::nothing) return false;
    if (received == Socket::Received::end) {
      socket_.close();
      return true;
    }
  }
}

std::optional<StandIn> StandInListener::next(std::chrono::milliseconds patience) {
  const Deadline deadline = Deadline::after(patience);
  while (!deadline.passed()) {
    Socket socket = listener_.accept_now();
    if (!socket.is_open()) {
      pollfd entry{listener_.fd(), POLLIN, 0};
      ::poll(&entry, 1, poll_timeout(deadline));
      continue;
    }
    std::string said;
    const auto line = read_line(socket, said, Deadline::after(short_wait));
    const auto report = json::parse(line.value_or(""), nullptr, false);
    if (!report.is_object()) continue;  // it has gone again, or is none of ours
    return StandIn(std::move(socket), report.value("runtime_api", ""), report.value("environment", Environment()));
  }
  return std::nullopt;
}

void StandInListener::dismiss_waiting() {
  while (listener_.accept_now().is_open()) {
  }
}

int run_stand_in(const std::string& address) {
  const auto variables = current_environment();
  const auto runtime_api = variables.find(environment::runtime_api);
  if (runtime_api == variables.end()) {
    throw CannotRun("no AWS_LAMBDA_RUNTIME_API: this command is what a platform under test starts as a bootstrap");
  }
  std::string why;
  const Socket kit = connect_to(address, Deadline::after(short_wait), why);
  if (!kit.is_open()) throw CannotRun("no conformance kit at " + address + ": " + why);
  const json report{{"runtime_api", runtime_api->second}, {"environment", variables}};
  kit.send(report.dump(-1, ' ', false, json::error_handler_t::replace) + "\n", Deadline::after(short_wait));
  std::string said;
  const auto order = read_line(kit, said, Deadline::never());
  if (!order) return 0;  // the kit has gone
  if (order->starts_with("raise ")) ::raise(number_behind(*order, "raise "));
  return order->starts_with("exit ") ? number_behind(*order, "exit ") : 0;
}

}  // namespace kiln::conformance
