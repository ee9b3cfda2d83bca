// SPDX-License-Identifier: Apache-2.0
// The Extensions API as bytes: registering, events, reports of errors, and every refusal.
#include <string>

#include "tests/contract/runtime_api_server.hpp"
#include "tests/support/catch.hpp"

using namespace kiln;
using namespace kiln::test;
using namespace std::chrono_literals;

namespace {

const std::string both_events = R"({"events":["INVOKE","SHUTDOWN"]})";

std::string post_register(std::string_view body, std::string_view name, std::string_view fields = {}) {
  std::string all = name.empty() ? std::string() : "Lambda-Extension-Name: " + std::string(name) + "\r\n";
  return post("/2020-01-01/extension/register", body, all += fields);
}

std::string get_event(const std::string& id) {
  return "GET /2020-01-01/extension/event/next HTTP/1.1\r\nHost: x\r\nLambda-Extension-Identifier: " + id + "\r\n\r\n";
}

std::string post_extension_error(const std::string& phase, const std::string& id, const std::string& body = "{}",
                                 const std::string& type = "Lambda-Extension-Function-Error-Type: Ext.Bad\r\n") {
  return post("/2020-01-01/extension/" + phase + "/error", body, "Lambda-Extension-Identifier: " + id + "\r\n" + type);
}

std::string refusal(std::string_view type, std::string_view message) {
  return R"({"errorMessage":")" + std::string(message) + R"(","errorType":")" + std::string(type) + "\"}\n";
}

std::string transition(std::string_view from, std::string_view to, std::string_view who) {
  return refusal("Extension.InvalidExtensionState", "State transition from " + std::string(from) + " to " +
                                                        std::string(to) + " failed for extension " + std::string(who) +
                                                        ". Error: State transition is not allowed");
}

void check_refused(RawClient& client, const std::string& request, const std::string& body) {
  const RawAnswer answer = client.ask(request);
  CHECK(answer.status == 403);
  CHECK(answer.field("Content-Type") == "application/json");
  CHECK(answer.body == body);
}

/// The value of deadlineMs, which the clock decides, replaced by a word; the number by `deadline`.
std::string without_deadline(std::string body, long long& deadline) {
  const std::string name = "\"deadlineMs\":";
  const auto from = body.find(name) + name.size();
  const auto to = body.find(',', from);
  deadline = std::stoll(body.substr(from, to - from));
  return body.replace(from, to - from, "DEADLINE");
}

/// A server with one external extension, registered for `events`, and its client.
struct WithExtension {
  explicit WithExtension(const std::string& events = both_events) {
    server.extensions([](ExtensionRegistry& registry) { registry.expect("probe"); });
    const RawAnswer answer = client.ask(post_register(events, "probe"));
    if (answer.status != 200) throw std::runtime_error(answer.body);
    id = answer.field("Lambda-Extension-Identifier").value();
  }
  RuntimeApiServer server;
  RawClient client = server.connect();
  std::string id;
};

}  // namespace

TEST_CASE("A registration is answered with exactly these bytes") {
  RuntimeApiServer server;
  server.extensions([](ExtensionRegistry& registry) { registry.expect("probe"); });
  RawClient client = server.connect();
  client.send(post_register(both_events, "probe"));
  const std::string expected =
      "HTTP/1.1 200 OK\r\n"
      "Content-Type: application/json\r\n"
      "Lambda-Extension-Identifier: 00000000-0000-4000-8000-000000000001\r\n"
      "Content-Length: 78\r\n"
      "\r\n"
      R"({"functionName":"echo","functionVersion":"$LATEST","handler":"index.handler"})"
      "\n";
  CHECK(client.read_bytes(expected.size()) == expected);
}

TEST_CASE("The account id is told to those who accept it") {
  RuntimeApiServer server;
  RawClient client = server.connect();
  const std::string with =
      R"({"functionName":"echo","functionVersion":"$LATEST","handler":"index.handler","accountId":"000000000000"})"
      "\n";
  const auto ask = [&](const std::string& name, const std::string& features) {
    return client.ask(
        post_register(R"({"events":["INVOKE"]})", name, "Lambda-Extension-Accept-Feature: " + features + "\r\n"));
  };
  CHECK(ask("a", "accountId").body == with);
  CHECK(ask("b", "something, accountId ,").body == with);
  CHECK(ask("c", "accountid").body.find("accountId") == std::string::npos);
  CHECK(ask("d", "something").body.find("accountId") == std::string::npos);
}

