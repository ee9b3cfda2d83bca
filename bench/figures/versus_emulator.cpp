// SPDX-License-Identifier: Apache-2.0
// The official emulator with the official Python client, against kiln with kiln's Python runtime: the same echo, one invoker,
// one core. How many times faster kiln is.
#include <cstdio>
#include <stdexcept>
#include <thread>

#include "bench/call_times.hpp"
#include "bench/child.hpp"
#include "bench/context.hpp"
#include "bench/figures/figures.hpp"
#include "bench/http_invoker.hpp"
#include "bench/statistics.hpp"

namespace kiln::bench {
namespace {

constexpr std::size_t our_calls_a_round = 3000;
constexpr std::size_t its_calls_a_round = 400;  // enough for a p99, and it is slow
constexpr std::size_t warm_up_calls = 100;
constexpr std::chrono::seconds patience{20};

/// The emulator in front of the official client, which runs the echo.
class Emulator {
 public:
  explicit Emulator(const Context& context) {
    const auto& options = context.options();
    if (options.emulator.empty() || options.official_client.empty()) {
      throw std::runtime_error("needs --emulator and --official-client, which `make bench` fetches and gives");
    }
    // Two free ports: taken, looked at, and let go.
    const auto free_port = [] { return std::to_string(port_of(listen_on_loopback())); };
    const std::string invoke_port = free_port();
    port_ = static_cast<std::uint16_t>(std::stoi(invoke_port));
    process_ = start_program(
        {"/usr/bin/env", "--chdir=" + context.functions_folder() + "/python-echo",
         "PYTHONPATH=" + options.official_client, options.emulator + "/aws-lambda-rie",
         "--runtime-interface-emulator-address", "127.0.0.1:" + invoke_port, "--runtime-api-address",
         "127.0.0.1:" + free_port(), "--log-level", "error", "/usr/bin/python3", "-m", "awslambdaric", "index.handler"},
        -1, -1);
  }

  std::uint16_t port() const { return port_; }
  /// Connects once it listens; it does not say when.
  HttpInvoker connect() const {
    const auto deadline = Clock::now() + patience;
    for (;;) {
      try {
        return HttpInvoker(port_);
      } catch (const std::exception&) {
        if (Clock::now() > deadline) throw std::runtime_error("the official emulator did not come up");
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }

 private:
  Child process_;
  std::uint16_t port_ = 0;
};

Outcome compare(const char* what, const std::vector<double>& its, const std::vector<double>& ours) {
  Outcome outcome;
  outcome.samples = ratios(its, ours);
  outcome.value = median(outcome.samples);
  char text[128];
  std::snprintf(text, sizeof text, "%s: emulator %.0f us, kiln %.1f us", what, median(its), median(ours));
  outcome.detail = text;
  return outcome;
}

std::vector<Outcome> run(Context& context) {
  const Emulator emulator(context);
  HttpInvoker to_kiln(context.server().port());
  HttpInvoker to_emulator = emulator.connect();
  const auto call = [](HttpInvoker& invoker, const std::string& request) {
    const auto answer = invoker.call(request);
    if (answer.status != 200 || answer.body.find("Hello Serverless") == std::string_view::npos) {
      throw std::runtime_error("status " + std::to_string(answer.status) + ": " + std::string(answer.body));
    }
  };
  const auto through_kiln = [&, request = KilnServer::invoke_request("bench-python", small_payload())] {
    call(to_kiln, request);
  };
  const auto through_emulator = [&, request = KilnServer::invoke_request("function", small_payload())] {
    call(to_emulator, request);
  };
  time_calls(warm_up_calls, through_emulator);
  time_calls(warm_up_calls, through_kiln);

  CallRounds its;
  CallRounds ours;
  for (std::size_t round = 0; round < context.rounds(); ++round) {
    its.add(time_calls(its_calls_a_round, through_emulator));
    ours.add(time_calls(our_calls_a_round, through_kiln));
  }
  return {compare("p50", its.p50, ours.p50), compare("p99", its.p99, ours.p99)};
}

}  // namespace

Measurement versus_emulator() {
  return {{{"versus_emulator_p50", Bound::at_least, 5, 8}, {"versus_emulator_p99", Bound::at_least, 8, 20}}, run};
}

}  // namespace kiln::bench
