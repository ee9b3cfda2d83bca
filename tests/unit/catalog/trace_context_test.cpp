// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/api/trace_context.hpp"

#include <nlohmann/json.hpp>

#include "tests/support/catch.hpp"

using namespace kiln;
using nlohmann::json;

namespace {

constexpr const char* parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

}  // namespace

TEST_CASE("An invoker's trace context stands in the client context") {
  const auto alone = json::parse(with_trace_context("", {parent, "", ""}));
  CHECK(alone == json{{"w3c", {{"traceparent", parent}}}});
  const auto with_more = json::parse(with_trace_context(R"({"custom":{"a":"b"}})", {parent, "rojo=1", "k=v"}));
  CHECK(with_more["custom"]["a"] == "b");
  CHECK(with_more["w3c"] == json{{"traceparent", parent}, {"tracestate", "rojo=1"}, {"baggage", "k=v"}});
}

TEST_CASE("What is no trace context changes nothing, and what the invoker says itself stands") {
  for (const char* bad : {"", "00", "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                          "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                          "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"}) {
    INFO(bad);
    CHECK(with_trace_context("", {bad, "a=b", "c=d"}).empty());
    CHECK(with_trace_context(R"({"custom":{}})", {bad, "", ""}) == R"({"custom":{}})");
  }
  CHECK(with_trace_context(R"({"w3c":1})", {parent, "", ""}) == R"({"w3c":1})");
  CHECK(with_trace_context("[1]", {parent, "", ""}) == "[1]");
}