TEST_CASE("Refused registrations say why, and change nothing") {
  RuntimeApiServer server;
  server.extensions([](ExtensionRegistry& registry) { registry.expect("probe"); });
  RawClient client = server.connect();
  const std::string type = "InvalidRequestFormat";
  check_refused(client, post_register(both_events, ""),
                refusal("Extension.InvalidExtensionName", "Empty extension name"));
  check_refused(client, post_register("", "probe"), refusal(type, "unexpected end of JSON input"));
  check_refused(client, post_register("[]", "probe"),
                refusal(type, R"(the body must be a JSON object: {\"events\":[\"INVOKE\",\"SHUTDOWN\"]})"));
  check_refused(client, post_register("{\"events\":", "probe"),
                refusal(type, R"(the body must be a JSON object: {\"events\":[\"INVOKE\",\"SHUTDOWN\"]})"));
  check_refused(client, post_register(R"({"events":"INVOKE"})", "probe"),
                refusal(type, "events must be a list of strings"));
  check_refused(client, post_register(R"({"events":[1]})", "probe"), refusal(type, "events must be a list of strings"));
  check_refused(client, post_register(R"({"events":[],"configurationKeys":["a"]})", "probe"),
                refusal(type, "configurationKeys are deprecated; use environment variables instead"));
  check_refused(client, post_register(R"({"events":["INVOKE","INIT"]})", "probe"),
                refusal("Extension.InvalidEventType", "INIT: ErrorInvalidEventType"));
  check_refused(client, post_register(R"({"events":["SHUTDOWN"]})", "internal"),
                refusal("Extension.InvalidEventType", "SHUTDOWN: ShutdownEventNotSupportedForInternalExtension"));
  CHECK(server.extensions([](ExtensionRegistry& registry) { return registry.extensions().size(); }) == 1);
  CHECK(client.ask(post_register(R"({"events":[],"configurationKeys":[]})", "probe")).status == 200);
  check_refused(client, post_register(both_events, "probe"), transition("Registered", "Registered", "probe"));
}

TEST_CASE("An internal extension's name is its own, and there are ten at most") {
  RuntimeApiServer server;
  server.extensions([](ExtensionRegistry& registry) { registry.expect("probe"); });
  RawClient client = server.connect();
  for (int i = 1; i < 10; ++i) {
    CHECK(client.ask(post_register("{}", "internal" + std::to_string(i))).status == 200);
    if (i > 1) continue;
    check_refused(client, post_register("{}", "internal1"),
                  refusal("Extension.InvalidExtensionState", "Extension with this name already registered"));
  }
  check_refused(client, post_register("{}", "eleventh"),
                refusal("Extension.TooManyExtensions", "Extension limit (10) reached"));
  // The one that was launched has its place.
  CHECK(client.ask(post_register(both_events, "probe")).status == 200);
}

TEST_CASE("The runtime's first poll closes the registration of internal extensions, not of launched ones") {
  RuntimeApiServer server;
  server.extensions([](ExtensionRegistry& registry) { registry.expect("probe"); });
  RawClient runtime = server.connect();
  runtime.send(get_next());
  REQUIRE(server.initialized().ready);
  RawClient client = server.connect();
  check_refused(client, post_register("{}", "late"),
                refusal("Extension.RegistrationClosed", "Extension registration closed already"));
  CHECK(client.ask(post_register(both_events, "probe")).status == 200);
}

TEST_CASE("An extension is known by its identifier, and told what is wrong with it") {
  WithExtension with;
  const std::string unknown = "11111111-2222-4333-8444-555555555555";
  struct Call {
    std::string method, path;
    std::string unknown_message;
  };
  for (const Call& call : {Call{"GET", "/2020-01-01/extension/event/next", "Unknown extension " + unknown},
                           Call{"POST", "/2020-01-01/extension/init/error", "Unknown Lambda-Extension-Identifier"},
                           Call{"POST", "/2020-01-01/extension/exit/error", "Unknown Lambda-Extension-Identifier"}}) {
    INFO(call.path);
    const auto ask = [&](const std::string& fields) {
      return call.method + " " + call.path + " HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n" + fields + "\r\n";
    };
    const std::string type = "Lambda-Extension-Function-Error-Type: X\r\n";
    const auto ask_as = [&](const std::string& identifier) {
      return ask(type + "Lambda-Extension-Identifier: " + identifier + "\r\n");
    };
    check_refused(with.client, ask(type),
                  refusal("Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header"));
    for (const std::string bad : {"x", "00000000000040008000000000000001", "00000000-0000-4000-8000-00000000000g"}) {
      check_refused(with.client, ask_as(bad),
                    refusal("Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier"));
    }
    check_refused(with.client, ask_as(unknown), refusal("Extension.UnknownExtensionIdentifier", call.unknown_message));
  }
}

