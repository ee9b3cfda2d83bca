// SPDX-License-Identifier: Apache-2.0
// The head of one request, and the gate in front of everything: a head whose framing two implementations could read
// differently is refused here, before anybody acts on it (RFC 9112; security notes F1–F5 on Beast 1.81).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kiln::http {

enum class Method { get, head, post, put, del, options, patch, other };

/// Views into bytes that the head itself owns; valid until the next `parse` or move.
class RequestHead {
 public:
  using FieldView = std::pair<std::string_view, std::string_view>;

  RequestHead() = default;
  RequestHead(const RequestHead&) = delete;
  RequestHead& operator=(const RequestHead&) = delete;

  /// Parses `bytes`: a request line and fields with the empty line that ends them. Returns 0, or the HTTP status with
  /// which to refuse (400, 414, 417, 431, 505) after which the connection must close.
  int parse(std::string_view bytes);

  /// Gives back its memory; the head is empty until the next `parse`, but for what `keep_alive` and the method say.
  void release() {
    bytes_ = std::string();
    fields_ = std::vector<FieldView>();
    method_text_ = target_ = path_ = query_ = {};
  }

  Method method() const { return method_; }
  std::string_view method_text() const { return method_text_; }
  /// The target's path and query, percent-encoded as sent, in origin form.
  std::string_view path() const { return path_; }
  std::string_view query() const { return query_; }
  const std::vector<FieldView>& fields() const { return fields_; }
  /// The first field of that name, compared without regard to case.
  std::optional<std::string_view> field(std::string_view name) const;

  bool chunked() const { return chunked_; }
  std::uint64_t content_length() const { return content_length_; }
  bool has_body() const { return chunked_ || content_length_ > 0; }
  bool expects_continue() const { return expects_continue_; }
  bool keep_alive() const { return keep_alive_; }
  bool is_http_1_0() const { return http_1_0_; }

 private:
  friend class HeadParser;
  int check_framing(int version);
  int split_target(std::string_view target);

  std::string bytes_;
  Method method_ = Method::other;
  std::string_view method_text_;
  std::string_view target_;
  std::string_view path_;
  std::string_view query_;
  std::vector<FieldView> fields_;
  std::uint64_t content_length_ = 0;
  bool chunked_ = false;
  bool expects_continue_ = false;
  bool keep_alive_ = true;
  bool http_1_0_ = false;
};

/// Most fields a head may have; more is answered 431.
inline constexpr std::size_t max_fields = 100;
/// Longest request target; longer is answered 414.
inline constexpr std::size_t max_target = 8'192;

}  // namespace kiln::http
