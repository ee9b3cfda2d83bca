// SPDX-License-Identifier: Apache-2.0
#include "tests/contract/runtime_api_server.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <stdexcept>
#include <utility>

namespace kiln::test {

Invocation plain_event(std::string payload, const std::string& id) {
  Invocation event;
  event.request_id = id;
  event.payload = std::move(payload);
  event.deadline = Deadline::after(std::chrono::seconds(3));
  event.function_arn = "arn:aws:lambda:us-east-1:000000000000:function:echo";
  return event;
}

std::string get_next() { return "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: runtime\r\n\r\n"; }

std::string post(std::string_view path, std::string_view body, std::string_view fields) {
  std::string out = "POST ";
  out += path;
  out += " HTTP/1.1\r\nHost: runtime\r\n";
  out += fields;
  out += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
  out += body;
  return out;
}

std::string post_response(std::string_view body, std::string_view fields, const std::string& id) {
  return post("/2018-06-01/runtime/invocation/" + id + "/response", body, fields);
}

std::string post_error(std::string_view body, std::string_view fields, const std::string& id) {
  return post("/2018-06-01/runtime/invocation/" + id + "/error", body, fields);
}

std::string post_init_error(std::string_view body, std::string_view fields) {
  return post("/2018-06-01/runtime/init/error", body, fields);
}

std::string chunked(std::string_view body, std::size_t size, std::string_view trailers) {
  std::string out;
  while (!body.empty()) {
    const std::string_view piece = body.substr(0, size);
    body.remove_prefix(piece.size());
    std::array<char, 20> digits{};
    out.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), piece.size(), 16).ptr);
    out += "\r\n";
    out += piece;
    out += "\r\n";
  }
  out += "0\r\n";
  out += trailers;
  return out + "\r\n";
}

std::string identifier(unsigned n) {
  const std::string digits = std::to_string(n);
  return "00000000-0000-4000-8000-" + std::string(12 - digits.size(), '0') + digits;
}

RuntimeApiServer::RuntimeApiServer(ServerOptions options)
    : options_(std::move(options)),
      session_(options_.max_concurrency),
      extensions_({{"echo", "$LATEST", "index.handler", "000000000000"}, options_.max_concurrency == 1, [this] {
                     return identifier(++identifiers_);
                   }}) {
  api_options_.hold_accepted = options_.hold_accepted;
  api_options_.runtime = options_.runtime;
  api_options_.restore = options_.restore;
  api_options_.metadata = &options_.metadata;
  if (options_.extensions) api_options_.extensions = &extensions_;
  if (options_.telemetry) api_options_.telemetry = &telemetry_;
  extensions_.set_hooks({[this] { start_waiting(); },
                         [this](const ExtensionFailure& failure) { extension_failures_.push_back(failure); }});
  thread_.call([this] {
    listener_ = std::make_unique<http::Listener>(thread_.loop(), "127.0.0.1", static_cast<unsigned short>(0),
                                                 [this](int fd) { thread_.loop().spawn(serve(fd), "connection"); });
    port_ = listener_->port();
    session_.on_idle([this] { start_waiting(); });
    thread_.loop().spawn(watch_init(), "init");
  });
}

RuntimeApiServer::~RuntimeApiServer() {
  thread_.call([this] {
    listener_.reset();
    waiting_.clear();
    session_.end(FunctionError{"Test.Over", "{}"});
    extensions_.end();
  });
  close_connections();
  if (!wait_for_connections(0)) std::terminate();  // a coroutine is stuck: the test cannot go on, and must not pass
}

Task<void> RuntimeApiServer::serve(int fd) {
  http::Connection connection(thread_.loop(), fd, options_.connection);
  connections_.push_back(&connection);
  co_await serve_runtime_api(connection, session_, api_options_);
  connections_.remove(&connection);
}

Task<void> RuntimeApiServer::watch_init() {
  InitOutcome outcome = co_await session_.initialized();
  extensions_.close_registration();
  initialized_.set_value(std::move(outcome));
}

Task<void> RuntimeApiServer::watch_restore() {
  InitOutcome outcome = co_await session_.restored();
  restored_.set_value(std::move(outcome));
}

