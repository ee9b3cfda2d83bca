// SPDX-License-Identifier: Apache-2.0
// Python in sandboxes, forked from an interpreter that runs already: one cold call, one of a function that imports much, two
// hundred at once, and what fifty that wait take of the memory.
#include <sched.h>

#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <fstream>
#include <latch>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <thread>

#include "bench/cold_calls.hpp"
#include "bench/context.hpp"
#include "bench/figures/figures.hpp"
#include "bench/floor/process_start.hpp"
#include "bench/statistics.hpp"

namespace kiln::bench {
namespace {

constexpr std::size_t starts_a_round = 15;
constexpr int burst = 200;
constexpr int idle_instances = 50;

[[gnu::format(printf, 1, 2)]] std::string text(const char* format, ...) {
  char buffer[160];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(buffer, sizeof buffer, format, arguments);
  va_end(arguments);
  return buffer;
}

/// Those this process, and so all it starts, may use.
double cores() {
  cpu_set_t allowed;
  return ::sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : 1;
}

struct Interleaved {
  std::vector<double> ours, floor;  ///< medians, a round each
  std::vector<double> all_of_ours;
};

template <class Ours, class Floor>
Interleaved interleave(std::size_t rounds, const Ours& ours, const Floor& floor) {
  Interleaved taken;
  ours();  // the first reads everything from the disk
  floor();
  for (std::size_t round = 0; round < rounds; ++round) {
    std::vector<double> our_round;
    std::vector<double> floor_round;
    for (std::size_t i = 0; i < starts_a_round; ++i) {
      floor_round.push_back(floor());
      our_round.push_back(ours());
    }
    taken.ours.push_back(median(our_round));
    taken.floor.push_back(median(floor_round));
    taken.all_of_ours.insert(taken.all_of_ours.end(), our_round.begin(), our_round.end());
  }
  return taken;
}

std::vector<Outcome> cold(Context& context, KilnServer& server) {
  server.deploy(context.functions_folder() + "/python-echo", "cold", context.python_runtime(), {"--idle", "0"});
  ColdCalls calls(server, "cold");
  const Interleaved taken =
      interleave(context.rounds(), [&] { return calls.time_one(); }, [&] { return time_of_process(bare_python()); });
  Outcome p50;
  p50.samples = ratios(taken.ours, taken.floor);
  p50.value = median(p50.samples);
  p50.detail = text("cold call %.2f ms, bare process %.2f ms", median(taken.ours), median(taken.floor));
  Outcome p99;
  const double slow = quantile(taken.all_of_ours, 0.99);
  p99.value = slow / median(taken.floor);
  p99.samples = {p99.value};
  p99.detail =
      text("cold call %.2f ms of %zu, bare process p50 %.2f ms", slow, taken.all_of_ours.size(), median(taken.floor));
  return {p50, p99};
}

Outcome with_numpy(Context& context) {
  KilnServer server(context.kiln(), {}, "sandbox");
  const auto deploy = [&](const std::string& name, const std::vector<std::string>& options) {
    server.deploy(context.functions_folder() + "/" + name, name, context.python_runtime(), options);
  };
  deploy("python-echo", {"--idle", "0"});
  deploy("python-numpy", {"--idle", "0", "--preload"});
  ColdCalls plain(server, "python-echo");
  ColdCalls heavy(server, "python-numpy");
  const double ordinary = heavy.time_one();  // it is what has the snapshot made
  server.wait_for_forks("python-numpy");
  const Interleaved taken =
      interleave(context.rounds(), [&] { return heavy.time_one(); }, [&] { return plain.time_one(); });
  Outcome outcome;
  outcome.samples = ratios(taken.ours, taken.floor);
  outcome.value = median(outcome.samples);
  outcome.detail = text("with numpy %.2f ms (not preloaded %.0f ms), without %.2f ms", median(taken.ours), ordinary,
                        median(taken.floor));
  return outcome;
}

/// Deploys functions of one kind; returns their names.
std::vector<std::string> deploy_many(Context& context, KilnServer& server, const char* prefix, int count,
                                     const std::vector<std::string>& options) {
  std::vector<std::string> names;
  for (int i = 0; i < count; ++i) {
    names.push_back(prefix + std::to_string(i));
    server.deploy(context.functions_folder() + "/python-echo", names.back(), context.python_runtime(), options);
  }
  return names;
}

/// A function each, so that none finds another's instance.
Outcome at_once(Context& context) {
  KilnServer server(context.kiln(), {}, "sandbox");
  // Long enough for none to be cleared away while others are being made, as with the default.
  const auto names = deploy_many(context, server, "burst", burst, {"--idle", "4"});
  Outcome outcome;
  for (std::size_t round = 0; round < context.rounds(); ++round) {
    for (const std::string& name : names) server.wait_for_no_instance(name);
    std::atomic<int> answered = 0;
    std::latch ready(burst + 1);
    std::vector<std::thread> callers;
    for (const std::string& name : names) {
      callers.emplace_back([&] {
        HttpInvoker invoker(server.port());
        const auto request = KilnServer::invoke_request(name, small_payload());
        ready.arrive_and_wait();
        const auto answer = invoker.call(request);
        if (answer.status == 200 && field_of(answer.head, "x-amz-function-error").empty()) ++answered;
      });
    }
    ready.arrive_and_wait();
    const auto start = Clock::now();
    for (std::thread& caller : callers) caller.join();
    const double seconds = microseconds_since(start) / 1e6;
    if (answered != burst) throw std::runtime_error(text("%d of %d cold calls were answered", answered.load(), burst));
    outcome.samples.push_back(burst / seconds / cores());
  }
  outcome.value = median(outcome.samples);
  outcome.detail = text("%d cold calls at once, %.2f s, %.0f core(s)", burst, burst / outcome.value / cores(), cores());
  return outcome;
}

long pss_kb(int pid) {
  std::ifstream rollup("/proc/" + std::to_string(pid) + "/smaps_rollup");
  for (std::string line; std::getline(rollup, line);) {
    long kb = 0;
    if (std::sscanf(line.c_str(), "Pss: %ld kB", &kb) == 1) return kb;
  }
  throw std::runtime_error("no PSS of process " + std::to_string(pid));
}

int parent_of(int pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  std::getline(stat, line);
  char state = 0;
  int parent = 0;
  if (std::sscanf(line.substr(line.rfind(')') + 1).c_str(), " %c %d", &state, &parent) != 2) {
    throw std::runtime_error("no parent of process " + std::to_string(pid));
  }
  return parent;
}

/// Of its first process and of its runtime.
Outcome idle(Context& context) {
  KilnServer server(context.kiln(), {}, "sandbox");
  const auto names = deploy_many(context, server, "idle", idle_instances, {"--idle", "600"});
  HttpInvoker invoker(server.port());
  std::vector<int> runtimes;
  for (const std::string& name : names) {
    if (invoker.call(KilnServer::invoke_request(name, small_payload())).status != 200) {
      throw std::runtime_error("a cold call failed");
    }
    const auto answer = invoker.call(HttpInvoker::request("GET", "/kiln/v1/functions/" + name + "/instances"));
    runtimes.push_back(nlohmann::json::parse(answer.body).at("Instances").at(0).at("Pid"));
  }
  Outcome outcome;
  for (const int runtime : runtimes) {
    outcome.samples.push_back(static_cast<double>(pss_kb(runtime) + pss_kb(parent_of(runtime))));
  }
  outcome.value = median(outcome.samples);
  outcome.detail = text("PSS in kB of each of %d, its first process included", idle_instances);
  return outcome;
}

std::vector<Outcome> run(Context& context) {
  std::vector<Outcome> outcomes;
  {
    KilnServer server(context.kiln(), {}, "sandbox");
    outcomes = cold(context, server);
  }
  outcomes.push_back(with_numpy(context));
  outcomes.push_back(at_once(context));
  outcomes.push_back(idle(context));
  return outcomes;
}

}  // namespace

Measurement zygote() {
  return {{{"cold_python_zygote_p50", Bound::at_most, 0.20, 0.10},
           {"cold_python_zygote_p99", Bound::at_most, 0.6, 0.25},
           {"cold_python_preload", Bound::at_most, 1.5, 1.1},
           {"cold_burst_200", Bound::at_least, 100, 250},
           {"idle_python_pss", Bound::at_most, 2500, 1800}},
          run};
}

}  // namespace kiln::bench
