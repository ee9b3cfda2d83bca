// SPDX-License-Identifier: Apache-2.0
// One process of the runtime under test, and the platform around it: a Runtime API whose every byte the case decides.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conformance/process/child.hpp"
#include "conformance/runtime/subject.hpp"
#include "conformance/wire/event.hpp"
#include "conformance/wire/message.hpp"
#include "conformance/wire/socket.hpp"
#include "runtime-api/protocol/deadline.hpp"

namespace kiln::conformance {

/// A request of the runtime, unanswered. `connection` tells where the answer goes.
struct Request {
  int connection = -1;
  Message message;

  bool is_poll() const;
  bool is_post() const { return message.method() == "POST"; }
  std::string line() const { return message.method() + " " + message.target(); }
};

struct StartOptions {
  Environment set{};  ///< on top of what every instance gets
  std::vector<std::string> unset{};
  bool listen = true;  ///< false: nobody answers at the address
};

/// Blocking; one thread. Whatever waits gives up after the subject's patience and throws Finding, and at once where the
/// process has ended. Killed, with its group, when this goes.
class Instance {
 public:
  /// `last_output`, which must outlive it, gets the end of what the process printed. Throws CannotRun.
  Instance(const RuntimeSubject& subject, const StartOptions& options, std::string& last_output);
  ~Instance();
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  // --- what comes ----------------------------------------------------------------------------------------------------
  /// The next request, whatever it is.
  Request request(std::string_view expected);
  /// The next poll for an event; a post in its place is a finding.
  Request poll();
  /// The next post; polls that come before it are kept for poll().
  Request post(std::string_view expected = "a post to /response or /error");
  /// The same as soon as its head is there. The body is read by rest_of().
  Request post_head();
  Request rest_of(const Request& begun);
  /// Waits for the end of its body or of its connection; true for the body's.
  bool whole_or_closed(const Request& begun);
  /// The body of `begun` is left in the socket (true), or read again.
  void hold_reading(const Request& begun, bool held);
  /// How many bytes of the body of `begun` have been read so far.
  std::size_t body_so_far(const Request& begun);

  // --- what goes -----------------------------------------------------------------------------------------------------
  /// The whole answer to `to`. False where the runtime took no more, or is gone.
  bool answer(const Request& to, std::string_view bytes);
  /// A part of an answer; answer() sends the last.
  bool send(const Request& to, std::string_view bytes);
  void close(const Request& to, bool reset = false);
  /// Nobody listens any more, and all connections are closed: the platform is gone.
  void disappear();

  // --- whole exchanges -----------------------------------------------------------------------------------------------
  /// Poll, event, post; the post is left unanswered, and its target is checked.
  Request exchange(const Event& event);
  /// The same, and the post accepted.
  Message serve(const Event& event);
  /// The same, where only a response will do: its body.
  std::string result_of(const Event& event);
  /// The same, where only an error will do.
  Message error_of(const Event& event);
  /// A finding where the next event is not served as if nothing had happened.
  void expect_to_go_on();

  // --- what becomes of it --------------------------------------------------------------------------------------------
  enum class Aftermath { polled, posted, ended, silent };
  /// What the runtime does next, within `patience`. What it sent stays to be taken.
  Aftermath aftermath(std::chrono::milliseconds patience);
  Aftermath aftermath() { return aftermath(subject_.patience); }
  /// A finding unless the runtime polls again, or ends with another status than 0. True where it polled.
  bool expect_poll_or_failure(std::string_view after);
  /// What came within `span`, for what must not happen; nothing where all was quiet and the process lived on.
  std::optional<std::string> disturbance(std::chrono::milliseconds span);
  std::optional<Ending> ending(std::chrono::milliseconds patience);
  /// All processes of the group have ended.
  bool group_ended(std::chrono::milliseconds patience);
  void signal(int number) const { child_->signal(number); }

  std::size_t polls_waiting();
  /// Waits until `count` polls are parked at once; how many there are.
  std::size_t wait_for_polls(std::size_t count, std::chrono::milliseconds patience);
  std::size_t connections_made() const { return static_cast<std::size_t>(next_connection_); }
  const std::string& printed() const { return child_->printed(); }
  std::chrono::milliseconds patience() const { return subject_.patience; }

 private:
  struct Connection;

  template <typename Done>
  bool wait_until(const Done& done, Deadline deadline);
  void wait_for_news(Deadline deadline);
  void accept_all();
  void read_all();
  void take_requests(int number, Connection& connection);
  Connection* find(int number);
  std::string what_happened() const;

  const RuntimeSubject& subject_;
  std::string& last_output_;
  std::unique_ptr<Listener> listener_;
  std::map<int, std::unique_ptr<Connection>> connections_;
  int next_connection_ = 0;
  std::deque<Request> polls_;
  std::deque<Request> others_;
  std::unique_ptr<Child> child_;
};

}  // namespace kiln::conformance
