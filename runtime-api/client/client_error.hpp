// SPDX-License-Identifier: Apache-2.0
// What can go wrong between a runtime and its Runtime API. A value: the caller decides whether it goes on.
#pragma once

#include <string>

namespace kiln {

struct ClientError {
  enum class Kind {
    unreachable,  ///< no connection could be made
    peer_closed,  ///< the platform closed, or the connection broke, before a whole answer was read
    refused,      ///< an answer with another status than the contract's (`status`, `detail` is its body)
    malformed,    ///< an answer that is no HTTP/1.1 or no event
    stopped,      ///< a stop was requested while nothing of an answer had arrived (Connection::request_stop)
  };
  Kind kind = Kind::peer_closed;
  int status = 0;      ///< of a refusal; else 0
  std::string detail;  ///< for people: what was being done and what came back

  /// One line for a log, e.g. "refused with status 413: {…}".
  std::string describe() const {
    switch (kind) {
      case Kind::unreachable: return "cannot be reached: " + detail;
      case Kind::peer_closed: return "closed the connection: " + detail;
      case Kind::refused: return "answered with status " + std::to_string(status) + ": " + detail;
      case Kind::malformed: return "sent what is not the Runtime API: " + detail;
      case Kind::stopped: return "stopped";
    }
    return detail;
  }
};

}  // namespace kiln
