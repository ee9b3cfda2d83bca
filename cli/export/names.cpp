// SPDX-License-Identifier: Apache-2.0
#include "cli/export/names.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace kiln::cli {
namespace {

constexpr std::size_t longest_label = 63;
constexpr std::size_t longest_host = 253;
constexpr std::size_t longest_image = 512;
constexpr std::size_t longest_variable_path = 128;
constexpr int last_port = 65'535;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_letter(char c) { return is_lower(c) || (c >= 'A' && c <= 'Z'); }

bool is_label(std::string_view text) {
  return !text.empty() && text.size() <= longest_label && text.front() != '-' && text.back() != '-' &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_lower(c) || is_digit(c) || c == '-'; });
}

bool is_port(std::string_view text) {
  int port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() && port > 0 && port <= last_port;
}

}  // namespace

bool is_object_name(std::string_view text) { return is_label(text) && is_lower(text.front()); }

std::string nearest_object_name(std::string_view text) {
  std::string name;
  for (const char c : text.substr(0, longest_label)) {
    const bool usable = is_letter(c) || is_digit(c);
    name += usable ? static_cast<char>(std::tolower(static_cast<unsigned char>(c))) : '-';
  }
  name.erase(name.begin(), std::find_if(name.begin(), name.end(), is_lower));
  while (!name.empty() && name.back() == '-') {
    name.pop_back();
  }
  return name;
}

bool is_host_name(std::string_view text, bool wildcard) {
  if (text.size() > longest_host) {
    return false;
  }
  if (wildcard && text.starts_with("*.")) {
    text.remove_prefix(2);
  }
  for (;;) {
    const auto dot = text.find('.');
    if (!is_label(text.substr(0, dot))) {
      return false;
    }
    if (dot == std::string_view::npos) {
      return true;
    }
    text.remove_prefix(dot + 1);
  }
}

bool is_image_reference(std::string_view text) {
  return !text.empty() && text.size() <= longest_image && (is_letter(text.front()) || is_digit(text.front())) &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return is_letter(c) || is_digit(c) || std::string_view("._:/@+-").find(c) != std::string_view::npos;
         });
}

bool is_variable_name(std::string_view text) {
  return !text.empty() && !is_digit(text.front()) &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_letter(c) || is_digit(c) || c == '_'; });
}

bool is_address(std::string_view text, bool host_optional) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return host_optional && is_port(text);
  }
  const auto host = text.substr(0, colon);
  const bool good_host = !host.empty() && std::all_of(host.begin(), host.end(), [](char c) {
    return is_letter(c) || is_digit(c) || std::string_view("._-:[]").find(c) != std::string_view::npos;
  });
  return good_host && is_port(text.substr(colon + 1));
}

bool is_secret_name(std::string_view text) { return is_host_name(text, false); }

bool is_file_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

bool is_variable_path(std::string_view text) {
  return !text.empty() && text.size() <= longest_variable_path && std::all_of(text.begin(), text.end(), [](char c) {
    return is_letter(c) || is_digit(c) || std::string_view("~_/.-").find(c) != std::string_view::npos;
  });
}

}  // namespace kiln::cli
