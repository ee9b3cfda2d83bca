// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/server/telemetry_subscription.hpp"

#include <string>
#include <variant>

#include "tests/support/catch.hpp"

using namespace kiln;

namespace {

TelemetrySubscription good(const std::string& body, TelemetryApi api = TelemetryApi::telemetry) {
  auto parsed = parse_telemetry_subscription(body, api);
  if (const auto* const error = std::get_if<ApiError>(&parsed)) FAIL(error->message);
  return std::get<TelemetrySubscription>(parsed);
}

ApiError bad(const std::string& body, TelemetryApi api = TelemetryApi::telemetry) {
  INFO(body);
  auto parsed = parse_telemetry_subscription(body, api);
  REQUIRE(std::holds_alternative<ApiError>(parsed));
  return std::get<ApiError>(parsed);
}

std::string with(const std::string& destination, const std::string& more = "") {
  return R"({"schemaVersion":"2022-07-01","types":["platform"],"destination":)" + destination + more + "}";
}

std::string to(const std::string& uri) { return with(R"({"protocol":"HTTP","URI":")" + uri + R"("})"); }

}  // namespace

TEST_CASE("A whole request is read, and what is left out has its default") {
  const auto all = good(R"({"schemaVersion":"2025-01-29","types":["function","platform","function"],)"
                        R"("buffering":{"maxItems":1000,"maxBytes":1048576,"timeoutMs":25},)"
                        R"("destination":{"protocol":"HTTP","URI":"http://sandbox.localdomain:8080/a/b?c=d#e"}})");
  CHECK(all.schema == TelemetrySchema::telemetry_2025_01_29);
  CHECK(all.types == TelemetryTypes{true, true, false});
  CHECK(to_string(all.types) == "platform,function");
  CHECK(all.destination.protocol == TelemetryDestination::Protocol::http);
  CHECK(all.destination.port == 8080);
  CHECK(all.destination.host == "sandbox.localdomain:8080");
  CHECK(all.destination.path == "/a/b?c=d");
  CHECK(all.destination.method == "POST");
  CHECK(all.buffering.max_items == 1000);
  CHECK(all.buffering.max_bytes == 1'048'576);
  CHECK(all.buffering.timeout == std::chrono::milliseconds(25));

  const auto tcp = good(with(R"({"protocol":"TCP","port":9999})"));
  CHECK(tcp.schema == TelemetrySchema::telemetry_2022_07_01);
  CHECK(tcp.destination.protocol == TelemetryDestination::Protocol::tcp);
  CHECK(tcp.destination.port == 9999);
  CHECK(tcp.buffering.max_items == 10'000);
  CHECK(tcp.buffering.max_bytes == 262'144);
  CHECK(tcp.buffering.timeout == std::chrono::seconds(1));
}

TEST_CASE("Only the instance itself is a destination") {
  CHECK(good(to("http://sandbox.localdomain:1")).destination.path == "/");
  CHECK(good(to("http://sandbox:80?x")).destination.path == "/?x");
  CHECK(good(to("http://127.0.0.1:4243/")).destination.port == 4243);
  CHECK(good(to("http://localhost:65535/p")).destination.port == 65'535);
  for (const std::string uri :
       {"", "https://sandbox.localdomain:80", "http://example.com:80", "http://sandbox.localdomain", "http://:80",
        "http://sandbox.localdomain:", "http://sandbox.localdomain:0", "http://sandbox.localdomain:65536",
        "http://sandbox.localdomain:80x", "http://user@127.0.0.1:80", "http://127.0.0.1.example.com:80",
        "http://127.0.0.1:80@example.com:80", "http://169.254.169.254:80", "http://[::1]:80",
        "http://sandbox.localdomain:80/a b", "http://sandbox.localdomain:80/a\\r\\nX: y", "sandbox.localdomain:80"}) {
    CHECK(bad(to(uri)).status == 400);
  }
}

TEST_CASE("What is wrong is named, all of it, under the API's own error type") {
  CHECK(bad("{").message == "the request is not valid JSON");
  CHECK(bad("[]").message == "the request must be a JSON object");
  CHECK(bad("{}").type == "ValidationError");
  CHECK(bad("{}").message == "schemaVersion is not provided; types should not be empty; destination is not provided");
  CHECK(bad("{}", TelemetryApi::logs).type == "Logs.ValidationError");
  CHECK(bad("{}", TelemetryApi::logs).message == "types should not be empty; destination is not provided");
  CHECK(
      bad(R"({"types":[],"destination":{"protocol":"HTTP","URI":"http://sandbox.localdomain/x"}})", TelemetryApi::logs)
          .message == "types should not be empty; URI port is not provided");
  for (const std::string destination :
       {R"("x")", "{}", R"({"protocol":"UDP","port":1})", R"({"protocol":"TCP"})", R"({"protocol":"TCP","port":0})",
        R"({"protocol":"TCP","port":"80"})", R"({"protocol":"TCP","port":65536})", R"({"protocol":"TCP","port":1.5})",
        R"({"protocol":"HTTP"})", R"({"protocol":"HTTP","URI":5})",
        R"({"protocol":"HTTP","URI":"http://sandbox:1","method":"GET"})",
        R"({"protocol":"HTTP","URI":"http://sandbox:1","encoding":"XML"})"}) {
    CHECK(bad(with(destination)).status == 400);
  }
  for (const std::string types : {R"("platform")", R"(["platform","other"])", "[1]", "null", "[]"}) {
    CHECK(bad(R"({"schemaVersion":"2022-07-01","types":)" + types + R"(,"destination":{"protocol":"TCP","port":1}})")
              .status == 400);
  }
}

TEST_CASE("Buffering is held to its ranges") {
  const auto buffering = [](const std::string& members) {
    return with(R"({"protocol":"TCP","port":1})", R"(,"buffering":)" + members);
  };
  good(buffering("{}"));
  good(buffering(R"({"maxItems":10000,"maxBytes":262144,"timeoutMs":30000})"));
  for (const std::string wrong :
       {R"({"maxItems":999})", R"({"maxItems":10001})", R"({"maxBytes":262143})", R"({"maxBytes":1048577})",
        R"({"timeoutMs":24})", R"({"timeoutMs":30001})", R"({"maxItems":"1000"})", R"({"timeoutMs":-1})",
        R"({"maxBytes":1e30})", R"({"maxItems":99999999999999999999})", "[]", "5"}) {
    CHECK(bad(buffering(wrong)).status == 400);
  }
}

TEST_CASE("Each API has its schemas, and the Logs API a default") {
  const auto body = [](const std::string& version) {
    return R"({"schemaVersion":")" + version + R"(","types":["platform"],"destination":{"protocol":"TCP","port":1}})";
  };
  CHECK(good(body("2022-12-13")).schema == TelemetrySchema::telemetry_2022_12_13);
  CHECK(good(body("2020-08-15"), TelemetryApi::logs).schema == TelemetrySchema::logs_2020_08_15);
  CHECK(good(body("2021-03-18"), TelemetryApi::logs).schema == TelemetrySchema::logs_2021_03_18);
  CHECK(good(R"({"types":["platform"],"destination":{"protocol":"TCP","port":1}})", TelemetryApi::logs).schema ==
        TelemetrySchema::logs_2020_08_15);
  CHECK(bad(body("2020-08-15")).status == 400);
  CHECK(bad(body("2022-07-01"), TelemetryApi::logs).status == 400);
  CHECK(good(R"({"types":["function"],"destination":{"protocol":"HTTP","URI":"http://sandbox.localdomain:1","method":)"
             R"("PUT","encoding":"JSON"}})",
             TelemetryApi::logs)
            .destination.method == "PUT");
}
