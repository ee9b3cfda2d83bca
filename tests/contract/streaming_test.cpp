// SPDX-License-Identifier: Apache-2.0
// POST /response in parts: what the invoker gets while the runtime still writes, and how a stream may end.
#include <string>
#include <utility>

#include "runtime-api/protocol/base64.hpp"
#include "runtime-api/protocol/error_types.hpp"
#include "runtime-api/protocol/limits.hpp"
#include "tests/contract/runtime_api_server.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/part_sink.hpp"

using namespace kiln;
using namespace kiln::test;
using namespace std::chrono_literals;

namespace {

const std::string mode = "Lambda-Runtime-Function-Response-Mode: streaming\r\n";
const std::string declared = "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n";

/// The head of a chunked post, as a runtime that streams sends it.
std::string stream_head(std::string_view fields = mode, std::string_view verb = "response",
                        const std::string& id = request_id) {
  return "POST /2018-06-01/runtime/invocation/" + id + "/" + std::string(verb) + " HTTP/1.1\r\nHost: runtime\r\n" +
         std::string(fields) + "Transfer-Encoding: chunked\r\n\r\n";
}

/// One chunk without what would end the body.
std::string chunk(std::string_view data) {
  const std::string whole = chunked(data, data.size());
  return whole.substr(0, whole.size() - std::string_view("0\r\n\r\n").size());
}

const std::string end = "0\r\n\r\n";

std::string error_trailers(const std::string& type, std::string_view body) {
  return "0\r\nLambda-Runtime-Function-Error-Type: " + type +
         "\r\nLambda-Runtime-Function-Error-Body: " + base64_encode(body) + "\r\n\r\n";
}

/// A runtime with an event, whose invoker takes parts. The sink is declared first: the server outlives no use of it.
struct Streaming {
  PartSink sink;
  RuntimeApiServer server;
  std::future<InvocationResult> result;
  RawClient client = server.running(result, plain_event(), &sink);

  explicit Streaming(ServerOptions options = {}) : server(std::move(options)) {}
  bool got(std::string_view text) {
    return server.thread().wait_until([&] { return sink.text() == text; });
  }
  template <class F>
  auto on_loop(F function) {
    return server.thread().call(function);
  }
  bool open() { return result.wait_for(0s) == std::future_status::timeout; }
};

}  // namespace

TEST_CASE("Each part reaches the invoker as it comes, the post is answered at its end, and the next event follows") {
  Streaming s;
  s.client.send(stream_head(mode + "Content-Type: text/event-stream\r\n") + chunk("one,"));
  CHECK(s.got("one,"));
  CHECK(s.on_loop([&] { return s.sink.head->content_type; }) == "text/event-stream");
  CHECK(s.on_loop([&] { return s.sink.head->streaming; }));
  s.client.send(chunk("two,"));
  CHECK(s.got("one,two,"));
  CHECK(s.open());
  CHECK(s.client.silent_for(10ms));
  s.client.send(chunk("three") + end);
  CHECK(s.client.read_answer().status == 202);
  CHECK(s.got("one,two,three"));
  const InvocationResult result = get(s.result);
  CHECK(success(result).body.empty());
  CHECK(success(result).content_type == "text/event-stream");
  CHECK_FALSE(s.server.idle());
  s.client.send(get_next());
  CHECK(s.server.wait_until_idle());
}

TEST_CASE("A stream may be empty, in one packet, bytewise, or of one length") {
  for (const int shape : {0, 1, 2, 3}) {
    Streaming s;
    std::string expected = "some bytes";
    switch (shape) {
      case 0:
        s.client.send(stream_head() + end);
        expected.clear();
        break;
      case 1: s.client.send(stream_head() + chunk("some ") + chunk("bytes") + end); break;
      case 2: s.client.send_bytewise(stream_head() + chunk("some ") + chunk("bytes") + end); break;
      default: s.client.send(post_response(expected, mode)); break;
    }
    CHECK(s.client.read_answer().status == 202);
    CHECK(std::holds_alternative<Success>(get(s.result)));
    CHECK(s.on_loop([&] { return s.sink.text(); }) == expected);
    CHECK(s.on_loop([&] { return s.sink.head.has_value(); }));
  }
}

TEST_CASE("An invoker that wants the response in whole gets it so, whatever the runtime says") {
  RuntimeApiServer server;
  std::future<InvocationResult> result;
  RawClient client = server.running(result);
  client.send(stream_head() + chunk("one,") + chunk("two") + end);
  CHECK(client.read_answer().status == 202);
  CHECK(success(get(result)).body == "one,two");
}

TEST_CASE("What is chunked without saying streaming comes in parts only where the invoker wants it") {
  for (const bool wanted : {false, true}) {
    Streaming s;
    s.on_loop([&] { s.sink.chunked_too = wanted; });
    s.client.send(stream_head("") + chunk("one,"));
    if (wanted) CHECK(s.got("one,"));
    s.client.send(chunk("two") + end);
    CHECK(s.client.read_answer().status == 202);
    CHECK(success(get(s.result)).body == (wanted ? "" : "one,two"));
    CHECK(s.on_loop([&] { return s.sink.text(); }) == (wanted ? "one,two" : ""));
  }
}

