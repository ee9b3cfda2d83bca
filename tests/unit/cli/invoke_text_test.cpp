// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/invoke.hpp"
#include "cli/server_timing.hpp"
#include "tests/support/catch.hpp"

using namespace kiln::cli;

TEST_CASE("a function error reads as type, message and stack trace") {
  CHECK(function_error_text(R"({"errorMessage":"bad","errorType":"ValueError","requestId":"x",
        "stackTrace":["  File \"/var/task/index.py\", line 2, in handler\n    raise ValueError('bad')\n","at b"]})") ==
        "ValueError: bad\n  File \"/var/task/index.py\", line 2, in handler\n    raise ValueError('bad')\n  at b\n");
  CHECK(function_error_text(R"({"errorType":"Runtime.ExitError"})") == "Runtime.ExitError\n");
  CHECK(function_error_text(R"({"errorMessage":"only this"})") == "only this\n");
}

TEST_CASE("a function error that is not the usual JSON comes as it is") {
  CHECK(function_error_text("plain text") == "plain text\n");
  CHECK(function_error_text("[1]\n") == "[1]\n");
  CHECK(function_error_text("") == "it gave no reason\n");
  CHECK(function_error_text(R"({"errorType":7,"errorMessage":"m","stackTrace":[1,null]})") == "m\n  1\n  null\n");
}

TEST_CASE("Server-Timing is read with its durations and descriptions") {
  const auto phases =
      parse_server_timing(R"(fetch;dur=0.1, init;desc="a, \"b\"; c";dur=12.5,  cache , ;dur=1, x;dur=abc)");
  REQUIRE(phases.size() == 4);
  CHECK(phases[0].name == "fetch");
  CHECK(phases[0].milliseconds == 0.1);
  CHECK(phases[1].description == R"(a, "b"; c)");
  CHECK(phases[1].milliseconds == 12.5);
  CHECK(phases[2].name == "cache");
  CHECK(phases[2].milliseconds < 0);
  CHECK(phases[3].milliseconds < 0);
  CHECK(parse_server_timing("").empty());
}

TEST_CASE("the phases say cold or warm") {
  CHECK(timing_text(
            "cold;desc=\"cold start\", fetch;dur=0.1, prepare;dur=1, launch;dur=2, init;dur=100, invoke;dur=1.25") ==
        "cold start 103 ms (fetch 0.10 ms, prepare 1.00 ms, launch 2.00 ms, init 100 ms), invoke 1.25 ms");
  CHECK(timing_text("warm, invoke;dur=0.5") == "warm start, invoke 0.50 ms");
}
