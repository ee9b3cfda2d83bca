// SPDX-License-Identifier: Apache-2.0
#include "conformance/server/peer.hpp"

#include <utility>

#include "conformance/finding.hpp"
#include "conformance/server/platform.hpp"
#include "conformance/wire/event.hpp"
#include "runtime-api/protocol/headers.hpp"
#include "runtime-api/protocol/routes.hpp"

namespace kiln::conformance {

Peer::Peer(const std::string& address, std::chrono::milliseconds patience) : address_(address), patience_(patience) {
  std::string why;
  socket_ = connect_to(address, Deadline::after(patience), why);
  expect(socket_.is_open(), "a connection to " + address, why);
}

bool Peer::send(std::string_view bytes) { return socket_.is_open() && socket_.send(bytes, Deadline::after(patience_)); }

std::size_t Peer::send_part(std::string_view bytes, std::chrono::milliseconds span) {
  return socket_.is_open() ? socket_.send_part(bytes, Deadline::after(span)) : 0;
}

void Peer::close(bool reset) {
  if (reset) socket_.reset_on_close();
  socket_.close();
}

Peer::Came Peer::advance(Deadline deadline, std::size_t enough) {
  for (;;) {
    const auto state = parser_.advance(unread_, ended_);
    if (state == MessageParser::State::complete) return Came::whole;
    if (state == MessageParser::State::bad) {
      if (ended_ && parser_.message().start_line.empty() && unread_.empty()) return Came::ended;
      throw Finding{"an HTTP/1.1 answer", parser_.fault()};
    }
    if (state == MessageParser::State::body && parser_.message().body.size() >= enough) return Came::whole;
    if (!socket_.is_open()) return Came::ended;
    const auto received = socket_.receive(unread_, deadline);
    if (received == Socket::Received::nothing) return Came::nothing;
    ended_ = received == Socket::Received::end;
  }
}

std::optional<Message> Peer::answer_or_end(std::string_view to) {
  const Came came = advance(Deadline::after(patience_), std::string::npos);
  expect(came != Came::nothing, "an answer to " + std::string(to),
         "nothing within " + std::to_string(patience_.count()) + " ms");
  if (came == Came::ended) return std::nullopt;
  Message message = std::move(parser_.message());
  parser_ = MessageParser(MessageParser::Kind::answer);
  return message;
}

Message Peer::answer(std::string_view to) {
  auto message = answer_or_end(to);
  expect(message.has_value(), "an answer to " + std::string(to), "the connection closed");
  return *std::move(message);
}

const Message& Peer::partial_answer(std::string_view to, std::size_t bytes) {
  const Came came = advance(Deadline::after(patience_), bytes);
  expect(came == Came::whole, std::to_string(bytes) + " bytes of the answer to " + std::string(to),
         came == Came::ended ? "the connection closed" : "fewer within " + std::to_string(patience_.count()) + " ms");
  return parser_.message();
}

bool Peer::quiet(std::chrono::milliseconds span) {
  return unread_.empty() && socket_.receive(unread_, Deadline::after(span)) == Socket::Received::nothing;
}

bool Peer::closed(std::chrono::milliseconds span) {
  return !socket_.is_open() || ended_ ||
         (unread_.empty() && socket_.receive(unread_, Deadline::after(span)) == Socket::Received::end);
}

std::string Peer::request_bytes(std::string_view method, std::string_view target, Fields fields,
                                const std::optional<std::string>& body) const {
  std::string line(method);
  line.append(" ").append(target).append(" HTTP/1.1");
  fields.emplace(fields.begin(), "Host", address_);
  return body ? with_body(line, std::move(fields), *body) : head(line, fields);
}

Message Peer::request(std::string_view method, std::string_view target, Fields fields,
                      const std::optional<std::string>& body) {
  send(request_bytes(method, target, std::move(fields), body));
  return answer(std::string(method).append(" ").append(target));
}

void RuntimePeer::poll() {
  if (!parked_) send(request_bytes("GET", routes::next));
  parked_ = true;
}

Message RuntimePeer::event() {
  parked_ = false;
  Message event = answer("a poll");
  expect(event.status() == 200, "an event with the status 200",
         std::to_string(event.status()) + " " + shown(event.body));
  return event;
}

Message RuntimePeer::next() {
  poll();
  return event();
}

Message RuntimePeer::respond(std::string_view id, std::string_view body, Fields fields) {
  return request("POST", response_target(id), std::move(fields), std::string(body));
}
Message RuntimePeer::fail(std::string_view id, std::string_view body, Fields fields) {
  return request("POST", error_target(id), std::move(fields), std::string(body));
}
Message RuntimePeer::fail_init(std::string_view body, Fields fields) {
  return request("POST", routes::init_error, std::move(fields), std::string(body));
}

std::string event_id(const Message& event) {
  const auto id = event.field(headers::request_id);
  expect(id && !id->empty(), "an event with " + std::string(headers::request_id), "none");
  return *id;
}

Call::Call(const std::string& url, std::string_view body, Fields fields, std::chrono::milliseconds patience)
    : peer_(parse_url(url).address, patience) {
  if (!find_field(fields, "Content-Type")) fields.emplace_back("Content-Type", "application/json");
  peer_.send(peer_.request_bytes("POST", parse_url(url).target, std::move(fields), std::string(body)));
}

Message Call::answer() { return peer_.answer("the invocation"); }

}  // namespace kiln::conformance
