// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/server/http/connection.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "runtime-api/protocol/json_text.hpp"

namespace kiln::http {
namespace {

// What is drained of a body nobody wants, before closing becomes kinder than reading on.
constexpr std::uint64_t max_drained = 64ULL << 20;
constexpr std::size_t small_body = 16'384;       // copied behind the head rather than sent from its own place
constexpr std::size_t head_room = 16'384;        // a head and a small body in one read
constexpr std::size_t body_room = 262'144;       // fewer, larger reads; still within a core's cache
constexpr std::size_t body_step = 131'072;       // of a body read straight to where it stays
constexpr std::size_t trusted_length = 8 << 20;  // room taken on the peer's word; no memory is, until bytes arrive

void append_number(std::string& out, std::int64_t value) {
  std::array<char, 24> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  out.append(digits.data(), end);
}

}  // namespace

std::string_view reason_phrase(int status) {
  switch (status) {
    case 100: return "Continue";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 412: return "Precondition Failed";
    case 413: return "Payload Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 417: return "Expectation Failed";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    case 507: return "Insufficient Storage";
    default: return status < 300 ? "OK" : status < 400 ? "Redirect" : status < 500 ? "Client Error" : "Server Error";
  }
}

Connection::Connection(EventLoop& loop, int fd, const ConnectionOptions& options)
    : options_(options), stream_(loop, fd), timer_(loop) {}

// --- reading ---------------------------------------------------------------------------------------------------------

void Connection::shrink() {
  head_.release();
  in_.release();
  if (out_.empty() && out_.capacity() > 64) out_ = std::string();
}

bool Connection::fill_now(bool& gone, std::size_t least) {
  const ReadResult result = stream_.read_now(in_.room(least));
  gone = !result.usable();
  in_.received(result.bytes);
  return result.bytes > 0;
}

/// Waits first: the peer has rarely sent its next bytes by the time we ask, and asking costs a system call.
Task<Connection::Filled> Connection::fill(Deadline deadline, std::size_t least) {
  for (;;) {
    timed_out_ = false;
    timer_.arm(deadline, [this] {
      timed_out_ = true;
      stream_.interrupt();
    });
    const bool ready = co_await stream_.readable();
    timer_.cancel();
    if (!ready) co_return timed_out_ ? Filled::timed_out : Filled::closed;
    bool gone = false;
    if (fill_now(gone, least)) co_return Filled::data;
    if (gone) co_return Filled::closed;
  }
}

/// 0: a head was taken from the buffer; 1: it is not complete yet; else the status with which to refuse it.
int Connection::take_head() {
  // RFC 9112, 2.2: an empty line in front of a request is to be ignored. One is; more is somebody trying.
  if (unread().starts_with("\r\n")) in_.consume(2);
  const std::string_view bytes = unread();
  const auto end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) {
    if (bytes.size() > options_.max_head) return bytes.find("\r\n") == std::string_view::npos ? 414 : 431;
    return 1;
  }
  if (end + 4 > options_.max_head) return 431;
  const int status = head_.parse(bytes.substr(0, end + 4));
  in_.consume(end + 4);
  return status;
}

bool Connection::next_get_is_buffered() const {
  return body_done_ && unread().starts_with("GET ") && unread().find("\r\n\r\n") != std::string_view::npos;
}

Task<bool> Connection::next_request() {
  if (!body_done_) co_await drain_body();
  if (closing_) {
    co_await linger();
    co_return false;
  }
  Deadline deadline = options_.idle_timeout.count() ? Deadline::after(options_.idle_timeout) : Deadline::never();
  bool started = false;
  for (;;) {
    if (!unread().empty()) {
      const int status = take_head();
      if (status == 0) break;
      if (status > 1) co_return co_await refuse(status);
      if (!started && !unread().empty()) {
        started = true;
        deadline = Deadline::after(options_.head_timeout);
      }
    }
    // A connection at rest keeps no more than it needs for the next head.
    if (in_.capacity() > head_room) in_.release();
    const std::size_t room = in_.empty() ? head_room : head_room / 4;
    const Filled filled = co_await fill(deadline, room);
    if (filled == Filled::timed_out && started) co_return co_await refuse(408);
    if (filled != Filled::data) {
      close();
      co_return false;
    }
  }
  body_left_ = head_.content_length();
  body_done_ = !head_.has_body();
  body_bad_ = false;
  next_part_ = {};
  continue_sent_ = false;
  if (head_.chunked() || !decoder_.trailers().empty()) decoder_ = ChunkedDecoder();
  if (!head_.keep_alive()) closing_ = true;
  co_return true;
}

