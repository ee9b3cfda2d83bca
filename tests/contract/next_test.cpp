// SPDX-License-Identifier: Apache-2.0
// GET /runtime/invocation/next, and the paths around it.
#include <chrono>
#include <string>

#include "tests/contract/runtime_api_server.hpp"
#include "tests/support/catch.hpp"

using namespace kiln;
using namespace kiln::test;
using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

/// The value of Deadline-Ms, which the clock decides, replaced by a word.
std::string without_deadline(std::string head) {
  const std::string name = "Lambda-Runtime-Deadline-Ms: ";
  const auto at = head.find(name);
  if (at == std::string::npos) return head;
  const auto from = at + name.size();
  return head.replace(from, head.find("\r\n", from) - from, "DEADLINE");
}

const std::string not_found =
    "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 19\r\n"
    "\r\n404 page not found\n";

}  // namespace

TEST_CASE("A plain event has exactly these bytes") {
  RuntimeApiServer server;
  std::future<InvocationResult> result;
  RawClient client = server.connect();
  client.send(get_next());
  result = server.invoke(plain_event("{\"a\":1}"));
  CHECK(without_deadline(client.read_head()) ==
        "HTTP/1.1 200 OK\r\n"
        "Content-Type: application/json\r\n"
        "Lambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\n"
        "Lambda-Runtime-Deadline-Ms: DEADLINE\r\n"
        "Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:000000000000:function:echo\r\n"
        "Content-Length: 7\r\n"
        "\r\n");
  CHECK(client.read_bytes(7) == "{\"a\":1}");
  CHECK(client.silent_for(10ms));
}

