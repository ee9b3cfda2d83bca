// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <variant>

#include "runtime-api/control-server/api/http_event.hpp"
#include "runtime-api/control-server/api/http_prelude.hpp"
#include "runtime-api/control-server/catalog/encoding.hpp"

namespace kiln {
namespace {

using nlohmann::json;

/// Fields a function cannot set: the connection writes them, or they would change how the answer is framed.
constexpr std::array<std::string_view, 9> not_the_functions = {"connection", "content-length",   "date",
                                                               "keep-alive", "proxy-connection", "te",
                                                               "trailer",    "upgrade",          "transfer-encoding"};

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

bool is_field_value(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte == '\t' || (byte >= 0x20 && byte != 0x7F);
  });
}

/// JSON text without the white space between its tokens; the tokens stay as the function wrote them.
std::string compact(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      out += c;
      if (c == '\\' && i + 1 < text.size()) {
        out += text[++i];
      } else if (c == '"') {
        in_string = false;
      }
    } else if (c != ' ' && c != '\t' && c != '\n' && c != '\r') {
      out += c;
      in_string = c == '"';
    }
  }
  return out;
}

bool is_json_content(std::string_view content_type) {
  const std::string_view media = content_type.substr(0, content_type.find(';'));
  constexpr std::string_view plus_json = "+json";
  return media.empty() || http::same_name(media, "application/json") ||
         (media.size() > plus_json.size() && http::same_name(media.substr(media.size() - plus_json.size()), plus_json));
}

std::optional<int> status_of(const json& value) {
  long long status = 0;
  if (value.is_number_integer()) {
    status = value.is_number_unsigned() && value.get<std::uint64_t>() > 999 ? 999 : value.get<long long>();
  } else if (value.is_string() && value.get_ref<const std::string&>().size() == 3 &&
             value.get_ref<const std::string&>().find_first_not_of("0123456789") == std::string::npos) {
    status = std::stoi(value.get_ref<const std::string&>());
  } else {
    return std::nullopt;
  }
  // An informational status would not end the answer, and the client would read the next one in its place.
  if (status < 200 || status > 599) return std::nullopt;
  return static_cast<int>(status);
}

std::optional<std::string> scalar_text(const json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number() || value.is_boolean()) return value.dump();
  return std::nullopt;
}

/// Whether every header could be taken over.
bool take_headers(const json& headers, http::ApiResponse& out) {
  if (headers.is_null()) return true;
  if (!headers.is_object()) return false;
  for (const auto& [name, value] : headers.items()) {
    if (value.is_null()) continue;
    std::optional<std::string> text = scalar_text(value);
    if (!text || !is_token(name) || !is_field_value(*text)) return false;
    if (http::same_name(name, "content-type")) {
      out.content_type = std::move(*text);
    } else if (std::none_of(not_the_functions.begin(), not_the_functions.end(),
                            [&key = name](std::string_view one) { return http::same_name(one, key); })) {
      out.fields.emplace_back(name, std::move(*text));
    }
  }
  return true;
}

bool take_cookies(const json& cookies, http::ApiResponse& out) {
  if (cookies.is_null()) return true;
  if (!cookies.is_array()) return false;
  for (const json& cookie : cookies) {
    if (!cookie.is_string() || !is_field_value(cookie.get_ref<const std::string&>())) return false;
    out.fields.emplace_back("set-cookie", cookie.get<std::string>());
  }
  return true;
}

bool take_body(const json& body, bool base64, http::ApiResponse& out) {
  if (body.is_null()) return true;
  std::string text = body.is_string() ? body.get<std::string>() : body.dump();
  if (base64) {
    std::optional<std::string> bytes = base64_decode(text);
    if (!bytes) return false;
    text = std::move(*bytes);
  }
  out.body = std::move(text);
  return true;
}

http::ApiResponse formed_answer(const json& value) {
  const auto member = [&](const char* name) {
    const auto found = value.find(name);
    return found == value.end() ? json() : *found;
  };
  http::ApiResponse out;
  const std::optional<int> status = status_of(value.at("statusCode"));
  const json encoded = member("isBase64Encoded");
  if (!status || !(encoded.is_null() || encoded.is_boolean()) || !take_headers(member("headers"), out) ||
      !take_cookies(member("cookies"), out) ||
      !take_body(member("body"), encoded.is_boolean() && encoded.get<bool>(), out)) {
    return bad_gateway();
  }
  out.status = *status;
  // These have no body by definition; one would be read as the start of the next answer.
  if (out.status == 204 || out.status == 304) out.body.clear();
  return out;
}

/// A body with its prelude that came in whole.
http::ApiResponse answer_behind_prelude(std::string_view body) {
  HttpPrelude prelude;
  if (prelude.take(body) != HttpPrelude::State::done) return bad_gateway();
  auto out = http_answer_head(prelude.json());
  if (!out) return bad_gateway();
  if (out->status != 204 && out->status != 304) out->body = body;
  return std::move(*out);
}

}  // namespace

http::ApiResponse bad_gateway() {
  http::ApiResponse out;
  out.status = 502;
  out.body = R"({"message":"Internal Server Error"})";
  return out;
}

std::optional<http::ApiResponse> http_answer_head(std::string_view prelude) {
  const json value = json::parse(prelude, nullptr, false);
  if (!value.is_object()) return std::nullopt;
  http::ApiResponse out;
  out.content_type = "application/octet-stream";
  const auto status = value.contains("statusCode") ? status_of(value["statusCode"]) : std::optional<int>(200);
  if (!status || !take_headers(value.value("headers", json()), out) ||
      !take_cookies(value.value("cookies", json()), out)) {
    return std::nullopt;
  }
  out.status = *status;
  return out;
}

http::ApiResponse http_answer(const InvocationResult& result) {
  const auto* success = std::get_if<Success>(&result);
  if (success == nullptr) return bad_gateway();
  if (has_http_prelude(success->content_type)) return answer_behind_prelude(success->body);
  http::ApiResponse out;
  if (!is_json_content(success->content_type)) {
    if (!is_field_value(success->content_type)) return bad_gateway();
    out.content_type = success->content_type;
    out.body = success->body;
    return out;
  }
  const json value = json::parse(success->body, nullptr, false);
  if (value.is_discarded()) return bad_gateway();
  if (value.is_object() && value.contains("statusCode")) return formed_answer(value);
  out.body = value.is_string() ? value.get<std::string>() : compact(success->body);
  return out;
}

}  // namespace kiln
