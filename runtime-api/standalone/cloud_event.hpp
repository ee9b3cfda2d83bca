// SPDX-License-Identifier: Apache-2.0
// Between a CloudEvent over HTTP and an event of the function (CloudEvents 1.0, HTTP protocol binding). The function gets
// the event in the JSON format, whichever mode it came in; what it returns may be a CloudEvent too. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "runtime-api/protocol/result.hpp"
#include "runtime-api/server/http/message.hpp"

namespace kiln::standalone {

enum class CloudEventMode {
  none,
  binary,      ///< attributes in ce-* fields, the data is the body
  structured,  ///< all of it is the body
  batch,       ///< several of these
};

/// `content_type` and whether there is a ce-specversion field decide.
CloudEventMode cloud_event_mode(std::string_view content_type, bool has_specversion);

/// The event as JSON; nothing where an attribute that must be there is not, or the body is not what its type says.
/// `error` then says what is wrong.
std::optional<std::string> cloud_event(const http::ApiRequest& request, CloudEventMode mode, std::string& error);

/// The reply: a CloudEvent where the function returned one, 204 where it returned null, else its JSON. A function error is
/// a 500, so that the sender tries again.
http::ApiResponse cloud_event_answer(const InvocationResult& result);

}  // namespace kiln::standalone
