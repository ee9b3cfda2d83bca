// SPDX-License-Identifier: Apache-2.0
// What a case of the kit is, and what became of it. Plain values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kiln::conformance {

enum class Level {
  must,    ///< the contract asks for it: where one of these is not kept, the subject does not conform
  should,  ///< what good peers do, or what the contract leaves free; shown, but decides nothing unless asked to
};

/// One promise, tried alone. The texts live as long as the program.
struct CaseInfo {
  std::string_view name;  ///< "group.what-it-is-about", unique in its kit
  Level level;
  std::string_view keeps;   ///< the promise, one sentence without a full stop
  std::string_view how;     ///< what the kit does to see whether it is kept
  std::string_view source;  ///< where the promise stands (sources.hpp)
  /// What the subject must offer for the case to apply (docs/conformance.md); empty: nothing beyond the core.
  std::string_view needs = {};
};

enum class Verdict { pass, fail, skip };

struct CaseResult {
  CaseInfo info;
  Verdict verdict = Verdict::skip;
  std::string expected{};  ///< of a failure
  std::string found{};     ///< of a failure
  std::string reason{};    ///< of a skip
  std::string output{};    ///< the last the subject printed, of a failure; may be empty
  double milliseconds = 0;
};

struct Report {
  std::string kit;      ///< "runtime" or "server"
  std::string subject;  ///< the command or the address under test
  std::vector<std::string> notes;
  std::vector<CaseResult> results;
};

std::string_view level_name(Level level);
std::string_view verdict_name(Verdict verdict);

/// How many results have `verdict`, and `level` where one is given.
std::size_t count(const Report& report, Verdict verdict);
std::size_t count(const Report& report, Verdict verdict, Level level);

/// Whether `result` decides against the subject: a failure of what it must keep; with `strict`, all that is no pass.
bool decides_against(const CaseResult& result, bool strict);
/// Whether nothing decides against it.
bool conforms(const Report& report, bool strict);

}  // namespace kiln::conformance
