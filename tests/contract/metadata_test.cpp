// SPDX-License-Identifier: Apache-2.0
// GET /2026-01-15/metadata/execution-environment.
#include <string>

#include "tests/contract/runtime_api_server.hpp"
#include "tests/support/catch.hpp"

using namespace kiln;
using namespace kiln::test;

namespace {

std::string ask_metadata(const std::string& authorization, const std::string& method = "GET") {
  const std::string field = authorization.empty() ? "" : "Authorization: " + authorization + "\r\n";
  return method + " /2026-01-15/metadata/execution-environment HTTP/1.1\r\nHost: x\r\n" + field + "\r\n";
}

}  // namespace

TEST_CASE("Where an instance runs is told, with exactly these bytes") {
  RuntimeApiServer server;
  RawClient client = server.connect();
  for (const std::string scheme : {"Bearer", "bearer"}) {
    client.send(ask_metadata(scheme + " the-token"));
    const std::string expected =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nCache-Control: private, max-age=43200, immutable\r\n"
        "Content-Length: 33\r\n\r\n{\"AvailabilityZoneID\":\"use1-az1\"}";
    CHECK(client.read_bytes(expected.size()) == expected);
  }
}

TEST_CASE("Without the token nothing is told") {
  RuntimeApiServer server;
  RawClient client = server.connect();
  for (const std::string authorization : {"", "the-token", "Bearer", "Bearer x", "Bearer the-token2", "Bearer the-toke",
                                          "Bearer  the-token", "Basic the-token"}) {
    INFO(authorization);
    client.send(ask_metadata(authorization));
    const std::string expected =
        "HTTP/1.1 401 Unauthorized\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: "
        "13\r\n\r\nUnauthorized\n";
    CHECK(client.read_bytes(expected.size()) == expected);
  }
}

TEST_CASE("Another method is refused, token or not") {
  RuntimeApiServer server;
  RawClient client = server.connect();
  for (const std::string method : {"POST", "PUT", "DELETE"}) {
    client.send(ask_metadata("Bearer the-token", method));
    const std::string expected = "HTTP/1.1 405 Method Not Allowed\r\nAllow: GET\r\nContent-Length: 0\r\n\r\n";
    CHECK(client.read_bytes(expected.size()) == expected);
  }
}

TEST_CASE("A server that does not know where it is says so") {
  ServerOptions options;
  options.metadata.availability_zone_id.clear();
  RuntimeApiServer server(options);
  RawClient client = server.connect();
  client.send(ask_metadata("Bearer the-token"));
  const std::string expected =
      "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 20\r\n\r\n"
      "Service Unavailable\n";
  CHECK(client.read_bytes(expected.size()) == expected);
  CHECK(client.ask(ask_metadata("")).status == 401);
}
