// SPDX-License-Identifier: Apache-2.0
// A report for people, for programs, and for build servers.
#pragma once

#include <string>
#include <vector>

#include "conformance/case.hpp"

namespace kiln::conformance {

/// Marks that a terminal shows; empty ones where it is none.
struct Marks {
  std::string pass, fail, skip, dim, end;
};

/// One result: a line, and for a failure what was expected and found, and where the promise stands.
std::string text_of(const CaseResult& result, const Marks& marks);
/// The line at the end, and what it means.
std::string summary_of(const Report& report, bool strict);
/// One case, explained.
std::string explain(const CaseInfo& info);
/// All cases, a line each.
std::string list_of(const std::vector<CaseInfo>& cases);

/// {"Kit","Subject","Version","Conforms","Strict","Counts":{…},"Notes":[…],"Cases":[…]}, indented.
std::string json_of(const Report& report, const std::string& version, bool strict);
/// The list of cases as JSON.
std::string json_list_of(const std::vector<CaseInfo>& cases);
/// JUnit's XML as build servers read it: a failure is what decides against the subject; what does not is skipped, with
/// its reason.
std::string junit_of(const Report& report, bool strict);

}  // namespace kiln::conformance
