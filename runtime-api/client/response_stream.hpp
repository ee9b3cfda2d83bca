// SPDX-License-Identifier: Apache-2.0
// The body of a response that is sent while it is being made: chunks, and trailers where it ends in an error (developer
// guide, "Using the Lambda runtime API": response streaming).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "runtime-api/client/client_error.hpp"
#include "runtime-api/client/connection.hpp"
#include "runtime-api/client/response_reader.hpp"
#include "runtime-api/protocol/result.hpp"

namespace kiln {

/// One at a time on a connection. Used by one thread at a time.
class ResponseStream {
 public:
  /// Keeps the reference.
  explicit ResponseStream(Connection& connection) : connection_(connection) {}

  /// From now on, until end(), there is a stream. `head` is the request's whole head; it leaves with the first write.
  void begin(std::string head);
  bool begun() const { return begun_; }
  /// Takes begin() back; only where nothing has been sent.
  void abandon() { begun_ = false; }
  /// Whether the head has left: what goes wrong from here on can only be said in trailers.
  bool sent() const { return sent_; }

  /// Sends the bytes as one chunk, in one write where the socket has room, without copying them; waits while the
  /// platform takes nothing. No bytes send the head alone. Where the platform has answered before the end (`refused`) or
  /// closed (`peer_closed`), says so, now and at every later call.
  std::optional<ClientError> write(std::string_view bytes);

  /// Sends what ends the body, with `error` (null: none) in the trailers, and `next_request` in the same write. Nothing
  /// where the platform's answer is still to be read; else what has become of the stream, and the connection is open
  /// only where the platform goes on with it.
  std::optional<ClientError> end(const FunctionError* error, const std::string& next_request);

 private:
  void open();
  std::optional<ClientError> send(std::string_view size_line, std::string_view bytes, std::string_view rest,
                                  const std::string& next_request);
  ClientError read_early_answer();

  Connection& connection_;
  std::string head_;
  bool begun_ = false;
  bool sent_ = false;
  std::optional<ClientError> failure_;
  HttpAnswer early_;
};

}  // namespace kiln
