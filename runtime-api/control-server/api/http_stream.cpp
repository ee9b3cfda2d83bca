// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/api/http_stream.hpp"

#include "runtime-api/control-server/api/http_event.hpp"
#include "runtime-api/protocol/headers.hpp"

namespace kiln {

bool HttpStream::takes_parts(const ResponseHead& head) const {
  return head.streaming || has_http_prelude(head.content_type);
}

void HttpStream::dispatched(const std::string& /*executed_version*/, const InvocationTimes& times) {
  times_ = times;
  dispatched_at_ = Deadline::Clock::now();
}

void HttpStream::begin(const ResponseHead& head) {
  times_.invoke = Deadline::Clock::now() - dispatched_at_;
  if (has_http_prelude(head.content_type)) {
    state_ = State::prelude;
    return;
  }
  http::ApiResponse answer;
  answer.content_type = head.content_type;
  start(answer);
}

void HttpStream::start(const http::ApiResponse& head) {
  state_ = State::body;
  connection_.begin_answer(head.status, head.content_type);
  connection_.add_field(headers::amzn_request_id, request_id_);
  for (const auto& [name, value] : head.fields) connection_.add_field(name, value);
  std::string timing;
  append_server_timing(timing, times_);
  connection_.add_field(headers::server_timing, timing);
  connection_.start_stream();
}

Task<bool> HttpStream::write(std::string_view part) {
  if (state_ == State::prelude) {
    const auto taken = prelude_.take(part);
    if (taken == HttpPrelude::State::more) co_return true;
    auto head = taken == HttpPrelude::State::done ? http_answer_head(prelude_.json()) : std::nullopt;
    if (!head) {
      co_await refuse();
      co_return false;
    }
    start(*head);
  }
  if (state_ != State::body) co_return false;
  co_return co_await connection_.send_chunk(part);
}

/// What cannot be an answer, said before any of it was.
Task<void> HttpStream::refuse() {
  state_ = State::refused;
  const http::ApiResponse answer = bad_gateway();
  connection_.begin_answer(answer.status, answer.content_type);
  connection_.add_field(headers::amzn_request_id, request_id_);
  co_await connection_.respond(answer.body);
}

Task<void> HttpStream::finish(const InvocationResult& result) {
  if (state_ == State::prelude) co_return co_await refuse();
  if (state_ != State::body) co_return;
  if (std::holds_alternative<FunctionError>(result)) {
    connection_.abort_stream();
  } else {
    co_await connection_.end_stream();
  }
}

}  // namespace kiln
