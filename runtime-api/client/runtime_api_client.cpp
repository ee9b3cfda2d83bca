// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/client/runtime_api_client.hpp"

#include <array>
#include <charconv>
#include <cstdint>
#include <utility>

#include "runtime-api/protocol/headers.hpp"
#include "runtime-api/protocol/limits.hpp"
#include "runtime-api/protocol/routes.hpp"

namespace kiln {
namespace {

const std::string& body_of(const InvocationResult& result) {
  const auto* success = std::get_if<Success>(&result);
  return success != nullptr ? success->body : std::get<FunctionError>(result).body;
}

/// `Name: value` and a line end. Values come from functions: what could end the line, or is not plain ASCII, is left out.
void append_field(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  out += ": ";
  for (const char c : value) {
    if (c >= 0x20 && c < 0x7F) out += c;
  }
  out += "\r\n";
}

/// Ids come from the platform, yet an id must not become another request.
void append_path_segment(std::string& out, std::string_view segment) {
  for (const char c : segment) {
    if (c > 0x20 && c < 0x7F && c != '/' && c != '?' && c != '#') out += c;
  }
}

bool is_stale(const std::optional<ClientError>& error) {
  return error && error->kind == ClientError::Kind::peer_closed;
}

}  // namespace

RuntimeApiClient RuntimeApiClient::connect(std::string address, Pipelining pipelining) {
  return RuntimeApiClient(std::make_unique<Connection>(std::move(address)), pipelining == Pipelining::always);
}

RuntimeApiClient RuntimeApiClient::from_fd(int fd) { return RuntimeApiClient(std::make_unique<Connection>(fd), true); }

RuntimeApiClient::RuntimeApiClient(std::unique_ptr<Connection> connection, bool pipelining)
    : connection_(std::move(connection)), pipelining_(pipelining) {
  append_field(host_field_, "Host", connection_->inherited() ? "kiln" : connection_->address());
  next_request_.append("GET ").append(routes::next).append(" HTTP/1.1\r\n").append(host_field_).append("\r\n");
}

NextResult RuntimeApiClient::await_event(bool stoppable) {
  if (auto error = read_answer(*connection_, answer_, stoppable)) {
    if (error->kind != ClientError::Kind::stopped) connection_->close();
    return std::move(*error);
  }
  if (!answer_.keep_alive) connection_->close();
  return take_event();
}

NextResult RuntimeApiClient::take_event() {
  if (answer_.status != 200) {
    return ClientError{ClientError::Kind::refused, answer_.status, std::move(answer_.body)};
  }
  Invocation event;
  event.request_id = answer_.field(headers::request_id);
  if (event.request_id.empty()) {
    return ClientError{ClientError::Kind::malformed, 0, "an event without " + std::string(headers::request_id)};
  }
  event.invocation_id = answer_.field(headers::invocation_id);
  event.function_arn = answer_.field(headers::function_arn);
  event.trace_id = answer_.field(headers::trace_id);
  event.client_context = answer_.field(headers::client_context);
  event.cognito_identity = answer_.field(headers::cognito_identity);
  event.tenant_id = answer_.field(headers::tenant_id);
  if (const auto type = answer_.field("content-type"); !type.empty()) event.content_type = type;
  const std::string_view deadline = answer_.field(headers::deadline_ms);
  std::int64_t epoch_ms = 0;
  if (std::from_chars(deadline.data(), deadline.data() + deadline.size(), epoch_ms).ec == std::errc()) {
    event.deadline = Deadline::from_epoch_ms(epoch_ms);
  }
  event.payload = std::move(answer_.body);
  return event;
}

NextResult RuntimeApiClient::next() {
  for (int attempt = 0;; ++attempt) {
    const bool reused = connection_->is_open();
    if (auto error = connection_->open()) return std::move(*error);
    iovec request{next_request_.data(), next_request_.size()};
    auto error = connection_->send({&request, 1});
    // A platform that closes says why before it does so; that answer may still be there to read.
    NextResult result = await_event(true);
    const auto* failed = std::get_if<ClientError>(&result);
    if (failed != nullptr && failed->kind == ClientError::Kind::peer_closed) {
      connection_->close();
      if (reused && attempt == 0 && !connection_->inherited()) continue;
      if (error) return std::move(*error);
    }
    return result;
  }
}

void RuntimeApiClient::write_post_head(std::string_view path_start, std::string_view path_end, const InvocationKey& key,
                                       const InvocationResult& result) {
  head_.assign("POST ").append(path_start);
  append_path_segment(head_, key.request_id);
  head_.append(path_end).append(" HTTP/1.1\r\n").append(host_field_);
  std::array<char, 24> number{};
  const auto end = std::to_chars(number.data(), number.data() + number.size(), body_of(result).size()).ptr;
  append_field(head_, "Content-Length", std::string_view(number.data(), end));
  if (!key.invocation_id.empty()) append_field(head_, headers::invocation_id, key.invocation_id);
  if (const auto* success = std::get_if<Success>(&result)) {
    if (!success->content_type.empty()) append_field(head_, "Content-Type", success->content_type);
  } else {
    const auto& error = std::get<FunctionError>(result);
    append_field(head_, "Content-Type", error.content_type);
    append_field(head_, headers::error_type, error.type);
    if (!error.xray_cause.empty() && error.xray_cause.size() <= limits::max_xray_cause) {
      append_field(head_, headers::xray_error_cause, error.xray_cause);
    }
  }
  if (connection_->inherited()) {
    if (const long kib = peak_memory_.grown_kib(); kib > 0) {
      append_field(head_, headers::max_rss_kib, std::to_string(kib));
    }
  }
  head_ += "\r\n";
}

PostResult RuntimeApiClient::send_post(const InvocationResult& result, bool with_next) {
  const std::string& body = body_of(result);
  // iovec has no const; sendmsg only reads.
  std::array<iovec, 3> parts{iovec{head_.data(), head_.size()},
                             iovec{const_cast<char*>(body.data()), body.size()},  // NOLINT
                             iovec{next_request_.data(), next_request_.size()}};
  return connection_->send(std::span(parts).first(with_next ? 3 : 2));
}

PostResult RuntimeApiClient::await_accepted(bool stoppable) {
  if (auto error = read_answer(*connection_, answer_, stoppable)) {
    if (error->kind != ClientError::Kind::stopped) connection_->close();
    return error;
  }
  if (!answer_.keep_alive) connection_->close();
  if (answer_.status == 202) return std::nullopt;
  return ClientError{ClientError::Kind::refused, answer_.status, answer_.body};
}

PostResult RuntimeApiClient::exchange_post(const InvocationResult& result) {
  for (int attempt = 0;; ++attempt) {
    const bool reused = connection_->is_open();
    if (auto error = connection_->open()) return error;
    const auto send_error = send_post(result, false);
    PostResult answer = await_accepted(false);
    if (!is_stale(answer)) return answer;
    connection_->close();
    // Twice the same post is harmless: the platform knows the id, and refuses what it has already taken.
    if (reused && attempt == 0 && !connection_->inherited()) continue;
    return send_error ? send_error : answer;
  }
}

PostResult RuntimeApiClient::post(const InvocationKey& key, const InvocationResult& result) {
  const bool success = std::holds_alternative<Success>(result);
  write_post_head(routes::invocation_prefix, success ? routes::response_suffix : routes::error_suffix, key, result);
  return exchange_post(result);
}

PostResult RuntimeApiClient::respond(const InvocationKey& key, const Success& success) { return post(key, success); }

PostResult RuntimeApiClient::fail(const InvocationKey& key, const FunctionError& error) { return post(key, error); }

PostResult RuntimeApiClient::fail_init(const FunctionError& error) {
  const InvocationResult result = error;
  write_post_head(routes::init_error, {}, {{}, {}}, result);
  return exchange_post(result);
}

RuntimeApiClient::Exchange RuntimeApiClient::post_and_next(const InvocationKey& key, const InvocationResult& result) {
  if (!pipelining_ || !connection_->is_open()) {
    PostResult posted = post(key, result);
    if (posted && posted->kind != ClientError::Kind::refused) return {posted, *posted};
    return {std::move(posted), next()};
  }
  const bool success = std::holds_alternative<Success>(result);
  write_post_head(routes::invocation_prefix, success ? routes::response_suffix : routes::error_suffix, key, result);
  auto send_error = send_post(result, true);
  // kiln's server may hold the 202 back until it has the next event, so this is where an idle instance waits.
  PostResult posted = await_accepted(true);
  if (posted && posted->kind == ClientError::Kind::stopped) return {std::nullopt, std::move(*posted)};
  if (posted && posted->kind != ClientError::Kind::refused) {
    if (send_error) posted = std::move(send_error);
    return {posted, *posted};
  }
  // The platform took the post but closed behind it: the poll went unheard.
  if (!connection_->is_open()) return {std::move(posted), next()};
  return {std::move(posted), await_event(true)};
}

void RuntimeApiClient::leave(std::chrono::milliseconds patience) {
  if (!connection_->is_open()) return;
  connection_->finish_sending();
  const Deadline deadline = Deadline::after(patience);
  while (!deadline.passed()) {
    connection_->consume(connection_->buffered().size());
    connection_->set_patience(std::chrono::ceil<std::chrono::milliseconds>(deadline.remaining()));
    if (connection_->receive_more(false)) break;
  }
  connection_->close();
}

PostResult RuntimeApiClient::post_last(const InvocationKey& key, const InvocationResult& result,
                                       std::chrono::milliseconds patience) {
  connection_->set_patience(patience);
  return post(key, result);
}

}  // namespace kiln
