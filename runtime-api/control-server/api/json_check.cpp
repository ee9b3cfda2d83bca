// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/api/json_check.hpp"

#include <cstdint>
#include <cstring>
#include <vector>

namespace kiln {
namespace {

/// Whether any of eight bytes ends the run of plain string characters: a quote, a backslash, a control or non-ASCII one.
bool has_special(std::uint64_t eight) {
  constexpr std::uint64_t ones = 0x0101010101010101ULL;
  constexpr std::uint64_t tops = 0x8080808080808080ULL;
  const auto has_zero = [](std::uint64_t v) { return (v - ones) & ~v & tops; };
  return ((eight & tops) | ((eight - ones * 0x20) & ~eight & tops) | has_zero(eight ^ (ones * '"')) |
          has_zero(eight ^ (ones * '\\'))) != 0;
}

class Checker {
 public:
  explicit Checker(std::string_view text) : begin_(text.data()), at_(begin_), end_(begin_ + text.size()) {}

  std::optional<std::string> check() {
    const bool good = document();
    if (good) return std::nullopt;
    std::size_t line = 1;
    const char* start = begin_;
    for (const char* p = begin_; p < at_; ++p) {
      if (*p == '\n') {
        ++line;
        start = p + 1;
      }
    }
    return problem_ + " at line " + std::to_string(line) + ", column " + std::to_string(at_ - start + 1);
  }

 private:
  bool fail(std::string what) {
    problem_ = std::move(what);
    return false;
  }
  bool unexpected() {
    if (at_ == end_) return fail("Unexpected end of input");
    const auto c = static_cast<unsigned char>(*at_);
    if (c < 0x20 || c >= 0x7F) return fail("Unexpected character (code " + std::to_string(c) + ")");
    return fail("Unexpected character '" + std::string(1, *at_) + "'");
  }
  void skip_space() {
    while (at_ < end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
  }

  /// Values one after another, with the open brackets on a stack of their own: nesting costs no C++ stack.
  bool document() {
    for (;;) {
      skip_space();
      if (at_ == end_) return unexpected();
      if (*at_ == '{' || *at_ == '[') {
        if (open_.size() == max_json_depth)
          return fail("Values are nested deeper than " + std::to_string(max_json_depth));
        open_.push_back(*at_++);
        skip_space();
        const char close = open_.back() == '{' ? '}' : ']';
        if (at_ < end_ && *at_ == close) {
          ++at_;
          open_.pop_back();
        } else {
          if (close == '}' && !key()) return false;
          continue;
        }
      } else if (!scalar()) {
        return false;
      }
      if (!after_value()) return !problem_.empty() ? false : at_ == end_ || unexpected();
    }
  }

  /// After a complete value. True: another value follows. False: the document is over, or `problem_` says what is wrong.
  bool after_value() {
    for (;;) {
      skip_space();
      if (open_.empty()) return false;
      if (at_ == end_) return unexpected();
      const bool object = open_.back() == '{';
      if (*at_ == ',') {
        ++at_;
        skip_space();
        return !object || key();
      }
      if (*at_ != (object ? '}' : ']')) return unexpected();
      ++at_;
      open_.pop_back();
    }
  }

  bool key() {
    if (at_ == end_ || *at_ != '"') return unexpected();
    if (!string()) return false;
    skip_space();
    if (at_ == end_ || *at_ != ':') return unexpected();
    ++at_;
    return true;
  }

  bool scalar() {
    switch (*at_) {
      case '"': return string();
      case 't': return word("true");
      case 'f': return word("false");
      case 'n': return word("null");
      default: return number();
    }
  }

  bool word(std::string_view expected) {
    for (const char c : expected) {
      if (at_ == end_ || *at_ != c) return unexpected();
      ++at_;
    }
    return true;
  }

  bool digits() {
    if (at_ == end_ || *at_ < '0' || *at_ > '9') return unexpected();
    while (at_ < end_ && *at_ >= '0' && *at_ <= '9') ++at_;
    return true;
  }

  bool number() {
    if (*at_ == '-') ++at_;
    if (at_ < end_ && *at_ == '0') {
      ++at_;
    } else if (!digits()) {
      return false;
    }
    if (at_ < end_ && *at_ == '.') {
      ++at_;
      if (!digits()) return false;
    }
    if (at_ < end_ && (*at_ == 'e' || *at_ == 'E')) {
      ++at_;
      if (at_ < end_ && (*at_ == '+' || *at_ == '-')) ++at_;
      if (!digits()) return false;
    }
    return true;
  }

  bool string() {
    ++at_;
    for (;;) {
      while (end_ - at_ >= 8) {
        std::uint64_t eight = 0;
        std::memcpy(&eight, at_, sizeof eight);
        if (has_special(eight)) break;
        at_ += 8;
      }
      if (at_ == end_) return unexpected();
      const auto c = static_cast<unsigned char>(*at_);
      if (c == '"') {
        ++at_;
        return true;
      }
      if (c < 0x20) return unexpected();
      if (c == '\\') {
        if (!escape()) return false;
      } else if (c < 0x80) {
        ++at_;
      } else if (!utf8()) {
        return false;
      }
    }
  }

  bool escape() {
    ++at_;
    if (at_ == end_) return unexpected();
    if (*at_ != 'u') {
      if (std::strchr("\"\\/bfnrt", *at_) == nullptr || *at_ == '\0') return unexpected();
      ++at_;
      return true;
    }
    ++at_;
    for (int i = 0; i < 4; ++i, ++at_) {
      if (at_ == end_) return unexpected();
      const char c = *at_;
      if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))) return unexpected();
    }
    return true;
  }

  bool utf8() {
    const auto first = static_cast<unsigned char>(*at_);
    const auto bad = [&] { return fail("Invalid UTF-8 start byte (code " + std::to_string(first) + ")"); };
    std::size_t more = 0;
    unsigned char low = 0x80;
    unsigned char high = 0xBF;
    if (first >= 0xC2 && first <= 0xDF) {
      more = 1;
    } else if (first >= 0xE0 && first <= 0xEF) {
      more = 2;
      if (first == 0xE0) low = 0xA0;
      if (first == 0xED) high = 0x9F;
    } else if (first >= 0xF0 && first <= 0xF4) {
      more = 3;
      if (first == 0xF0) low = 0x90;
      if (first == 0xF4) high = 0x8F;
    } else {
      return bad();
    }
    if (static_cast<std::size_t>(end_ - at_) <= more) return bad();
    for (std::size_t i = 1; i <= more; ++i) {
      const auto c = static_cast<unsigned char>(at_[i]);
      if (c < (i == 1 ? low : 0x80) || c > (i == 1 ? high : 0xBF)) return bad();
    }
    at_ += more + 1;
    return true;
  }

  const char* begin_;
  const char* at_;
  const char* end_;
  std::string open_;  // the brackets that are open
  std::string problem_;
};

}  // namespace

std::optional<std::string> json_problem(std::string_view text) { return Checker(text).check(); }

}  // namespace kiln
