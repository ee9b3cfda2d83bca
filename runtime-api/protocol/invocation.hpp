// SPDX-License-Identifier: Apache-2.0
// One event on its way to a runtime. A plain value: whoever holds it owns its bytes.
#pragma once

#include <string>

#include "runtime-api/protocol/deadline.hpp"

namespace kiln {

struct Invocation {
  std::string request_id;     ///< lower-case UUID; the same in the context, the logs and x-amzn-RequestId
  std::string invocation_id;  ///< UUID of this attempt (Lambda-Runtime-Invocation-Id); empty where there is none
  std::string payload;        ///< the event's bytes, JSON unless content_type says otherwise
  std::string content_type = "application/json";
  Deadline deadline;
  std::string function_arn;
  std::string trace_id;          ///< X-Amzn-Trace-Id; empty when there is none
  std::string client_context;    ///< decoded JSON; empty when there is none
  std::string cognito_identity;  ///< JSON; empty when there is none
  std::string tenant_id;         ///< empty when there is none
};

}  // namespace kiln
