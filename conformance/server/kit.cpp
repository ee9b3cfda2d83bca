// SPDX-License-Identifier: Apache-2.0
#include "conformance/server/kit.hpp"

#include "conformance/server/cases.hpp"

namespace kiln::conformance {

ServerCases server_cases() {
  ServerCases all;
  for (const auto group : {route_cases, event_delivery_cases, result_cases, failure_cases, state_cases, http_cases,
                           invoker_cases, lifecycle_cases, streaming_cases, parallel_cases}) {
    const auto cases = group();
    all.insert(all.end(), cases.begin(), cases.end());
  }
  return all;
}

std::vector<CaseInfo> server_case_list() {
  std::vector<CaseInfo> list;
  for (const auto& entry : server_cases()) list.push_back(entry.info);
  return list;
}

Report run_server_kit(Platform& platform, StandInListener* stand_ins, std::chrono::milliseconds patience,
                      const Selection& selection, const Progress& progress) {
  Report report;
  report.kit = "server";
  report.subject = platform.name();
  for (const auto& entry : server_cases()) {
    if (!selection.takes(entry.info.name)) continue;
    CaseResult result = judge(entry.info, [&] {
      ServerBench bench(platform, stand_ins, patience);
      entry.run(bench);
    });
    progress(result);
    report.results.push_back(std::move(result));
  }
  return report;
}

}  // namespace kiln::conformance
