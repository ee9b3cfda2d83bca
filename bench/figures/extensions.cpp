// SPDX-License-Identifier: Apache-2.0
// What an extension costs that waits for no invocations: warm calls of an instance with one, against an instance without.
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <stdexcept>

#include "bench/call_times.hpp"
#include "bench/context.hpp"
#include "bench/figures/figures.hpp"
#include "bench/http_invoker.hpp"
#include "bench/statistics.hpp"

namespace kiln::bench {
namespace {

constexpr std::size_t calls_a_round = 2000;
constexpr std::size_t warm_up_calls = 200;

/// A layers folder whose only extension is the idle one; goes with this object.
class LayersFolder {
 public:
  explicit LayersFolder(const std::string& extension)
      : folder_(std::filesystem::temp_directory_path() / ("kiln-bench-opt-" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(folder_ / "extensions");
    std::filesystem::copy_file(extension, folder_ / "extensions" / "idle");
  }
  ~LayersFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  LayersFolder(const LayersFolder&) = delete;
  LayersFolder& operator=(const LayersFolder&) = delete;
  std::string path() const { return folder_.string(); }

 private:
  std::filesystem::path folder_;
};

std::vector<Outcome> run(Context& context) {
  const LayersFolder layers(context.built("idle_extension"));
  KilnServer with_extension(context.kiln(), {"--opt", layers.path()});
  with_extension.deploy(context.built("no_op"), "bench-cpp", "cpp");
  HttpInvoker with(with_extension.port());
  HttpInvoker without(context.server().port());
  const auto request = KilnServer::invoke_request("bench-cpp", small_payload());
  const auto call = [&](HttpInvoker& invoker) {
    return [&] {
      if (invoker.call(request).status != 200) throw std::runtime_error("a warm call failed");
    };
  };
  time_calls(warm_up_calls, call(without));
  time_calls(warm_up_calls, call(with));

  std::vector<double> floor;
  std::vector<double> ours;
  for (std::size_t round = 0; round < context.rounds(); ++round) {
    floor.push_back(median(time_calls(calls_a_round, call(without))));
    ours.push_back(median(time_calls(calls_a_round, call(with))));
  }
  Outcome outcome;
  outcome.samples = ratios(ours, floor);
  outcome.value = median(outcome.samples);
  char text[96];
  std::snprintf(text, sizeof text, "%.1f us with an idle extension, %.1f us without", median(ours), median(floor));
  outcome.detail = text;
  return {outcome};
}

}  // namespace

Measurement extensions() { return {{{"warm_with_extension", Bound::at_most, 1.1, 1.0}}, run}; }

}  // namespace kiln::bench
