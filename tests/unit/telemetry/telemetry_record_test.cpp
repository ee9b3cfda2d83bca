// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/telemetry/telemetry_record.hpp"

#include <string>

#include "tests/support/catch.hpp"

using namespace kiln;
using namespace std::chrono_literals;

namespace {

const std::string id = "8f5e7a30-0000-4000-8000-000000000001";
constexpr auto noon = std::chrono::system_clock::time_point(std::chrono::milliseconds(1763812800123));
constexpr auto newest = TelemetrySchema::telemetry_2025_01_29;

std::string record(const LogEvent::Body& body, TelemetrySchema schema = newest, LogFormat format = LogFormat::text) {
  std::string out;
  append_record(out, {noon, "stream", format, body}, schema);
  return out;
}

std::string golden(const std::string& type, const std::string& members) {
  return R"({"time":"2025-11-22T12:00:00.123Z","type":")" + type + R"(","record":)" + members + "}";
}

}  // namespace

TEST_CASE("The init phase is told in three events") {
  InitStart start{"python:3.11.kiln0", ""};
  start.function_name = "hello";
  start.function_version = "$LATEST";
  start.instance_id = "i-1";
  CHECK(record(start) == golden("platform.initStart",
                                R"({"initializationType":"on-demand","phase":"init","runtimeVersion":)"
                                R"("python:3.11.kiln0","runtimeVersionArn":"","functionName":"hello",)"
                                R"("functionVersion":"$LATEST","instanceId":"i-1"})"));
  CHECK(record(InitRuntimeDone{}) ==
        golden("platform.initRuntimeDone", R"({"initializationType":"on-demand","phase":"init","status":"success"})"));
  CHECK(record(InitRuntimeDone{"error", "Runtime.ExitError"}) ==
        golden("platform.initRuntimeDone", R"({"initializationType":"on-demand","phase":"init","status":"error",)"
                                           R"("errorType":"Runtime.ExitError"})"));
  CHECK(record(InitReport{125'330us, "", ""}) ==
        golden("platform.initReport", R"({"initializationType":"on-demand","phase":"init","status":"success",)"
                                      R"("metrics":{"durationMs":125.33}})"));
  CHECK(record(InitReport{1s, "timeout", "", {InitPhase::invoke}}) ==
        golden("platform.initReport", R"({"initializationType":"on-demand","phase":"invoke","status":"timeout",)"
                                      R"("metrics":{"durationMs":1000}})"));
}

TEST_CASE("An init phase within an invocation, and one of a snapshot, say so") {
  CHECK(record(InitReport{1ms, "timeout", "Sandbox.Timedout", {InitPhase::invoke, false}}) ==
        golden("platform.initReport", R"({"initializationType":"on-demand","phase":"invoke","status":"timeout",)"
                                      R"("errorType":"Sandbox.Timedout","metrics":{"durationMs":1}})"));
  CHECK(record(InitRuntimeDone{"", "", {InitPhase::init, true}}) ==
        golden("platform.initRuntimeDone", R"({"initializationType":"snap-start","phase":"init","status":"success"})"));
}

TEST_CASE("A restore is told in three events") {
  CHECK(record(RestoreStart{"python:3.11", "", "hello", "$LATEST", "i-1"}) ==
        golden("platform.restoreStart", R"({"runtimeVersion":"python:3.11","runtimeVersionArn":"","functionName":)"
                                        R"("hello","functionVersion":"$LATEST","instanceId":"i-1"})"));
  CHECK(record(RestoreRuntimeDone{"error", "Runtime.AfterRestoreError"}) ==
        golden("platform.restoreRuntimeDone", R"({"status":"error","errorType":"Runtime.AfterRestoreError"})"));
  CHECK(record(RestoreReport{2'500us, "", ""}) ==
        golden("platform.restoreReport", R"({"status":"success","metrics":{"durationMs":2.5}})"));
  CHECK(record(RestoreReport{}, TelemetrySchema::logs_2021_03_18).empty());
}

TEST_CASE("An invocation is told in three events, with its trace") {
  const std::string trace = "Root=1-62e900b2-710d76f009d6e7785905449a;Parent=0efbd19962d95b05;Sampled=1";
  const std::string tracing = R"(,"tracing":{"type":"X-Amzn-Trace-Id","value":")" + trace + R"("})";
  CHECK(record(InvocationStart{id, "$LATEST", trace}) ==
        golden("platform.start", R"({"requestId":")" + id + R"(","version":"$LATEST")" + tracing + "}"));

  RuntimeDone done{.request_id = id, .trace_id = trace, .duration = 140ms, .produced_bytes = 16};
  CHECK(record(done) == golden("platform.runtimeDone", R"({"requestId":")" + id + R"(","status":"success")" + tracing +
                                                           R"(,"metrics":{"durationMs":140,"producedBytes":16}})"));
  done.trace_id = {};
  done.response_latency = 23'020us;
  done.response_duration = 20ms;
  CHECK(record(done) ==
        golden("platform.runtimeDone",
               R"({"requestId":")" + id +
                   R"(","status":"success","spans":[{"name":"responseLatency","start":"2025-11-22T11:59:59.983Z",)"
                   R"("durationMs":23.02},{"name":"responseDuration","start":"2025-11-22T12:00:00.006Z",)"
                   R"("durationMs":20}],"metrics":{"durationMs":140,"producedBytes":16}})"));

  Report report{.request_id = id, .duration = 693'920us, .memory_size_mb = 128, .max_memory_used_mb = 84};
  report.init_duration = 397'680us;
  CHECK(record(report) ==
        golden("platform.report", R"({"requestId":")" + id +
                                      R"(","metrics":{"durationMs":693.92,"billedDurationMs":694,"memorySizeMB":128,)"
                                      R"("maxMemoryUsedMB":84,"initDurationMs":397.68},"status":"success"})"));
  report.init_duration.reset();
  report.restore_duration = 25'304us;
  CHECK(record(report) ==
        golden("platform.report",
               R"({"requestId":")" + id +
                   R"(","metrics":{"durationMs":693.92,"billedDurationMs":720,"memorySizeMB":128,"maxMemoryUsedMB":84,)"
                   R"("restoreDurationMs":25.3,"billedRestoreDurationMs":26},"status":"success"})"));
}

TEST_CASE("A failed invocation has its status and error type") {
  for (const std::string status : {"error", "timeout", "failure"}) {
    RuntimeDone done{.request_id = id, .status = status, .error_type = "Some.Type", .duration = 1ms};
    CHECK(record(done) ==
          golden("platform.runtimeDone", R"({"requestId":")" + id + R"(","status":")" + status +
                                             R"(","errorType":"Some.Type","metrics":{"durationMs":1}})"));
  }
}

TEST_CASE("Extensions, subscriptions and drops have records") {
  CHECK(record(ExtensionInit{"my-ext", "Ready", "INVOKE,SHUTDOWN", ""}) ==
        golden("platform.extension", R"({"name":"my-ext","state":"Ready","events":["INVOKE","SHUTDOWN"]})"));
  CHECK(record(ExtensionInit{"my-ext", "Registered", "", "Extension.Crash"}) ==
        golden("platform.extension",
               R"({"name":"my-ext","state":"Registered","events":[],"errorType":"Extension.Crash"})"));
  CHECK(record(Subscribed{"my-ext", "platform,function"}) ==
        golden("platform.telemetrySubscription",
               R"({"name":"my-ext","state":"Subscribed","types":["platform","function"]})"));
  CHECK(record(Subscribed{"my-ext", "function", true}, TelemetrySchema::logs_2020_08_15) ==
        golden("platform.logsSubscription", R"({"name":"my-ext","state":"Subscribed","types":["function"]})"));
  CHECK(record(RecordsDropped{"too slow", 12345, 123}) ==
        golden("platform.logsDropped", R"({"droppedBytes":12345,"droppedRecords":123,"reason":"too slow"})"));
}

TEST_CASE("The Logs API has events of its own, and not those of the init phase") {
  constexpr auto old = TelemetrySchema::logs_2020_08_15;
  constexpr auto logs = TelemetrySchema::logs_2021_03_18;
  CHECK(record(InvocationEnd{id}, old) == golden("platform.end", R"({"requestId":")" + id + R"("})"));
  CHECK(record(Fault{id, "Error: exit\nRuntime.ExitError"}, old) ==
        golden("platform.fault", "\"RequestId: " + id + R"( Error: exit\nRuntime.ExitError")"));
  CHECK(record(InitStart{}, logs).empty());
  CHECK(record(InitRuntimeDone{}, logs).empty());
  CHECK(record(InitReport{}, logs).empty());
  const RuntimeDone done{.request_id = id, .status = "error", .error_type = "T", .duration = 1ms};
  CHECK(record(done, old).empty());
  CHECK(record(done, logs) == golden("platform.runtimeDone", R"({"requestId":")" + id + R"(","status":"failure"})"));
  const Report report{.request_id = id, .duration = 1ms, .memory_size_mb = 128, .max_memory_used_mb = 9};
  CHECK(record(report, logs) == golden("platform.report", R"({"requestId":")" + id +
                                                              R"(","metrics":{"durationMs":1,"billedDurationMs":1,)"
                                                              R"("memorySizeMB":128,"maxMemoryUsedMB":9}})"));
  CHECK(record(InvocationEnd{id}).empty());
  CHECK(record(Fault{id, "x"}).empty());
}

TEST_CASE("A line of output is a string, and from 2022-12-13 on an object where the log format is JSON") {
  const std::string object = "{\"level\":\"INFO\",\n \"message\":\"a\\nb\"}";
  const OutputLine line{id, object};
  const std::string quoted = R"("{\"level\":\"INFO\",\n \"message\":\"a\\nb\"}")";
  CHECK(record(line) == golden("function", quoted));
  CHECK(record(line, TelemetrySchema::telemetry_2022_07_01, LogFormat::json) == golden("function", quoted));
  CHECK(record(line, TelemetrySchema::telemetry_2022_12_13, LogFormat::json) ==
        golden("function", R"({"level":"INFO",  "message":"a\nb"})"));
  for (const std::string none : {"plain", "{not json", "[1]", "{\"a\":\"\xFF\"}", "{\"a\":1} x"}) {
    const std::string text = record(OutputLine{id, none}, newest, LogFormat::json);
    CHECK(text.find(R"("record":")") != std::string::npos);
  }
  CHECK(record(OutputLine{id, "from outside", OutputOrigin::extension}) == golden("extension", "\"from outside\""));
  CHECK(record(OutputLine{id, std::string_view("a\0\x1b\xFF\"", 5)}) ==
        golden("function", "\"a\\u0000\\u001b\xEF\xBF\xBD\\\"\""));
}

TEST_CASE("Types part the platform's events, the function's lines and the extensions' lines") {
  const LogEvent platform{noon, "s", LogFormat::text, InvocationStart{}};
  const LogEvent function{noon, "s", LogFormat::text, OutputLine{}};
  const LogEvent extension{noon, "s", LogFormat::text, OutputLine{"", "", OutputOrigin::extension}};
  CHECK(is_among({true, false, false}, platform));
  CHECK_FALSE(is_among({true, false, false}, function));
  CHECK(is_among({false, true, false}, function));
  CHECK_FALSE(is_among({false, true, false}, extension));
  CHECK(is_among({false, false, true}, extension));
  CHECK_FALSE(is_among({false, true, true}, platform));
}