Task<BodyStatus> Connection::begin_body() {
  if (head_.expects_continue() && !continue_sent_) {
    continue_sent_ = true;  // also where the client has not waited for it
    bool told = true;
    if (unread().empty()) told = co_await write_all("HTTP/1.1 100 Continue\r\n\r\n", {});
    if (!told) co_return give_up_body(BodyStatus::truncated);
  }
  co_return BodyStatus::complete;
}

Task<BodyStatus> Connection::read_body(std::string& into, std::size_t limit) {
  into.clear();
  if (body_done_) co_return BodyStatus::complete;
  if (!head_.chunked() && body_left_ > limit) {
    if (body_left_ > max_drained) {
      give_up_body();
    } else {
      co_await drain_body();
    }
    co_return BodyStatus::too_large;
  }
  if (head_.expects_continue()) {
    const BodyStatus begun = co_await begin_body();
    if (begun != BodyStatus::complete) co_return begun;
  }
  if (head_.chunked()) co_return co_await read_chunked(into, limit);

  const auto length = static_cast<std::size_t>(body_left_);
  const auto here = std::min(length, unread().size());
  into.reserve(std::min(length, trusted_length));
  into.assign(unread().substr(0, here));
  in_.consume(here);
  std::size_t have = here;
  // The length is the peer's word: memory is touched as bytes arrive.
  while (have < length) {
    into.resize(std::min(length, have + body_step));
    const ReadResult result = stream_.read_now(std::span(into).subspan(have));
    if (!result.usable()) co_return give_up_body(BodyStatus::truncated);
    have += result.bytes;
    if (!result.would_block) continue;
    timed_out_ = false;
    timer_.arm(stall_deadline(), [this] {
      timed_out_ = true;
      stream_.interrupt();
    });
    const bool ready = co_await stream_.readable();
    timer_.cancel();
    if (!ready) co_return give_up_body(timed_out_ ? BodyStatus::timed_out : BodyStatus::truncated);
  }
  body_left_ = 0;
  body_done_ = true;
  co_return BodyStatus::complete;
}

Task<BodyStatus> Connection::read_chunked(std::string& into, std::size_t limit) {
  bool over = false;
  std::uint64_t discarded = 0;
  for (;;) {
    const std::size_t before = into.size();
    const BodyStatus status = co_await read_some_body(into);
    if (status != BodyStatus::complete) co_return status;
    if (into.size() == before) co_return over ? BodyStatus::too_large : BodyStatus::complete;
    if (over || into.size() > limit) {
      over = true;
      discarded += into.size();
      into.clear();
      if (discarded > max_drained) co_return give_up_body(BodyStatus::too_large);
    }
  }
}

Task<BodyStatus> Connection::read_some_body(std::string& into) {
  const BodyStatus begun = co_await begin_body();
  if (begun != BodyStatus::complete) co_return begun;
  while (!body_done_) {
    if (!unread().empty() && head_.chunked()) {
      const auto step = decoder_.step(unread());
      into.append(step.data);
      const bool progress = !step.data.empty();
      in_.consume(step.consumed);
      if (step.state == ChunkedDecoder::State::bad) co_return give_up_body(BodyStatus::bad_framing);
      if (step.state == ChunkedDecoder::State::done) body_done_ = true;
      if (progress) co_return BodyStatus::complete;
      if (body_done_ || !unread().empty()) continue;
    } else if (!unread().empty()) {
      const auto take = static_cast<std::size_t>(std::min<std::uint64_t>(body_left_, unread().size()));
      into.append(unread().substr(0, take));
      in_.consume(take);
      body_left_ -= take;
      if (body_left_ == 0) body_done_ = true;
      co_return BodyStatus::complete;
    }
    bool gone = false;
    if (fill_now(gone, body_step)) continue;
    if (gone) co_return give_up_body(BodyStatus::truncated);
    const Filled filled = co_await fill(stall_deadline(), body_step);
    switch (filled) {
      case Filled::data: break;
      case Filled::closed: co_return give_up_body(BodyStatus::truncated);
      case Filled::timed_out: co_return give_up_body(BodyStatus::timed_out);
    }
  }
  co_return BodyStatus::complete;
}

