// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/telemetry/log_text.hpp"

#include "tests/support/catch.hpp"

using namespace kiln;
using namespace std::chrono_literals;

namespace {

const std::string id = "8f5e7a30-0000-4000-8000-000000000001";
constexpr auto noon = std::chrono::system_clock::time_point(std::chrono::milliseconds(1763812800123));

std::string line(const LogEvent::Body& body, LogFormat format = LogFormat::text) {
  std::string out;
  append_line(out, {noon, "stream", format, body});
  return out;
}

std::string printable(std::string_view raw) {
  std::string out;
  append_printable(out, raw);
  return out;
}

std::string shown(std::string_view time, std::string_view text) {
  std::string out;
  append_shown(out, time, text);
  return out;
}

}  // namespace

TEST_CASE("START, END and INIT_START have the real service's form") {
  CHECK(line(InvocationStart{id, "$LATEST"}) == "START RequestId: " + id + " Version: $LATEST");
  CHECK(line(InvocationEnd{id}) == "END RequestId: " + id);
  CHECK(line(InitStart{"python:3.11.kiln0", "arn:x"}) ==
        "INIT_START Runtime Version: python:3.11.kiln0\tRuntime Version ARN: arn:x");
}

TEST_CASE("A failed init phase has a line of its own, in the real service's form") {
  CHECK(line(InitReport{10'008'530us, "timeout", "Sandbox.Timedout"}) ==
        "INIT_REPORT Init Duration: 10008.53 ms\tPhase: init\tStatus: timeout");
  CHECK(line(InitReport{1'553'170us, "error", "Runtime.ExitError", {InitPhase::invoke}}) ==
        "INIT_REPORT Init Duration: 1553.17 ms\tPhase: invoke\tStatus: error\tError Type: Runtime.ExitError");
  CHECK(has_line(LogFormat::text, InitReport{1s, "error"}));
  CHECK_FALSE(has_line(LogFormat::text, InitReport{1s, ""}));
}

