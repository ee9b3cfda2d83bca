// SPDX-License-Identifier: Apache-2.0
#include "conformance/runtime/instance.hpp"

#include <algorithm>
#include <utility>

#include "conformance/finding.hpp"
#include "runtime-api/protocol/environment.hpp"
#include "runtime-api/protocol/routes.hpp"

namespace kiln::conformance {
namespace {

using namespace std::chrono_literals;

/// What the kit's own environment must not lend to an instance.
bool belongs_to_platform(const std::string& name) {
  return name.starts_with("AWS_") || name.starts_with("_AWS_") || name.starts_with("LAMBDA_") ||
         name.starts_with("_LAMBDA_") || name.starts_with("KILN_") || name == environment::handler ||
         name == environment::trace_id;
}

/// What the service gives to a runtime (developer guide, "Defined runtime environment variables").
Environment instance_environment(const RuntimeSubject& subject, const std::string& address) {
  Environment result;
  for (auto& [name, value] : current_environment()) {
    if (!belongs_to_platform(name)) result[name] = value;
  }
  result[environment::runtime_api] = address;
  result[environment::handler] = subject.handler;
  result[environment::task_root] = subject.task_root;
  result[environment::runtime_dir] = "/var/runtime";
  result[environment::function_name] = "conformance";
  result[environment::function_version] = "$LATEST";
  result[environment::function_memory] = "256";
  result[environment::log_group] = "/aws/lambda/conformance";
  result[environment::log_stream] = "2026/01/01/[$LATEST]0123456789abcdef";
  result[environment::initialization_type] = "on-demand";
  result[environment::region] = "us-east-1";
  result[environment::default_region] = "us-east-1";
  result["AWS_ACCESS_KEY_ID"] = "conformance";
  result["AWS_SECRET_ACCESS_KEY"] = "conformance";
  result["AWS_SESSION_TOKEN"] = "conformance";
  result["TZ"] = ":UTC";
  result["LANG"] = "en_US.UTF-8";
  for (const auto& [name, value] : subject.environment) result[name] = value;
  return result;
}

}  // namespace

struct Instance::Connection {
  explicit Connection(Socket accepted) : socket(std::move(accepted)) {}
  Socket socket;
  std::string unread;
  MessageParser parser{MessageParser::Kind::request};
  bool awaits_answer = false;  // its request has been handed out
  bool begun = false;          // handed out with its head
  bool held = false;
  bool ended = false;
};

bool Request::is_poll() const { return message.method() == "GET" && message.target() == routes::next; }

Instance::Instance(const RuntimeSubject& subject, const StartOptions& options, std::string& last_output)
    : subject_(subject), last_output_(last_output), listener_(std::make_unique<Listener>("127.0.0.1:0")) {
  listener_->buffer_little();
  auto environment = instance_environment(subject, listener_->address());
  for (const auto& [name, value] : options.set) environment[name] = value;
  for (const auto& name : options.unset) environment.erase(name);
  if (!options.listen) listener_->close();
  auto command = subject.command;
  std::replace(command.begin(), command.end(), std::string("{handler}"), environment[environment::handler]);
  child_ = std::make_unique<Child>(command, environment);
}

Instance::~Instance() {
  child_->attend();
  last_output_ = child_->printed();
}

// --- the loop --------------------------------------------------------------------------------------------------------

void Instance::accept_all() {
  while (listener_->fd() >= 0) {
    Socket accepted = listener_->accept_now();
    if (!accepted.is_open()) return;
    connections_.emplace(next_connection_++, std::make_unique<Connection>(std::move(accepted)));
  }
}

void Instance::take_requests(int number, Connection& connection) {
  if (connection.awaits_answer && !connection.begun) return;  // what follows waits until this one is answered
  if (connection.parser.state() == MessageParser::State::complete) return;
  const auto state = connection.parser.advance(connection.unread, false);
  if (state == MessageParser::State::bad) {
    throw Finding{"HTTP/1.1 requests", connection.parser.fault()};
  }
  if (state != MessageParser::State::complete || connection.begun) return;
  connection.awaits_answer = true;
  Request request{number, connection.parser.message()};
  (request.is_poll() ? polls_ : others_).push_back(std::move(request));
}

void Instance::read_all() {
  for (auto& [number, connection] : connections_) {
    if (connection->held || connection->ended) continue;
    // Once a turn, so that a case which waits for the head of a post can hold its body back.
    const auto received = connection->socket.receive(connection->unread, Deadline::after(0ms));
    if (received == Socket::Received::end) connection->ended = true;
    if (received == Socket::Received::data) take_requests(number, *connection);
  }
  const auto gone = [&](const Request& request) {
    const Connection* const connection = find(request.connection);
    return connection == nullptr || connection->ended;
  };
  // A poll whose connection has ended is nobody's.
  std::erase_if(polls_, gone);
}

void Instance::wait_for_news(Deadline deadline) {
  std::vector<pollfd> entries;
  child_->watch(entries);
  if (listener_->fd() >= 0) entries.push_back({listener_->fd(), POLLIN, 0});
  for (const auto& [number, connection] : connections_) {
    if (!connection->held && !connection->ended) entries.push_back({connection->socket.fd(), POLLIN, 0});
  }
  ::poll(entries.data(), entries.size(), poll_timeout(deadline));
}

template <typename Done>
bool Instance::wait_until(const Done& done, Deadline deadline) {
  for (;;) {
    child_->attend();
    accept_all();
    read_all();
    if (done()) return true;
    if (deadline.passed()) return false;
    wait_for_news(deadline);
  }
}

Instance::Connection* Instance::find(int number) {
  const auto found = connections_.find(number);
  return found == connections_.end() ? nullptr : found->second.get();
}

std::string Instance::what_happened() const {
  if (child_->ending()) return "the process ended with " + child_->ending()->text();
  return "nothing within " + std::to_string(subject_.patience.count()) + " ms";
}

// --- what comes ------------------------------------------------------------------------------------------------------

Request Instance::request(std::string_view expected) {
  const auto some = [&] { return !polls_.empty() || !others_.empty(); };
  wait_until([&] { return some() || child_->ending(); }, Deadline::after(subject_.patience));
  expect(some(), std::string(expected), what_happened());
  auto& queue = others_.empty() ? polls_ : others_;
  Request first = std::move(queue.front());
  queue.pop_front();
  return first;
}

Request Instance::poll() {
  const auto some = [&] { return !polls_.empty() || !others_.empty(); };
  wait_until([&] { return some() || child_->ending(); }, Deadline::after(subject_.patience));
  const std::string expected = "a poll: GET " + std::string(routes::next);
  expect(some(), expected, what_happened());
  expect(!polls_.empty(), expected, others_.empty() ? "" : others_.front().line());
  Request first = std::move(polls_.front());
  polls_.pop_front();
  return first;
}

Request Instance::post(std::string_view expected) {
  wait_until([&] { return !others_.empty() || child_->ending(); }, Deadline::after(subject_.patience));
  expect(!others_.empty(), std::string(expected), what_happened() + (polls_.empty() ? "" : ", but a poll"));
  Request first = std::move(others_.front());
  others_.pop_front();
  expect(first.is_post(), std::string(expected), first.line());
  return first;
}

Request Instance::post_head() {
  Request begun;
  const auto seen = [&] {
    for (auto& [number, connection] : connections_) {
      if (connection->begun || connection->awaits_answer) continue;
      if (connection->parser.state() != MessageParser::State::body) continue;
      connection->begun = connection->awaits_answer = true;
      begun = Request{number, connection->parser.message()};
      return true;
    }
    // A small one may have come at once.
    if (others_.empty()) return false;
    begun = std::move(others_.front());
    others_.pop_front();
    if (Connection* const connection = find(begun.connection)) connection->begun = true;
    return true;
  };
  const bool found = wait_until([&] { return seen() || child_->ending(); }, Deadline::after(subject_.patience));
  expect(found && begun.connection >= 0, "the head of a post", what_happened());
  return begun;
}

bool Instance::whole_or_closed(const Request& begun) {
  Connection* const connection = find(begun.connection);
  const auto whole = [&] {
    return connection != nullptr && connection->parser.state() == MessageParser::State::complete;
  };
  const auto over = [&] { return connection == nullptr || connection->ended || whole(); };
  wait_until(over, Deadline::after(subject_.patience));
  return whole();
}

Request Instance::rest_of(const Request& begun) {
  const bool whole = whole_or_closed(begun);
  Connection* const connection = find(begun.connection);
  expect(whole, "the whole body of the post",
         connection != nullptr && connection->ended ? "the connection closed in the middle" : what_happened());
  return Request{begun.connection, connection->parser.message()};
}

void Instance::hold_reading(const Request& begun, bool held) {
  if (Connection* const connection = find(begun.connection)) connection->held = held;
}

std::size_t Instance::body_so_far(const Request& begun) {
  Connection* const connection = find(begun.connection);
  return connection == nullptr ? 0 : connection->parser.message().body.size();
}

// --- what goes -------------------------------------------------------------------------------------------------------

bool Instance::send(const Request& to, std::string_view bytes) {
  Connection* const connection = find(to.connection);
  return connection != nullptr && connection->socket.send(bytes, Deadline::after(subject_.patience));
}

bool Instance::answer(const Request& to, std::string_view bytes) {
  const bool sent = send(to, bytes);
  if (Connection* const connection = find(to.connection)) {
    connection->awaits_answer = connection->begun = false;
    connection->parser = MessageParser(MessageParser::Kind::request);
    take_requests(to.connection, *connection);
  }
  return sent;
}

void Instance::close(const Request& to, bool reset) {
  Connection* const connection = find(to.connection);
  if (connection == nullptr) return;
  if (reset) connection->socket.reset_on_close();
  connections_.erase(to.connection);
}

void Instance::disappear() {
  listener_->close();
  connections_.clear();
  polls_.clear();
  others_.clear();
}

// --- whole exchanges -------------------------------------------------------------------------------------------------

Request Instance::exchange(const Event& event) {
  const Request polled = poll();
  answer(polled, event.answer());
  Request posted = post();
  const std::string target = posted.message.target();
  expect(target == response_target(event.id) || target == error_target(event.id),
         "POST " + response_target(event.id) + " or …/error", posted.line());
  return posted;
}

Message Instance::serve(const Event& event) {
  Request posted = exchange(event);
  answer(posted, accepted());
  return std::move(posted.message);
}

std::string Instance::result_of(const Event& event) {
  Message message = serve(event);
  expect(message.target() == response_target(event.id), "a response to " + shown(event.payload),
         "an error: " + shown(message.body));
  return std::move(message.body);
}

Message Instance::error_of(const Event& event) {
  Message message = serve(event);
  expect(message.target() == error_target(event.id), "an error for " + shown(event.payload),
         "a response: " + shown(message.body));
  return message;
}

void Instance::expect_to_go_on() {
  expect_json("the echo of the next event", "\"still here\"", result_of(ask("echo", "\"value\":\"still here\"")));
}

// --- what becomes of it ----------------------------------------------------------------------------------------------

Instance::Aftermath Instance::aftermath(std::chrono::milliseconds patience) {
  wait_until([&] { return !polls_.empty() || !others_.empty() || child_->ending(); }, Deadline::after(patience));
  if (!others_.empty()) return Aftermath::posted;
  if (!polls_.empty()) return Aftermath::polled;
  return child_->ending() ? Aftermath::ended : Aftermath::silent;
}

bool Instance::expect_poll_or_failure(std::string_view after) {
  const std::string expected = "after " + std::string(after) + " another poll, or an end with a status other than 0";
  const Aftermath what = aftermath();
  if (what == Aftermath::polled) return true;
  expect(what != Aftermath::posted, expected, others_.empty() ? "" : others_.front().line());
  expect(what == Aftermath::ended && !child_->ending()->clean(), expected, what_happened());
  return false;
}

std::optional<std::string> Instance::disturbance(std::chrono::milliseconds span) {
  const auto closed = [&] {
    return std::count_if(connections_.begin(), connections_.end(),
                         [](const auto& entry) { return entry.second->ended; });
  };
  const auto seen = connections_made();
  const auto closed_before = closed();
  const auto disturbed = [&] {
    return !polls_.empty() || !others_.empty() || connections_made() != seen || child_->ending() ||
           closed() != closed_before;
  };
  if (!wait_until(disturbed, Deadline::after(span))) return std::nullopt;
  if (!others_.empty()) return others_.front().line();
  if (!polls_.empty()) return "another poll";
  if (child_->ending()) return what_happened();
  return connections_made() != seen ? "another connection" : "the connection closed by the runtime";
}

std::optional<Ending> Instance::ending(std::chrono::milliseconds patience) {
  wait_until([&] { return child_->ending().has_value(); }, Deadline::after(patience));
  return child_->ending();
}

bool Instance::group_ended(std::chrono::milliseconds patience) {
  return wait_until([&] { return child_->ending() && child_->output_closed(); }, Deadline::after(patience));
}

std::size_t Instance::polls_waiting() {
  wait_until([] { return true; }, Deadline::after(0ms));
  return polls_.size();
}

std::size_t Instance::wait_for_polls(std::size_t count, std::chrono::milliseconds patience) {
  wait_until([&] { return polls_.size() >= count || child_->ending(); }, Deadline::after(patience));
  return polls_.size();
}

}  // namespace kiln::conformance
