// SPDX-License-Identifier: Apache-2.0
// The smallest function: index.handler answers "Hello Serverless".
#include <kiln/function.hpp>

nlohmann::json handler(const nlohmann::json& /*event*/, kiln::Context& context) {
  context.log("Hello from " + std::string(context.request_id()));
  return "Hello Serverless";
}
KILN_HANDLER(handler)
