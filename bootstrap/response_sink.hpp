// SPDX-License-Identifier: Apache-2.0
// Where an answer goes that is sent while the handler still makes it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace kiln {

/// One for each invocation, used by the thread that runs it (or by one that it waits for). What the runtime's invoke
/// returns then only says how the stream ends.
class ResponseSink {
 public:
  virtual ~ResponseSink() = default;

  /// Opens the stream, with a content type of its own. Nothing leaves before the first write; until then a failure is
  /// reported like that of any other handler. Once is enough: the first call counts.
  virtual void open(std::string_view content_type) = 0;
  virtual bool is_open() const = 0;
  /// Sends the bytes at once, without copying them; waits while nobody takes them. No bytes send what open() has
  /// prepared. Opens the stream as application/octet-stream where nobody has. Returns nothing, or why nothing more of
  /// this response is taken (for people); from then on every call does.
  virtual std::optional<std::string> write(std::string_view bytes) = 0;

  /// For a result that is not streamed: an empty string to make its body in, which has the memory of an earlier one, so
  /// that large answers need no new pages each time.
  virtual std::string body_buffer() { return {}; }
};

}  // namespace kiln
