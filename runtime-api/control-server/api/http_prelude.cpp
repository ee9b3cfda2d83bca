// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/api/http_prelude.hpp"

#include "runtime-api/server/http/message.hpp"

namespace kiln {
namespace {

constexpr std::size_t delimiter = 8;

}  // namespace

bool has_http_prelude(std::string_view content_type) {
  std::string_view media = content_type.substr(0, content_type.find(';'));
  while (!media.empty() && (media.back() == ' ' || media.back() == '\t')) media.remove_suffix(1);
  return http::same_name(media, http_integration);
}

HttpPrelude::State HttpPrelude::take(std::string_view& part) {
  if (nuls_ == 0) {
    const std::string_view text = part.substr(0, part.find('\0'));
    if (json_.size() + text.size() > max_http_prelude) return State::bad;
    json_ += text;
    part.remove_prefix(text.size());
  }
  while (nuls_ < delimiter && !part.empty()) {
    if (part.front() != '\0') return State::bad;
    ++nuls_;
    part.remove_prefix(1);
  }
  return nuls_ == delimiter ? State::done : State::more;
}

}  // namespace kiln
