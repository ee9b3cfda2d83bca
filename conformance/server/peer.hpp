// SPDX-License-Identifier: Apache-2.0
// One connection to the server under test, as an invoker or as a runtime has it.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "conformance/wire/message.hpp"
#include "conformance/wire/socket.hpp"

namespace kiln::conformance {

/// Blocking; one thread. What does not come within the patience is a Finding.
class Peer {
 public:
  Peer(const std::string& address, std::chrono::milliseconds patience);

  /// False where the server took no more, or is gone.
  bool send(std::string_view bytes);
  /// How much of it the server took within `span`.
  std::size_t send_part(std::string_view bytes, std::chrono::milliseconds span);
  /// The next whole answer; 100 Continue and the like count as one. `to` says what it is the answer to.
  Message answer(std::string_view to);
  /// The same, where the connection may also end without one.
  std::optional<Message> answer_or_end(std::string_view to);
  /// The answer as far as it has come: its head, and at least `bytes` of its body.
  const Message& partial_answer(std::string_view to, std::size_t bytes);
  /// Whether nothing comes within `span`.
  bool quiet(std::chrono::milliseconds span);
  /// Whether the server closes within `span`, with nothing more sent.
  bool closed(std::chrono::milliseconds span);
  void finish_sending() const { socket_.finish_sending(); }
  void close(bool reset = false);
  bool is_open() const { return socket_.is_open(); }

  /// A request with a body (or none, where there is nothing to frame) and its answer.
  Message request(std::string_view method, std::string_view target, Fields fields = {},
                  const std::optional<std::string>& body = std::nullopt);
  /// Its bytes.
  std::string request_bytes(std::string_view method, std::string_view target, Fields fields = {},
                            const std::optional<std::string>& body = std::nullopt) const;

  std::chrono::milliseconds patience() const { return patience_; }

 private:
  enum class Came { whole, ended, nothing };
  Came advance(Deadline deadline, std::size_t enough);

  std::string address_;
  std::chrono::milliseconds patience_;
  Socket socket_;
  std::string unread_;
  MessageParser parser_{MessageParser::Kind::answer};
  bool ended_ = false;
};

/// A connection that speaks as a runtime.
class RuntimePeer : public Peer {
 public:
  using Peer::Peer;

  /// Polls, without waiting for the event; nothing where a poll is parked already.
  void poll();
  /// The event that a poll is answered with.
  Message event();
  /// Both. The id is event_id().
  Message next();
  Message respond(std::string_view id, std::string_view body, Fields fields = {});
  Message fail(std::string_view id, std::string_view body, Fields fields = {});
  Message fail_init(std::string_view body, Fields fields = {});

 private:
  bool parked_ = false;
};

/// Lambda-Runtime-Aws-Request-Id of an event; a Finding where there is none.
std::string event_id(const Message& event);

/// An invocation under way.
class Call {
 public:
  Call(const std::string& url, std::string_view body, Fields fields, std::chrono::milliseconds patience);
  /// What the invoker gets.
  Message answer();
  const Message& partial_answer(std::size_t bytes) { return peer_.partial_answer("the invocation", bytes); }
  /// Whether nothing comes within `span`.
  bool pending(std::chrono::milliseconds span) { return peer_.quiet(span); }
  void abandon() { peer_.close(true); }

 private:
  Peer peer_;
};

}  // namespace kiln::conformance