TEST_CASE("REPORT has the real service's form, cold and warm") {
  Report report{.request_id = id, .duration = 3'012us, .memory_size_mb = 128, .max_memory_used_mb = 36};
  CHECK(line(report) ==
        "REPORT RequestId: " + id +
            "\tDuration: 3.01 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB\tMax Memory Used: 36 MB\t");
  report.init_duration = 110'100us;
  CHECK(line(report) == "REPORT RequestId: " + id +
                            "\tDuration: 3.01 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB\tMax Memory Used: 36 MB\t"
                            "Init Duration: 110.10 ms\t");
  report.restore_duration = 25'304us;
  CHECK(line(report) == "REPORT RequestId: " + id +
                            "\tDuration: 3.01 ms\tBilled Duration: 30 ms\tMemory Size: 128 MB\tMax Memory Used: 36 MB\t"
                            "Init Duration: 110.10 ms\tRestore Duration: 25.30 ms\tBilled Restore Duration: 26 ms\t");
}

TEST_CASE("REPORT tells of a timeout and of a crash") {
  const std::string start = "REPORT RequestId: " + id;
  Report report{.request_id = id, .duration = 3s, .memory_size_mb = 128, .max_memory_used_mb = 30};
  report.status = "timeout";
  CHECK(line(report) ==
        start +
            "\tDuration: 3000.00 ms\tBilled Duration: 3000 ms\tMemory Size: 128 MB\tMax Memory Used: 30 MB\t"
            "Status: timeout");
  report.status = "error";
  report.error_type = "Runtime.ExitError";
  report.billed_ms = 3210;
  CHECK(line(report) ==
        start +
            "\tDuration: 3000.00 ms\tBilled Duration: 3210 ms\tMemory Size: 128 MB\tMax Memory Used: 30 MB\t"
            "Status: error\tError Type: Runtime.ExitError");
}

TEST_CASE("The billed duration is what is shown, rounded up to a whole millisecond") {
  const auto billed = [](std::chrono::nanoseconds duration) {
    const auto text = line(Report{.request_id = "r", .duration = duration});
    const auto from = text.find("Billed Duration: ") + 17;
    return text.substr(from, text.find(" ms", from) - from);
  };
  CHECK(billed(3'000'000ns) == "3");
  CHECK(billed(3'000'400ns) == "3");  // shown as 3.00
  CHECK(billed(3'006'000ns) == "4");
  CHECK(billed(0ns) == "1");
}

TEST_CASE("A fault names its invocation, and an init phase's has none to name") {
  CHECK(line(Fault{id, "Error: Runtime exited with error: exit status 1\nRuntime.ExitError"}) ==
        "RequestId: " + id + " Error: Runtime exited with error: exit status 1\nRuntime.ExitError");
  CHECK(line(Fault{"", "INIT_REPORT"}) == "INIT_REPORT");
}

TEST_CASE("Extensions, subscriptions, drops and restores have lines of their own") {
  CHECK(line(ExtensionInit{"my-ext", "Ready", "INVOKE,SHUTDOWN", ""}) ==
        "EXTENSION\tName: my-ext\tState: Ready\tEvents: [INVOKE, SHUTDOWN]");
  CHECK(line(ExtensionInit{"e\x1b", "Exited", "", "Extension.Crash"}) ==
        "EXTENSION\tName: e\\x1b\tState: Exited\tEvents: []\tError Type: Extension.Crash");
  CHECK(line(Subscribed{"my-ext", "platform,function"}) ==
        "TELEMETRY\tName: my-ext\tState: Subscribed\tTypes: [Platform, Function]");
  CHECK(line(Subscribed{"my-ext", "extension", true}) == "LOGS\tName: my-ext\tState: Subscribed\tTypes: [Extension]");
  CHECK(line(RecordsDropped{"too slow", 12, 3}) == "LOGS_DROPPED 3 records of 12 bytes: too slow");
  CHECK(line(RestoreStart{"java:21", "arn"}) == "RESTORE_START Runtime Version: java:21\tRuntime Version ARN: arn");
  CHECK(line(RestoreReport{1'250us, "error", "T"}) ==
        "RESTORE_REPORT Restore Duration: 1.25 ms\tStatus: error\tError Type: T");
  for (const LogEvent::Body& body : {LogEvent::Body(InitRuntimeDone{}), LogEvent::Body(InitReport{}),
                                     LogEvent::Body(RuntimeDone{}), LogEvent::Body(RestoreRuntimeDone{})}) {
    CHECK_FALSE(has_line(LogFormat::text, body));
    CHECK(has_line(LogFormat::json, body));
  }
}

TEST_CASE("An error that the function reported is one in JSON, and none in text") {
  Report report{.request_id = id, .duration = 1ms, .status = "error", .error_type = "Function.Bad", .reported = true};
  CHECK(line(report).find("Status") == std::string::npos);
  CHECK(line(report, LogFormat::json).find(R"("status":"error","errorType":"Function.Bad")") != std::string::npos);
}

TEST_CASE("In JSON format the platform's lines are objects of the Telemetry API") {
  CHECK(line(InvocationStart{id, "$LATEST"}, LogFormat::json) ==
        R"({"time":"2025-11-22T12:00:00.123Z","type":"platform.start","record":{"requestId":")" + id +
            R"(","version":"$LATEST"}})");
  Report report{.request_id = id, .duration = 3'012us, .memory_size_mb = 128, .max_memory_used_mb = 36};
  report.init_duration = 110'100us;
  CHECK(line(report, LogFormat::json) ==
        R"({"time":"2025-11-22T12:00:00.123Z","type":"platform.report","record":{"requestId":")" + id +
            R"(","metrics":{"durationMs":3.01,"billedDurationMs":4,"memorySizeMB":128,"maxMemoryUsedMB":36,)"
            R"("initDurationMs":110.1},"status":"success"}})");
  report.init_duration.reset();
  report.status = "error";
  report.error_type = "Runtime.ExitError";
  CHECK(line(report, LogFormat::json)
            .find(R"("maxMemoryUsedMB":36},"status":"error","errorType":"Runtime.ExitError"}})") != std::string::npos);
  CHECK(line(InitStart{"python:3.11", "arn"}, LogFormat::json).find(R"("type":"platform.initStart")") !=
        std::string::npos);
  CHECK(line(Fault{id, "a \"b\"\nc"}, LogFormat::json) ==
        R"({"timestamp":"2025-11-22T12:00:00.123Z","level":"ERROR","requestId":")" + id +
            R"(","message":"a \"b\"\nc"})");
  CHECK_FALSE(has_line({noon, "stream", LogFormat::json, InvocationEnd{id}}));
  CHECK(line(InvocationEnd{id}, LogFormat::json).empty());
  CHECK(line(OutputLine{id, "as it is"}, LogFormat::json) == "as it is");
}

TEST_CASE("A run of times reads as each of them alone") {
  TimeText times;
  auto time = noon;
  for (const int step : {0, 1, 9, 100, 889, 1, 1000, 86'400'000, -5, 0}) {
    time += std::chrono::milliseconds(step);
    std::string alone;
    append_time(alone, time);
    CHECK(times.of(time) == alone);
  }
}

TEST_CASE("Raw output becomes text that is valid and moves no cursor") {
  CHECK(printable("plain\ttext\rmore") == "plain\ttext\rmore");
  CHECK(printable(std::string_view("a\0b\x1b[31mc\x7f", 10)) == "a\\x00b\\x1b[31mc\\x7f");
  CHECK(printable("gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x98\x80") ==
        "gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x98\x80");
  CHECK(printable("bad \xFF\xC3") == "bad \xEF\xBF\xBD\xEF\xBF\xBD");
  CHECK(printable("csi \xC2\x9B"
                  "2J") == "csi \\u009b2J");
  CHECK(printable("no-break \xC2\xA0space") == "no-break \xC2\xA0space");
}

TEST_CASE("What people read has a time for each event and indents its further lines") {
  CHECK(shown("2025-11-22T12:00:00.123Z", "START") == "2025-11-22T12:00:00.123Z START\n");
  CHECK(shown("", "a\rb\r\nc\nd\r\n") == "a\n  b\n  c\n  d\n");
  CHECK(shown("", "x\rEND RequestId: " + id) == "x\n  END RequestId: " + id + "\n");
  CHECK(shown("T", "") == "T \n");
}