/// What the buffer holds of the body, decoded in place; empty where it holds none. `body_done_` and `body_bad_` may be set
/// beside it.
std::string_view Connection::take_body_part() {
  if (!next_part_.empty()) return std::exchange(next_part_, {});
  if (!head_.chunked()) {
    const auto part =
        unread().substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(body_left_, unread().size())));
    in_.consume(part.size());
    body_left_ -= part.size();
    if (body_left_ == 0) body_done_ = true;
    return part;
  }
  std::string_view part;
  while (!in_.empty() && !body_done_ && !body_bad_ && next_part_.empty()) {
    const auto step = decoder_.step(unread());
    in_.consume(step.consumed);
    if (step.state == ChunkedDecoder::State::done) body_done_ = true;
    if (step.state == ChunkedDecoder::State::bad) body_bad_ = true;
    if (part.empty()) {
      part = step.data;
    } else if (step.data.size() >= small_body) {
      next_part_ = step.data;
    } else if (!step.data.empty()) {
      part = in_.join(part, step.data);
    }
  }
  return part;
}

Task<BodyPart> Connection::read_body_part() {
  const BodyStatus begun = co_await begin_body();
  if (begun != BodyStatus::complete) co_return BodyPart{begun, {}};
  for (;;) {
    const std::string_view part = take_body_part();
    if (!part.empty() || body_done_) co_return BodyPart{BodyStatus::complete, part};
    if (body_bad_) co_return BodyPart{give_up_body(BodyStatus::bad_framing), {}};
    bool gone = false;
    if (fill_now(gone, body_room)) continue;
    if (gone) co_return BodyPart{give_up_body(BodyStatus::truncated), {}};
    const Filled filled = co_await fill(stall_deadline(), body_room);
    if (filled == Filled::closed) co_return BodyPart{give_up_body(BodyStatus::truncated), {}};
    if (filled == Filled::timed_out) co_return BodyPart{give_up_body(BodyStatus::timed_out), {}};
  }
}

/// Where the next request would begin is not known any more, or too far: the connection closes after the answer.
BodyStatus Connection::give_up_body(BodyStatus why) {
  closing_ = true;
  body_done_ = true;
  return why;
}

/// Reads a body to its end for nobody, or gives it up.
Task<void> Connection::drain_body() {
  // A client that was refused leave to send may send all the same.
  if (awaits_continue() || body_bad_) give_up_body();
  std::string discarded;
  std::uint64_t total = 0;
  while (!body_done_) {
    discarded.clear();
    co_await read_some_body(discarded);
    total += discarded.size();
    if (total > max_drained) give_up_body();
  }
}

// --- writing ---------------------------------------------------------------------------------------------------------

void Connection::begin_answer(int status, std::string_view content_type) {
  out_ += "HTTP/1.1 ";
  append_number(out_, status);
  out_ += ' ';
  out_ += reason_phrase(status);
  out_ += "\r\n";
  no_content_ = status == 204 || status == 304;  // have no length either (RFC 9110, 8.6)
  if (!content_type.empty()) add_field("Content-Type", content_type);
}

void Connection::add_field(std::string_view name, std::string_view value) {
  out_ += name;
  out_ += ": ";
  const std::size_t at = out_.size();
  out_ += value;
  for (std::size_t i = at; i < out_.size(); ++i) {
    if (out_[i] == '\r' || out_[i] == '\n' || out_[i] == '\0') out_[i] = ' ';
  }
  out_ += "\r\n";
}

void Connection::add_field(std::string_view name, std::int64_t value) {
  out_ += name;
  out_ += ": ";
  append_number(out_, value);
  out_ += "\r\n";
}

void Connection::end_head(std::string_view framing) {
  if (awaits_continue()) give_up_body();
  out_ += framing;
  if (closing_) out_ += "Connection: close\r\n";
  out_ += "\r\n";
}

