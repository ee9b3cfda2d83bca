// SPDX-License-Identifier: Apache-2.0
// GET /runtime/restore/next and POST /runtime/restore/error.
#include <string>

#include "tests/contract/runtime_api_server.hpp"
#include "tests/support/catch.hpp"

using namespace kiln;
using namespace kiln::test;
using namespace std::chrono_literals;

namespace {

const std::string restore_next = "GET /2018-06-01/runtime/restore/next HTTP/1.1\r\nHost: runtime\r\n\r\n";
const std::string restored = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

std::string restore_error(std::string_view body, std::string_view fields = {}) {
  return post("/2018-06-01/runtime/restore/error", body, fields);
}

std::string refused(std::string_view from, std::string_view to) {
  return R"({"errorMessage":"State transition from )" + std::string(from) + " to " + std::string(to) +
         R"( failed for runtime. Error: State transition is not allowed","errorType":"InvalidStateTransition"})" + "\n";
}

ServerOptions with_restore() {
  ServerOptions options;
  options.restore = true;
  return options;
}

/// A server whose runtime has been restored and runs its hooks.
struct Restoring {
  Restoring() {
    client.send(restore_next);
    server.restore();
    if (client.read_bytes(restored.size()) != restored) throw std::runtime_error("not restored");
  }
  RuntimeApiServer server{with_restore()};
  RawClient client = server.connect();
};

}  // namespace

TEST_CASE("A runtime that asks to be restored is initialized, waits, and goes on to its first poll") {
  RuntimeApiServer server(with_restore());
  RawClient client = server.connect();
  client.send(restore_next);
  CHECK(server.initialized().ready);
  CHECK(client.silent_for(10ms));
  server.restore();
  CHECK(client.read_bytes(restored.size()) == restored);
  CHECK_FALSE(server.idle());
  client.send(get_next());
  CHECK(server.restored().ready);
  auto result = server.invoke(plain_event());
  CHECK(client.read_answer().status == 200);
  CHECK(client.ask(post_response("1")).status == 202);
  CHECK(success(get(result)).body == "1");
}

TEST_CASE("A restore error is what the restore came to, to the letter") {
  Restoring restoring;
  const std::string body = R"({"errorMessage":"no network","errorType":"OSError","stackTrace":[]})";
  SECTION("posted as one") {
    CHECK(restoring.client.ask(restore_error(body, "Lambda-Runtime-Function-Error-Type: Runtime.AfterRestoreError\r\n"))
              .body == "{\"status\":\"OK\"}\n");
  }
  SECTION("posted as an init error") {
    CHECK(
        restoring.client.ask(post_init_error(body, "Lambda-Runtime-Function-Error-Type: Runtime.AfterRestoreError\r\n"))
            .status == 202);
  }
  const InitOutcome outcome = restoring.server.restored();
  CHECK_FALSE(outcome.ready);
  CHECK(outcome.error.type == "Runtime.AfterRestoreError");
  CHECK(outcome.error.body == body);
  CHECK(restoring.client.ask(get_next()).body == refused("RuntimeRestoreErrorState", "Ready"));
  CHECK(restoring.client.ask(restore_error("{}")).body ==
        refused("RuntimeRestoreErrorState", "RuntimeRestoreErrorState"));
}

TEST_CASE("A restore error without a body still tells the invoker something") {
  Restoring restoring;
  CHECK(restoring.client.ask(restore_error("")).status == 202);
  CHECK(restoring.server.restored().error.body ==
        R"({"errorType":"Runtime.Unknown","errorMessage":"The runtime failed to restore and gave no details"})");
}

TEST_CASE("A restore error of more than 1 MiB is drained and refused, and the restore has failed all the same") {
  Restoring restoring;
  CHECK(restoring.client.ask(restore_error(std::string(1'048'577, ' '))).status == 413);
  CHECK_FALSE(restoring.server.restored().ready);
}

TEST_CASE("Restoring in the wrong state is refused") {
  RuntimeApiServer server(with_restore());
  RawClient client = server.connect();
  SECTION("an error before") {
    CHECK(client.ask(restore_error("{}")).body == refused("Started", "RuntimeRestoreErrorState"));
  }
  SECTION("twice at once") {
    client.send(restore_next);
    REQUIRE(server.initialized().ready);
    RawClient second = server.connect();
    CHECK(second.ask(restore_next).body == refused("RestoreReady", "RestoreReady"));
    CHECK(second.ask(get_next()).body == refused("RestoreReady", "Ready"));
    CHECK(second.ask(post_init_error("{}")).body == refused("RestoreReady", "InitError"));
  }
  SECTION("after the first poll") {
    std::future<InvocationResult> result;
    RawClient runtime = server.running(result);
    CHECK(client.ask(restore_next).body == refused("Running", "RestoreReady"));
    CHECK(runtime.ask(post_response("1")).status == 202);
    CHECK(client.ask(restore_next).body == refused("RuntimeResponseSentState", "RestoreReady"));
    CHECK(client.ask(restore_error("{}")).body == refused("RuntimeResponseSentState", "RuntimeRestoreErrorState"));
    success(get(result));
  }
  SECTION("after an init error") {
    CHECK(client.ask(post_init_error("{}")).status == 202);
    CHECK(client.ask(restore_next).body == refused("InitError", "RestoreReady"));
  }
}

TEST_CASE("A runtime that ends while it is restored fails the restore") {
  Restoring restoring;
  restoring.server.end(FunctionError{"Runtime.ExitError", "gone"});
  CHECK(restoring.server.restored().error.body == "gone");
}

TEST_CASE("The end of an instance ends a parked restore without an answer") {
  RuntimeApiServer server(with_restore());
  RawClient client = server.connect();
  client.send(restore_next);
  REQUIRE(server.initialized().ready);
  server.end(FunctionError{"Runtime.ExitError", "{}"});
  CHECK(client.closed_within(2s));
}

TEST_CASE("A runtime that goes away while it waits to be restored is let go") {
  RuntimeApiServer server(with_restore());
  {
    RawClient client = server.connect();
    client.send(restore_next);
    REQUIRE(server.initialized().ready);
  }
  REQUIRE(server.wait_for_connections(0));
  server.restore();
}

TEST_CASE("Where an instance is not started to be snapshotted there is nothing to restore") {
  RuntimeApiServer server;
  RawClient client = server.connect();
  for (const std::string& request : {restore_next, restore_error("{}")}) {
    const RawAnswer answer = client.ask(request);
    CHECK(answer.status == 404);
    CHECK(answer.body == "404 page not found\n");
  }
}

TEST_CASE("Other methods on the routes of a restore are refused") {
  RuntimeApiServer server(with_restore());
  RawClient client = server.connect();
  CHECK(client.ask(post("/2018-06-01/runtime/restore/next", "")).field("Allow") == "GET");
  CHECK(client.ask("GET /2018-06-01/runtime/restore/error HTTP/1.1\r\nHost: x\r\n\r\n").field("Allow") == "POST");
}
