// SPDX-License-Identifier: Apache-2.0
// The two streams a command writes to, and whether each may be coloured.
#pragma once

#include <iosfwd>
#include <string>
#include <string_view>

namespace kiln::cli {

enum class Style { plain, bold, dim, red, green, yellow };

/// Results go to `out`, progress and errors to `err`. References must outlive it. One thread.
struct Terminal {
  std::ostream& out;
  std::ostream& err;
  bool colour_out = false;
  bool colour_err = false;

  /// `text` styled for `out`, or as it is where that is no terminal.
  std::string out_style(Style style, std::string_view text) const;
  /// The same for `err`.
  std::string err_style(Style style, std::string_view text) const;
};

/// A Terminal on the process's standard streams; colours only where a stream is a terminal, NO_COLOR is unset or empty
/// (https://no-color.org) and TERM is not "dumb".
Terminal standard_terminal();

/// `bytes` for people: "312 B", "12.3 kB", "4.5 MB" (powers of ten).
std::string human_bytes(unsigned long long bytes);

/// `milliseconds` for people: "0.42 ms", "152 ms", "4.2 s".
std::string human_duration(double milliseconds);

/// `text` as one shell word, quoted only where it needs to be: what is printed to be tried can be pasted.
std::string shell_word(std::string_view text);

}  // namespace kiln::cli