Task<bool> Connection::respond(std::string_view body) {
  if (!no_content_) add_field("Content-Length", static_cast<std::int64_t>(body.size()));
  end_head({});
  if (head_.method() == Method::head || no_content_) body = {};
  if (body.size() <= small_body) {
    out_ += body;
    body = {};
  }
  // Almost every answer fits the socket at once; then no coroutine is needed.
  std::error_code error;
  const std::size_t done = stream_.write_now(out_, body, error);
  bool sent = !error;
  if (sent && done < out_.size() + body.size()) sent = co_await write_rest(out_, body, {}, done);
  out_.clear();
  if (!sent) close();
  co_return sent;
}

void Connection::respond_with_next(std::string_view body) {
  add_field("Content-Length", static_cast<std::int64_t>(body.size()));
  end_head({});
  out_ += body;
}

Task<bool> Connection::answer(int status, std::string_view content_type, std::string_view body) {
  begin_answer(status, content_type);
  return respond(body);
}

Task<bool> Connection::write_all(std::string_view first, std::string_view second, std::string_view third) {
  return write_rest(first, second, third, 0);
}

Task<bool> Connection::write_rest(std::string_view first, std::string_view second, std::string_view third,
                                  std::size_t done) {
  for (;;) {
    for (std::string_view* const part : {&first, &second, &third}) {
      const auto skip = std::min(done, part->size());
      part->remove_prefix(skip);
      done -= skip;
    }
    if (first.empty()) first = std::exchange(second, std::exchange(third, {}));
    if (first.empty()) first = std::exchange(second, {});
    if (first.empty()) co_return true;
    std::error_code error;
    done = stream_.write_now(first, second, third, error);
    if (error) co_return false;
    if (done > 0) continue;
    timed_out_ = false;
    timer_.arm(stall_deadline(), [this] {
      timed_out_ = true;
      stream_.interrupt();
    });
    const bool ready = co_await stream_.writable();
    timer_.cancel();
    if (!ready) co_return false;
  }
}

void Connection::start_stream() {
  // HTTP/1.0 has no chunks: the end of the connection is the end of the body.
  chunked_answer_ = !head_.is_http_1_0() && !no_content_;
  if (head_.is_http_1_0()) closing_ = true;
  end_head(chunked_answer_ ? "Transfer-Encoding: chunked\r\n" : "");
}

Task<bool> Connection::begin_stream() {
  start_stream();
  co_return co_await send_out({}, {});
}

/// What is formatted already, with more behind it.
Task<bool> Connection::send_out(std::string_view data, std::string_view back) {
  const bool sent = co_await write_all(out_, data, back);
  out_.clear();
  co_return sent;
}

Task<bool> Connection::send_chunk(std::string_view front, std::string_view data, std::string_view back) {
  const std::size_t size = front.size() + data.size() + back.size();
  if (size == 0 || head_.method() == Method::head || no_content_) co_return true;
  if (chunked_answer_) {
    std::array<char, 20> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), size, 16).ptr;
    out_.append(digits.data(), end);
    out_ += "\r\n";
  }
  out_ += front;
  back_.assign(back);
  if (chunked_answer_) back_ += "\r\n";
  if (data.size() <= small_body) {
    out_ += data;
    out_ += back_;
    co_return co_await send_out({}, {});
  }
  co_return co_await send_out(data, back_);
}

Task<bool> Connection::end_stream() {
  if (chunked_answer_ && head_.method() != Method::head) out_ += "0\r\n\r\n";
  co_return co_await send_out({}, {});
}

void Connection::abort_stream() {
  // A body that ends with the connection has no other way to tell.
  if (!chunked_answer_) stream_.reset_on_close();
  close();
}

// --- ending ----------------------------------------------------------------------------------------------------------

Task<bool> Connection::refuse(int status) {
  closing_ = true;
  head_.parse({});  // what is known of it, and of the request before, is not to shape this answer
  const std::string body = api_error_body(reason_phrase(status), "InvalidHttpRequest");
  const bool answered = co_await answer(status, "application/json", body);
  if (answered) co_await linger();
  close();
  co_return false;
}

/// Closing while the peer still sends would reset the connection and could take our last answer with it.
Task<void> Connection::linger() {
  stream_.shutdown_send();
  const Deadline deadline = Deadline::after(std::chrono::seconds(1));
  std::size_t total = 0;
  while (total < max_drained) {
    const Filled filled = co_await fill(deadline, head_room);
    if (filled != Filled::data) break;
    total += unread().size();
    in_.consume(unread().size());
  }
  close();
}

}  // namespace kiln::http
