// SPDX-License-Identifier: Apache-2.0
#include "conformance/report/report.hpp"

#include <nlohmann/json.hpp>

#include "tests/support/catch.hpp"

using namespace kiln::conformance;  // NOLINT(google-build-using-namespace)

namespace {

CaseResult result(std::string_view name, Level level, Verdict verdict) {
  CaseResult made{.info = {name, level, "keeps <it>", "how", "source"}};
  made.verdict = verdict;
  if (verdict == Verdict::fail) made.found = "a\x01\xFF & \"b\"";
  if (verdict == Verdict::skip) made.reason = "not offered: x";
  return made;
}

Report report(std::vector<CaseResult> results) {
  Report made;
  made.kit = "runtime";
  made.subject = "./bootstrap";
  made.results = std::move(results);
  return made;
}

}  // namespace

TEST_CASE("only a failure of what must be kept decides, unless all does") {
  const auto good = report({result("a.b", Level::must, Verdict::pass), result("a.c", Level::should, Verdict::fail),
                            result("a.d", Level::must, Verdict::skip)});
  CHECK(conforms(good, false));
  CHECK_FALSE(conforms(good, true));
  CHECK_FALSE(conforms(report({result("a.b", Level::must, Verdict::fail)}), false));
  CHECK(conforms(report({result("a.b", Level::must, Verdict::pass)}), true));
}

TEST_CASE("JUnit's XML counts what decides as failures, and escapes what it quotes") {
  const auto both = report({result("a.b", Level::must, Verdict::fail), result("a.c", Level::should, Verdict::fail)});
  const std::string xml = junit_of(both, false);
  CHECK(xml.find(R"(tests="2" failures="1" skipped="1")") != std::string::npos);
  CHECK(xml.find("classname=\"conformance.runtime.a\" name=\"b\"") != std::string::npos);
  CHECK(xml.find("found a\xEF\xBF\xBD\xEF\xBF\xBD &amp; &quot;b&quot;") != std::string::npos);
  CHECK(xml.find("keeps &lt;it&gt;") != std::string::npos);
  CHECK(junit_of(both, true).find(R"(failures="2" skipped="0")") != std::string::npos);
}

TEST_CASE("the JSON document is JSON whatever was found") {
  const auto document =
      nlohmann::json::parse(json_of(report({result("a.b", Level::must, Verdict::fail)}), "1.0", false));
  CHECK(document["Conforms"] == false);
  CHECK(document["Counts"]["failMust"] == 1);
  CHECK(document["Cases"][0]["Verdict"] == "fail");
}
