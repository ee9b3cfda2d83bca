// SPDX-License-Identifier: Apache-2.0
// W3C trace context: how an invoker's traceparent, tracestate and baggage reach the function, in the client context as the
// newest official clients look for them: {"w3c":{"traceparent":…,"tracestate":…,"baggage":…}} (contract, section 9.5).
#pragma once

#include <string>
#include <string_view>

namespace kiln {

/// The values of the fields of these names; empty where there is none.
struct TraceContext {
  std::string_view traceparent;
  std::string_view tracestate;
  std::string_view baggage;
};

/// `client_context` (JSON, or empty) with the trace context in it. Left as it is where `traceparent` is none, where it has a
/// "w3c" of its own, and where it is no object.
std::string with_trace_context(std::string client_context, const TraceContext& trace);

}  // namespace kiln