TEST_CASE("An event with everything has every header, and its payload to the letter") {
  RuntimeApiServer server;
  Invocation event = plain_event("\x00\xFF\r\n\r\n{"s);
  event.invocation_id = attempt_id;
  event.content_type = "application/octet-stream";
  event.trace_id = "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1";
  event.client_context = R"({"client":{"app_title":"a"},"custom":{"k":"v"}})";
  event.cognito_identity = R"({"cognitoIdentityId":"i","cognitoIdentityPoolId":"p"})";
  event.tenant_id = "blue";
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  server.invoke(event);
  RawClient client = server.connect();
  const RawAnswer answer = client.ask(get_next());
  CHECK(answer.status == 200);
  CHECK(answer.field("Content-Type") == "application/octet-stream");
  CHECK(answer.field("Lambda-Runtime-Aws-Request-Id") == request_id);
  CHECK(answer.field("Lambda-Runtime-Invocation-Id") == attempt_id);
  CHECK(answer.field("Lambda-Runtime-Invoked-Function-Arn") == event.function_arn);
  CHECK(answer.field("Lambda-Runtime-Trace-Id") == event.trace_id);
  CHECK(answer.field("Lambda-Runtime-Client-Context") == event.client_context);
  CHECK(answer.field("Lambda-Runtime-Cognito-Identity") == event.cognito_identity);
  CHECK(answer.field("Lambda-Runtime-Aws-Tenant-Id") == "blue");
  CHECK(answer.fields.size() == 10);
  CHECK(answer.body == event.payload);
  const auto deadline = std::stoll(answer.field("Lambda-Runtime-Deadline-Ms").value());
  const auto expected = std::chrono::duration_cast<std::chrono::milliseconds>(now).count() + 3'000;
  CHECK(std::abs(deadline - expected) < 2'000);
}

TEST_CASE("A header value cannot end the head, whatever an invoker puts into it") {
  RuntimeApiServer server;
  Invocation event = plain_event();
  event.client_context = "{}\r\nLambda-Runtime-Aws-Request-Id: forged\r\n\r\nx\0y"s;
  server.invoke(event);
  RawClient client = server.connect();
  const RawAnswer answer = client.ask(get_next());
  CHECK(answer.field("Lambda-Runtime-Aws-Request-Id") == request_id);
  CHECK(answer.field("Lambda-Runtime-Client-Context") == "{}  Lambda-Runtime-Aws-Request-Id: forged    x y");
  CHECK(answer.body == "{}");
}

TEST_CASE("An empty payload and one of 6 MiB arrive whole") {
  RuntimeApiServer server;
  RawClient client = server.connect();
  for (const std::size_t size : {std::size_t{0}, std::size_t{16'384}, std::size_t{16'385}, std::size_t{6'291'456}}) {
    std::string payload(size, 'x');
    if (size > 0) payload.back() = 'y';
    std::future<InvocationResult> result = server.invoke(plain_event(payload));
    const RawAnswer answer = client.ask(get_next());
    CHECK(answer.body.size() == size);
    CHECK(answer.body == payload);
    CHECK(client.ask(post_response(payload)).status == 202);
    CHECK(success(get(result)).body == payload);
  }
}

TEST_CASE("A second poll while an event is out gets the same event again") {
  RuntimeApiServer server;
  std::future<InvocationResult> result;
  RawClient client = server.running(result, plain_event("{\"n\":7}"));
  const RawAnswer again = client.ask(get_next());
  CHECK(again.status == 200);
  CHECK(again.field("Lambda-Runtime-Aws-Request-Id") == request_id);
  CHECK(again.body == "{\"n\":7}");
  RawClient other = server.connect();
  CHECK(other.ask(get_next()).body == "{\"n\":7}");
  CHECK(client.ask(post_response("1")).status == 202);
  CHECK(success(get(result)).body == "1");
}

TEST_CASE("Polling from a state that does not allow it names both states") {
  RuntimeApiServer server;
  RawClient client = server.connect();
  CHECK(client.ask(post_init_error("{}")).status == 202);
  const RawAnswer answer = client.ask(get_next());
  CHECK(answer.head == "HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\nContent-Length: 156\r\n\r\n");
  CHECK(
      answer.body ==
      "{\"errorMessage\":\"State transition from InitError to Ready failed for runtime. Error: State transition is not "
      "allowed\",\"errorType\":\"InvalidStateTransition\"}\n");
}

TEST_CASE("The first poll ends the init phase") {
  RuntimeApiServer server;
  RawClient client = server.connect();
  client.send(get_next());
  CHECK(server.initialized().ready);
}

TEST_CASE("A runtime that goes away while it polls is noticed at once, by end and by reset") {
  RuntimeApiServer server;
  for (const bool by_reset : {false, true}) {
    RawClient client = server.connect();
    client.send(get_next());
    REQUIRE(server.wait_until_idle());
    const auto began = std::chrono::steady_clock::now();
    if (by_reset) {
      client.reset();
    } else {
      client.close();
    }
    CHECK(server.wait_until_idle(false));
    CHECK(std::chrono::steady_clock::now() - began < 2s);
    CHECK(server.wait_for_connections(0));
  }
  // And the next event goes to whoever polls next, not to the one that is gone.
  std::future<InvocationResult> result;
  RawClient client = server.running(result);
  CHECK(client.ask(post_response("1")).status == 202);
}

TEST_CASE("A runtime that ends its sending side while it polls is taken as gone") {
  RuntimeApiServer server;
  RawClient client = server.connect();
  client.send(get_next());
  REQUIRE(server.wait_until_idle());
  client.finish_sending();
  CHECK(client.closed_within(2s));
  CHECK(server.wait_for_connections(0));
}

TEST_CASE("The end of an instance ends its parked poll without an answer") {
  RuntimeApiServer server;
  RawClient client = server.connect();
  client.send(get_next());
  REQUIRE(server.wait_until_idle());
  SECTION("by the end of the session") { server.end(FunctionError{"Runtime.ExitError", "{}"}); }
  SECTION("by the end of its connections") { server.close_connections(); }
  CHECK(client.closed_within(2s));
  CHECK(server.wait_for_connections(0));
}

TEST_CASE("Pings are answered on both paths") {
  RuntimeApiServer server;
  RawClient client = server.connect();
  for (const std::string path : {"/ping", "/2018-06-01/ping"}) {
    client.send("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n");
    const std::string expected = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\npong";
    CHECK(client.read_bytes(expected.size()) == expected);
  }
}

TEST_CASE("Unknown paths are answered in the emulator's words") {
  RuntimeApiServer server;
  RawClient client = server.connect();
  for (const std::string target :
       {"/", "/2018-06-01", "/2018-06-01/", "/2018-06-01/runtime/invocation/next/", "/2018-06-01/runtime/invocation/",
        "/2018-06-01/runtime/invocation/x", "/2018-06-01/runtime/invocation/x/",
        "/2018-06-01/runtime/invocation//response", "/2018-06-01/runtime/invocation/x/response/",
        "/2018-06-01/runtime/invocation/x/y/response", "/2018-06-01/runtime/invocation/x/Response",
        "/2018-06-01/runtime/invocation/%6eext", "/2018-06-01//runtime/invocation/next",
        "/2018-06-01/../2018-06-01/runtime/invocation/next", "/2018-06-01/runtime/restore/next",
        "/2018-06-01/RUNTIME/invocation/next", "*"}) {
    INFO(target);
    client.send("GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(client.read_bytes(not_found.size()) == not_found);
  }
  CHECK_FALSE(server.idle());
}

TEST_CASE("A query does not change where a path leads") {
  RuntimeApiServer server;
  RawClient client = server.connect();
  CHECK(client.ask("GET /ping?x=/2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n").body == "pong");
}

TEST_CASE("A wrong method is refused, empty, with the right one named") {
  RuntimeApiServer server;
  RawClient client = server.connect();
  struct Case {
    std::string path, method, allow;
  };
  const std::vector<Case> cases{
      {"/ping", "POST", "GET"},
      {"/2018-06-01/ping", "DELETE", "GET"},
      {"/2018-06-01/runtime/invocation/next", "POST", "GET"},
      {"/2018-06-01/runtime/invocation/next", "get", "GET"},
      {"/2018-06-01/runtime/invocation/x/response", "GET", "POST"},
      {"/2018-06-01/runtime/invocation/x/response", "PUT", "POST"},
      {"/2018-06-01/runtime/invocation/x/error", "PATCH", "POST"},
      {"/2018-06-01/runtime/init/error", "OPTIONS", "POST"},
      {"/2018-06-01/runtime/init/error", "BREW", "POST"},
  };
  for (const Case& one : cases) {
    INFO(one.method << ' ' << one.path);
    client.send(one.method + " " + one.path + " HTTP/1.1\r\nHost: x\r\n\r\n");
    const std::string expected =
        "HTTP/1.1 405 Method Not Allowed\r\nAllow: " + one.allow + "\r\nContent-Length: 0\r\n\r\n";
    CHECK(client.read_bytes(expected.size()) == expected);
  }
}

TEST_CASE("HEAD is a wrong method whose answer has no body") {
  RuntimeApiServer server;
  RawClient client = server.connect();
  client.send("HEAD /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(client.read_answer(true).status == 405);
  client.send("HEAD /nowhere HTTP/1.1\r\nHost: x\r\n\r\n");
  const RawAnswer answer = client.read_answer(true);
  CHECK(answer.status == 404);
  CHECK(answer.field("Content-Length") == "19");
  CHECK(client.ask("GET /ping HTTP/1.1\r\nHost: x\r\n\r\n").body == "pong");
}
