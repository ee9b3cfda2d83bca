// SPDX-License-Identifier: Apache-2.0
// The Telemetry API and the Logs API as bytes: who may subscribe, to what, until when.
#include <string>

#include "runtime-api/protocol/limits.hpp"
#include "tests/contract/runtime_api_server.hpp"
#include "tests/support/catch.hpp"

using namespace kiln;
using namespace kiln::test;

namespace {

const std::string telemetry_path = "/2022-07-01/telemetry";
const std::string logs_path = "/2020-08-15/logs";
const std::string subscription = R"({"schemaVersion":"2022-07-01","types":["platform","function"],)"
                                 R"("destination":{"protocol":"HTTP","URI":"http://sandbox.localdomain:8080/x"}})";

std::string put(const std::string& path, const std::string& body, const std::string& id = identifier(1)) {
  std::string out = "PUT " + path + " HTTP/1.1\r\nHost: x\r\n";
  if (!id.empty()) out += "Lambda-Extension-Identifier: " + id + "\r\n";
  return out + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string refusal(std::string_view type, std::string_view message) {
  return R"({"errorMessage":")" + std::string(message) + R"(","errorType":")" + std::string(type) + "\"}\n";
}

/// A server with one registered internal extension, and its client.
struct Subscriber {
  explicit Subscriber(ServerOptions options = {}) : server(std::move(options)) {
    client.ask(post("/2020-01-01/extension/register", R"({"events":["INVOKE"]})", "Lambda-Extension-Name: probe\r\n"));
  }
  std::size_t subscriptions() {
    return server.telemetry([](RecordedTelemetry& telemetry) { return telemetry.subscriptions.size(); });
  }
  RuntimeApiServer server;
  RawClient client = server.connect();
};

}  // namespace

TEST_CASE("A subscription is answered with exactly these bytes, and handed on") {
  Subscriber one;
  const std::string expected = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4\r\n\r\n\"OK\"";
  for (const std::string& path : {telemetry_path, telemetry_path + "/"}) {
    one.client.send(put(path, subscription));
    CHECK(one.client.read_bytes(expected.size()) == expected);
  }
  one.client.send(put(logs_path, R"({"types":["extension"],"destination":{"protocol":"TCP","port":9999}})"));
  CHECK(one.client.read_bytes(expected.size()) == expected);
  REQUIRE(one.subscriptions() == 3);
  one.server.telemetry([](RecordedTelemetry& telemetry) {
    const auto& [name, first] = telemetry.subscriptions[0];
    CHECK(name == "probe");
    CHECK(first.schema == TelemetrySchema::telemetry_2022_07_01);
    CHECK(first.types == TelemetryTypes{true, true, false});
    CHECK(first.destination.port == 8080);
    const TelemetrySubscription& last = telemetry.subscriptions[2].second;
    CHECK(last.schema == TelemetrySchema::logs_2020_08_15);
    CHECK(last.destination.protocol == TelemetryDestination::Protocol::tcp);
  });
}

TEST_CASE("Only an extension of this instance may subscribe") {
  Subscriber one;
  const auto refused = [&](const std::string& id, const std::string& body) {
    for (const std::string& path : {telemetry_path, logs_path}) {
      const RawAnswer answer = one.client.ask(put(path, subscription, id));
      CHECK(answer.status == 403);
      CHECK(answer.body == body);
    }
  };
  refused("", refusal("Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header"));
  refused("nobody", refusal("Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier"));
  refused(identifier(7), refusal("Extension.UnknownExtensionIdentifier", "Unknown extension " + identifier(7)));
  CHECK(one.subscriptions() == 0);
}

TEST_CASE("What is not a subscription is refused in the words of its API") {
  Subscriber one;
  RawAnswer answer = one.client.ask(put(telemetry_path, "{}"));
  CHECK(answer.status == 400);
  CHECK(answer.field("Content-Type") == "application/json");
  CHECK(answer.body ==
        refusal("ValidationError",
                "schemaVersion is not provided; types should not be empty; destination is not provided"));
  answer = one.client.ask(put(logs_path, "no json"));
  CHECK(answer.status == 400);
  CHECK(answer.body == refusal("Logs.ValidationError", "the request is not valid JSON"));
  answer = one.client.ask(put(
      telemetry_path,
      R"({"schemaVersion":"2022-07-01","types":["function"],"destination":{"protocol":"HTTP","URI":"http://10.0.0.1:80"}})"));
  CHECK(answer.status == 400);
  CHECK(answer.body == refusal("ValidationError", "destination.URI host must be sandbox.localdomain"));
  one.server.telemetry(
      [](RecordedTelemetry& telemetry) { telemetry.refusal = ApiError{400, "ValidationError", "no"}; });
  answer = one.client.ask(put(telemetry_path, subscription));
  CHECK(answer.status == 400);
  CHECK(answer.body == refusal("ValidationError", "no"));
  CHECK(one.subscriptions() == 0);
}

TEST_CASE("After the init phase it is too late") {
  Subscriber one;
  one.server.telemetry([](RecordedTelemetry& telemetry) { telemetry.closed = true; });
  RawAnswer answer = one.client.ask(put(telemetry_path, subscription));
  CHECK(answer.status == 403);
  CHECK(answer.body == refusal("Telemetry.SubscriptionClosed", "Telemetry API subscription is closed"));
  answer = one.client.ask(put(logs_path, "{}"));
  CHECK(answer.status == 403);
  CHECK(answer.body == refusal("Logs.SubscriptionClosed", "Logs API subscription is closed"));
}

TEST_CASE("A request larger than a mebibyte is refused, and the connection goes on") {
  Subscriber one;
  std::string body = subscription;
  body.insert(1, std::string(limits::max_control_body, ' '));
  RawAnswer answer = one.client.ask(put(telemetry_path, body));
  CHECK(answer.status == 413);
  body = subscription;
  body.insert(1, std::string(limits::max_control_body - subscription.size(), ' '));
  answer = one.client.ask(put(telemetry_path, body));
  CHECK(answer.status == 200);
  CHECK(one.subscriptions() == 1);
}

TEST_CASE("Only PUT subscribes, and without the API there is no such path") {
  Subscriber one;
  for (const std::string& path : {telemetry_path, logs_path}) {
    const RawAnswer answer = one.client.ask(post(path, subscription));
    CHECK(answer.status == 405);
    CHECK(answer.field("Allow") == "PUT");
  }
  ServerOptions without;
  without.telemetry = false;
  Subscriber other(without);
  CHECK(other.client.ask(put(telemetry_path, subscription)).status == 404);
}
