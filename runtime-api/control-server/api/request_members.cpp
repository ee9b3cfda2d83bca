// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/api/request_members.hpp"

#include <algorithm>
#include <cmath>

namespace kiln {
namespace {

using nlohmann::json;

constexpr int max_depth = 32;  // deeper than any shape of the service; bounds what hostile input can make us build

ServiceError serialization_error(std::string message) { return {400, "SerializationException", std::move(message)}; }

std::string_view kind_of(const json& value) {
  if (value.is_string()) return "STRING_VALUE";
  if (value.is_boolean()) return value.get<bool>() ? "TRUE_VALUE" : "FALSE_VALUE";
  return "NUMBER_VALUE";
}

}  // namespace

Result<ParsedRequest> parse_request(std::string_view body, const std::vector<std::string_view>& known) {
  if (body.empty()) return ParsedRequest{json::object()};
  bool too_deep = false;
  bool skip = false;
  const auto keep = [&](int depth, json::parse_event_t event, json& value) {
    if (depth > max_depth) too_deep = true;
    if (event == json::parse_event_t::key && depth == 1) {
      skip = std::find(known.begin(), known.end(), value.get_ref<const std::string&>()) == known.end();
      return !skip;
    }
    return !too_deep && !(skip && depth > 1);
  };
  try {
    json out = json::parse(body, keep);
    if (too_deep) return serialization_error("The request is nested too deeply");
    if (!out.is_object()) return serialization_error("Unexpected value: the request must be a JSON object");
    return ParsedRequest{std::move(out)};
  } catch (const json::parse_error& error) {
    return serialization_error("The request is not JSON: unexpected character or end at byte " +
                               std::to_string(error.byte));
  } catch (const json::out_of_range&) {
    return serialization_error("The request holds a number that is too large");
  }
}

const json* RequestMembers::find(const char* name) const {
  const auto found = object_->find(name);
  return found == object_->end() || found->is_null() ? nullptr : &*found;
}

void RequestMembers::wrong(const json& value, std::string_view wanted) const {
  if (*error_) return;
  if (value.is_object()) {
    *error_ = serialization_error("Start of structure or map found where not expected.");
  } else if (value.is_array()) {
    *error_ = serialization_error("Start of list found where not expected");
  } else if (wanted == "structure" || wanted == "list") {
    *error_ = serialization_error("Unexpected value: a " + std::string(wanted) + " was expected");
  } else {
    *error_ = serialization_error(std::string(kind_of(value)) + " can not be converted to " + std::string(wanted));
  }
}

std::optional<std::string> RequestMembers::text(const char* name) const {
  const json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_string()) return value->get<std::string>();
  wrong(*value, "a String");
  return std::nullopt;
}

std::optional<long long> RequestMembers::number(const char* name) const {
  const json* value = find(name);
  if (value == nullptr) return std::nullopt;
  constexpr long long limit = 1'000'000'000'000;
  if (value->is_number_float()) {
    // The real service cuts fractions off.
    const double number = value->get<double>();
    if (std::isfinite(number)) {
      return static_cast<long long>(std::clamp(number, -static_cast<double>(limit), static_cast<double>(limit)));
    }
  } else if (value->is_number_unsigned()) {
    return static_cast<long long>(std::min<std::uint64_t>(value->get<std::uint64_t>(), limit));
  } else if (value->is_number_integer()) {
    return std::max(value->get<long long>(), -limit);
  }
  wrong(*value, "an Integer");
  return std::nullopt;
}

std::optional<bool> RequestMembers::flag(const char* name) const {
  const json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_boolean()) return value->get<bool>();
  wrong(*value, "a Boolean");
  return std::nullopt;
}

std::optional<std::vector<std::string>> RequestMembers::texts(const char* name) const {
  const json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_array()) {
    wrong(*value, "list");
    return std::nullopt;
  }
  std::vector<std::string> out;
  for (const json& element : *value) {
    if (element.is_string()) {
      out.push_back(element.get<std::string>());
    } else {
      wrong(element, "a String");
    }
  }
  return out;
}

std::optional<std::map<std::string, std::string>> RequestMembers::text_map(const char* name) const {
  const json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_object()) {
    wrong(*value, "structure");
    return std::nullopt;
  }
  std::map<std::string, std::string> out;
  for (const auto& [key, element] : value->items()) {
    if (element.is_string()) {
      out.emplace(key, element.get<std::string>());
    } else if (!element.is_null()) {
      wrong(element, "a String");
    }
  }
  return out;
}

std::optional<RequestMembers> RequestMembers::object(const char* name) const {
  const json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_object()) return RequestMembers(*value, *error_);
  wrong(*value, "structure");
  return std::nullopt;
}

}  // namespace kiln
