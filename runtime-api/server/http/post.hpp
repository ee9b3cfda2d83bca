// SPDX-License-Identifier: Apache-2.0
// The other side of HTTP, as far as the server needs it: a request with a body to a peer on this machine, whose answer
// says whether it took it. Nothing of the answer but its status is kept.
#pragma once

#include <string_view>
#include <system_error>

#include "runtime-api/server/async/outgoing_connection.hpp"

namespace kiln::http {

struct PostRequest {
  std::string_view method = "POST";
  std::string_view host = {};  ///< with its port
  std::string_view path = "/";
  std::string_view content_type = "application/json";
  std::string_view body = {};
};

struct PostResult {
  int status = 0;         ///< 0 where no answer came
  std::error_code error;  ///< why none came
};

/// Sends `request` over `connection`, which it opens where it is not open, and keeps open for the next where the peer
/// allows. A kept connection that turns out to have ended before a byte came back is opened anew, once. The views must be
/// valid until the task has ended.
Task<PostResult> post(OutgoingConnection& connection, const PostRequest& request, Deadline deadline);

}  // namespace kiln::http
