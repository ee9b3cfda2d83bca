// SPDX-License-Identifier: Apache-2.0
#include "conformance/judge.hpp"

#include "conformance/finding.hpp"
#include "tests/support/catch.hpp"

using namespace kiln::conformance;  // NOLINT(google-build-using-namespace)

TEST_CASE("a pattern is a group, a case, or has stars") {
  CHECK(matches("stream", "stream.content"));
  CHECK(matches("stream.content", "stream.content"));
  CHECK_FALSE(matches("stream", "streams.content"));
  CHECK_FALSE(matches("stream.cont", "stream.content"));
  CHECK(matches("*.content", "stream.content"));
  CHECK(matches("s*.c*t", "stream.content"));
  CHECK(matches("stream.*", "stream.content"));
  CHECK_FALSE(matches("*.context", "stream.content"));
  CHECK_FALSE(matches("s*.c", "stream.content"));
}

TEST_CASE("a selection takes what is named, or all, but what is left out") {
  CHECK(Selection{}.takes("event.echo"));
  CHECK(Selection{{"event"}, {}}.takes("event.echo"));
  CHECK_FALSE(Selection{{"event"}, {}}.takes("next.parked"));
  CHECK_FALSE(Selection{{"event"}, {"event.echo"}}.takes("event.echo"));
  CHECK_FALSE(Selection{{}, {"*.echo"}}.takes("event.echo"));
}

TEST_CASE("a case passes, fails with what was expected and found, or does not apply") {
  const CaseInfo info{"group.case", Level::must, "keeps", "how", "source"};
  CHECK(judge(info, [] {}).verdict == Verdict::pass);
  const auto failed = judge(info, [] { expect(false, "this", "that"); });
  CHECK(failed.verdict == Verdict::fail);
  CHECK(failed.expected == "this");
  CHECK(failed.found == "that");
  const auto skipped = judge(info, [] { throw NotOffered{"because"}; });
  CHECK(skipped.verdict == Verdict::skip);
  CHECK(skipped.reason == "not offered: because");
  CHECK_THROWS_AS(judge(info, [] { throw CannotRun("no"); }), CannotRun);
}

TEST_CASE("texts are compared to the byte, JSON by value") {
  CHECK_NOTHROW(expect_json("it", R"({"a":1,"b":[]})", R"({ "b" : [], "a" : 1 })"));
  CHECK_THROWS_AS(expect_json("it", "1", "2"), Finding);
  CHECK_THROWS_AS(expect_json("it", "null", "not json"), Finding);
  CHECK_THROWS_AS(expect_text("it", "a", "a "), Finding);
  CHECK(shown("a\r\n\x01") == "\"a\\r\\n\\x01\"");
  CHECK(shown("Gr\xC3\xBC\xC3 \xFF") == "\"Gr\xC3\xBC\\xC3 \\xFF\"");
  CHECK(shown(std::string(500, 'x')).find("(500 bytes)") != std::string::npos);
}