TEST_CASE("An INVOKE event has exactly these bytes, and holds up reuse but not the answer") {
  WithExtension with;
  Invocation event = plain_event();
  event.trace_id = "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700";
  const auto expected_deadline = event.deadline.to_epoch_ms();
  with.client.send(get_event(with.id));
  REQUIRE(with.server.wait_until_extensions_settled());
  std::future<InvocationResult> result;
  RawClient runtime = with.server.running(result, event);

  const RawAnswer answer = with.client.read_answer();
  CHECK(answer.status == 200);
  CHECK(answer.field("Content-Type") == "application/json");
  CHECK(answer.field("Lambda-Extension-Event-Identifier") == identifier(2));
  long long deadline = 0;
  CHECK(without_deadline(answer.body, deadline) ==
        R"({"eventType":"INVOKE","deadlineMs":DEADLINE,"requestId":")" + request_id +
            R"(","invokedFunctionArn":"arn:aws:lambda:us-east-1:000000000000:function:echo",)"
            R"("tracing":{"type":"X-Amzn-Trace-Id","value":"Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700"}})");
  CHECK(std::abs(deadline - expected_deadline) < 2'000);

  CHECK(runtime.ask(post_response("1")).status == 202);
  CHECK(success(get(result)).body == "1");
  // The runtime is back, the extension is not: the next event waits for it.
  runtime.send(get_next());
  auto second = with.server.invoke(plain_event());
  CHECK(runtime.silent_for(50ms));
  with.client.send(get_event(with.id));
  CHECK(runtime.read_answer().status == 200);
  CHECK(with.client.read_answer().body.find("tracing") == std::string::npos);
  CHECK(runtime.ask(post_response("2")).status == 202);
  CHECK(success(get(second)).body == "2");
}

TEST_CASE("Without an INVOKE subscription an extension hears nothing of invocations and holds nothing up") {
  WithExtension with(R"({"events":["SHUTDOWN"]})");
  with.client.send(get_event(with.id));
  REQUIRE(with.server.wait_until_extensions_settled());
  for (int i = 0; i < 2; ++i) {
    std::future<InvocationResult> result;
    RawClient runtime = with.server.running(result);
    CHECK(runtime.ask(post_response("1")).status == 202);
    success(get(result));
  }
  CHECK(with.client.silent_for(20ms));
}

