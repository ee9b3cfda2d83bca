// SPDX-License-Identifier: Apache-2.0
// kiln_bench: takes the figures, prints them, writes them down, and fails where a must is missed. Wiring only.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <filesystem>

#include "bench/child.hpp"
#include "bench/context.hpp"
#include "bench/figures/figures.hpp"
#include "bench/report.hpp"
#include "bench/statistics.hpp"

namespace kiln::bench {
namespace {

bool is_wanted(const Measurement& measurement, const std::string& only) {
  for (const auto& spec : measurement.specs) {
    if (spec.name.find(only) != std::string::npos) return true;
  }
  return false;
}

std::vector<Finding> take(const Measurement& measurement, Context& context) {
  std::vector<Finding> findings;
  std::vector<Outcome> outcomes;
  std::string error;
  try {
    outcomes = measurement.run(context);
  } catch (const std::exception& failure) {
    error = failure.what();
  }
  for (std::size_t i = 0; i < measurement.specs.size(); ++i) {
    Finding finding{measurement.specs[i], std::nullopt, error};
    if (i < outcomes.size()) finding.outcome = outcomes[i];
    findings.push_back(std::move(finding));
  }
  return findings;
}

int run(const Options& options) {
  const auto start = Clock::now();
  raise_descriptor_limit();
  std::printf("pinned to core %d, %zu rounds, ratios to what is measured beside them\n\n", pin_to_one_core(),
              options.rounds);
  print_heading();
  Context context(options);
  std::vector<Finding> all;
  for (const auto& measurement : all_measurements()) {
    if (!is_wanted(measurement, options.only)) continue;
    for (auto& finding : take(measurement, context)) {
      print_line(finding);
      all.push_back(std::move(finding));
    }
  }
  write_json(options.output, all);
  int missed = 0;
  for (const auto& finding : all) missed += finding.must_kept() ? 0 : 1;
  std::printf("\n%zu figures in %.0f s, %d must%s missed; written to %s\n", all.size(), microseconds_since(start) / 1e6,
              missed, missed == 1 ? "" : "s", options.output.c_str());
  return missed == 0 && !all.empty() ? 0 : 1;
}

}  // namespace
}  // namespace kiln::bench

int main(int argc, char** argv) {
  kiln::bench::Options options;
  options.build_folder = std::filesystem::canonical("/proc/self/exe").parent_path().parent_path().string();
  options.source_folder = KILN_SOURCE_DIR;
  CLI::App app{"Takes kiln's figures and compares them with what they must be. Exit code 1: a must is missed."};
  app.add_option("--only", options.only, "Measure only figures whose name contains this");
  app.add_option("--rounds", options.rounds, "Rounds of every comparison")->check(CLI::Range(1, 1000));
  app.add_option("--output", options.output, "Where the JSON goes (default: bench.json in the build folder)");
  app.add_option("--emulator", options.emulator, "Folder of the official emulator (scripts/fetch-interop emulator)");
  app.add_option("--official-client", options.official_client,
                 "Folder of the official Python client (scripts/fetch-interop awslambdaric)");
  CLI11_PARSE(app, argc, argv);
  if (options.output.empty()) options.output = options.build_folder + "/bench.json";
  try {
    return kiln::bench::run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "kiln_bench: %s\n", error.what());
    return 1;
  }
}
