// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/server/http/chunked_decoder.hpp"

#include <algorithm>

namespace kiln::http {
namespace {

constexpr std::size_t max_size_line = 256;           // a chunk's size and its extensions
constexpr std::size_t max_extension_bytes = 65'536;  // over all chunks of a body: nobody sends any
constexpr std::size_t max_trailer_bytes = 65'536;    // an error body travels in one, as base64
constexpr std::size_t max_size_digits = 15;

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_token_char(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool is_value_char(char c) { return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7F); }

}  // namespace

ChunkedDecoder::Step ChunkedDecoder::fail() {
  part_ = Part::failed;
  return {0, {}, State::bad};
}

/// Moves input into `line_` up to and without its CRLF. True once the line is complete; false where more is needed or,
/// with part_ set to failed, where the line ends wrongly or is too long.
bool ChunkedDecoder::take_line(std::string_view input, std::size_t& consumed) {
  const std::string_view rest = input.substr(consumed);
  const auto feed = rest.find('\n');
  const std::size_t take = feed == std::string_view::npos ? rest.size() : feed + 1;
  const std::size_t limit = part_ == Part::trailers ? max_trailer_bytes : max_size_line;
  if (line_.size() + take > limit) {
    part_ = Part::failed;
    return false;
  }
  line_.append(rest.substr(0, take));
  consumed += take;
  if (feed == std::string_view::npos) return false;
  if (line_.size() < 2 || line_[line_.size() - 2] != '\r') {
    part_ = Part::failed;
    return false;
  }
  line_.resize(line_.size() - 2);
  return true;
}

bool ChunkedDecoder::read_size() {
  std::size_t digits = 0;
  left_ = 0;
  while (digits < line_.size() && hex_value(line_[digits]) >= 0) {
    left_ = left_ * 16 + static_cast<std::uint64_t>(hex_value(line_[digits]));
    if (++digits > max_size_digits) return false;
  }
  if (digits == 0) return false;
  const std::string_view extension = std::string_view(line_).substr(digits);
  extension_bytes_ += extension.size();
  if (extension_bytes_ > max_extension_bytes) return false;
  return extension.empty() ||
         (extension.front() == ';' && std::all_of(extension.begin(), extension.end(), is_value_char));
}

bool ChunkedDecoder::read_trailer() {
  trailer_bytes_ += line_.size() + 2;
  const auto colon = line_.find(':');
  if (trailer_bytes_ > max_trailer_bytes || colon == std::string::npos || colon == 0) return false;
  const std::string_view name = std::string_view(line_).substr(0, colon);
  std::string_view value = std::string_view(line_).substr(colon + 1);
  if (!std::all_of(name.begin(), name.end(), is_token_char)) return false;
  if (!std::all_of(value.begin(), value.end(), is_value_char)) return false;
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
  trailers_.emplace_back(name, value);
  return true;
}

ChunkedDecoder::Step ChunkedDecoder::step(std::string_view input) {
  Step step;
  for (;;) {
    switch (part_) {
      case Part::size_line:
        if (!take_line(input, step.consumed)) return part_ == Part::failed ? fail() : step;
        if (!read_size()) return fail();
        line_.clear();
        part_ = left_ == 0 ? Part::trailers : Part::data;
        break;
      case Part::data: {
        const auto take = static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size() - step.consumed));
        step.data = input.substr(step.consumed, take);
        step.consumed += take;
        left_ -= take;
        if (left_ == 0) part_ = Part::data_end;
        return step;
      }
      case Part::data_end:
        if (!take_line(input, step.consumed)) return part_ == Part::failed ? fail() : step;
        if (!line_.empty()) return fail();
        part_ = Part::size_line;
        break;
      case Part::trailers:
        if (!take_line(input, step.consumed)) return part_ == Part::failed ? fail() : step;
        if (line_.empty()) {
          part_ = Part::finished;
          break;
        }
        if (!read_trailer()) return fail();
        line_.clear();
        break;
      case Part::finished: step.state = State::done; return step;
      case Part::failed: return fail();
    }
  }
}

}  // namespace kiln::http