TEST_CASE("A SHUTDOWN event has exactly these bytes, parked or asked for later") {
  struct Case {
    ShutdownReason reason;
    std::string word;
  };
  for (const Case& one : {Case{ShutdownReason::spindown, "SPINDOWN"}, Case{ShutdownReason::timeout, "TIMEOUT"},
                          Case{ShutdownReason::failure, "FAILURE"}}) {
    for (const bool parked : {true, false}) {
      INFO(one.word << ' ' << parked);
      WithExtension with;
      if (parked) {
        with.client.send(get_event(with.id));
        REQUIRE(with.server.wait_until_extensions_settled());
      }
      const Deadline deadline = Deadline::after(2s);
      with.server.extensions([&](ExtensionRegistry& registry) { registry.shut_down({one.reason, deadline}); });
      if (!parked) with.client.send(get_event(with.id));
      const RawAnswer answer = with.client.read_answer();
      CHECK(answer.status == 200);
      CHECK(answer.field("Lambda-Extension-Event-Identifier") == identifier(2));
      long long told = 0;
      CHECK(without_deadline(answer.body, told) ==
            R"({"eventType":"SHUTDOWN","deadlineMs":DEADLINE,"shutdownReason":")" + one.word + R"("})");
      CHECK(std::abs(told - deadline.to_epoch_ms()) < 2'000);
      // Once only; the connection then stays until the end.
      with.client.send(get_event(with.id));
      CHECK(with.client.silent_for(10ms));
    }
  }
}

TEST_CASE("A second poll beside a parked one is refused") {
  WithExtension with;
  with.client.send(get_event(with.id));
  REQUIRE(with.server.wait_until_extensions_settled());
  RawClient second = with.server.connect();
  check_refused(second, get_event(with.id), transition("Ready", "Ready", with.id));
  // The identifier is read in any case.
  std::string upper = "ABCDEFAB-CDEF-4ABC-8DEF-ABCDEFABCDEF";
  check_refused(
      second, get_event(upper),
      refusal("Extension.UnknownExtensionIdentifier", "Unknown extension abcdefab-cdef-4abc-8def-abcdefabcdef"));
}

TEST_CASE("An extension whose connection breaks while it polls may come back, and is waited for") {
  WithExtension with;
  {
    RawClient first = with.server.connect();
    first.send(get_event(with.id));
    REQUIRE(with.server.wait_until_extensions_settled());
  }
  REQUIRE(with.server.wait_until_extensions_settled(false));
  with.client.send(get_event(with.id));
  CHECK(with.server.wait_until_extensions_settled());
}

TEST_CASE("A report of an error is accepted, names its extension, and can be repeated") {
  const bool init = GENERATE(true, false);
  const std::string phase = init ? "init" : "exit";
  const std::string type = init ? "Extension.InitError" : "Extension.ExitError";
  WithExtension with;
  check_refused(with.client, post_extension_error(phase, with.id, "{}", ""),
                refusal("Extension.MissingHeader", "Lambda-Extension-Function-Error-Type not found"));
  CHECK(with.server.extension_failures().empty());
  const std::string request =
      post_extension_error(phase, with.id, R"({"errorMessage":"no key","errorType":"x","stackTrace":[]})");
  with.client.send(request);
  const std::string accepted =
      "HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{\"status\":\"OK\"}\n";
  CHECK(with.client.read_bytes(accepted.size()) == accepted);
  CHECK(with.client.ask(request).status == 202);
  const auto failures = with.server.extension_failures();
  REQUIRE(failures.size() == 1);
  CHECK(failures[0].type == type);
  CHECK(failures[0].message == "Extension probe reported Ext.Bad: no key");
  // It is over for this one.
  check_refused(with.client, get_event(with.id), transition(init ? "InitError" : "ExitError", "Ready", with.id));
  check_refused(with.client, post_extension_error(init ? "exit" : "init", with.id),
                transition(init ? "InitError" : "ExitError", init ? "Exited" : "InitError", with.id));
}

TEST_CASE("After its first poll an extension has no init to fail, but may still have to end") {
  WithExtension with;
  with.client.send(get_event(with.id));
  REQUIRE(with.server.wait_until_extensions_settled());
  RawClient second = with.server.connect();
  check_refused(second, post_extension_error("init", with.id), transition("Ready", "InitError", with.id));
  CHECK(second.ask(post_extension_error("exit", with.id, "not json")).status == 202);
  REQUIRE(with.server.extension_failures().size() == 1);
  CHECK(with.server.extension_failures()[0].message == "Extension probe reported Ext.Bad");
}

TEST_CASE("Extension bodies beyond 1 MiB are drained and refused") {
  WithExtension with;
  const std::string large(1'048'577, ' ');
  for (const std::string& request : {post_register(large, "other"), post_extension_error("init", with.id, large)}) {
    const RawAnswer answer = with.client.ask(request);
    CHECK(answer.status == 413);
    CHECK(answer.body == refusal("RequestEntityTooLarge", "Exceeded maximum allowed payload size (1048576 bytes)."));
  }
  CHECK(with.server.extension_failures().empty());
}

TEST_CASE("With several invocations at once there are no INVOKE events") {
  ServerOptions options;
  options.max_concurrency = 2;
  RuntimeApiServer server(options);
  server.extensions([](ExtensionRegistry& registry) { registry.expect("probe"); });
  RawClient client = server.connect();
  check_refused(
      client, post_register(both_events, "probe"),
      refusal("Extension.InvalidEventType",
              "INVOKE: ErrorInvalidEventType: an instance that takes several invocations at once has no such event; "
              "register for SHUTDOWN alone, and learn of invocations from the Telemetry API"));
  CHECK(client.ask(post_register(R"({"events":["SHUTDOWN"]})", "probe")).status == 200);
}

TEST_CASE("Other methods and paths of the Extensions API") {
  RuntimeApiServer server;
  RawClient client = server.connect();
  const auto ask = [&](const std::string& method, const std::string& path) {
    return client.ask(method + " /2020-01-01/extension/" + path + " HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
  };
  CHECK(ask("POST", "event/next").field("Allow") == "GET");
  for (const std::string path : {"register", "init/error", "exit/error"}) {
    const RawAnswer answer = ask("GET", path);
    CHECK(answer.status == 405);
    CHECK(answer.field("Allow") == "POST");
  }
  for (const std::string path : {"", "event", "register/", "event/next/", "nowhere"}) {
    CHECK(ask("GET", path).body == "404 page not found\n");
  }
}

TEST_CASE("Where extensions are turned off, their API is not there") {
  ServerOptions options;
  options.extensions = false;
  RuntimeApiServer server(options);
  RawClient client = server.connect();
  const RawAnswer answer = client.ask(post_register(both_events, "probe"));
  CHECK(answer.status == 404);
  CHECK(answer.body == "404 page not found\n");
}

TEST_CASE("The end of the instance ends an extension's parked poll") {
  WithExtension with;
  with.client.send(get_event(with.id));
  REQUIRE(with.server.wait_until_extensions_settled());
  with.server.extensions([](ExtensionRegistry& registry) { registry.end(); });
  CHECK(with.client.closed_within(2s));
}
