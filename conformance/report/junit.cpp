// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "conformance/report/report.hpp"
#include "runtime-api/protocol/json_text.hpp"

namespace kiln::conformance {
namespace {

/// Text for an attribute or an element. XML 1.0 has no way to write most control characters, nor what is not UTF-8.
std::string escaped(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_length(text, at);
    const char c = text[at];
    if (length == 0 || (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t')) {
      out += "\xEF\xBF\xBD";
    } else if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '"') {
      out += "&quot;";
    } else if (c == '\n') {
      out += "&#10;";
    } else {
      out.append(text.substr(at, length));
    }
    at += length == 0 ? 1 : length;
  }
  return out;
}

std::string attribute(const char* name, std::string_view value) {
  return std::string(" ") + name + "=\"" + escaped(value) + "\"";
}

std::string seconds(double milliseconds) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f", milliseconds / 1000);
  return text;
}

std::string outcome_of(const CaseResult& result, bool strict) {
  if (result.verdict == Verdict::pass) return {};
  const std::string message =
      result.verdict == Verdict::skip ? result.reason : "expected " + result.expected + ", found " + result.found;
  if (!decides_against(result, strict)) return "      <skipped" + attribute("message", message) + "/>\n";
  return "      <failure" + attribute("message", message) + attribute("type", level_name(result.info.level)) + ">" +
         escaped(explain(result.info)) + escaped(result.output) + "</failure>\n";
}

}  // namespace

std::string junit_of(const Report& report, bool strict) {
  std::string cases;
  std::size_t failures = 0;
  std::size_t skipped = 0;
  double total = 0;
  for (const auto& result : report.results) {
    const std::string_view name = result.info.name;
    const auto dot = name.find('.');
    const std::string outcome = outcome_of(result, strict);
    if (!outcome.empty()) ++(decides_against(result, strict) ? failures : skipped);
    total += result.milliseconds;
    cases += "    <testcase" +
             attribute("classname", "conformance." + report.kit + "." + std::string(name.substr(0, dot))) +
             attribute("name", name.substr(dot + 1)) + attribute("time", seconds(result.milliseconds));
    cases += outcome.empty() ? "/>\n" : ">\n" + outcome + "    </testcase>\n";
  }
  const std::string figures =
      attribute("tests", std::to_string(report.results.size())) + attribute("failures", std::to_string(failures)) +
      attribute("skipped", std::to_string(skipped)) + attribute("errors", "0") + attribute("time", seconds(total));
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite" +
         attribute("name", "kiln conformance " + report.kit) + attribute("hostname", "localhost") + figures + ">\n" +
         "    <properties>\n      <property" + attribute("name", "subject") + attribute("value", report.subject) +
         "/>\n    </properties>\n" + cases + "  </testsuite>\n</testsuites>\n";
}

}  // namespace kiln::conformance
