// SPDX-License-Identifier: Apache-2.0
// How connections behave: kept open, pipelined, in pieces, slow, many at once.
#include <sys/resource.h>

#include <chrono>
#include <string>
#include <vector>

#include "tests/contract/runtime_api_server.hpp"
#include "tests/support/catch.hpp"

using namespace kiln;
using namespace kiln::test;
using namespace std::chrono_literals;

namespace {

const std::string ping = "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n";
const std::string pong = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\npong";
const std::string accepted =
    "HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{\"status\":\"OK\"}\n";

ServerOptions impatient() {
  ServerOptions options;
  options.connection.head_timeout = 60ms;
  options.connection.stall_timeout = 60ms;
  return options;
}

std::string response_head(const std::string& fields) {
  return "POST /2018-06-01/runtime/invocation/" + request_id + "/response HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n";
}

}  // namespace

// --- one request after another ---------------------------------------------------------------------------------------

TEST_CASE("One connection serves a thousand invocations") {
  RuntimeApiServer server;
  RawClient client = server.connect();
  for (int i = 0; i < 1'000; ++i) {
    std::future<InvocationResult> result = server.invoke(plain_event(std::to_string(i)));
    const RawAnswer event = client.ask(get_next());
    REQUIRE(event.body == std::to_string(i));
    REQUIRE(client.ask(post_response(event.body)).status == 202);
    REQUIRE(success(get(result)).body == std::to_string(i));
  }
  CHECK(server.connections() == 1);
}

TEST_CASE("Response and next poll in one write are answered in order") {
  for (const bool hold : {false, true}) {
    ServerOptions options;
    options.hold_accepted = hold;
    RuntimeApiServer server(options);
    std::future<InvocationResult> result;
    RawClient client = server.running(result);
    for (int i = 0; i < 100; ++i) {
      client.send(post_response(std::to_string(i)) + get_next());
      REQUIRE(success(get(result)).body == std::to_string(i));
      result = server.invoke();
      REQUIRE(client.read_bytes(accepted.size()) == accepted);
      REQUIRE(client.read_answer().status == 200);
    }
  }
}

TEST_CASE("Where the answer may be held, it comes with the next event, and not before") {
  ServerOptions options;
  options.hold_accepted = true;
  RuntimeApiServer server(options);
  std::future<InvocationResult> result;
  RawClient client = server.running(result);
  client.send(post_response("1") + get_next());
  CHECK(success(get(result)).body == "1");
  CHECK(client.silent_for(20ms));
  result = server.invoke();
  CHECK(client.read_bytes(accepted.size()) == accepted);
  CHECK(client.read_answer().status == 200);
}

TEST_CASE("An answer is held for a complete poll only") {
  ServerOptions options;
  options.hold_accepted = true;
  RuntimeApiServer server(options);
  std::future<InvocationResult> result;
  RawClient client = server.running(result);
  std::string behind;
  SECTION("nothing follows") {}
  SECTION("half a poll follows") { behind = get_next().substr(0, 20); }
  SECTION("empty lines follow") { behind = "\r\n\r\n"; }
  SECTION("a post follows whose body is still to come") {
    behind = post_response("{}");
    behind.resize(behind.size() - 1);
  }
  client.send(post_response("1") + behind);
  CHECK(client.read_bytes(accepted.size()) == accepted);
}

TEST_CASE("Where the runtime asks to close, its answer is not held") {
  ServerOptions options;
  options.hold_accepted = true;
  RuntimeApiServer server(options);
  std::future<InvocationResult> result;
  RawClient client = server.running(result);
  client.send(post_response("1", "Connection: close\r\n") + get_next());
  CHECK(client.read_answer().status == 202);
  CHECK(client.closed_within(2s));
}

TEST_CASE("Many requests in one write are all answered, in order") {
  RuntimeApiServer server;
  RawClient client = server.connect();
  std::string requests;
  std::string answers;
  for (int i = 0; i < 20'000; ++i) {
    requests += ping;
    answers += pong;
  }
  // More than either side's buffers hold: somebody has to read while somebody writes.
  std::thread sender([&] { client.send(requests); });
  const std::string got = client.read_bytes(answers.size());
  sender.join();
  CHECK((got == answers));
}

