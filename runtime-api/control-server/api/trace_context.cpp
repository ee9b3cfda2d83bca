// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/api/trace_context.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "runtime-api/protocol/json_text.hpp"

namespace kiln {
namespace {

constexpr std::size_t longest = 8'192;  // of tracestate and baggage; more is left out (W3C Baggage, 3.3.2)

bool is_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_zero(std::string_view text) { return text.find_first_not_of('0') == std::string_view::npos; }

/// version "-" trace id "-" parent id "-" flags; a version to come may have more (W3C Trace Context, 3.2).
bool is_traceparent(std::string_view text) {
  constexpr std::size_t length = 2 + 1 + 32 + 1 + 16 + 1 + 2;
  if (text.size() < length || text[2] != '-' || text[35] != '-' || text[52] != '-') return false;
  const std::string_view version = text.substr(0, 2);
  const std::string_view trace = text.substr(3, 32);
  const std::string_view parent = text.substr(36, 16);
  if (!is_hex(version) || version == "ff" || !is_hex(trace) || is_zero(trace) || !is_hex(parent) || is_zero(parent) ||
      !is_hex(text.substr(53, 2))) {
    return false;
  }
  return version == "00" ? text.size() == length : text.size() == length || text[length] == '-';
}

std::string w3c_member(const TraceContext& trace) {
  std::string out = R"("w3c":{"traceparent":)";
  append_json_string(out, trace.traceparent);
  const auto add = [&out](std::string_view name, std::string_view value) {
    if (value.empty() || value.size() > longest) return;
    out += ',';
    append_json_string(out, name);
    out += ':';
    append_json_string(out, value);
  };
  add("tracestate", trace.tracestate);
  add("baggage", trace.baggage);
  return out + "}";
}

}  // namespace

std::string with_trace_context(std::string client_context, const TraceContext& trace) {
  if (!is_traceparent(trace.traceparent)) return client_context;
  if (client_context.empty()) return "{" + w3c_member(trace) + "}";
  const auto given = nlohmann::json::parse(client_context, nullptr, false);
  if (!given.is_object() || given.contains("w3c")) return client_context;
  // The given text stays as it is: a member is added in front of the bracket that ends it.
  std::string member = w3c_member(trace);
  if (!given.empty()) member.insert(0, ",");
  client_context.insert(client_context.rfind('}'), member);
  return client_context;
}

}  // namespace kiln
