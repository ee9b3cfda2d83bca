// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/catalog/trigger_table.hpp"

#include <algorithm>
#include <unordered_set>

#include "runtime-api/server/http/message.hpp"

namespace kiln {
namespace {

constexpr std::string_view any_method = "ANY";

/// "/a/b" has the segments "a" and "b", "/a/" has "a" and an empty one, "/" has one empty one.
std::vector<std::string_view> segments_of(std::string_view path) {
  std::vector<std::string_view> out;
  std::size_t at = 1;
  for (;;) {
    const std::size_t end = path.find('/', at);
    out.push_back(path.substr(at, end == std::string_view::npos ? end : end - at));
    if (end == std::string_view::npos) return out;
    at = end + 1;
  }
}

bool is_greedy(std::string_view segment) {
  return segment.size() > 3 && segment.front() == '{' && segment.substr(segment.size() - 2) == "+}";
}
bool is_parameter(std::string_view segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}
bool has_parameters(std::string_view path) { return path.find('{') != std::string_view::npos; }

std::string_view parameter_name(std::string_view segment) {
  return segment.substr(1, segment.size() - (is_greedy(segment) ? 3 : 2));
}

int rank(std::string_view segment) { return is_greedy(segment) ? 2 : is_parameter(segment) ? 1 : 0; }

bool more_specific(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  for (std::size_t i = 0; i < a.size() && i < b.size(); ++i) {
    if (rank(a[i]) != rank(b[i])) return rank(a[i]) < rank(b[i]);
  }
  return a.size() > b.size();
}

/// The request's path in segments, each decoded; nothing where an escape is malformed.
std::optional<std::vector<std::string>> decoded_segments(std::string_view path) {
  std::vector<std::string> out;
  for (const std::string_view segment : segments_of(path)) {
    std::optional<std::string> decoded = http::percent_decode(segment);
    if (!decoded) return std::nullopt;
    out.push_back(std::move(*decoded));
  }
  return out;
}

std::optional<TriggerMatch> match(const std::vector<std::string>& pattern, const std::vector<std::string>& path) {
  const bool greedy = is_greedy(pattern.back());
  if (greedy ? path.size() < pattern.size() : path.size() != pattern.size()) return std::nullopt;
  TriggerMatch out;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (rank(pattern[i]) == 0) {
      if (pattern[i] != path[i]) return std::nullopt;
      continue;
    }
    std::string value = path[i];
    if (is_greedy(pattern[i])) {
      for (std::size_t rest = i + 1; rest < path.size(); ++rest) value.append("/").append(path[rest]);
    }
    if (value.empty()) return std::nullopt;
    out.path_parameters.emplace_back(parameter_name(pattern[i]), std::move(value));
  }
  return out;
}

std::string key_of(std::string_view method, std::string_view path) {
  std::string out;
  out.reserve(method.size() + path.size() + 1);
  out.append(method).append(" ").append(path);
  return out;
}

/// A decoded path as one key, unless a decoded slash would make it look like another path.
std::optional<std::string> literal_path(const std::vector<std::string>& segments) {
  std::string out;
  for (const std::string& segment : segments) {
    if (segment.find('/') != std::string::npos) return std::nullopt;
    out.append("/").append(segment);
  }
  return out;
}

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

}  // namespace

TriggerTable::TriggerTable(std::vector<HttpTrigger> triggers) : triggers_(std::move(triggers)) {
  for (std::size_t i = 0; i < triggers_.size(); ++i) {
    const HttpTrigger& trigger = triggers_[i];
    if (!has_parameters(trigger.path)) {
      literals_.emplace(key_of(trigger.method, trigger.path), i);
      continue;
    }
    Template pattern{{}, i};
    for (const std::string_view segment : segments_of(trigger.path)) pattern.segments.emplace_back(segment);
    templates_.push_back(std::move(pattern));
  }
  std::sort(templates_.begin(), templates_.end(), [&](const Template& a, const Template& b) {
    if (more_specific(a.segments, b.segments)) return true;
    if (more_specific(b.segments, a.segments)) return false;
    const bool any_a = triggers_[a.trigger].method == any_method;
    const bool any_b = triggers_[b.trigger].method == any_method;
    return any_a != any_b ? any_b : a.trigger < b.trigger;
  });
}

std::optional<TriggerMatch> TriggerTable::find(std::string_view method, std::string_view path) const {
  if (triggers_.empty() || path.empty() || path.front() != '/') return std::nullopt;
  const auto literal = [&](std::string_view decoded) -> const HttpTrigger* {
    for (const std::string_view one : {method, any_method}) {
      if (const auto found = literals_.find(key_of(one, decoded)); found != literals_.end()) {
        return &triggers_[found->second];
      }
    }
    return nullptr;
  };
  // Most requests name a literal path that needs no decoding.
  const bool encoded = path.find('%') != std::string_view::npos;
  if (!encoded) {
    if (const HttpTrigger* trigger = literal(path)) return TriggerMatch{trigger, {}};
    if (templates_.empty()) return std::nullopt;
  }
  const std::optional<std::vector<std::string>> segments = decoded_segments(path);
  if (!segments) return std::nullopt;
  if (encoded) {
    const std::optional<std::string> decoded = literal_path(*segments);
    if (const HttpTrigger* trigger = decoded ? literal(*decoded) : nullptr) return TriggerMatch{trigger, {}};
  }
  for (const Template& pattern : templates_) {
    const HttpTrigger& trigger = triggers_[pattern.trigger];
    if (trigger.method != method && trigger.method != any_method) continue;
    if (std::optional<TriggerMatch> found = match(pattern.segments, *segments)) {
      found->trigger = &trigger;
      return found;
    }
  }
  return std::nullopt;
}

std::optional<std::string> trigger_path_problem(std::string_view path) {
  if (path.empty() || path.front() != '/') return "it must begin with a slash";
  if (path.size() > 512) return "it must not be longer than 512 bytes";
  std::unordered_set<std::string_view> names;
  const std::vector<std::string_view> segments = segments_of(path);
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const std::string_view segment = segments[i];
    if (segment.empty() && i + 1 < segments.size()) return "it must not contain two slashes in a row";
    if (segment == "." || segment == "..") return "it must not contain . or .. as a segment";
    if (rank(segment) > 0) {
      const std::string_view name = parameter_name(segment);
      if (!std::all_of(name.begin(), name.end(), is_name_character)) {
        return "the name of a parameter is made of letters, digits, '_', '-' and '.'";
      }
      if (!names.insert(name).second) return "it names the parameter '" + std::string(name) + "' twice";
      if (is_greedy(segment) && i + 1 < segments.size()) return "{" + std::string(name) + "+} must be its last segment";
      continue;
    }
    for (const char c : segment) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte <= 0x20 || byte == 0x7F) return "it must not contain spaces or control characters";
      if (c == '{' || c == '}') return "a parameter is a whole segment: {name} or {name+}";
      if (c == '?' || c == '#') return "it must not contain a query or a fragment";
      if (c == '%') return "it is written decoded, without percent escapes";
    }
  }
  return std::nullopt;
}

std::string trigger_path_shape(std::string_view path) {
  std::string out;
  for (const std::string_view segment : segments_of(path)) {
    out += '/';
    if (rank(segment) == 0) {
      out += segment;
    } else {
      out += is_greedy(segment) ? "{+}" : "{}";
    }
  }
  return out;
}

}  // namespace kiln
