// SPDX-License-Identifier: Apache-2.0
// 10,000 instances that idle on their polls: what each costs the server in memory, and what they cost the one that works.
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "bench/child.hpp"
#include "bench/context.hpp"
#include "bench/figures/figures.hpp"
#include "bench/http_invoker.hpp"
#include "bench/lines.hpp"
#include "bench/statistics.hpp"

namespace kiln::bench {
namespace {

constexpr std::size_t many = 10'000;
constexpr std::size_t few = 100;
constexpr std::size_t calls_a_round = 2000;
constexpr std::chrono::seconds patience{30};

/// Bytes of memory that are the process's own.
double private_memory(pid_t pid) {
  std::ifstream rollup("/proc/" + std::to_string(pid) + "/smaps_rollup");
  double kilobytes = 0;
  for (std::string line; std::getline(rollup, line);) {
    std::istringstream words(line);
    std::string name;
    double value = 0;
    words >> name >> value;
    if (name.starts_with("Private_")) kilobytes += value;
  }
  if (kilobytes == 0) throw std::runtime_error("cannot read the memory of process " + std::to_string(pid));
  return kilobytes * 1024;
}

/// A data plane with `count` parked polls.
class ParkedPlane {
 public:
  ParkedPlane(const Context& context, std::size_t count) {
    auto [server_out, server_in] = make_pipe();
    server_ = start_program({context.built("parked_server")}, server_in.fd(), 2);
    server_in.close();
    std::istringstream ports(read_line(server_out.fd(), "", patience));
    std::uint16_t runtime_port = 0;
    std::uint16_t invoke_port = 0;
    if (!(ports >> runtime_port >> invoke_port)) throw std::runtime_error("the bare data plane did not come up");
    const double before = private_memory(server_.pid());

    auto [pollers_out, pollers_in] = make_pipe();
    pollers_ = start_program({context.built("parked_pollers"), std::to_string(runtime_port), std::to_string(count)},
                             pollers_in.fd(), 2);
    pollers_in.close();
    if (read_line(pollers_out.fd(), "polling", patience).empty()) {
      throw std::runtime_error(std::to_string(count) + " polls could not be parked; is `ulimit -Hn` above that?");
    }
    invoker_ = std::make_unique<HttpInvoker>(invoke_port);
    wait_until_idle(count);
    for (int i = 0; i < 100; ++i) call();
    bytes_a_poll_ = (private_memory(server_.pid()) - before) / static_cast<double>(count);
  }

  double bytes_a_poll() const { return bytes_a_poll_; }
  void call() {
    if (invoker_->call(request_).status != 200) throw std::runtime_error("the bare data plane refused a call");
  }

 private:
  void wait_until_idle(std::size_t count) {
    const auto deadline = Clock::now() + patience;
    const auto how_many = HttpInvoker::request("GET", "/");
    while (invoker_->call(how_many).body != std::to_string(count)) {
      if (Clock::now() > deadline) throw std::runtime_error("not every poll was read in time");
    }
  }

  Child server_;
  Child pollers_;
  std::unique_ptr<HttpInvoker> invoker_;
  const std::string request_ = HttpInvoker::request("POST", "/", small_payload());
  double bytes_a_poll_ = 0;
};

double p50_of_a_round(ParkedPlane& plane) {
  std::vector<double> samples;
  for (std::size_t i = 0; i < calls_a_round; ++i) {
    const auto start = Clock::now();
    plane.call();
    samples.push_back(microseconds_since(start));
  }
  return median(std::move(samples));
}

std::vector<Outcome> run(Context& context) {
  ParkedPlane with_few(context, few);
  ParkedPlane with_many(context, many);
  std::vector<double> few_p50;
  std::vector<double> many_p50;
  for (std::size_t round = 0; round < context.rounds(); ++round) {
    few_p50.push_back(p50_of_a_round(with_few));
    many_p50.push_back(p50_of_a_round(with_many));
  }
  Outcome memory;
  memory.value = with_many.bytes_a_poll();
  memory.samples = {memory.value};
  memory.detail = "private memory of the server for each of 10,000 polls, bytes";
  Outcome speed;
  speed.samples = ratios(many_p50, few_p50);
  speed.value = median(speed.samples);
  char text[96];
  std::snprintf(text, sizeof text, "%.1f us with 10,000 parked, %.1f us with 100", median(many_p50), median(few_p50));
  speed.detail = text;
  return {memory, speed};
}

}  // namespace

Measurement parked_polls() {
  return {{{"parked_10k_bytes", Bound::at_most, 3000, 1500}, {"parked_10k_p50", Bound::at_most, 1.3, 1.1}}, run};
}

}  // namespace kiln::bench
