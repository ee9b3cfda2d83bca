// SPDX-License-Identifier: Apache-2.0
// Typed reading of a JSON request. The first member of the wrong type is remembered and told once at the end.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime-api/control-server/catalog/service_error.hpp"

namespace kiln {

struct ParsedRequest {
  nlohmann::json object;
};

/// Parses a request body, which must be a JSON object; members not in `known` are skipped without being kept. An empty
/// body is an empty object. SerializationException where it is not JSON, not an object, or nested absurdly deep.
Result<ParsedRequest> parse_request(std::string_view body, const std::vector<std::string_view>& known);

/// Reads the members of one JSON object, which must outlive it. A null member is an absent one.
class RequestMembers {
 public:
  /// `error` takes the first problem and is shared with the readers of nested objects.
  RequestMembers(const nlohmann::json& object, std::optional<ServiceError>& error) : object_(&object), error_(&error) {}

  std::optional<std::string> text(const char* name) const;
  std::optional<long long> number(const char* name) const;
  std::optional<bool> flag(const char* name) const;
  std::optional<std::vector<std::string>> texts(const char* name) const;
  std::optional<std::map<std::string, std::string>> text_map(const char* name) const;
  std::optional<RequestMembers> object(const char* name) const;

 private:
  const nlohmann::json* find(const char* name) const;
  void wrong(const nlohmann::json& value, std::string_view wanted) const;

  const nlohmann::json* object_;
  std::optional<ServiceError>* error_;
};

}  // namespace kiln
