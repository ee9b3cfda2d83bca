// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/standalone/cloud_event.hpp"

#include <nlohmann/json.hpp>

#include "runtime-api/protocol/error_types.hpp"
#include "tests/support/catch.hpp"

using namespace kiln;
using namespace kiln::standalone;
using nlohmann::json;

namespace {

http::ApiRequest binary(std::string body, const std::string& content_type) {
  http::ApiRequest request;
  request.fields = {{"Ce-Specversion", "1.0"},
                    {"ce-id", "7"},
                    {"CE-Source", "/sensors/1"},
                    {"ce-type", "com.example.reading"},
                    {"ce-comexampleextension", "a%20b"}};
  if (!content_type.empty()) request.fields.emplace_back("Content-Type", content_type);
  request.body = std::move(body);
  return request;
}

json event_of(const http::ApiRequest& request, CloudEventMode mode = CloudEventMode::binary) {
  std::string error;
  const auto event = cloud_event(request, mode, error);
  INFO(error);
  REQUIRE(event);
  return json::parse(*event);
}

std::string refusal(const http::ApiRequest& request, CloudEventMode mode = CloudEventMode::binary) {
  std::string error;
  CHECK_FALSE(cloud_event(request, mode, error));
  return error;
}

InvocationResult returned(std::string body) { return Success{"application/json", std::move(body)}; }

}  // namespace

TEST_CASE("The mode is told by content type and attributes") {
  CHECK(cloud_event_mode("application/json", false) == CloudEventMode::none);
  CHECK(cloud_event_mode("", true) == CloudEventMode::binary);
  CHECK(cloud_event_mode("application/json; charset=utf-8", true) == CloudEventMode::binary);
  CHECK(cloud_event_mode("Application/CloudEvents+JSON; charset=utf-8", false) == CloudEventMode::structured);
  CHECK(cloud_event_mode("application/cloudevents-batch+json", false) == CloudEventMode::batch);
}

TEST_CASE("A binary event becomes the JSON format, its data by its type") {
  const json event = event_of(binary(R"({"t": 21})", "application/json"));
  CHECK(event["specversion"] == "1.0");
  CHECK(event["id"] == "7");
  CHECK(event["source"] == "/sensors/1");
  CHECK(event["type"] == "com.example.reading");
  CHECK(event["comexampleextension"] == "a b");
  CHECK(event["datacontenttype"] == "application/json");
  CHECK(event["data"]["t"] == 21);
  CHECK(event_of(binary("words", "text/plain"))["data"] == "words");
  CHECK(event_of(binary(std::string("\0\xff", 2), "application/octet-stream"))["data_base64"] == "AP8=");
  CHECK_FALSE(event_of(binary("", "")).contains("data"));
}

TEST_CASE("A structured event is taken as it is") {
  http::ApiRequest request;
  request.body = R"({"specversion":"1.0","id":"1","source":"s","type":"t","data":{"x":[1,2]}})";
  CHECK(event_of(request, CloudEventMode::structured)["data"]["x"][1] == 2);
}

TEST_CASE("What is no event is refused in words") {
  http::ApiRequest request;
  request.body = "{";
  CHECK(refusal(request, CloudEventMode::structured) == "the body is not JSON");
  request.body = R"({"specversion":"1.0","id":"","source":"s","type":"t"})";
  CHECK(refusal(request, CloudEventMode::structured).find("are not empty") != std::string::npos);
  request.body = "[1]";
  CHECK(refusal(request, CloudEventMode::structured).find("has the attributes") != std::string::npos);
  CHECK(refusal(request, CloudEventMode::batch).find("one event a request") != std::string::npos);
  CHECK(refusal(binary("{", "application/json")).find("not the JSON") != std::string::npos);
  CHECK(refusal(binary("\xff", "text/plain")).find("UTF-8") != std::string::npos);
}

TEST_CASE("A reply is an event, nothing, or what the function returned") {
  const auto event = cloud_event_answer(returned(R"({"specversion":"1.0","id":"1","source":"s","type":"t"})"));
  CHECK(event.status == 200);
  CHECK(event.content_type == "application/cloudevents+json; charset=utf-8");
  const auto nothing = cloud_event_answer(returned("null"));
  CHECK(nothing.status == 204);
  CHECK(nothing.body.empty());
  const auto plain = cloud_event_answer(returned(R"({"id": 1})"));
  CHECK(plain.status == 200);
  CHECK(plain.content_type == "application/json");
  CHECK(plain.body == R"({"id": 1})");
}

TEST_CASE("A failed function is an error for the sender, so that it sends again") {
  FunctionError error;
  error.type = "ValueError";
  error.body = "{}";
  CHECK(cloud_event_answer(error).status == 500);
  error.type = error_types::timed_out;
  CHECK(cloud_event_answer(error).status == 504);
}
