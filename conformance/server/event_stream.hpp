// SPDX-License-Identifier: Apache-2.0
// application/vnd.amazon.eventstream, in which streamed invocations are answered: frames of a prelude (total and header
// length, checksum), headers, payload, checksum. Checksums are taken on trust.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace kiln::conformance {

/// What a streamed answer held, as far as `bytes` goes.
struct StreamedAnswer {
  std::string payload;                  ///< of all PayloadChunk events
  std::optional<std::string> complete;  ///< the payload of InvokeComplete, JSON; nothing before it has come
};

/// A Finding where `bytes` are no frames. A frame that is not whole yet is left out.
StreamedAnswer read_event_stream(std::string_view bytes);

}  // namespace kiln::conformance
