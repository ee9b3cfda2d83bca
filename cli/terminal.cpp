// SPDX-License-Identifier: Apache-2.0
// Colours, and how figures are written for people.
#include "cli/terminal.hpp"

#include "cli/environment.hpp"

#include <unistd.h>

#include <cstdio>
#include <iostream>

namespace kiln::cli {
namespace {

std::string styled(Style style, std::string_view text, bool colour) {
  if (!colour || style == Style::plain) {
    return std::string(text);
  }
  const char* code = "0";
  switch (style) {
    case Style::plain: break;
    case Style::bold: code = "1"; break;
    case Style::dim: code = "2"; break;
    case Style::red: code = "31"; break;
    case Style::green: code = "32"; break;
    case Style::yellow: code = "33"; break;
  }
  return std::string("\x1b[") + code + "m" + std::string(text) + "\x1b[0m";
}

bool may_colour(int descriptor) {
  return ::isatty(descriptor) == 1 && environment_variable("NO_COLOR").empty() &&
         environment_variable("TERM") != "dumb";
}

std::string with_unit(double value, int decimals, const char* unit) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, "%.*f %s", decimals, value, unit);
  return buffer;
}

}  // namespace

std::string Terminal::out_style(Style style, std::string_view text) const { return styled(style, text, colour_out); }
std::string Terminal::err_style(Style style, std::string_view text) const { return styled(style, text, colour_err); }

Terminal standard_terminal() {
  return Terminal{std::cout, std::cerr, may_colour(STDOUT_FILENO), may_colour(STDERR_FILENO)};
}

std::string human_bytes(unsigned long long bytes) {
  const auto value = static_cast<double>(bytes);
  if (bytes < 1'000) {
    return std::to_string(bytes) + " B";
  }
  if (value < 999'950) {
    return with_unit(value / 1e3, 1, "kB");
  }
  return with_unit(value / 1e6, 1, "MB");
}

std::string human_duration(double milliseconds) {
  if (milliseconds < 9.995) {
    return with_unit(milliseconds, 2, "ms");
  }
  if (milliseconds < 999.5) {
    return with_unit(milliseconds, 0, "ms");
  }
  return with_unit(milliseconds / 1e3, 1, "s");
}

std::string shell_word(std::string_view text) {
  constexpr std::string_view safe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=@%+,";
  if (!text.empty() && text.find_first_not_of(safe) == std::string_view::npos) {
    return std::string(text);
  }
  std::string word = "'";
  for (const char c : text) {
    if (c == '\'') {
      word += "'\\''";
    } else {
      word += c;
    }
  }
  return word + "'";
}

}  // namespace kiln::cli