TEST_CASE("Nothing more is read of a runtime while its invoker is slow, beyond what sockets hold") {
  Streaming s;
  s.on_loop([&] { s.sink.slow = true; });
  s.client.send(stream_head());
  const std::string block(1 << 20, 'b');
  std::thread writer([&] {
    for (int i = 0; i < 64; ++i) s.client.send(chunk(block));
    s.client.send(end);
  });
  CHECK(s.server.thread().wait_until([&] { return s.sink.held != nullptr; }));
  // The invoker takes part after part; after each, only what it has asked for has been read.
  std::size_t taken = 0;
  while (s.open()) {
    const bool held = s.server.thread().wait_until([&] { return s.sink.held || !s.open(); });
    REQUIRE(held);
    s.on_loop([&] {
      CHECK(s.sink.parts.size() <= 1);
      for (const std::string& part : s.sink.parts) taken += part.size();
      s.sink.parts.clear();
      s.sink.release();
    });
  }
  writer.join();
  CHECK(s.client.read_answer().status == 202);
  CHECK(taken == 64 * block.size());
}

TEST_CASE("When the invoker goes away the runtime may finish, and its connection goes on") {
  Streaming s;
  s.client.send(stream_head() + chunk("one"));
  CHECK(s.got("one"));
  s.on_loop([&] { s.sink.gone = true; });
  s.client.send(chunk("two"));
  CHECK(s.got("onetwo"));  // this part finds out that nobody takes it
  s.client.send(chunk("three") + end);
  CHECK(s.client.read_answer().status == 202);
  CHECK(std::holds_alternative<Success>(get(s.result)));
  CHECK(s.on_loop([&] { return s.sink.text(); }) == "onetwo");
  s.client.send(get_next());
  CHECK(s.server.wait_until_idle());
}

TEST_CASE("A stream without end whose invoker has gone away is ended") {
  Streaming s;
  s.on_loop([&] { s.sink.gone = true; });
  s.client.send(stream_head());
  const std::string block = chunk(std::string(1 << 20, 'b'));
  for (std::uint64_t sent = 0; sent <= limits::max_dropped_stream + (1 << 20); sent += 1 << 20) s.client.send(block);
  CHECK(failure(get(s.result)).type == error_types::invoker_gone);
  s.client.send(end);
  CHECK(s.client.read_answer().status == 410);
}

TEST_CASE("Error trailers make the invocation fail, in a stream and in a response taken in whole, streaming or not") {
  const std::string body = R"({"errorType":"Boom","errorMessage":"gr\u00fc\u00dfe"})";
  for (const std::string& fields : {mode + declared, declared, std::string()}) {
    for (const bool parts : {true, false}) {
      INFO(fields << parts);
      Streaming s;
      s.on_loop([&] {
        s.sink.whole = !parts;
        s.sink.chunked_too = true;
      });
      s.client.send(stream_head(fields) + chunk("half of") + error_trailers("Runtime.Boom", body));
      CHECK(s.client.read_answer().status == 202);
      const InvocationResult result = get(s.result);
      CHECK(failure(result).type == "Runtime.Boom");
      CHECK(failure(result).body == body);
      CHECK(s.on_loop([&] { return s.sink.text(); }) == (parts ? "half of" : ""));
    }
  }
}

TEST_CASE("Trailers that are declared and not sent, or of other names, are no error") {
  for (const std::string& last : {end, std::string("0\r\nX-Checksum: 1\r\n\r\n")}) {
    RuntimeApiServer server;
    std::future<InvocationResult> result;
    RawClient client = server.running(result);
    client.send(stream_head(declared) + chunk("1") + last);
    CHECK(client.read_answer().status == 202);
    CHECK(success(get(result)).body == "1");
  }
}

TEST_CASE("An error trailer without a body, or one that is no base64, still says something") {
  for (const std::string& trailer :
       std::initializer_list<std::string>{"", "Lambda-Runtime-Function-Error-Body: ???\r\n"}) {
    RuntimeApiServer server;
    std::future<InvocationResult> result;
    RawClient client = server.running(result);
    client.send(stream_head() + "0\r\nlambda-runtime-function-error-type: Oops\r\n" + trailer + "\r\n");
    CHECK(client.read_answer().status == 202);
    CHECK(failure(get(result)).body ==
          R"({"errorType":"Runtime.Unknown","errorMessage":"The response ended in an error"})");
  }
}

TEST_CASE("Error trailers do not stay for the next response on the connection") {
  RuntimeApiServer server;
  std::future<InvocationResult> result;
  RawClient client = server.running(result);
  client.send(stream_head() + error_trailers("Runtime.Boom", "{}"));
  CHECK(client.read_answer().status == 202);
  CHECK(failure(get(result)).type == "Runtime.Boom");
  client.send(get_next());
  auto second = server.invoke(plain_event("{}", "22222222-2222-4222-8222-222222222222"));
  CHECK(client.read_answer().status == 200);
  CHECK(client.ask(post_response("fine", {}, "22222222-2222-4222-8222-222222222222")).status == 202);
  CHECK(success(get(second)).body == "fine");
}

