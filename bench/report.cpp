// SPDX-License-Identifier: Apache-2.0
#include "bench/report.hpp"

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace kiln::bench {
namespace {

const char* sign(const FigureSpec& spec) { return spec.bound == Bound::at_most ? "<=" : ">="; }

}  // namespace

bool keeps(const FigureSpec& spec, double value, double limit) {
  return spec.bound == Bound::at_most ? value <= limit : value >= limit;
}

void print_heading() { std::printf("%-24s %10s  %-20s %-20s %s\n", "figure", "value", "must", "aim", "detail"); }

void print_line(const Finding& finding) {
  const auto& spec = finding.spec;
  char value[32] = "-";
  if (finding.outcome) std::snprintf(value, sizeof value, "%.3g", finding.outcome->value);
  if (finding.outcome && finding.outcome->value >= 1000) {
    std::snprintf(value, sizeof value, "%.0f", finding.outcome->value);
  }
  char must[32];
  std::snprintf(must, sizeof must, "%s %g %s", sign(spec), spec.must, finding.must_kept() ? "kept" : "MISSED");
  char aim[32];
  std::snprintf(aim, sizeof aim, "%s %g %s", sign(spec), spec.aim, finding.aim_reached() ? "reached" : "-");
  std::printf("%-24s %10s  %-20s %-20s %s\n", spec.name.c_str(), value, must, aim,
              finding.outcome ? finding.outcome->detail.c_str() : finding.error.c_str());
  std::fflush(stdout);
}

void write_json(const std::string& path, const std::vector<Finding>& findings) {
  auto all = nlohmann::ordered_json::array();
  for (const auto& finding : findings) {
    nlohmann::ordered_json one{{"name", finding.spec.name}, {"value", nullptr}};
    one["must"] = finding.spec.must;
    one["aim"] = finding.spec.aim;
    one["samples"] = nlohmann::ordered_json::array();
    one["detail"] = finding.error;
    if (finding.outcome) {
      one["value"] = finding.outcome->value;
      one["samples"] = finding.outcome->samples;
      one["detail"] = finding.outcome->detail;
    }
    all.push_back(std::move(one));
  }
  std::ofstream file(path, std::ios::trunc);
  file << all.dump(1) << '\n';
  if (!file.flush()) throw std::runtime_error("cannot write " + path);
}

}  // namespace kiln::bench
