// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/catalog/constraints.hpp"

namespace kiln {

void Constraints::broken(std::optional<std::string_view> value, std::string_view member, std::string_view rule) {
  std::string clause = "Value ";
  if (value) {
    clause.append("'").append(*value).append("'");
  } else {
    clause += "null";
  }
  clause.append(" at '").append(member).append("' failed to satisfy constraint: ").append(rule);
  clauses_.push_back(std::move(clause));
}

void Constraints::broken_secret(std::string_view member, std::string_view rule) {
  clauses_.push_back("Value at '" + std::string(member) + "' failed to satisfy constraint: " + std::string(rule));
}

ServiceError Constraints::error(std::string_view type) const {
  std::string message = std::to_string(clauses_.size());
  message += clauses_.size() == 1 ? " validation error detected: " : " validation errors detected: ";
  for (std::size_t i = 0; i < clauses_.size(); ++i) {
    if (i > 0) message += "; ";
    message += clauses_[i];
  }
  return {400, std::string(type), std::move(message)};
}

namespace rules {

std::string length_at_most(std::size_t n) {
  return "Member must have length less than or equal to " + std::to_string(n);
}
std::string length_at_least(std::size_t n) {
  return "Member must have length greater than or equal to " + std::to_string(n);
}
std::string value_at_most(long long n) { return "Member must have value less than or equal to " + std::to_string(n); }
std::string value_at_least(long long n) {
  return "Member must have value greater than or equal to " + std::to_string(n);
}
std::string pattern(std::string_view regular_expression) {
  return "Member must satisfy regular expression pattern: " + std::string(regular_expression);
}
std::string each(std::string_view what, const std::vector<std::string>& element_rules) {
  std::string out = std::string(what) + " must satisfy constraint: [";
  for (std::size_t i = 0; i < element_rules.size(); ++i) {
    if (i > 0) out += ", ";
    out += element_rules[i];
  }
  return out + "]";
}
std::string one_of(const std::vector<std::string>& values) {
  std::string out = "Member must satisfy enum value set: [";
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0) out += ", ";
    out += values[i];
  }
  return out + "]";
}

}  // namespace rules
}  // namespace kiln
