// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/server/response_stream.hpp"

namespace kiln {

// Each side wakes the other from its own frame, never from within a suspension, so that a stream of parts that come and go
// without a wait runs in one loop, and not ever deeper.

Task<bool> ResponseStream::write(std::string_view part) {
  if (closed_) co_return false;
  part_ = part;
  wake(reader_);
  // Also where the stream is closed meanwhile: the reader may still be looking at the bytes.
  while (!part_.empty()) co_await Wait(writer_);
  co_return !closed_;
}

Task<std::string_view> ResponseStream::read() {
  if (taken_) {
    taken_ = false;
    part_ = {};
    wake(writer_);
  }
  while (part_.empty() && !closed_) co_await Wait(reader_);
  taken_ = !part_.empty();
  co_return part_;
}

void ResponseStream::close(InvocationResult result) {
  if (closed_) return;
  closed_ = true;
  result_ = std::move(result);
  wake(reader_);
}

}  // namespace kiln
