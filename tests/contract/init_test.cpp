// SPDX-License-Identifier: Apache-2.0
// POST /runtime/init/ready, and which routes are served where a runtime has another way in.
#include <string>

#include "tests/contract/runtime_api_server.hpp"
#include "tests/support/catch.hpp"

using namespace kiln;
using namespace kiln::test;
using namespace std::chrono_literals;

namespace {

const std::string ready = post("/2018-06-01/runtime/init/ready", " ");
const std::string accepted =
    "HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{\"status\":\"OK\"}\n";

std::string refused(std::string_view from, std::string_view to) {
  return R"({"errorMessage":"State transition from )" + std::string(from) + " to " + std::string(to) +
         R"( failed for runtime. Error: State transition is not allowed","errorType":"InvalidStateTransition"})" + "\n";
}

}  // namespace

TEST_CASE("A runtime may say that it is ready: init ends, and events wait for its poll") {
  RuntimeApiServer server;
  RawClient client = server.connect();
  client.send(ready);
  CHECK(client.read_bytes(accepted.size()) == accepted);
  CHECK(server.initialized().ready);
  CHECK_FALSE(server.idle());
  auto result = server.invoke(plain_event());
  CHECK(client.silent_for(10ms));
  CHECK(client.ask(get_next()).status == 200);
  CHECK(client.ask(post_response("1")).status == 202);
  CHECK(success(get(result)).body == "1");
}

TEST_CASE("It says so once, before its first poll, and not after a failure") {
  RuntimeApiServer server;
  RawClient client = server.connect();
  SECTION("twice") {
    CHECK(client.ask(ready).status == 202);
    const RawAnswer answer = client.ask(ready);
    CHECK(answer.status == 403);
    CHECK(answer.body == refused("InitReady", "InitReady"));
    CHECK(client.ask(post_init_error("{}")).body == refused("InitReady", "InitError"));
  }
  SECTION("while it has an event") {
    std::future<InvocationResult> result;
    RawClient runtime = server.running(result);
    CHECK(runtime.ask(ready).body == refused("Running", "InitReady"));
    CHECK(runtime.ask(post_response("1")).status == 202);
    CHECK(runtime.ask(ready).body == refused("RuntimeResponseSentState", "InitReady"));
    success(get(result));
  }
  SECTION("after an init error") {
    CHECK(client.ask(post_init_error("{}")).status == 202);
    CHECK(client.ask(ready).body == refused("InitError", "InitReady"));
  }
}

TEST_CASE("Another method is refused") {
  RuntimeApiServer server;
  RawClient client = server.connect();
  const RawAnswer answer = client.ask("GET /2018-06-01/runtime/init/ready HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(answer.status == 405);
  CHECK(answer.field("Allow") == "POST");
}

TEST_CASE("A listener beside an inherited channel serves extensions and metadata, not the runtime's routes") {
  ServerOptions options;
  options.runtime = false;
  RuntimeApiServer server(options);
  RawClient client = server.connect();
  for (const std::string& request : {get_next(), post_response("1"), post_error("{}"), post_init_error("{}"), ready}) {
    INFO(request);
    const RawAnswer answer = client.ask(request);
    CHECK(answer.status == 404);
    CHECK(answer.body == "404 page not found\n");
  }
  CHECK(client.ask(post("/2020-01-01/extension/register", "{}", "Lambda-Extension-Name: x\r\n")).status == 200);
  CHECK(client.ask("GET /2018-06-01/ping HTTP/1.1\r\nHost: x\r\n\r\n").body == "pong");
}
