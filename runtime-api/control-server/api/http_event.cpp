// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/api/http_event.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

#include "runtime-api/control-server/catalog/encoding.hpp"
#include "runtime-api/protocol/json_text.hpp"

namespace kiln {
namespace {

/// Fields that speak of the connection and not of the request, and the one that has a member of its own.
constexpr std::array left_out = {"connection", "keep-alive", "proxy-connection",  "proxy-authorization",
                                 "te",         "trailer",    "transfer-encoding", "upgrade",
                                 "expect",     "cookie"};

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// Appends a value to the one of its name, or adds it; names keep the order they came in.
void join(std::vector<http::Field>& fields, std::string name, std::string_view value) {
  const auto found =
      std::find_if(fields.begin(), fields.end(), [&](const http::Field& field) { return field.first == name; });
  if (found == fields.end()) {
    fields.emplace_back(std::move(name), value);
  } else {
    found->second.append(",").append(value);
  }
}

bool has(const std::vector<http::Field>& fields, std::string_view name) {
  return std::any_of(fields.begin(), fields.end(), [&](const http::Field& field) { return field.first == name; });
}

std::vector<http::Field> event_headers(const http::ApiRequest& request, const HttpEventContext& context) {
  std::vector<http::Field> out;
  for (const auto& [name, value] : request.fields) {
    std::string lower = lower_case(name);
    if (std::find(left_out.begin(), left_out.end(), lower) != left_out.end()) continue;
    if (lower == "x-amzn-trace-id" && !context.trace_id.empty()) continue;
    join(out, std::move(lower), value);
  }
  // A client may claim any address; the one we have seen stands last, as behind a proxy.
  if (!context.source_ip.empty()) join(out, "x-forwarded-for", context.source_ip);
  if (!has(out, "x-forwarded-proto")) out.emplace_back("x-forwarded-proto", context.scheme);
  if (!has(out, "x-forwarded-port") && !context.port.empty()) out.emplace_back("x-forwarded-port", context.port);
  if (!context.trace_id.empty()) out.emplace_back("x-amzn-trace-id", context.trace_id);
  // A chunked body has lost its framing on the way; frameworks read bodies by their length.
  if (!request.body.empty() && !has(out, "content-length")) {
    out.emplace_back("content-length", std::to_string(request.body.size()));
  }
  return out;
}

std::vector<std::string_view> cookies_of(const http::ApiRequest& request) {
  std::vector<std::string_view> out;
  for (const auto& [name, value] : request.fields) {
    if (!http::same_name(name, "cookie")) continue;
    std::string_view rest = value;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find(';'), rest.size());
      if (const std::string_view one = trimmed(rest.substr(0, end)); !one.empty()) out.push_back(one);
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  return out;
}

/// A JSON object being written into a text.
class ObjectWriter {
 public:
  explicit ObjectWriter(std::string& out) : out_(out) { out_ += '{'; }
  void close() { out_ += '}'; }

  std::string& key(std::string_view name) {
    if (!first_) out_ += ',';
    first_ = false;
    append_json_string(out_, name);
    out_ += ':';
    return out_;
  }
  void text(std::string_view name, std::string_view value) { append_json_string(key(name), value); }
  void raw(std::string_view name, std::string_view value) { key(name) += value; }
  void fields(std::string_view name, const std::vector<http::Field>& fields) {
    ObjectWriter object(key(name));
    for (const auto& [key_text, value] : fields) object.text(key_text, value);
    object.close();
  }

 private:
  std::string& out_;
  bool first_ = true;
};

/// "12/Mar/2020:19:03:58 +0000"
std::string log_time(std::chrono::system_clock::time_point when) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(when);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::array<char, 96> text{};
  // Not strftime's %b: the month's name must not follow the locale.
  const int size = std::snprintf(text.data(), text.size(), "%02d/%s/%04d:%02d:%02d:%02d +0000", parts.tm_mday,
                                 months[parts.tm_mon], parts.tm_year + 1900, parts.tm_hour, parts.tm_min, parts.tm_sec);
  return {text.data(), static_cast<std::size_t>(size)};
}

void write_context(ObjectWriter& event, const http::ApiRequest& request, const HttpEventContext& context,
                   const std::string& route_key) {
  const std::string_view host = request.field("host").value_or("");
  const std::string domain = context.domain_name.empty() ? std::string(host) : context.domain_name;
  ObjectWriter out(event.key("requestContext"));
  out.text("accountId", context.account_id);
  out.text("apiId", context.api_id);
  out.text("domainName", domain);
  out.text("domainPrefix", domain.substr(0, domain.find_first_of(".:")));
  ObjectWriter http(out.key("http"));
  http.text("method", request.method);
  http.text("path", request.path);
  http.text("protocol", context.protocol);
  http.text("sourceIp", context.source_ip);
  http.text("userAgent", request.field("user-agent").value_or(""));
  http.close();
  out.text("requestId", context.request_id);
  out.text("routeKey", route_key);
  out.text("stage", "$default");
  out.text("time", log_time(context.time));
  out.raw(
      "timeEpoch",
      std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(context.time.time_since_epoch()).count()));
  out.close();
}

}  // namespace

bool is_text_content(std::string_view content_type) {
  const std::string media = lower_case(trimmed(content_type.substr(0, content_type.find(';'))));
  return media.substr(0, 5) == "text/" || media == "application/json" || media == "application/xml" ||
         media == "application/javascript";
}

std::string http_event(const http::ApiRequest& request, const HttpEventContext& context) {
  const std::string route_key = context.route_key.empty() ? "$default" : context.route_key;
  std::string out;
  out.reserve(1'536 + request.body.size() + request.body.size() / 2);
  ObjectWriter event(out);
  event.text("version", "2.0");
  event.text("routeKey", route_key);
  event.text("rawPath", request.path);
  event.text("rawQueryString", request.query);
  if (const std::vector<std::string_view> cookies = cookies_of(request); !cookies.empty()) {
    std::string& list = event.key("cookies");
    for (std::size_t i = 0; i < cookies.size(); ++i) {
      list += i == 0 ? '[' : ',';
      append_json_string(list, cookies[i]);
    }
    list += ']';
  }
  event.fields("headers", event_headers(request, context));
  if (!request.query.empty()) {
    std::vector<http::Field> parameters;
    for (auto& [name, value] : http::parse_query(request.query)) join(parameters, std::move(name), value);
    event.fields("queryStringParameters", parameters);
  }
  write_context(event, request, context, route_key);
  if (!context.path_parameters.empty()) event.fields("pathParameters", context.path_parameters);
  bool base64 = false;
  if (!request.body.empty()) {
    // Text that is no UTF-8 cannot be a JSON string without losing bytes.
    base64 = !is_text_content(request.field("content-type").value_or("")) || !is_utf8(request.body);
    event.text("body", base64 ? base64_encode(request.body) : request.body);
  }
  event.raw("isBase64Encoded", base64 ? "true" : "false");
  event.close();
  return out;
}

}  // namespace kiln
