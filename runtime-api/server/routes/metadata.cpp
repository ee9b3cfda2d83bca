// SPDX-License-Identifier: Apache-2.0
// GET /2026-01-15/metadata/execution-environment: where this instance runs, for those who have its token.
#include "runtime-api/protocol/json_text.hpp"
#include "runtime-api/server/routes/routes.hpp"

namespace kiln::runtime_routes {
namespace {

/// Whether `field` is the token behind its scheme, whose name is read in any case (RFC 9110, section 11.1).
bool carries(std::string_view field, std::string_view token) {
  constexpr std::string_view scheme = "Bearer ";
  return field.size() > scheme.size() && http::same_name(field.substr(0, scheme.size()), scheme) &&
         field.substr(scheme.size()) == token;
}

}  // namespace

Task<void> metadata(RuntimeCall call) {
  http::Connection& connection = call.connection;
  const InstanceMetadata& facts = *call.options.metadata;
  if (!carries(connection.request().field("Authorization").value_or(""), facts.token)) {
    co_await connection.answer(401, "text/plain; charset=utf-8", "Unauthorized\n");
    co_return;
  }
  if (facts.availability_zone_id.empty()) {
    co_await connection.answer(503, "text/plain; charset=utf-8", "Service Unavailable\n");
    co_return;
  }
  std::string body = R"({"AvailabilityZoneID":)";
  append_json_string(body, facts.availability_zone_id);
  body += '}';
  connection.begin_answer(200, "application/json");
  connection.add_field("Cache-Control", "private, max-age=43200, immutable");
  co_await connection.respond(body);
}

}  // namespace kiln::runtime_routes