TEST_CASE("Posts with bodies of every framing may lie behind one another in one write") {
  RuntimeApiServer server;
  std::future<InvocationResult> result;
  RawClient client = server.running(result);
  client.send("\r\n" + ping + post_response("x", {}, "other") + response_head("Transfer-Encoding: chunked\r\n") +
              chunked("streamed", 3) + "\r\n" + ping + post_response("y", {}, "other"));
  CHECK(client.read_answer().body == "pong");
  CHECK(client.read_answer().status == 400);
  CHECK(client.read_answer().status == 202);
  CHECK(client.read_answer().body == "pong");
  CHECK(client.read_answer().status == 400);
  CHECK(success(get(result)).body == "streamed");
}

TEST_CASE("A body nobody reads is not taken for the next request") {
  RuntimeApiServer server;
  RawClient client = server.connect();
  const std::string smuggled = "POST /2018-06-01/runtime/init/error HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
  client.send(post("/nowhere", smuggled) + post("/ping", smuggled) +
              "GET /ping HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(smuggled.size()) + "\r\n\r\n" +
              smuggled + "POST /nowhere HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" +
              chunked(smuggled, 7) + ping);
  CHECK(client.read_answer().status == 404);
  CHECK(client.read_answer().status == 405);
  CHECK(client.read_answer().body == "pong");
  CHECK(client.read_answer().status == 404);
  CHECK(client.read_answer().body == "pong");
  CHECK(client.silent_for(10ms));
}

TEST_CASE("Whole conversations may come byte by byte") {
  RuntimeApiServer server;
  std::future<InvocationResult> result = server.invoke();
  RawClient client = server.connect();
  client.send_bytewise(get_next());
  CHECK(client.read_answer().status == 200);
  client.send_bytewise(response_head("Transfer-Encoding: chunked\r\n") + chunked("in pieces", 4, "A: b\r\n"));
  CHECK(client.read_answer().status == 202);
  CHECK(success(get(result)).body == "in pieces");
  result = server.invoke();
  client.send_bytewise(get_next());
  CHECK(client.read_answer().status == 200);
  client.send_bytewise(post_response("with a length"));
  CHECK(client.read_answer().status == 202);
  CHECK(success(get(result)).body == "with a length");
}

