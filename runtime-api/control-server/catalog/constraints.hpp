// SPDX-License-Identifier: Apache-2.0
// Broken constraints of a request, collected and told in one ValidationException as the real service does.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime-api/control-server/catalog/service_error.hpp"

namespace kiln {

class Constraints {
 public:
  /// Notes that `value` (printed in quotes; nothing prints as bare null) at `member` breaks `rule`.
  void broken(std::optional<std::string_view> value, std::string_view member, std::string_view rule);

  /// The same for a member whose value is not to be repeated (environment variables).
  void broken_secret(std::string_view member, std::string_view rule);

  bool empty() const { return clauses_.empty(); }

  /// `N validation error(s) detected: Value 'V' at 'member' failed to satisfy constraint: RULE; …`. Only where not empty.
  ServiceError error(std::string_view type = "ValidationException") const;

 private:
  std::vector<std::string> clauses_;
};

namespace rules {
std::string length_at_most(std::size_t n);
std::string length_at_least(std::size_t n);
std::string value_at_most(long long n);
std::string value_at_least(long long n);
std::string pattern(std::string_view regular_expression);
/// Rules for each element of a list or map: `Member must satisfy constraint: [R1, R2]`.
std::string each(std::string_view what, const std::vector<std::string>& element_rules);
/// The values are printed in the order given.
std::string one_of(const std::vector<std::string>& values);
inline constexpr std::string_view not_null = "Member must not be null";
}  // namespace rules

}  // namespace kiln
