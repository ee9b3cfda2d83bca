// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/server/http/request_head.hpp"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <limits>

#include "runtime-api/server/http/message.hpp"

namespace kiln::http {

namespace beast_http = boost::beast::http;
using boost::beast::error_code;
using BeastView = boost::beast::string_view;

/// Beast's grammar with our storage: its own container would throw, merge trailers and allocate a node per field.
class HeadParser : public beast_http::basic_parser<true> {
 public:
  explicit HeadParser(RequestHead& head) : head_(head) {
    eager(false);
    header_limit(std::numeric_limits<std::uint32_t>::max());  // the connection bounds the head before it comes here
    body_limit(boost::none);
  }
  int version() const { return version_; }
  bool too_many() const { return too_many_; }

 private:
  static std::string_view view(BeastView text) { return {text.data(), text.size()}; }

  void on_request_impl(beast_http::verb verb, BeastView method, BeastView target, int version, error_code&) override {
    head_.method_text_ = view(method);
    head_.target_ = view(target);
    version_ = version;
    switch (verb) {
      case beast_http::verb::get: head_.method_ = Method::get; break;
      case beast_http::verb::head: head_.method_ = Method::head; break;
      case beast_http::verb::post: head_.method_ = Method::post; break;
      case beast_http::verb::put: head_.method_ = Method::put; break;
      case beast_http::verb::delete_: head_.method_ = Method::del; break;
      case beast_http::verb::options: head_.method_ = Method::options; break;
      case beast_http::verb::patch: head_.method_ = Method::patch; break;
      default: head_.method_ = Method::other;
    }
  }
  void on_field_impl(beast_http::field, BeastView name, BeastView value, error_code& error) override {
    if (head_.fields_.size() == max_fields) {
      too_many_ = true;
      error = beast_http::make_error_code(beast_http::error::header_limit);
      return;
    }
    head_.fields_.emplace_back(view(name), view(value));
  }
  void on_response_impl(int, BeastView, int, error_code&) override {}
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(BeastView, error_code&) override { return 0; }
  void on_chunk_header_impl(std::uint64_t, BeastView, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, BeastView, error_code&) override { return 0; }
  void on_finish_impl(error_code&) override {}

  RequestHead& head_;
  int version_ = 0;
  bool too_many_ = false;
};

namespace {

bool is_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// Line endings other than CRLF, folded lines and NUL: all readable in more than one way.
bool has_ambiguous_bytes(std::string_view bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const char c = bytes[i];
    if (c == '\0') return true;
    if (c == '\n') {
      if (i == 0 || bytes[i - 1] != '\r') return true;
      if (i + 1 < bytes.size() && (bytes[i + 1] == ' ' || bytes[i + 1] == '\t')) return true;
    }
    if (c == '\r' && (i + 1 == bytes.size() || bytes[i + 1] != '\n')) return true;
  }
  return false;
}

/// Whether a comma-separated field value holds `token`.
bool lists_token(std::string_view list, std::string_view token) {
  while (!list.empty()) {
    const auto comma = std::min(list.find(','), list.size());
    std::string_view item = list.substr(0, comma);
    while (!item.empty() && (item.front() == ' ' || item.front() == '\t')) item.remove_prefix(1);
    while (!item.empty() && (item.back() == ' ' || item.back() == '\t')) item.remove_suffix(1);
    if (same_name(item, token)) return true;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

}  // namespace

int RequestHead::parse(std::string_view bytes) {
  bytes_.assign(bytes);
  method_ = Method::other;
  http_1_0_ = false;
  method_text_ = target_ = path_ = query_ = {};
  fields_.clear();
  content_length_ = 0;
  chunked_ = expects_continue_ = false;
  keep_alive_ = true;
  if (has_ambiguous_bytes(bytes_)) return 400;

  HeadParser parser(*this);
  error_code error;
  parser.put(boost::asio::const_buffer(bytes_.data(), bytes_.size()), error);
  if (parser.too_many()) return 431;
  if (error == beast_http::error::bad_version) return 505;
  if (error && error != beast_http::error::need_more) return 400;
  if (!parser.is_header_done()) return 400;
  if (const int status = split_target(target_)) return status;
  return check_framing(parser.version());
}

int RequestHead::split_target(std::string_view target) {
  if (target.size() > max_target) return 414;
  // A fragment is the client's own business (RFC 9110, 4.2.5); one that is sent is cut off by some and kept by others.
  const bool good = std::all_of(target.begin(), target.end(), [](char c) { return c > 0x20 && c < 0x7F && c != '#'; });
  if (!good) return 400;
  if (target.size() > 7 && same_name(target.substr(0, 7), "http://")) {  // absolute form, as sent to proxies
    const auto slash = target.find('/', 7);
    const auto authority = target.substr(7, slash == std::string_view::npos ? slash : slash - 7);
    if (authority.empty() || authority.find_first_of("?@\\") != std::string_view::npos) return 400;
    target = slash == std::string_view::npos ? std::string_view("/") : target.substr(slash);
  }
  if (target.empty() || (target.front() != '/' && target != "*")) return 400;
  const auto question = target.find('?');
  path_ = target.substr(0, question);
  query_ = question == std::string_view::npos ? std::string_view() : target.substr(question + 1);
  return 0;
}

int RequestHead::check_framing(int version) {
  int hosts = 0;
  int lengths = 0;
  int codings = 0;
  bool close = version < 11;
  for (const auto& [name, value] : fields_) {
    if (same_name(name, "Host")) {
      ++hosts;
    } else if (same_name(name, "Content-Length")) {
      ++lengths;
      if (!is_digits(value) || value.size() > 18) return 400;
      content_length_ = 0;
      for (const char c : value) content_length_ = content_length_ * 10 + static_cast<std::uint64_t>(c - '0');
    } else if (same_name(name, "Transfer-Encoding")) {
      ++codings;
      if (!same_name(value, "chunked")) return 400;
      chunked_ = true;
    } else if (same_name(name, "Expect")) {
      if (!same_name(value, "100-continue")) return 417;
      expects_continue_ = version >= 11;
    } else if (same_name(name, "Connection")) {
      close = close || lists_token(value, "close");
    }
  }
  if (version != 10 && version != 11) return 505;
  if (hosts > 1 || (version == 11 && hosts == 0)) return 400;
  if (lengths > 1 || codings > 1 || (lengths && codings)) return 400;
  if (chunked_ && version < 11) return 400;
  keep_alive_ = !close;
  http_1_0_ = version == 10;
  return 0;
}

std::optional<std::string_view> RequestHead::field(std::string_view name) const {
  for (const auto& [key, value] : fields_) {
    if (same_name(key, name)) return value;
  }
  return std::nullopt;
}

}  // namespace kiln::http
