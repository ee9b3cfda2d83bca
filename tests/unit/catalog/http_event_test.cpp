// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/api/http_event.hpp"

#include <nlohmann/json.hpp>

#include "tests/support/catch.hpp"

using namespace kiln;
using nlohmann::json;

namespace {

HttpEventContext context() {
  HttpEventContext out;
  out.request_id = "11111111-2222-4333-8444-555555555555";
  out.api_id = "abc123";
  out.route_key = "GET /users/{id}";
  out.source_ip = "127.0.0.1";
  out.port = "9000";
  out.time = std::chrono::system_clock::time_point(std::chrono::milliseconds(1'583'348'638'390));
  return out;
}

json event_of(const http::ApiRequest& request, const HttpEventContext& with = context()) {
  return json::parse(http_event(request, with));
}

http::ApiRequest with_body(const std::string& type, const std::string& body) {
  http::ApiRequest out{"POST", "/", "", {}, body};
  if (!type.empty()) out.fields.emplace_back("Content-Type", type);
  return out;
}

}  // namespace

TEST_CASE("an event has payload format 2.0") {
  HttpEventContext with = context();
  with.path_parameters = {{"id", "42"}};
  with.trace_id = "Root=1-2-3";
  const json event = event_of({"GET",
                               "/users/42",
                               "a=1&b=2&a=3&c=%20x",
                               {{"Host", "api.example.test:9000"},
                                {"User-Agent", "curl/7"},
                                {"X-Many", "1"},
                                {"x-many", "2"},
                                {"Cookie", "a=1; b=2"},
                                {"cookie", "c=3"},
                                {"Connection", "keep-alive"},
                                {"X-Amzn-Trace-Id", "Root=forged"}},
                               ""},
                              with);
  CHECK(event["version"] == "2.0");
  CHECK(event["routeKey"] == "GET /users/{id}");
  CHECK(event["rawPath"] == "/users/42");
  CHECK(event["rawQueryString"] == "a=1&b=2&a=3&c=%20x");
  CHECK(event["cookies"] == json({"a=1", "b=2", "c=3"}));
  CHECK(event["headers"] == json({{"host", "api.example.test:9000"},
                                  {"user-agent", "curl/7"},
                                  {"x-many", "1,2"},
                                  {"x-forwarded-for", "127.0.0.1"},
                                  {"x-forwarded-proto", "http"},
                                  {"x-forwarded-port", "9000"},
                                  {"x-amzn-trace-id", "Root=1-2-3"}}));
  CHECK(event["queryStringParameters"] == json({{"a", "1,3"}, {"b", "2"}, {"c", " x"}}));
  CHECK(event["pathParameters"] == json({{"id", "42"}}));
  CHECK(event["isBase64Encoded"] == false);
  CHECK_FALSE(event.contains("body"));
  const json& request_context = event["requestContext"];
  CHECK(request_context["accountId"] == "anonymous");
  CHECK(request_context["apiId"] == "abc123");
  CHECK(request_context["domainName"] == "api.example.test:9000");
  CHECK(request_context["domainPrefix"] == "api");
  CHECK(request_context["http"] == json({{"method", "GET"},
                                         {"path", "/users/42"},
                                         {"protocol", "HTTP/1.1"},
                                         {"sourceIp", "127.0.0.1"},
                                         {"userAgent", "curl/7"}}));
  CHECK(request_context["requestId"] == "11111111-2222-4333-8444-555555555555");
  CHECK(request_context["routeKey"] == "GET /users/{id}");
  CHECK(request_context["stage"] == "$default");
  CHECK(request_context["time"] == "04/Mar/2020:19:03:58 +0000");
  CHECK(request_context["timeEpoch"] == 1'583'348'638'390);
}

TEST_CASE("an event of a bare request leaves out what is not there") {
  const json event = event_of({"GET", "/", "", {}, ""}, {});
  CHECK(event["routeKey"] == "$default");
  for (const char* absent : {"cookies", "queryStringParameters", "pathParameters", "body"}) {
    INFO(absent);
    CHECK_FALSE(event.contains(absent));
  }
  CHECK(event["headers"] == json({{"x-forwarded-proto", "http"}}));
}

TEST_CASE("text, JSON, XML and JavaScript bodies go as text, all others as base64") {
  for (const char* type : {"text/plain", "text/html; charset=utf-8", "application/json",
                           "APPLICATION/JSON;charset=UTF-8", "application/xml", "application/javascript", "text/csv"}) {
    INFO(type);
    const json event = event_of(with_body(type, "{\"a\": 1}"));
    CHECK(event["isBase64Encoded"] == false);
    CHECK(event["body"] == "{\"a\": 1}");
  }
  for (const char* type : {"", "application/x-www-form-urlencoded", "application/octet-stream", "image/png",
                           "multipart/form-data; boundary=x", "application/jsonx", "application/vnd.api+json"}) {
    INFO(type);
    const json event = event_of(with_body(type, "a=b"));
    CHECK(event["isBase64Encoded"] == true);
    CHECK(event["body"] == "YT1i");
  }
}

TEST_CASE("text that is no UTF-8 goes as base64 without losing a byte") {
  const json event = event_of(with_body("text/plain", "caf\xE9"));
  CHECK(event["isBase64Encoded"] == true);
  CHECK(event["body"] == "Y2Fm6Q==");
}

TEST_CASE("an event is JSON whatever bytes the request has") {
  std::string bytes;
  for (int i = 1; i < 256; ++i) bytes += static_cast<char>(i);
  const json event =
      event_of({"GET", "/" + bytes, bytes, {{"X-Odd", bytes}, {"Cookie", bytes}, {"User-Agent", bytes}}, bytes});
  CHECK(event["body"].is_string());
}

TEST_CASE("the address we have seen stands behind whatever the client claims") {
  const json event = event_of({"GET", "/", "", {{"X-Forwarded-For", "6.6.6.6"}, {"X-Forwarded-Proto", "https"}}, ""});
  CHECK(event["headers"]["x-forwarded-for"] == "6.6.6.6,127.0.0.1");
  CHECK(event["headers"]["x-forwarded-proto"] == "https");
}

TEST_CASE("a body that came in chunks has a length for the frameworks that ask for it") {
  http::ApiRequest request = with_body("text/plain", "hello");
  request.fields.emplace_back("Transfer-Encoding", "chunked");
  const json event = event_of(request);
  CHECK(event["headers"]["content-length"] == "5");
  CHECK_FALSE(event["headers"].contains("transfer-encoding"));
}