Task<void> RuntimeApiServer::run(std::shared_ptr<Pending> pending) {
  extensions_.invoke(pending->event);
  InvocationResult result = co_await session_.invoke(pending->event, pending->sink);
  pending->promise.set_value(std::move(result));
}

void RuntimeApiServer::start_waiting() {
  while (!waiting_.empty() && session_.idle() && extensions_.settled()) {
    auto pending = std::move(waiting_.front());
    waiting_.pop_front();
    thread_.loop().spawn(run(std::move(pending)), "invocation");
  }
}

std::future<InvocationResult> RuntimeApiServer::invoke(Invocation event, ResponseSink* sink) {
  auto pending = std::make_shared<Pending>();
  pending->sink = sink;
  pending->event = std::move(event);
  auto future = pending->promise.get_future();
  thread_.call([&] {
    waiting_.push_back(std::move(pending));
    start_waiting();
  });
  return future;
}

RawClient RuntimeApiServer::running(std::future<InvocationResult>& result, Invocation event, ResponseSink* sink) {
  RawClient client = connect();
  client.send(get_next());
  const std::string id = event.request_id;
  result = invoke(std::move(event), sink);
  const RawAnswer answer = client.read_answer();
  if (answer.status != 200 || answer.field("Lambda-Runtime-Aws-Request-Id") != id) {
    throw std::runtime_error("no event: " + answer.head);
  }
  return client;
}

InitOutcome RuntimeApiServer::initialized() {
  auto future = initialized_.get_future();
  if (future.wait_for(patience) != std::future_status::ready) throw Late("the init phase has not ended");
  return future.get();
}

void RuntimeApiServer::restore() {
  if (!thread_.wait_until([this] { return session_.awaits_restore(); })) throw Late("the runtime has not asked for it");
  thread_.call([this] {
    session_.restore();
    thread_.loop().spawn(watch_restore(), "restore");
  });
}

InitOutcome RuntimeApiServer::restored() {
  auto future = restored_.get_future();
  if (future.wait_for(patience) != std::future_status::ready) throw Late("the restore has not ended");
  return future.get();
}

void RuntimeApiServer::fail(const std::string& id, const FunctionError& error) {
  thread_.call([&] { session_.fail(id, error); });
}
void RuntimeApiServer::end(const FunctionError& error) {
  thread_.call([&] { session_.end(error); });
}
bool RuntimeApiServer::idle() {
  return thread_.call([this] { return session_.idle(); });
}
std::size_t RuntimeApiServer::connections() {
  return thread_.call([this] { return connections_.size(); });
}
bool RuntimeApiServer::wait_for_connections(std::size_t count) {
  return thread_.wait_until([&] { return connections_.size() == count; });
}
bool RuntimeApiServer::wait_until_idle(bool idle) {
  return thread_.wait_until([&] { return session_.idle() == idle; });
}
void RuntimeApiServer::close_connections() {
  thread_.call([this] {
    // One that is closed may leave the list while we walk it.
    const auto open = connections_;
    for (http::Connection* const connection : open) {
      if (std::find(connections_.begin(), connections_.end(), connection) != connections_.end()) connection->close();
    }
  });
}
long RuntimeApiServer::reported_memory_kib() {
  return thread_.call([this] { return session_.reported_memory_kib(); });
}

std::vector<ExtensionFailure> RuntimeApiServer::extension_failures() {
  return thread_.call([this] { return extension_failures_; });
}
bool RuntimeApiServer::wait_until_extensions_settled(bool settled) {
  return thread_.wait_until([&] { return extensions_.settled() == settled; });
}

InvocationResult get(std::future<InvocationResult>& result) {
  if (result.wait_for(patience) != std::future_status::ready) throw Late("the invocation has not ended");
  return result.get();
}

const Success& success(const InvocationResult& result) {
  if (const auto* const error = std::get_if<FunctionError>(&result)) throw std::runtime_error("failed: " + error->body);
  return std::get<Success>(result);
}

const FunctionError& failure(const InvocationResult& result) { return std::get<FunctionError>(result); }

}  // namespace kiln::test
