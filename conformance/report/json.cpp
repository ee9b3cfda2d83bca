// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "conformance/report/report.hpp"

namespace kiln::conformance {
namespace {

using Json = nlohmann::ordered_json;

Json info_of(const CaseInfo& info) {
  Json out{{"Name", info.name},
           {"Level", level_name(info.level)},
           {"Keeps", info.keeps},
           {"How", info.how},
           {"Source", info.source}};
  if (!info.needs.empty()) out["Needs"] = info.needs;
  return out;
}

/// Findings may quote bytes that are no text.
std::string dump(const Json& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"; }

Json counts_of(const Report& report) {
  Json counts;
  for (const auto verdict : {Verdict::pass, Verdict::fail, Verdict::skip}) {
    const std::string name(verdict_name(verdict));
    counts[name] = count(report, verdict);
    counts[name + "Must"] = count(report, verdict, Level::must);
  }
  return counts;
}

}  // namespace

std::string json_of(const Report& report, const std::string& version, bool strict) {
  Json cases = Json::array();
  for (const auto& result : report.results) {
    Json entry = info_of(result.info);
    entry["Verdict"] = verdict_name(result.verdict);
    if (result.verdict == Verdict::fail) {
      entry["Expected"] = result.expected;
      entry["Found"] = result.found;
      entry["Output"] = result.output;
    }
    if (result.verdict == Verdict::skip) entry["Reason"] = result.reason;
    entry["Milliseconds"] = result.milliseconds;
    cases.push_back(std::move(entry));
  }
  return dump({{"Kit", report.kit},
               {"Subject", report.subject},
               {"Version", version},
               {"Conforms", conforms(report, strict)},
               {"Strict", strict},
               {"Counts", counts_of(report)},
               {"Notes", report.notes},
               {"Cases", cases}});
}

std::string json_list_of(const std::vector<CaseInfo>& cases) {
  Json list = Json::array();
  for (const auto& info : cases) list.push_back(info_of(info));
  return dump({{"Cases", list}});
}

}  // namespace kiln::conformance
