// SPDX-License-Identifier: Apache-2.0
// POST /response, /error and /init/error: what is accepted, what is refused and in which words.
#include <string>

#include "runtime-api/protocol/error_types.hpp"
#include "runtime-api/protocol/limits.hpp"
#include "tests/contract/runtime_api_server.hpp"
#include "tests/support/catch.hpp"

using namespace kiln;
using namespace kiln::test;
using namespace std::chrono_literals;

namespace {

std::string json_answer(const std::string& status, const std::string& body) {
  return "HTTP/1.1 " + status + "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

const std::string accepted =
    "HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{\"status\":\"OK\"}\n";
const std::string invalid_id =
    json_answer("400 Bad Request", "{\"errorMessage\":\"Invalid request ID\",\"errorType\":\"InvalidRequestID\"}\n");
const std::string timed_out =
    json_answer("410 Gone", "{\"errorMessage\":\"Invoke timeout\",\"errorType\":\"InvokeTimeout\"}\n");

std::string refused_transition(const std::string& from, const std::string& to) {
  return "{\"errorMessage\":\"State transition from " + from + " to " + to +
         " failed for runtime. Error: State transition is not allowed\",\"errorType\":\"InvalidStateTransition\"}\n";
}

/// Sends `request` and compares the whole answer.
void check_wire(RawClient& client, const std::string& request, const std::string& expected) {
  client.send(request);
  CHECK(client.read_bytes(expected.size()) == expected);
}

}  // namespace

TEST_CASE("A response is accepted with exactly these bytes, and reaches the invoker") {
  RuntimeApiServer server;
  std::future<InvocationResult> result;
  RawClient client = server.running(result);
  check_wire(client, post_response("{\"x\":1}", "Content-Type: application/vnd.thing+json\r\n"), accepted);
  const InvocationResult got = get(result);
  CHECK(success(got).body == "{\"x\":1}");
  CHECK(success(got).content_type == "application/vnd.thing+json");
  CHECK(client.silent_for(10ms));
}

TEST_CASE("A response needs no Content-Type and no body") {
  RuntimeApiServer server;
  std::future<InvocationResult> result;
  RawClient client = server.running(result);
  check_wire(client, post_response(""), accepted);
  const InvocationResult got = get(result);
  CHECK(success(got).body.empty());
  CHECK(success(got).content_type == "application/json");
}

TEST_CASE("Field names are read in any case") {
  RuntimeApiServer server;
  for (const bool upper : {false, true}) {
    std::future<InvocationResult> result;
    Invocation event = plain_event();
    event.invocation_id = attempt_id;
    RawClient client = server.running(result, event);
    std::string fields = "content-type: text/x\r\nlambda-runtime-invocation-id: " + attempt_id +
                         "\r\nlambda-runtime-function-response-mode: streaming\r\nkiln-max-rss-kib: 4711\r\n";
    if (upper) {
      for (char& c : fields) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
      // Values are not field names.
      fields = "CONTENT-TYPE: text/x\r\nLAMBDA-RUNTIME-INVOCATION-ID: " + attempt_id +
               "\r\nLAMBDA-RUNTIME-FUNCTION-RESPONSE-MODE: streaming\r\nKILN-MAX-RSS-KIB: 4711\r\n";
    }
    CHECK(client.ask(post_response("1", fields)).status == 202);
    CHECK(success(get(result)).content_type == "text/x");
    CHECK(server.reported_memory_kib() == 4711);
  }
}

TEST_CASE("Before there is an event, and for any id but its own, an answer is refused by its id, before its state") {
  RuntimeApiServer server;
  RawClient client = server.connect();
  check_wire(client, post_response("{}"), invalid_id);
  check_wire(client, post_error("{}"), invalid_id);
  std::future<InvocationResult> result;
  RawClient runtime = server.running(result);
  for (const std::string id :
       {"00000000-0000-4000-8000-000000000000", "x", "next", "%38476a536", "8476A536-E9F4-11E8-9739-2DFE598C3FCD"}) {
    INFO(id);
    check_wire(client, post_response("stolen", {}, id), invalid_id);
    check_wire(runtime, post_error("stolen", {}, id), invalid_id);
  }
  check_wire(runtime, post_response("mine"), accepted);
  CHECK(success(get(result)).body == "mine");
}

TEST_CASE("A second answer is refused by its state, and after the next poll by its id") {
  RuntimeApiServer server;
  std::future<InvocationResult> result;
  RawClient client = server.running(result);
  check_wire(client, post_response("first"), accepted);
  RawAnswer again = client.ask(post_response("second"));
  CHECK(again.status == 403);
  CHECK(again.body == refused_transition("RuntimeResponseSentState", "InvocationResponse"));
  CHECK(again.field("Content-Type") == "application/json");
  again = client.ask(post_error("second"));
  CHECK(again.status == 403);
  CHECK(again.body == refused_transition("RuntimeResponseSentState", "InvocationErrorResponse"));
  CHECK(success(get(result)).body == "first");

  std::future<InvocationResult> next = server.invoke(plain_event("{}", "11111111-1111-4111-8111-111111111111"));
  CHECK(client.ask(get_next()).status == 200);
  check_wire(client, post_response("third"), invalid_id);
  CHECK(client.ask(post_response("own", {}, "11111111-1111-4111-8111-111111111111")).status == 202);
  CHECK(success(get(next)).body == "own");
}

TEST_CASE("Two answers at the same time: the second is refused while the first still comes in") {
  RuntimeApiServer server;
  std::future<InvocationResult> result;
  RawClient client = server.running(result);
  const std::string request = post_response("abcdefgh");
  client.send(request.substr(0, request.size() - 4));
  RawClient other = server.connect();
  // The head of the first has gone in front of the second on another connection; wait until it has been read.
  RawAnswer answer;
  do {
    answer = other.ask("POST /2018-06-01/runtime/init/error HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
  } while (answer.body != refused_transition("InvocationResponse", "InitError"));
  CHECK(other.ask(post_response("other")).body == refused_transition("InvocationResponse", "InvocationResponse"));
  CHECK(other.ask(post_error("other")).body == refused_transition("InvocationResponse", "InvocationErrorResponse"));
  CHECK(other.ask(get_next()).body == refused_transition("InvocationResponse", "Ready"));
  client.send(request.substr(request.size() - 4));
  CHECK(client.read_answer().status == 202);
  CHECK(success(get(result)).body == "abcdefgh");
}

TEST_CASE("A bad response mode is refused, the invocation fails, and the next poll finds the runtime stuck") {
  RuntimeApiServer server;
  std::future<InvocationResult> result;
  RawClient client = server.running(result);
  check_wire(client, post_response("[1,2,3]", "Lambda-Runtime-Function-Response-Mode: buffered\r\n"),
             json_answer("400 Bad Request",
                         "{\"errorMessage\":\"Invalid function response mode\",\"errorType\":"
                         "\"InvalidFunctionResponseMode\"}\n"));
  CHECK(failure(get(result)).type == "Runtime.InvalidResponseModeHeader");
  const RawAnswer next = client.ask(get_next());
  CHECK(next.status == 403);
  CHECK(next.body == refused_transition("InvocationResponse", "Ready"));
}

TEST_CASE("An empty response mode is as good as none") {
  RuntimeApiServer server;
  std::future<InvocationResult> result;
  RawClient client = server.running(result);
  CHECK(client.ask(post_response("1", "Lambda-Runtime-Function-Response-Mode:\r\n")).status == 202);
}

TEST_CASE("A response that is too large is drained and refused, and the connection goes on") {
  RuntimeApiServer server;
  const std::string refusal =
      json_answer("413 Payload Too Large",
                  "{\"errorMessage\":\"Exceeded maximum allowed payload size (6291556 bytes).\","
                  "\"errorType\":\"RequestEntityTooLarge\"}\n");
  const std::string large(limits::max_response_payload + 1, 'x');
  std::future<InvocationResult> result;
  RawClient client = server.running(result);
  SECTION("with a length") { client.send(post_response(large)); }
  SECTION("in chunks") {
    client.send("POST /2018-06-01/runtime/invocation/" + request_id +
                "/response HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(large, 100'000));
  }
  CHECK(client.read_bytes(refusal.size()) == refusal);
  CHECK(failure(get(result)).type == "Function.ResponseSizeTooLarge");
  std::future<InvocationResult> next = server.invoke();
  CHECK(client.ask(get_next()).status == 200);
  CHECK(client.ask(post_response("1")).status == 202);
  CHECK(success(get(next)).body == "1");
}

TEST_CASE("A response of exactly the limit is accepted, either way") {
  RuntimeApiServer server;
  const std::string whole(limits::max_response_payload, 'x');
  for (const bool in_chunks : {false, true}) {
    std::future<InvocationResult> result;
    RawClient client = server.running(result);
    if (in_chunks) {
      client.send("POST /2018-06-01/runtime/invocation/" + request_id +
                  "/response HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(whole, 65'536));
    } else {
      client.send(post_response(whole));
    }
    CHECK(client.read_answer().status == 202);
    CHECK(success(get(result)).body == whole);
  }
}

TEST_CASE("A body nobody would ever wait for is refused at once, and the connection closes") {
  RuntimeApiServer server;
  std::future<InvocationResult> result;
  RawClient client = server.running(result);
  client.send("POST /2018-06-01/runtime/invocation/" + request_id +
              "/response HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999999999999\r\n\r\nabc");
  const RawAnswer answer = client.read_answer();
  CHECK(answer.status == 413);
  CHECK(answer.field("Connection") == "close");
  CHECK(client.closed_within(2s));
  CHECK(failure(get(result)).type == "Function.ResponseSizeTooLarge");
}

TEST_CASE("A chunked response is joined, with trailers or without") {
  RuntimeApiServer server;
  for (const std::string trailers : {"", "Lambda-Runtime-Function-Error-Type:\r\n", "X: y\r\nContent-Length: 3\r\n"}) {
    std::future<InvocationResult> result;
    RawClient client = server.running(result);
    client.send("POST /2018-06-01/runtime/invocation/" + request_id +
                "/response HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTrailer: "
                "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n\r\n" +
                chunked("hello, world", 5, trailers));
    CHECK(client.read_answer().status == 202);
    CHECK(success(get(result)).body == "hello, world");
  }
}

TEST_CASE("A response that is cut short fails the invocation, and the one that cut it is told") {
  RuntimeApiServer server;
  const std::string head = "POST /2018-06-01/runtime/invocation/" + request_id + "/response HTTP/1.1\r\nHost: x\r\n";
  std::future<InvocationResult> result;
  RawClient client = server.running(result);
  SECTION("between chunks") { client.send(head + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"); }
  SECTION("within a chunk") { client.send(head + "Transfer-Encoding: chunked\r\n\r\n5\r\nhel"); }
  SECTION("before the last line") { client.send(head + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"); }
  SECTION("within a length") { client.send(head + "Content-Length: 10\r\n\r\nhello"); }
  client.finish_sending();
  const RawAnswer answer = client.read_answer();
  CHECK(answer.status == 400);
  CHECK(answer.field("Connection") == "close");
  CHECK(answer.body ==
        "{\"errorMessage\":\"HTTP request detected as truncated\",\"errorType\":\"TruncatedHTTPRequest\"}\n");
  CHECK(client.closed_within(2s));
  CHECK(failure(get(result)).type == "Runtime.TruncatedResponse");
}

TEST_CASE("A runtime that dies within its response fails the invocation at once") {
  RuntimeApiServer server;
  std::future<InvocationResult> result;
  RawClient client = server.running(result);
  const std::string request = post_response("hello");
  client.send(request.substr(0, request.size() - 2));
  client.reset();
  CHECK(failure(get(result)).type == "Runtime.TruncatedResponse");
  CHECK(server.wait_for_connections(0));
}

TEST_CASE("An error is accepted and its body reaches the invoker to the letter") {
  RuntimeApiServer server;
  std::future<InvocationResult> result;
  RawClient client = server.running(result);
  const std::string body = "{ \"errorMessage\" : \"no\\u0041\", \"errorType\":\"ValueError\",\"stackTrace\":[] }";
  check_wire(client,
             post_error(body,
                        "Content-Type: application/x\r\nLambda-Runtime-Function-Error-Type: Function.Broken\r\n"
                        "Lambda-Runtime-Function-XRay-Error-Cause: {\"working_directory\":\"/\"}\r\n"
                        "Kiln-Max-Rss-Kib: 99\r\n"),
             accepted);
  const InvocationResult got = get(result);
  CHECK(failure(got).body == body);
  CHECK(failure(got).type == "Function.Broken");
  CHECK(failure(got).content_type == "application/x");
  CHECK(failure(got).xray_cause == "{\"working_directory\":\"/\"}");
  CHECK(server.reported_memory_kib() == 99);
  CHECK(client.ask(post_response("late")).body == refused_transition("RuntimeResponseSentState", "InvocationResponse"));
}

TEST_CASE("The error type of the header is kept where it is well formed, and else becomes an Unknown") {
  RuntimeApiServer server;
  for (const auto& [sent, kept] :
       std::vector<std::pair<std::string, std::string>>{{"Runtime.Foo", "Runtime.Foo"},
                                                        {"Function.FooBar", "Function.FooBar"},
                                                        {"Function.F", "Function.Unknown"},
                                                        {"Function.foo", "Function.Unknown"},
                                                        {"Function.Foo1", "Function.Unknown"},
                                                        {"Function.", "Function.Unknown"},
                                                        {"Runtime.Foo Bar", "Runtime.Unknown"},
                                                        {"unhandled", "Runtime.Unknown"},
                                                        {"ValueError", "Runtime.Unknown"},
                                                        {"", "Runtime.Unknown"},
                                                        {"Sandbox.Timedout", "Runtime.Unknown"}}) {
    INFO(sent);
    std::future<InvocationResult> result;
    RawClient client = server.running(result);
    CHECK(client.ask(post_error("{}", "Lambda-Runtime-Function-Error-Type: " + sent + "\r\n")).status == 202);
    CHECK(failure(get(result)).type == kept);
  }
}

TEST_CASE("A long error cause fits the head of an error post, and is cropped at 64 KiB") {
  RuntimeApiServer server;
  std::future<InvocationResult> result;
  RawClient client = server.running(result);
  const std::string cause(70'000, 'c');
  CHECK(client.ask(post_error("{}", "Lambda-Runtime-Function-XRay-Error-Cause: " + cause + "\r\n")).status == 202);
  CHECK(failure(get(result)).xray_cause.size() == 65'536);
}

TEST_CASE("An error that is cut short still fails the invocation") {
  RuntimeApiServer server;
  std::future<InvocationResult> result;
  RawClient client = server.running(result);
  const std::string request = post_error("{\"errorType\":\"x\"}");
  client.send(request.substr(0, request.size() - 3));
  client.finish_sending();
  CHECK(client.read_answer().status == 400);
  CHECK(failure(get(result)).type == "Runtime.TruncatedResponse");
}

TEST_CASE("A wrong attempt is refused as late and leaves the call open; none and the right one are accepted") {
  RuntimeApiServer server;
  for (const std::string echo : {"", "Lambda-Runtime-Invocation-Id: 0b7f1a52-1111-4222-8333-944455566677\r\n"}) {
    Invocation event = plain_event();
    event.invocation_id = attempt_id;
    std::future<InvocationResult> result;
    RawClient client = server.running(result, event);
    check_wire(client, post_response("1", "Lambda-Runtime-Invocation-Id: other\r\n"), timed_out);
    check_wire(client, post_error("1", "Lambda-Runtime-Invocation-Id: other\r\n"), timed_out);
    CHECK(result.wait_for(0s) == std::future_status::timeout);
    check_wire(client, post_response("2", echo), accepted);
    CHECK(success(get(result)).body == "2");
  }
}

TEST_CASE("An answer after the invocation has timed out is late") {
  RuntimeApiServer server;
  std::future<InvocationResult> result;
  RawClient client = server.running(result);
  server.fail(request_id, FunctionError{"Sandbox.Timedout", "{}"});
  CHECK(failure(get(result)).type == "Sandbox.Timedout");
  check_wire(client, post_response("1"), timed_out);
  check_wire(client, post_error("1"), timed_out);
}

TEST_CASE("An answer whose body comes in while the invocation times out is late as well") {
  for (const bool is_error : {false, true}) {
    RuntimeApiServer fresh;
    std::future<InvocationResult> result;
    RawClient client = fresh.running(result);
    const std::string request = is_error ? post_error("abcdefgh") : post_response("abcdefgh");
    client.send(request.substr(0, request.size() - 4));
    RawClient other = fresh.connect();
    while (other.ask(post_init_error("")).body.find("from Running") != std::string::npos) {
    }
    fresh.fail(request_id, FunctionError{"Sandbox.Timedout", "{}"});
    client.send(request.substr(request.size() - 4));
    CHECK(client.read_bytes(timed_out.size()) == timed_out);
    CHECK(failure(get(result)).type == "Sandbox.Timedout");
  }
}

TEST_CASE("An init error is accepted once, before the first poll, and is what the init phase came to") {
  RuntimeApiServer server;
  RawClient client = server.connect();
  check_wire(client,
             post_init_error("{\"errorMessage\":\"m\",\"errorType\":\"ImportError\"}",
                             "Lambda-Runtime-Function-Error-Type: Runtime.ImportModuleError\r\n"),
             accepted);
  const InitOutcome outcome = server.initialized();
  CHECK_FALSE(outcome.ready);
  CHECK(outcome.error.type == "Runtime.ImportModuleError");
  CHECK(outcome.error.body == "{\"errorMessage\":\"m\",\"errorType\":\"ImportError\"}");
  const RawAnswer again = client.ask(post_init_error("{}"));
  CHECK(again.status == 403);
  CHECK(again.body == refused_transition("InitError", "InitError"));
}

TEST_CASE("An init error without a body still tells the invoker something") {
  RuntimeApiServer server;
  RawClient client = server.connect();
  check_wire(client, post_init_error(""), accepted);
  CHECK(server.initialized().error.body ==
        R"({"errorType":"Runtime.Unknown","errorMessage":"The runtime failed to initialize and gave no details"})");
}

TEST_CASE("An init error after the first poll is refused, whatever the state") {
  RuntimeApiServer server;
  std::future<InvocationResult> result;
  RawClient client = server.running(result);
  CHECK(client.ask(post_init_error("{}")).body == refused_transition("Running", "InitError"));
  CHECK(client.ask(post_response("1")).status == 202);
  CHECK(client.ask(post_init_error("{}")).body == refused_transition("RuntimeResponseSentState", "InitError"));
}

TEST_CASE("An init error of more than 1 MiB is drained and refused, and the init phase has failed all the same") {
  RuntimeApiServer server;
  RawClient client = server.connect();
  const RawAnswer answer = client.ask(post_init_error(std::string(limits::max_control_body + 1, 'x')));
  CHECK(answer.status == 413);
  CHECK(answer.body ==
        "{\"errorMessage\":\"Exceeded maximum allowed payload size (1048576 "
        "bytes).\",\"errorType\":\"RequestEntityTooLarge\"}\n");
  CHECK_FALSE(server.initialized().ready);
  CHECK(client.ask("GET /ping HTTP/1.1\r\nHost: x\r\n\r\n").body == "pong");
}
