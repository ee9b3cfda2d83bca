// SPDX-License-Identifier: Apache-2.0
#include "cli/export/yaml.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

namespace kiln::cli {
namespace {

constexpr std::size_t longest_flow = 100;

bool is_alphanumeric(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }
bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }

// Words that are no text in YAML 1.1, which most readers still speak.
bool is_reserved(std::string_view text) {
  constexpr std::array<std::string_view, 9> words{"true", "false", "yes", "no", "on", "off", "null", "y", "n"};
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::find(words.begin(), words.end(), lower) != words.end();
}

// 128Mi, 72m, 25%: a number with a unit that makes it none.
bool is_quantity(std::string_view text) {
  const auto end = std::find_if_not(text.begin(), text.end(), is_digit);
  const auto unit = text.substr(static_cast<std::size_t>(end - text.begin()));
  return end != text.begin() && (unit == "Mi" || unit == "m" || unit == "%" || unit == "s");
}

// What may stand without quotes: words, paths, image references; never what might be a number or a date.
bool is_plain(std::string_view text, bool flow) {
  if (is_quantity(text)) {
    return true;
  }
  if (text.empty() || is_digit(text.front()) || !(is_alphanumeric(text.front()) || text.front() == '/') ||
      text.back() == ':' || is_reserved(text)) {
    return false;
  }
  return std::all_of(text.begin(), text.end(), [flow](char c) {
    return is_alphanumeric(c) || c == '/' || c == '.' || c == '_' || c == '-' || c == '@' || (c == ':' && !flow);
  });
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

// A JSON string is a double-quoted one of YAML, but for characters that YAML does not let stand for themselves.
std::string quoted(const std::string& text) {
  auto out = Json(text).dump();
  replace_all(out, "\x7f", R"(\x7f)");
  replace_all(out, "\xe2\x80\xa8", R"(\u2028)");
  replace_all(out, "\xe2\x80\xa9", R"(\u2029)");
  replace_all(out, "\xef\xbb\xbf", R"(\ufeff)");
  for (int c = 0x80; c < 0xa0; ++c) {
    constexpr std::string_view digits = "0123456789abcdef";
    const std::string code{digits[static_cast<std::size_t>(c / 16)], digits[static_cast<std::size_t>(c % 16)]};
    replace_all(out, std::string{'\xc2', static_cast<char>(c)}, R"(\x)" + code);
  }
  return out;
}

std::string scalar(const Json& value, bool flow) {
  if (!value.is_string()) {
    return value.dump();
  }
  const auto& text = value.get_ref<const std::string&>();
  return is_plain(text, flow) ? text : quoted(text);
}

// Lists of a few words stand on one line; so does what is empty. Empty where `value` has to be a block.
std::string on_one_line(const Json& value) {
  if (!value.is_structured()) {
    return scalar(value, false);
  }
  if (value.empty()) {
    return value.dump();
  }
  if (value.is_object() ||
      std::any_of(value.begin(), value.end(), [](const Json& item) { return item.is_structured(); })) {
    return "";
  }
  std::string line;
  for (const auto& item : value) {
    line += (line.empty() ? "[" : ", ") + scalar(item, true);
  }
  line += "]";
  return line.size() <= longest_flow ? line : "";
}

void write_block(std::string& out, const Json& value, std::size_t indent);

// What stands behind a key or a dash: on its line, or as a block that begins at `indent`. Behind a dash the block begins
// on its line.
void write_value(std::string& out, const Json& value, std::size_t indent, bool behind_dash) {
  const auto line = on_one_line(value);
  if (!line.empty()) {
    out += " " + line + "\n";
  } else if (behind_dash) {
    std::string block;
    write_block(block, value, indent);
    out += " " + block.substr(indent);
  } else {
    out += "\n";
    write_block(out, value, indent);
  }
}

void write_block(std::string& out, const Json& value, std::size_t indent) {
  const std::string margin(indent, ' ');
  if (value.is_object()) {
    for (const auto& [key, member] : value.items()) {
      out += margin + scalar(key, false) + ":";
      write_value(out, member, indent + 2, false);
    }
  } else {
    for (const auto& item : value) {
      out += margin + "-";
      write_value(out, item, indent + 2, true);
    }
  }
}

}  // namespace

std::string yaml_text(const Json& value) {
  const auto line = on_one_line(value);
  if (!line.empty()) {
    return line + "\n";
  }
  std::string out;
  write_block(out, value, 0);
  return out;
}

std::string yaml_file(const std::vector<std::string>& comment, const std::vector<Json>& documents) {
  std::string out;
  for (const auto& line : comment) {
    out += "# " + line + "\n";
  }
  for (const auto& document : documents) {
    out += (&document == documents.data() ? "" : "---\n") + yaml_text(document);
  }
  return out;
}

}  // namespace kiln::cli
