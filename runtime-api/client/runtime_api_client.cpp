// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/client/runtime_api_client.hpp"

#include <array>
#include <charconv>
#include <cstdint>
#include <utility>

#include "runtime-api/client/head_text.hpp"
#include "runtime-api/protocol/headers.hpp"
#include "runtime-api/protocol/limits.hpp"
#include "runtime-api/protocol/routes.hpp"

namespace kiln {
namespace {

const std::string& body_of(const InvocationResult& result) {
  const auto* success = std::get_if<Success>(&result);
  return success != nullptr ? success->body : std::get<FunctionError>(result).body;
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
    : connection_(std::move(connection)), pipelining_(pipelining), stream_(*connection_) {
  append_field(host_field_, "Host", connection_->inherited() ? "kiln" : connection_->address());
  // A foreign platform shows these as the runtime's release; ours knows what it has started.
  if (!connection_->inherited()) {
    append_field(host_field_, "User-Agent", "kiln/" KILN_VERSION);
    append_field(host_field_, headers::runtime_features, "response-streaming");
  }
  next_request_ = get_request(routes::next);
}

std::string RuntimeApiClient::get_request(std::string_view path) const {
  return std::string("GET ").append(path).append(" HTTP/1.1\r\n").append(host_field_).append("\r\n");
}

std::optional<ClientError> RuntimeApiClient::await_answer(bool stoppable) {
  auto error = read_answer(*connection_, answer_, stoppable);
  const bool usable = error ? error->kind == ClientError::Kind::stopped : answer_.keep_alive;
  if (!usable) connection_->close();
  return error;
}

NextResult RuntimeApiClient::await_event() {
  if (auto error = await_answer(true)) return *std::move(error);
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

std::optional<ClientError> RuntimeApiClient::ask(std::string& request) {
  for (int attempt = 0;; ++attempt) {
    const bool reused = connection_->is_open();
    if (auto error = connection_->open()) return error;
    iovec part{request.data(), request.size()};
    auto sending = connection_->send({&part, 1});
    // A platform that closes says why before it does so; that answer may still be there to read.
    auto failed = await_answer(true);
    if (!failed || failed->kind != ClientError::Kind::peer_closed) return failed;
    if (reused && attempt == 0 && !connection_->inherited()) continue;
    return sending ? sending : failed;
  }
}

NextResult RuntimeApiClient::next() {
  if (auto error = ask(next_request_)) return *std::move(error);
  return take_event();
}

PostResult RuntimeApiClient::restore_next() {
  std::string request = get_request(routes::restore_next);
  if (auto error = ask(request)) return error;
  if (answer_.status == 200) return std::nullopt;
  return ClientError{ClientError::Kind::refused, answer_.status, std::move(answer_.body)};
}

void RuntimeApiClient::start_head(std::string_view path_start, std::string_view path_end, const InvocationKey& key) {
  head_.assign("POST ").append(path_start);
  append_path_segment(head_, key.request_id);
  head_.append(path_end).append(" HTTP/1.1\r\n").append(host_field_);
  if (!key.invocation_id.empty()) append_field(head_, headers::invocation_id, key.invocation_id);
}

void RuntimeApiClient::finish_head() {
  if (connection_->inherited()) {
    if (const long kib = peak_memory_.grown_kib(); kib > 0) {
      append_field(head_, headers::max_rss_kib, std::to_string(kib));
    }
  }
  head_ += "\r\n";
}

void RuntimeApiClient::write_post_head(std::string_view path_start, std::string_view path_end, const InvocationKey& key,
                                       const InvocationResult& result) {
  start_head(path_start, path_end, key);
  std::array<char, 24> number{};
  const auto end = std::to_chars(number.data(), number.data() + number.size(), body_of(result).size()).ptr;
  append_field(head_, "Content-Length", std::string_view(number.data(), end));
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
  finish_head();
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
  if (auto error = await_answer(stoppable)) return error;
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

void RuntimeApiClient::reuse(std::string payload) {
  if (payload.capacity() > limits::max_response_payload || payload.capacity() <= answer_.body.capacity()) return;
  answer_.body = std::move(payload);
}

void RuntimeApiClient::begin_stream(const InvocationKey& key, std::string_view content_type) {
  start_head(routes::invocation_prefix, routes::response_suffix, key);
  append_field(head_, "Content-Type", content_type);
  append_field(head_, headers::response_mode, "streaming");
  append_field(head_, "Transfer-Encoding", "chunked");
  append_field(head_, "Trailer", std::string(headers::error_type).append(", ").append(headers::error_body));
  finish_head();
  stream_.begin(head_);
}

bool RuntimeApiClient::ends_stream(const InvocationResult& result) {
  if (!stream_.begun()) return false;
  // An error before anything has left is told as any other is.
  if (stream_.sent() || std::holds_alternative<Success>(result)) return true;
  stream_.abandon();
  return false;
}

PostResult RuntimeApiClient::end_stream(const InvocationResult& result) {
  if (auto failed = stream_.end(std::get_if<FunctionError>(&result), {})) return failed;
  return await_accepted(false);
}

RuntimeApiClient::Exchange RuntimeApiClient::end_stream_and_next(const InvocationResult& result) {
  // What breaks in here concerns one invocation; the poll shows whether the platform is still there.
  if (!pipelining_) {
    PostResult posted = end_stream(result);
    return {std::move(posted), next()};
  }
  if (auto failed = stream_.end(std::get_if<FunctionError>(&result), next_request_)) {
    if (!connection_->is_open()) return {std::move(failed), next()};
    return {std::move(failed), await_event()};
  }
  return await_accepted_and_event(std::nullopt);
}

PostResult RuntimeApiClient::post(const InvocationKey& key, const InvocationResult& result) {
  if (ends_stream(result)) return end_stream(result);
  const bool success = std::holds_alternative<Success>(result);
  write_post_head(routes::invocation_prefix, success ? routes::response_suffix : routes::error_suffix, key, result);
  return exchange_post(result);
}

PostResult RuntimeApiClient::respond(const InvocationKey& key, const Success& success) { return post(key, success); }

PostResult RuntimeApiClient::fail(const InvocationKey& key, const FunctionError& error) { return post(key, error); }

PostResult RuntimeApiClient::fail_init(const FunctionError& error) { return post_error(routes::init_error, error); }

PostResult RuntimeApiClient::fail_restore(const FunctionError& error) {
  return post_error(routes::restore_error, error);
}

PostResult RuntimeApiClient::post_error(std::string_view path, const FunctionError& error) {
  const InvocationResult result = error;
  write_post_head(path, {}, {{}, {}}, result);
  return exchange_post(result);
}

RuntimeApiClient::Exchange RuntimeApiClient::post_and_next(const InvocationKey& key, const InvocationResult& result) {
  if (ends_stream(result)) return end_stream_and_next(result);
  if (!pipelining_ || !connection_->is_open()) {
    PostResult posted = post(key, result);
    if (posted && posted->kind != ClientError::Kind::refused) return {posted, *posted};
    return {std::move(posted), next()};
  }
  const bool success = std::holds_alternative<Success>(result);
  write_post_head(routes::invocation_prefix, success ? routes::response_suffix : routes::error_suffix, key, result);
  return await_accepted_and_event(send_post(result, true));
}

RuntimeApiClient::Exchange RuntimeApiClient::await_accepted_and_event(PostResult send_error) {
  // kiln's server may hold the 202 back until it has the next event, so this is where an idle instance waits.
  PostResult posted = await_accepted(true);
  if (posted && posted->kind == ClientError::Kind::stopped) return {std::nullopt, std::move(*posted)};
  if (posted && posted->kind != ClientError::Kind::refused) {
    if (send_error) posted = std::move(send_error);
    return {posted, *posted};
  }
  // The platform took the post but closed behind it: the poll went unheard.
  if (!connection_->is_open()) return {std::move(posted), next()};
  return {std::move(posted), await_event()};
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
