// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/standalone/cloud_event.hpp"

#include <array>
#include <nlohmann/json.hpp>

#include "runtime-api/protocol/base64.hpp"
#include "runtime-api/protocol/error_types.hpp"

namespace kiln::standalone {
namespace {

using nlohmann::json;

constexpr std::string_view structured_type = "application/cloudevents+json";
constexpr std::string_view batch_type = "application/cloudevents-batch+json";
constexpr std::array<std::string_view, 4> required = {"specversion", "id", "source", "type"};

std::string_view media_of(std::string_view content_type) {
  const std::string_view media = content_type.substr(0, content_type.find(';'));
  const auto end = media.find_last_not_of(' ');
  return media.substr(0, end == std::string_view::npos ? 0 : end + 1);
}

bool is_json(std::string_view media) {
  return http::same_name(media, "application/json") || http::same_name(media, "text/json") || media.ends_with("+json");
}

bool is_cloud_event(const json& value) {
  if (!value.is_object()) return false;
  for (const std::string_view name : required) {
    const auto found = value.find(name);
    if (found == value.end() || !found->is_string() || found->get_ref<const std::string&>().empty()) return false;
  }
  return true;
}

std::optional<std::string> checked(const json& event, std::string& error) {
  if (is_cloud_event(event)) return event.dump();
  error = "a CloudEvent has the attributes specversion, id, source and type, and they are not empty";
  return std::nullopt;
}

std::optional<std::string> from_binary(const http::ApiRequest& request, std::string& error) {
  json event = json::object();
  std::string_view content_type;
  for (const auto& [name, value] : request.fields) {
    constexpr std::string_view prefix = "ce-";
    if (http::same_name(name, "content-type")) content_type = value;
    if (name.size() <= prefix.size() || !http::same_name(std::string_view(name).substr(0, prefix.size()), prefix))
      continue;
    std::string attribute = name.substr(prefix.size());
    for (char& c : attribute) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    const auto text = http::percent_decode(value);
    event[attribute] = text ? *text : value;
  }
  if (!content_type.empty()) event["datacontenttype"] = content_type;
  if (!request.body.empty()) {
    json data = json::parse(request.body, nullptr, false);
    if (is_json(media_of(content_type)) || content_type.empty()) {
      if (data.is_discarded()) {
        error = "the data of this CloudEvent is not the JSON that its content type says";
        return std::nullopt;
      }
      event["data"] = std::move(data);
    } else if (content_type.starts_with("text/")) {
      event["data"] = request.body;
    } else {
      event["data_base64"] = base64_encode(request.body);
    }
  }
  try {
    return checked(event, error);
  } catch (const json::exception&) {
    error = "this CloudEvent has text that is not UTF-8";
    return std::nullopt;
  }
}

}  // namespace

CloudEventMode cloud_event_mode(std::string_view content_type, bool has_specversion) {
  const std::string_view media = media_of(content_type);
  if (http::same_name(media, structured_type)) return CloudEventMode::structured;
  if (http::same_name(media, batch_type)) return CloudEventMode::batch;
  return has_specversion ? CloudEventMode::binary : CloudEventMode::none;
}

std::optional<std::string> cloud_event(const http::ApiRequest& request, CloudEventMode mode, std::string& error) {
  if (mode == CloudEventMode::binary) return from_binary(request, error);
  if (mode == CloudEventMode::batch) {
    error = "batches are not taken: send one event a request";
    return std::nullopt;
  }
  json event = json::parse(request.body, nullptr, false);
  if (event.is_discarded()) {
    error = "the body is not JSON";
    return std::nullopt;
  }
  return checked(event, error);
}

http::ApiResponse cloud_event_answer(const InvocationResult& result) {
  http::ApiResponse answer;
  if (const auto* const failure = std::get_if<FunctionError>(&result)) {
    answer.status = failure->type == error_types::timed_out ? 504 : 500;
    answer.content_type = failure->content_type;
    answer.body = failure->body;
    return answer;
  }
  const auto& success = std::get<Success>(result);
  answer.status = 200;
  answer.content_type = success.content_type;
  answer.body = success.body;
  if (!is_json(media_of(success.content_type))) return answer;
  const json value = json::parse(success.body, nullptr, false);
  if (value.is_null() || success.body.empty()) {
    answer.status = 204;
    answer.body.clear();
    answer.content_type.clear();
  } else if (is_cloud_event(value)) {
    answer.content_type = std::string(structured_type) + "; charset=utf-8";
  }
  return answer;
}

}  // namespace kiln::standalone
