// SPDX-License-Identifier: Apache-2.0
#include "bootstrap/trace_environment.hpp"

#include <cstdlib>
#include <string>

#include "tests/support/catch.hpp"

using namespace kiln;

namespace {
std::string current() {
  const char* value = std::getenv("_X_AMZN_TRACE_ID");
  return value != nullptr ? value : "(unset)";
}
}  // namespace

TEST_CASE("The trace id is that of the running invocation, and none where it has none") {
  ::setenv("_X_AMZN_TRACE_ID", "of the process that started us", 1);
  {
    TraceEnvironment trace;
    trace.set({});
    CHECK(current() == "(unset)");
    trace.set("Root=1");
    CHECK(current() == "Root=1");
    trace.set("Root=2-longer");
    CHECK(current() == "Root=2-longer");
    trace.set(std::string(5'000, 'x'));
    CHECK(current() == std::string(5'000, 'x'));
    trace.set("Root=3");
    CHECK(current() == "Root=3");
    trace.set({});
    CHECK(current() == "(unset)");
    trace.set("Root=4");
    CHECK(current() == "Root=4");
  }
  CHECK(current() == "(unset)");
}

TEST_CASE("A function that sets the variable itself does not keep the next trace id out") {
  TraceEnvironment trace;
  trace.set("Root=1");
  ::setenv("_X_AMZN_TRACE_ID", "mine", 1);
  trace.set("Root=2");
  CHECK(current() == "Root=2");
  ::unsetenv("_X_AMZN_TRACE_ID");
  trace.set("Root=3");
  CHECK(current() == "Root=3");
}