TEST_CASE("A stream that is cut, or is no chunked coding, fails in the middle") {
  for (const bool cut : {true, false}) {
    Streaming s;
    s.client.send(stream_head() + chunk("one"));
    CHECK(s.got("one"));
    if (cut) {
      s.client.send("5\r\nab");
      s.client.finish_sending();
    } else {
      s.client.send("zz\r\n");
    }
    const RawAnswer answer = s.client.read_answer();
    CHECK(answer.status == 400);
    CHECK(answer.body ==
          "{\"errorMessage\":\"HTTP request detected as truncated\",\"errorType\":\"TruncatedHTTPRequest\"}\n");
    CHECK(answer.field("Connection") == "close");
    CHECK(failure(get(s.result)).type == "Runtime.TruncatedResponse");
  }
}

TEST_CASE("A runtime that is silent within its stream for too long fails it") {
  ServerOptions options;
  options.connection.stall_timeout = 50ms;
  Streaming s(options);
  s.client.send(stream_head() + chunk("one"));
  CHECK(failure(get(s.result)).type == "Runtime.TruncatedResponse");
  CHECK(s.client.read_answer().status == 400);
}

TEST_CASE("A timeout in the middle of a stream ends it, and what still comes is late") {
  Streaming s;
  s.client.send(stream_head() + chunk("one"));
  CHECK(s.got("one"));
  s.server.fail(request_id, FunctionError{"Sandbox.Timedout", "{}"});
  CHECK(failure(get(s.result)).type == "Sandbox.Timedout");
  s.client.send(chunk("two") + end);
  CHECK(s.client.read_answer().status == 410);
  CHECK(s.on_loop([&] { return s.sink.text(); }) == "one");
  CHECK(s.client.ask(post_response("1")).status == 410);
}

TEST_CASE("A timeout before the first part of a stream leaves the invoker without one") {
  Streaming s;
  s.client.send(stream_head());
  RawClient other = s.server.connect();
  while (other.ask(post_init_error("")).body.find("from Running") != std::string::npos) {
  }
  s.server.fail(request_id, FunctionError{"Sandbox.Timedout", "{}"});
  CHECK(failure(get(s.result)).type == "Sandbox.Timedout");
  s.client.send(chunk("one") + end);
  CHECK(s.client.read_answer().status == 410);
  CHECK_FALSE(s.on_loop([&] { return s.sink.head.has_value(); }));
}

TEST_CASE("The end of the process ends its stream") {
  Streaming s;
  s.client.send(stream_head() + chunk("one"));
  CHECK(s.got("one"));
  s.server.end(FunctionError{"Runtime.ExitError", "{}"});
  CHECK(failure(get(s.result)).type == "Runtime.ExitError");
}

TEST_CASE("Several at once: a second response is refused by its id, an error takes the place of what has begun") {
  for (const bool parts : {true, false}) {
    INFO(parts);
    ServerOptions options;
    options.max_concurrency = 2;
    Streaming s(options);
    s.on_loop([&] { s.sink.whole = !parts; });
    s.client.send(stream_head() + chunk("one"));
    RawClient other = s.server.connect();
    const bool begun = parts ? s.got("one") : s.server.thread().wait_until([&] { return s.sink.asked; });
    CHECK(begun);
    const RawAnswer again = other.ask(post_response("again"));
    CHECK(again.status == 400);
    CHECK(again.body == "{\"errorMessage\":\"Invalid request ID\",\"errorType\":\"InvalidRequestID\"}\n");
    CHECK(s.open());
    CHECK(other.ask(post_error("{\"errorType\":\"Boom\"}", "Lambda-Runtime-Function-Error-Type: Function.Boom\r\n"))
              .status == 202);
    const InvocationResult result = get(s.result);
    CHECK(failure(result).type == "Function.Boom");
    CHECK(failure(result).body == "{\"errorType\":\"Boom\"}");
    CHECK(other.ask(post_error("again")).status == 400);
    // What is left of the response is read for nobody, and its connection goes on.
    s.client.send(chunk("two") + end);
    CHECK(s.client.read_answer().status == 400);
    CHECK(s.on_loop([&] { return s.sink.text(); }) == (parts ? "one" : ""));
    s.client.send(get_next());
    CHECK(s.server.wait_until_idle());
  }
}

TEST_CASE("While a stream comes in the runtime gets no further event, and a second answer is refused") {
  Streaming s;
  s.client.send(stream_head() + chunk("one"));
  CHECK(s.got("one"));
  RawClient other = s.server.connect();
  CHECK(other.ask(get_next()).status == 403);
  CHECK(other.ask(post_response("1")).status == 403);
  CHECK(other.ask(post_error("1")).status == 403);
  s.client.send(end);
  CHECK(s.client.read_answer().status == 202);
}
