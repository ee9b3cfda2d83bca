// SPDX-License-Identifier: Apache-2.0
// How request heads are written.
#pragma once

#include <string>
#include <string_view>

namespace kiln {

/// `Name: value` and a line end. Values come from functions: what could end the line, or is not plain ASCII, is left out.
inline void append_field(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  out += ": ";
  for (const char c : value) {
    if (c >= 0x20 && c < 0x7F) out += c;
  }
  out += "\r\n";
}

/// Ids come from the platform, yet an id must not become another request.
inline void append_path_segment(std::string& out, std::string_view segment) {
  for (const char c : segment) {
    if (c > 0x20 && c < 0x7F && c != '/' && c != '?' && c != '#') out += c;
  }
}

}  // namespace kiln
