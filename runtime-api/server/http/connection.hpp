// SPDX-License-Identifier: Apache-2.0
// One HTTP/1.1 connection, server side: reads requests one after another, answers each, closes on anything ambiguous.
// Heads are formatted into one buffer and written at once; only a full socket makes us wait (ADR 0002). Data-plane thread
// only.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "runtime-api/server/async/stream.hpp"
#include "runtime-api/server/async/task.hpp"
#include "runtime-api/server/http/chunked_decoder.hpp"
#include "runtime-api/server/http/read_buffer.hpp"
#include "runtime-api/server/http/request_head.hpp"

namespace kiln::http {

struct ConnectionOptions {
  /// Largest head in bytes, request line included; more is answered 431.
  std::size_t max_head = 16'384;
  /// From the first byte of a head to its end; later is answered 408.
  std::chrono::milliseconds head_timeout{10'000};
  /// How long a connection may stay open between requests; zero for as long as it likes.
  std::chrono::milliseconds idle_timeout{60'000};
  /// How long the peer may send nothing within a body, or take nothing of an answer.
  std::chrono::milliseconds stall_timeout{20'000};
};

enum class BodyStatus {
  complete,
  too_large,  ///< over the caller's limit; what came is discarded and the connection goes on where that was possible
  truncated,  ///< the peer closed within the body; after this and the following, the connection closes after the answer
  bad_framing,  ///< not chunked coding
  timed_out,
};

/// A piece of a body as it came; no bytes and `complete` mean its end.
struct BodyPart {
  BodyStatus status = BodyStatus::complete;
  std::string_view bytes;
};

class Connection {
 public:
  /// Takes ownership of `fd`, connected and non-blocking. `options` must outlive the connection.
  Connection(EventLoop& loop, int fd, const ConnectionOptions& options);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Waits for the next request's head. False: the connection is over (closed, timed out, or refused and answered).
  /// A body of the request before that nobody read is drained first.
  Task<bool> next_request();
  const RequestHead& request() const { return head_; }
  /// True where the complete head of a further GET is in the buffer already (pipelining), so that its answer follows this
  /// one without another wait for the peer.
  bool next_get_is_buffered() const;

  /// Reads the whole body into `into` (replacing it), at most `limit` bytes. Answers 100-continue where it is expected.
  Task<BodyStatus> read_body(std::string& into, std::size_t limit);
  /// Reads the next part of the body, appending it to `into`. `complete` with nothing appended means the end.
  Task<BodyStatus> read_some_body(std::string& into);
  /// The next part of the body as it came, in place: valid until the connection reads on. Small chunks that came together
  /// are one part.
  Task<BodyPart> read_body_part();
  /// Reads what is left of the body for nobody; gives up, and closes after the answer, beyond 64 MiB.
  Task<void> discard_body() { return drain_body(); }
  /// Trailers of a chunked body that was read to its end.
  const std::vector<Field>& trailers() const { return decoder_.trailers(); }

  /// Starts an answer's head. Fields follow by `add_field`, then one of respond, begin_stream.
  void begin_answer(int status, std::string_view content_type);
  /// Adds a field; CR, LF and NUL in the value are replaced by spaces, so that no value can end the head.
  void add_field(std::string_view name, std::string_view value);
  void add_field(std::string_view name, std::int64_t value);
  /// Ends the head with Content-Length and sends it with `body`. False where the peer is gone.
  Task<bool> respond(std::string_view body);
  /// As `respond`, but the bytes go out in front of the next answer's, in the same write.
  void respond_with_next(std::string_view body);
  /// All of the above for an answer without further fields.
  Task<bool> answer(int status, std::string_view content_type, std::string_view body);

  /// Ends the head for a body of unknown length: chunked, or until close for HTTP/1.0. It goes out with what follows.
  void start_stream();
  /// The same, and sends it at once.
  Task<bool> begin_stream();
  /// Sends one part of it; waits while the peer's window is full. False where the peer is gone.
  Task<bool> send_chunk(std::string_view data) { return send_chunk({}, data, {}); }
  /// The three as one part.
  Task<bool> send_chunk(std::string_view front, std::string_view data, std::string_view back);
  Task<bool> end_stream();
  /// The body cannot go on: the peer sees that it is not complete, and the connection is over.
  void abort_stream();

  /// The connection closes after the answer under way.
  void close_after_answer() { closing_ = true; }
  bool closing() const { return closing_; }
  /// Closes at once; whoever waits on the connection sees it end.
  void close() { stream_.close(); }
  bool is_open() const { return stream_.is_open(); }
  /// Calls `on_gone` once if the peer goes away while nobody reads; nullptr ends the watch.
  void watch_peer(std::function<void()> on_gone) { stream_.watch_peer(std::move(on_gone)); }
  /// Frees what a long wait does not need.
  void shrink();
  int fd() const { return stream_.fd(); }
  EventLoop& loop() const { return stream_.loop(); }

 private:
  enum class Filled { data, closed, timed_out };

  Task<Filled> fill(Deadline deadline, std::size_t least);
  /// Reads without waiting. False where nothing came (would block, or the peer is gone: then `gone`).
  bool fill_now(bool& gone, std::size_t least);
  std::string_view take_body_part();
  int take_head();
  Task<bool> refuse(int status);
  Task<BodyStatus> begin_body();
  Task<BodyStatus> read_chunked(std::string& into, std::size_t limit);
  Task<void> drain_body();
  BodyStatus give_up_body(BodyStatus why = BodyStatus::too_large);
  bool awaits_continue() const { return !body_done_ && head_.expects_continue() && !continue_sent_; }
  Task<bool> write_all(std::string_view first, std::string_view second, std::string_view third = {});
  Task<bool> write_rest(std::string_view first, std::string_view second, std::string_view third, std::size_t done);
  Task<bool> send_out(std::string_view data, std::string_view back);
  Task<void> linger();
  void end_head(std::string_view framing);
  std::string_view unread() const { return in_.unread(); }
  Deadline stall_deadline() const { return Deadline::after(options_.stall_timeout); }

  const ConnectionOptions& options_;
  Stream stream_;
  Timer timer_;
  RequestHead head_;
  ChunkedDecoder decoder_;
  ReadBuffer in_;
  std::string_view next_part_;  // of the body, decoded already, in in_
  std::string out_;             // the answer's head, behind anything held back by respond_with_next
  std::string back_;            // what stands behind a part of a stream
  std::uint64_t body_left_ = 0;
  bool body_done_ = true;
  bool body_bad_ = false;
  bool continue_sent_ = false;
  bool closing_ = false;
  bool timed_out_ = false;
  bool chunked_answer_ = false;
  bool no_content_ = false;
};

/// The reason phrase of a status this server sends.
std::string_view reason_phrase(int status);

}  // namespace kiln::http
