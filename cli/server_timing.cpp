// SPDX-License-Identifier: Apache-2.0
#include "cli/server_timing.hpp"

#include <cstdlib>

namespace kiln::cli {
namespace {

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// Cuts the next piece up to `separator` off `text`, looking past separators inside quoted strings.
std::string_view cut(std::string_view& text, char separator) {
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && quoted) {
      ++i;
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (text[i] == separator && !quoted) {
      const auto piece = text.substr(0, i);
      text.remove_prefix(i + 1);
      return trimmed(piece);
    }
  }
  const auto piece = text;
  text = {};
  return trimmed(piece);
}

std::string unquoted(std::string_view text) {
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') {
    return std::string(text);
  }
  std::string value;
  for (std::size_t i = 1; i + 1 < text.size(); ++i) {
    if (text[i] == '\\' && i + 2 < text.size()) {
      ++i;
    }
    value += text[i];
  }
  return value;
}

}  // namespace

std::vector<TimedPhase> parse_server_timing(std::string_view header) {
  std::vector<TimedPhase> phases;
  while (!header.empty()) {
    auto entry = cut(header, ',');
    TimedPhase phase;
    phase.name = std::string(cut(entry, ';'));
    while (!entry.empty()) {
      const auto parameter = cut(entry, ';');
      const auto equals = parameter.find('=');
      if (equals == std::string_view::npos) {
        continue;
      }
      const auto key = trimmed(parameter.substr(0, equals));
      const auto value = unquoted(trimmed(parameter.substr(equals + 1)));
      if (key == "dur") {
        char* end = nullptr;
        const double number = std::strtod(value.c_str(), &end);
        phase.milliseconds = end != value.c_str() && *end == '\0' ? number : -1;
      } else if (key == "desc") {
        phase.description = value;
      }
    }
    if (!phase.name.empty()) {
      phases.push_back(std::move(phase));
    }
  }
  return phases;
}

}  // namespace kiln::cli
