// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/catalog/function_name.hpp"

#include <algorithm>
#include <optional>
#include <vector>

#include "runtime-api/control-server/catalog/constraints.hpp"

namespace kiln {
namespace {

constexpr std::size_t max_bare_name = 64;
constexpr std::size_t max_text = 140;
constexpr std::size_t max_qualifier = 128;

constexpr std::string_view management_pattern =
    R"((arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?)"
    R"((\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?)";
constexpr std::string_view invoke_pattern =
    R"((arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?)"
    R"((\d{12}:)?(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?)";
constexpr std::string_view qualifier_pattern = R"((|[a-zA-Z0-9$_-]+))";

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_alpha(char c) { return is_lower(c) || (c >= 'A' && c <= 'Z'); }
bool is_word(char c) { return is_alpha(c) || is_digit(c) || c == '-' || c == '_'; }

template <typename Predicate>
bool all_of(std::string_view text, Predicate predicate) {
  return !text.empty() && std::all_of(text.begin(), text.end(), predicate);
}

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> out;
  for (;;) {
    const std::size_t end = text.find(at);
    out.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return out;
    text.remove_prefix(end + 1);
  }
}

/// (eusc-)?[a-z]{2}(-gov|-iso[a-z]?)?-[a-z]+-\d
bool is_region(std::string_view text) {
  std::vector<std::string_view> parts = split(text, '-');
  if (parts.front() == "eusc") parts.erase(parts.begin());
  if (parts.size() == 4) {
    const std::string_view extra = parts[1];
    const bool iso = extra.substr(0, 3) == "iso" && (extra.size() == 3 || (extra.size() == 4 && is_lower(extra[3])));
    if (extra != "gov" && !iso) return false;
    parts.erase(parts.begin() + 1);
  }
  return parts.size() == 3 && parts[0].size() == 2 && all_of(parts[0], is_lower) && all_of(parts[1], is_lower) &&
         parts[2].size() == 1 && is_digit(parts[2][0]);
}

bool is_account(std::string_view text) { return text.size() == 12 && all_of(text, is_digit); }

bool is_name(std::string_view text, NameRules rules) {
  return all_of(text, [&](char c) { return is_word(c) || (c == '.' && rules == NameRules::invoke); });
}

bool is_inline_qualifier(std::string_view text, NameRules rules) {
  return text == "$LATEST" || (text == "$LATEST.PUBLISHED" && rules == NameRules::invoke) || all_of(text, is_word);
}

struct Parts {
  std::string_view region;
  std::string_view account;
  std::string_view name;
  std::string_view qualifier;
};

/// Matches tokens from `at` on with the optional parts that `wanted` (bit 2 region, bit 1 account, bit 0 "function")
/// says are there.
std::optional<Parts> match(const std::vector<std::string_view>& tokens, std::size_t at, unsigned wanted,
                           NameRules rules) {
  Parts out;
  const auto token = [&] { return at < tokens.size() ? tokens[at] : std::string_view(); };
  if (wanted & 4u) {
    if (!is_region(token())) return std::nullopt;
    out.region = tokens[at++];
  }
  if (wanted & 2u) {
    if (!is_account(token())) return std::nullopt;
    out.account = tokens[at++];
  }
  if (wanted & 1u) {
    if (token() != "function") return std::nullopt;
    ++at;
  }
  const std::size_t left = tokens.size() - at;
  if ((left != 1 && left != 2) || !is_name(token(), rules)) return std::nullopt;
  out.name = tokens[at];
  if (left == 2) {
    if (!is_inline_qualifier(tokens[at + 1], rules)) return std::nullopt;
    out.qualifier = tokens[at + 1];
  }
  return out;
}

std::optional<Parts> parse(std::string_view text, NameRules rules) {
  // Nearly every invocation names its function so.
  if (text.find(':') == std::string_view::npos) {
    return is_name(text, rules) ? std::optional(Parts{{}, {}, text, {}}) : std::nullopt;
  }
  const std::vector<std::string_view> tokens = split(text, ':');
  std::size_t at = 0;
  if (tokens.size() > 3 && tokens[0] == "arn") {
    const bool partition = tokens[1].empty() || (tokens[1].substr(0, 3) == "aws" &&
                                                 std::all_of(tokens[1].begin() + 3, tokens[1].end(),
                                                             [](char c) { return is_alpha(c) || c == '-'; }));
    if (partition && tokens[2] == "lambda") at = 3;
  }
  // Longest reading first, as the regular expression's greedy groups would take it.
  for (unsigned wanted = 8; wanted-- > 0;) {
    if (std::optional<Parts> parts = match(tokens, at, wanted, rules)) return parts;
  }
  return std::nullopt;
}

}  // namespace

Result<FunctionReference> parse_function_name(std::string_view text, std::string_view qualifier, NameRules rules,
                                              const AccountSettings& account) {
  const std::optional<Parts> parts = parse(text, rules);
  Constraints constraints;
  if (!parts) {
    constraints.broken(text, "functionName",
                       rules::pattern(rules == NameRules::invoke ? invoke_pattern : management_pattern));
  }
  if (text.size() > max_text) constraints.broken(text, "functionName", rules::length_at_most(max_text));
  if (!qualifier.empty() && !all_of(qualifier, [](char c) { return is_word(c) || c == '$'; }) &&
      !is_inline_qualifier(qualifier, rules)) {
    constraints.broken(qualifier, "qualifier", rules::pattern(qualifier_pattern));
  }
  if (qualifier.size() > max_qualifier) {
    constraints.broken(qualifier, "qualifier", rules::length_at_most(max_qualifier));
  }
  if (!constraints.empty()) return constraints.error();

  if (parts->name.size() > max_bare_name) {
    // The real service names this one differently from the other constraints.
    constraints.broken(text, "functionName", rules::length_at_most(max_bare_name));
    return constraints.error("InvalidParameterValueException");
  }
  if (!parts->region.empty() && parts->region != account.region) {
    return ServiceError{404, "ResourceNotFoundException",
                        "Functions from '" + std::string(parts->region) + "' are not reachable in this region ('" +
                            account.region + "')"};
  }
  if (!parts->account.empty() && parts->account != account.account_id) {
    return ServiceError{403, "AccessDeniedException", ""};
  }
  if (!parts->qualifier.empty() && !qualifier.empty() && parts->qualifier != qualifier) {
    return ServiceError{400, "InvalidParameterValueException",
                        "The derived qualifier from the function name does not match the specified qualifier."};
  }
  return FunctionReference{std::string(parts->name), std::string(qualifier.empty() ? parts->qualifier : qualifier)};
}

ServiceError function_not_found(const AccountSettings& account, std::string_view name, std::string_view qualifier) {
  return {404, "ResourceNotFoundException", "Function not found: " + function_arn(account, name, qualifier)};
}

std::string corrupt_code_text(std::string_view name) {
  return "The code of function " + std::string(name) +
         " in the code store is not what was uploaded. Upload it again (functions may write to /tmp only).";
}

}  // namespace kiln
