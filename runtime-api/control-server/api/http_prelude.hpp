// SPDX-License-Identifier: Apache-2.0
// How a streamed HTTP answer begins: a body of the type below starts with JSON (statusCode, headers, cookies) and eight NULs
// (developer guide, response streaming; contract, section 1.1).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace kiln {

inline constexpr std::string_view http_integration = "application/vnd.awslambda.http-integration-response";
/// Largest prelude in bytes, without the NULs.
inline constexpr std::size_t max_http_prelude = 65'536;

/// Whether a body of this content type begins with a prelude.
bool has_http_prelude(std::string_view content_type);

/// Takes the prelude off the front of a body that comes in parts.
class HttpPrelude {
 public:
  enum class State { more, done, bad };

  /// Takes over what of `part` belongs to the prelude, and leaves what follows it.
  State take(std::string_view& part);
  /// The JSON, once `take` has said `done`.
  const std::string& json() const { return json_; }

 private:
  std::string json_;
  std::size_t nuls_ = 0;
};

}  // namespace kiln
