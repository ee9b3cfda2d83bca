// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>

#include "conformance/report/report.hpp"

namespace kiln::conformance {
namespace {

constexpr std::size_t name_width = 40;
constexpr std::size_t printed_lines = 5;

std::string padded(std::string_view text, std::size_t width) {
  std::string out(text);
  if (out.size() < width) out.append(width - out.size(), ' ');
  return out + " ";
}

std::string detail(const char* label, std::string_view text) {
  return "         " + padded(label, 9) + std::string(text) + "\n";
}

/// The last lines of what the subject printed.
std::string tail(std::string_view printed) {
  while (printed.ends_with('\n')) printed.remove_suffix(1);
  std::size_t at = printed.size();
  for (std::size_t line = 0; line < printed_lines && at != std::string_view::npos && at > 0; ++line) {
    at = printed.rfind('\n', at - 1);
  }
  if (at != std::string_view::npos && at < printed.size()) printed.remove_prefix(at == 0 ? 0 : at + 1);
  std::string out;
  while (!printed.empty()) {
    const auto end = std::min(printed.find('\n'), printed.size());
    out += detail("printed", printed.substr(0, end));
    printed.remove_prefix(std::min(end + 1, printed.size()));
  }
  return out;
}

}  // namespace

std::string text_of(const CaseResult& result, const Marks& marks) {
  const auto& mark = result.verdict == Verdict::pass   ? marks.pass
                     : result.verdict == Verdict::fail ? marks.fail
                                                       : marks.skip;
  char time[32];
  std::snprintf(time, sizeof time, "%.0f ms", result.milliseconds);
  const std::string word = result.verdict == Verdict::fail ? "FAIL" : std::string(verdict_name(result.verdict));
  std::string out = "  " + mark + word + marks.end + "  " + padded(level_name(result.info.level), 6) +
                    padded(result.info.name, name_width);
  if (result.verdict == Verdict::skip) return out + marks.dim + result.reason + marks.end + "\n";
  out.append(result.info.keeps).append(marks.dim).append(" (").append(time).append(")").append(marks.end).append("\n");
  if (result.verdict == Verdict::fail) {
    out += detail("expected", result.expected);
    out += detail("found", result.found);
    out += detail("source", result.info.source);
    out += tail(result.output);
  }
  return out;
}

std::string summary_of(const Report& report, bool strict) {
  const auto figure = [&](Verdict verdict) { return std::to_string(count(report, verdict)); };
  std::string out = std::to_string(report.results.size()) + " cases: " + figure(Verdict::pass) + " pass, " +
                    figure(Verdict::fail) + " fail (" + std::to_string(count(report, Verdict::fail, Level::must)) +
                    " must, " + std::to_string(count(report, Verdict::fail, Level::should)) + " should), " +
                    figure(Verdict::skip) + " skip\n";
  for (const auto& note : report.notes) out += "note: " + note + "\n";
  if (report.results.empty()) return out;
  if (conforms(report, strict)) {
    return out + (strict ? "every case passes\n" : "conforms: no case that must pass fails\n");
  }
  return out + (strict ? "not every case passes (--strict)\n" : "does not conform: cases that must pass fail\n");
}

std::string explain(const CaseInfo& info) {
  std::string out = std::string(info.name) + " (" + std::string(level_name(info.level)) + ")\n";
  out += "  promise  " + std::string(info.keeps) + "\n";
  out += "  the kit  " + std::string(info.how) + "\n";
  out += "  source   " + std::string(info.source) + "\n";
  if (!info.needs.empty()) out += "  needs    " + std::string(info.needs) + "\n";
  return out;
}

std::string list_of(const std::vector<CaseInfo>& cases) {
  std::string out;
  for (const auto& info : cases) {
    out += padded(info.name, name_width) + padded(level_name(info.level), 6) + std::string(info.keeps);
    if (!info.needs.empty()) out.append(" [").append(info.needs).append("]");
    out += "\n";
  }
  return out;
}

}  // namespace kiln::conformance
