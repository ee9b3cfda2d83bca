// SPDX-License-Identifier: Apache-2.0
// One HTTP/1.1 answer, read from a connection.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime-api/client/client_error.hpp"
#include "runtime-api/client/connection.hpp"

namespace kiln {

/// Kept by the reader's caller from one answer to the next, so that its storage is reused.
struct HttpAnswer {
  int status = 0;
  std::string head;  ///< what `fields` points into
  std::vector<std::pair<std::string_view, std::string_view>> fields;
  std::string body;
  bool keep_alive = true;

  /// The first field of that name, compared without regard to case; empty where there is none.
  std::string_view field(std::string_view name) const;
};

/// Reads the next final answer (1xx are skipped) with its whole body, by Content-Length, in chunks (trailers are
/// dropped), or to the end of the stream. With `stoppable`, a stop request ends the wait for its first byte. Bytes of a
/// later, pipelined answer stay in the connection.
std::optional<ClientError> read_answer(Connection& connection, HttpAnswer& answer, bool stoppable);

}  // namespace kiln
