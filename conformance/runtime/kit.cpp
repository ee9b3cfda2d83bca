// SPDX-License-Identifier: Apache-2.0
#include "conformance/runtime/kit.hpp"

#include <nlohmann/json.hpp>

#include "conformance/finding.hpp"
#include "conformance/runtime/cases.hpp"
#include "runtime-api/protocol/environment.hpp"

namespace kiln::conformance {
namespace {

/// What the handler says it offers; a note where it cannot be asked.
void ask_for_offers(RuntimeSubject& subject, Report& report) {
  RuntimeBench bench(subject);
  try {
    Instance instance = bench.start();
    const std::string answer = instance.result_of(ask("offers"));
    const auto offers = nlohmann::json::parse(answer, nullptr, false);
    expect(offers.is_array(), "an array of names", shown(answer));
    for (const auto& name : offers) {
      if (name.is_string()) subject.offers.insert(name.get<std::string>());
    }
  } catch (const Finding& finding) {
    report.notes.push_back("the handler does not say what it offers, so cases beyond the core are left out: expected " +
                           finding.expected + ", found " + finding.found);
  }
}

}  // namespace

Instance RuntimeBench::start_streaming() {
  StartOptions options;
  if (!subject_.stream_handler.empty()) options.set[environment::handler] = subject_.stream_handler;
  return Instance(subject_, options, last_output_);
}

RuntimeCases runtime_cases() {
  RuntimeCases all;
  for (const auto group : {init_cases, next_cases, event_cases, context_cases, response_cases, error_cases,
                           refusal_cases, fault_cases, stream_cases, shutdown_cases, concurrency_cases}) {
    const auto cases = group();
    all.insert(all.end(), cases.begin(), cases.end());
  }
  return all;
}

std::vector<CaseInfo> runtime_case_list() {
  std::vector<CaseInfo> list;
  for (const auto& entry : runtime_cases()) list.push_back(entry.info);
  return list;
}

Report run_runtime_kit(RuntimeSubject subject, const Selection& selection, const Progress& progress) {
  Report report;
  report.kit = "runtime";
  for (const auto& word : subject.command) report.subject.append(report.subject.empty() ? "" : " ").append(word);
  ask_for_offers(subject, report);
  for (const auto& entry : runtime_cases()) {
    if (!selection.takes(entry.info.name)) continue;
    RuntimeBench bench(subject);
    CaseResult result = judge(entry.info, [&] {
      if (!entry.info.needs.empty() && subject.offers.count(entry.info.needs) == 0) {
        throw NotOffered{"the handler does not offer \"" + std::string(entry.info.needs) + "\""};
      }
      entry.run(bench);
    });
    if (result.verdict == Verdict::fail) result.output = bench.last_output();
    progress(result);
    report.results.push_back(std::move(result));
  }
  return report;
}

}  // namespace kiln::conformance