TEST_CASE("A body of many chunks of one byte is joined") {
  RuntimeApiServer server;
  std::future<InvocationResult> result;
  RawClient client = server.running(result);
  const std::string body(200'000, 'b');
  client.send(response_head("Transfer-Encoding: chunked\r\n") + chunked(body, 1));
  CHECK(client.read_answer().status == 202);
  CHECK((success(get(result)).body == body));
}

TEST_CASE("A connection closes after the answer where the client asks for it, or speaks HTTP/1.0") {
  RuntimeApiServer server;
  for (const std::string request :
       {"GET /ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "GET /ping HTTP/1.0\r\n\r\n",
        "GET /ping HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"}) {
    RawClient client = server.connect();
    const RawAnswer answer = client.ask(request + ping);  // what comes behind is not served any more
    CHECK(answer.body == "pong");
    CHECK(answer.field("Connection") == "close");
    CHECK(client.closed_within(2s));
  }
}

TEST_CASE("HTTP/1.0 can poll and answer") {
  RuntimeApiServer server;
  std::future<InvocationResult> result = server.invoke();
  RawClient poller = server.connect();
  CHECK(poller.ask("GET /2018-06-01/runtime/invocation/next HTTP/1.0\r\n\r\n").body == "{}");
  CHECK(poller.closed_within(2s));
  RawClient poster = server.connect();
  CHECK(poster
            .ask("POST /2018-06-01/runtime/invocation/" + request_id +
                 "/response HTTP/1.0\r\nContent-Length: 2\r\n\r\nok")
            .status == 202);
  CHECK(success(get(result)).body == "ok");
}

// --- Expect ----------------------------------------------------------------------------------------------------------

TEST_CASE("A client that waits for leave gets it, once, when its body is wanted") {
  RuntimeApiServer server;
  std::future<InvocationResult> result;
  RawClient client = server.running(result);
  SECTION("with a length") {
    client.send(response_head("Expect: 100-continue\r\nContent-Length: 5\r\n"));
    CHECK(client.read_head() == "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("he");
    CHECK(client.silent_for(5ms));
    client.send("llo");
  }
  SECTION("in chunks") {
    client.send(response_head("Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n"));
    CHECK(client.read_head() == "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("2\r\nhe\r\n");
    CHECK(client.silent_for(5ms));
    client.send("3\r\nllo\r\n0\r\n\r\n");
  }
  CHECK(client.read_bytes(accepted.size()) == accepted);
  CHECK(success(get(result)).body == "hello");
  CHECK(client.ask(ping).body == "pong");
}

TEST_CASE("A client that has not waited for leave is not given it") {
  RuntimeApiServer server;
  std::future<InvocationResult> result;
  RawClient client = server.running(result);
  client.send(response_head("Expect: 100-continue\r\nContent-Length: 5\r\n") + "hello");
  CHECK(client.read_bytes(accepted.size()) == accepted);
  CHECK(client.ask(ping).body == "pong");
}

TEST_CASE("Leave is refused for a body over the limit, and for a post nobody wants; then the connection closes") {
  RuntimeApiServer server;
  std::future<InvocationResult> result;
  RawClient client = server.running(result);
  int status = 0;
  SECTION("over the limit") {
    client.send(response_head("Expect: 100-continue\r\nContent-Length: 6291557\r\n"));
    status = 413;
  }
  SECTION("of a foreign id") {
    client.send(
        "POST /2018-06-01/runtime/invocation/other/response HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
        "Content-Length: 5\r\n\r\n");
    status = 400;
  }
  SECTION("to nowhere") {
    client.send("POST /nowhere HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    status = 404;
  }
  const RawAnswer answer = client.read_answer();
  CHECK(answer.status == status);
  CHECK(answer.field("Connection") == "close");
  CHECK(client.closed_within(2s));
}

TEST_CASE("Expecting to continue without a body changes nothing") {
  RuntimeApiServer server;
  RawClient client = server.connect();
  client.send("GET /ping HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n" + ping);
  CHECK(client.read_bytes(pong.size()) == pong);
  CHECK(client.read_bytes(pong.size()) == pong);
}

// --- slow and silent peers -------------------------------------------------------------------------------------------

TEST_CASE("A head that does not end is refused at its deadline, however it trickles") {
  RuntimeApiServer server(impatient());
  RawClient client = server.connect();
  const auto began = std::chrono::steady_clock::now();
  client.send("GET /ping HTTP/1.1\r\n");
  SECTION("silent") {}
  SECTION("trickling") {
    while (client.silent_for(10ms) && client.try_send("A: b\r\n")) {
    }
  }
  const RawAnswer answer = client.read_answer();
  const auto took = std::chrono::steady_clock::now() - began;
  CHECK(answer.status == 408);
  CHECK(answer.field("Connection") == "close");
  CHECK(answer.body == "{\"errorMessage\":\"Request Timeout\",\"errorType\":\"InvalidHttpRequest\"}\n");
  CHECK(client.closed_within(2s));
  CHECK(took >= 50ms);
  CHECK(took < 5s);
}

TEST_CASE("The deadline of a head begins with its first byte, also behind another request") {
  RuntimeApiServer server(impatient());
  RawClient client = server.connect();
  CHECK(client.silent_for(120ms));  // a runtime may be silent for as long as it likes
  client.send(ping + "GET /pi");
  CHECK(client.read_answer().body == "pong");
  CHECK(client.read_answer().status == 408);
}

TEST_CASE("The refusal of a late head has a body, even behind a HEAD") {
  RuntimeApiServer server(impatient());
  RawClient client = server.connect();
  client.send("HEAD /ping HTTP/1.1\r\nHost: x\r\n\r\nGET /pi");
  CHECK(client.read_answer(true).status == 405);
  CHECK(client.read_answer().body.starts_with("{\"errorMessage\":\"Request Timeout\""));
}

TEST_CASE("A body that does not come is given up at its deadline, and the invocation fails") {
  RuntimeApiServer server(impatient());
  std::future<InvocationResult> result;
  RawClient client = server.running(result);
  SECTION("with a length") { client.send(response_head("Content-Length: 5\r\n") + "he"); }
  SECTION("in chunks") { client.send(response_head("Transfer-Encoding: chunked\r\n") + "5\r\nhe"); }
  const auto began = std::chrono::steady_clock::now();
  const RawAnswer answer = client.read_answer();
  CHECK(answer.status == 400);
  CHECK(answer.field("Connection") == "close");
  CHECK(client.closed_within(2s));
  CHECK(failure(get(result)).type == "Runtime.TruncatedResponse");
  CHECK(std::chrono::steady_clock::now() - began < 5s);
}

TEST_CASE("A body nobody wants that does not come ends the connection at its deadline") {
  RuntimeApiServer server(impatient());
  RawClient client = server.connect();
  client.send("POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhe");
  CHECK(client.read_answer().status == 404);
  CHECK(client.closed_within(2s));
}

TEST_CASE("A connection without requests is closed after its idle time, where it has one") {
  ServerOptions options;
  options.connection.idle_timeout = 60ms;
  RuntimeApiServer server(options);
  RawClient client = server.connect();
  CHECK(client.ask(ping).body == "pong");
  CHECK(client.closed_within(5s));
  CHECK(server.wait_for_connections(0));
}

TEST_CASE("A parked poll outlasts every timeout") {
  ServerOptions options = impatient();
  options.connection.idle_timeout = 60ms;
  RuntimeApiServer server(options);
  RawClient client = server.connect();
  client.send(get_next());
  CHECK(client.silent_for(200ms));
  server.invoke();
  CHECK(client.read_answer().status == 200);
}

TEST_CASE("A runtime that reads slowly gets its whole event, and holds up nobody else") {
  RuntimeApiServer server;
  const std::string payload(6'000'000, 'p');
  RawClient slow = server.connect(4'096);
  slow.send(get_next());
  std::future<InvocationResult> result = server.invoke(plain_event(payload));
  RawClient other = server.connect();
  CHECK(other.ask(ping).body == "pong");
  CHECK_FALSE(slow.silent_for(2s));
  CHECK(other.ask(ping).body == "pong");
  CHECK((slow.read_answer().body == payload));
  CHECK(slow.ask(post_response("1")).status == 202);
  CHECK(success(get(result)).body == "1");
}

TEST_CASE("A runtime that stops reading is given up after the stall time") {
  RuntimeApiServer server(impatient());
  RawClient client = server.connect(4'096);
  client.send(get_next());
  server.invoke(plain_event(std::string(6'000'000, 'p')));
  CHECK(server.wait_for_connections(0));
}

TEST_CASE("A thousand idle connections cost the others nothing") {
  rlimit files{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &files) == 0);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  REQUIRE(files.rlim_cur >= 2'100);
  RuntimeApiServer server;
  std::vector<RawClient> idle;
  for (int i = 0; i < 1'000; ++i) {
    idle.push_back(server.connect());
    if (i % 2 == 1) idle.back().send("GET /half");
  }
  REQUIRE(server.wait_for_connections(1'000));
  std::future<InvocationResult> result;
  RawClient client = server.running(result);
  const auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < 200; ++i) REQUIRE(client.ask(ping).body == "pong");
  CHECK(std::chrono::steady_clock::now() - began < 4s);
  CHECK(client.ask(post_response("1")).status == 202);
  CHECK(idle.front().ask(ping).body == "pong");
  CHECK(idle.back().ask("way HTTP/1.1\r\nHost: x\r\n\r\n").status == 404);
  idle.clear();
  CHECK(server.wait_for_connections(1));
}

TEST_CASE("Nothing is ever reported by peers that come and go as they like") {
  RuntimeApiServer server;
  for (int i = 0; i < 50; ++i) {
    RawClient client = server.connect();
    if (i % 5 == 1) client.send("GET");
    if (i % 5 == 2) client.send(get_next());
    if (i % 5 == 3) client.send(ping + ping);
    if (i % 5 == 4) client.send("POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc");
    if (i % 2 == 0) client.reset();
  }
  CHECK(server.wait_for_connections(0));
  CHECK(server.reports().empty());
}

// --- several connections, several invocations ------------------------------------------------------------------------

TEST_CASE("An instance may use several connections: poll on one, answer on another") {
  RuntimeApiServer server;
  RawClient polls = server.connect();
  RawClient posts = server.connect();
  for (int i = 0; i < 20; ++i) {
    std::future<InvocationResult> result = server.invoke(plain_event(std::to_string(i)));
    const RawAnswer event = polls.ask(get_next());
    CHECK(posts.ask(post_response(event.body)).status == 202);
    CHECK(success(get(result)).body == std::to_string(i));
  }
}

TEST_CASE("A connection that goes takes no invocation with it, as long as another answers") {
  RuntimeApiServer server;
  std::future<InvocationResult> result;
  server.running(result).close();
  CHECK(server.wait_for_connections(0));
  RawClient other = server.connect();
  CHECK(other.ask(post_response("from the other")).status == 202);
  CHECK(success(get(result)).body == "from the other");
}

TEST_CASE("Several at once: each poll gets an event of its own, and answers may come in any order") {
  ServerOptions options;
  options.max_concurrency = 4;
  RuntimeApiServer server(options);
  std::vector<RawClient> clients;
  std::vector<std::future<InvocationResult>> results;
  std::vector<std::string> ids;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(server.connect());
    ids.push_back("00000000-0000-4000-8000-00000000000" + std::to_string(i));
    results.push_back(server.invoke(plain_event(ids.back(), ids.back())));
    CHECK(clients.back().ask(get_next()).body == ids.back());
  }
  for (const std::size_t i : {2U, 0U, 3U, 1U}) {
    // A foreign client of the same instance may answer as well: identity is the instance's.
    CHECK(clients[(i + 1) % 4].ask(post_response("re " + ids[i], {}, ids[i])).status == 202);
    CHECK(success(get(results[i])).body == "re " + ids[i]);
    CHECK(clients[i].ask(post_response("again", {}, ids[i])).status == 400);
  }
}

TEST_CASE("Several at once: no more events are out than allowed, however many polls are parked") {
  ServerOptions options;
  options.max_concurrency = 2;
  RuntimeApiServer server(options);
  std::vector<RawClient> clients;
  for (int i = 0; i < 5; ++i) {
    clients.push_back(server.connect());
    clients.back().send(get_next());
    REQUIRE(server.wait_for_connections(static_cast<std::size_t>(i) + 1));
  }
  std::vector<std::future<InvocationResult>> results;
  for (int i = 0; i < 3; ++i) results.push_back(server.invoke(plain_event("{}", "id-" + std::to_string(i))));
  CHECK(clients[0].read_answer().status == 200);
  CHECK(clients[1].read_answer().status == 200);
  CHECK(clients[2].silent_for(20ms));
  CHECK(clients[0].ask(post_response("0", {}, "id-0")).status == 202);
  CHECK(clients[2].read_answer().field("Lambda-Runtime-Aws-Request-Id") == "id-2");
}

TEST_CASE("Several at once: a late answer to one is 410, and its neighbour goes on") {
  ServerOptions options;
  options.max_concurrency = 2;
  RuntimeApiServer server(options);
  std::future<InvocationResult> one;
  std::future<InvocationResult> two;
  RawClient first = server.running(one, plain_event("{}", "id-1"));
  RawClient second = server.running(two, plain_event("{}", "id-2"));
  server.fail("id-1", FunctionError{"Sandbox.Timedout", "{}"});
  CHECK(first.ask(post_response("late", {}, "id-1")).status == 410);
  CHECK(second.ask(post_response("in time", {}, "id-2")).status == 202);
  CHECK(success(get(two)).body == "in time");
  CHECK(failure(get(one)).type == "Sandbox.Timedout");
}
