// SPDX-License-Identifier: Apache-2.0
// Platforms that refuse, close, break off or send nonsense. What a runtime does then is its own affair within bounds: it
// polls again or ends with a failure, it does not hang, does not spin, and never answers an event it was not given whole.
#include "conformance/finding.hpp"
#include "conformance/runtime/cases.hpp"
#include "conformance/sources.hpp"
#include "runtime-api/protocol/headers.hpp"

namespace kiln::conformance {
namespace {

using namespace std::chrono_literals;

/// More polls than this in a second are no retries but a busy loop.
constexpr int most_polls_a_second = 200;

Event echo() { return ask("echo", "\"value\":\"ok\""); }

// --- refused posts ---------------------------------------------------------------------------------------------------

/// A response is refused: the runtime polls again or ends with a failure.
void refuse_response(RuntimeBench& bench, int status, std::string_view type) {
  Instance instance = bench.start();
  instance.answer(instance.exchange(echo()), refused(status, type));
  if (instance.expect_poll_or_failure("a response refused with " + std::to_string(status))) instance.expect_to_go_on();
}

void response_400(RuntimeBench& bench) { refuse_response(bench, 400, "InvalidRequestID"); }
void response_403(RuntimeBench& bench) { refuse_response(bench, 403, "InvalidStateTransition"); }
void response_410(RuntimeBench& bench) { refuse_response(bench, 410, "InvokeTimeout"); }
void response_413(RuntimeBench& bench) { refuse_response(bench, 413, "RequestEntityTooLarge"); }
void response_500(RuntimeBench& bench) { refuse_response(bench, 500, "InternalServerError"); }

void error_500(RuntimeBench& bench) {
  Instance instance = bench.start();
  instance.answer(instance.exchange(ask("error", "\"message\":\"asked for\"")), refused(500, "InternalServerError"));
  if (instance.expect_poll_or_failure("an error refused with 500")) instance.expect_to_go_on();
}

void goes_on(RuntimeBench& bench) {
  Instance instance = bench.start();
  for (const int status : {400, 403, 410, 413}) {
    instance.answer(instance.exchange(echo()), refused(status, "Refused"));
    instance.expect_to_go_on();
  }
}

/// 413 while the body is still coming, which is then read to its end.
void early_413(RuntimeBench& bench) {
  Instance instance = bench.start();
  instance.answer(instance.poll(), ask("big", "\"size\":5000000").answer());
  const Request begun = instance.post_head();
  instance.send(begun, refused(413, "RequestEntityTooLarge"));
  // A client may stop sending what nobody wants (RFC 9112, 9.5): then its connection closes.
  if (instance.whole_or_closed(begun)) instance.answer(begun, {});
  if (instance.expect_poll_or_failure("a 413 in the middle of the body")) instance.expect_to_go_on();
}

void post_closed(RuntimeBench& bench) {
  Instance instance = bench.start();
  const Event event = echo();
  instance.close(instance.exchange(event));
  // Once more the same post is the other thing a runtime may do.
  if (instance.aftermath() == Instance::Aftermath::posted) {
    const Request again = instance.post();
    expect(again.message.target() == response_target(event.id), "at most the same post again", again.line());
    instance.answer(again, accepted());
  }
  if (instance.expect_poll_or_failure("a post closed without an answer")) instance.expect_to_go_on();
}

// --- polls gone wrong ------------------------------------------------------------------------------------------------

/// Answers every poll with `bytes` (closing behind it, where told to): nothing may be posted, and the runtime ends with a
/// failure, or keeps asking at a bearable rate.
void answer_polls(RuntimeBench& bench, const std::string& bytes, bool close, const std::string& after) {
  Instance instance = bench.start();
  Request polled = instance.poll();
  const Deadline end = Deadline::after(2s);
  for (int polls = 1; !end.passed(); ++polls) {
    expect(polls <= most_polls_a_second * 2, "after " + after + " an end, or now and then another poll",
           "more than " + std::to_string(most_polls_a_second) + " polls a second");
    instance.answer(polled, bytes);
    if (close) instance.close(polled);
    const auto what = instance.aftermath(std::chrono::ceil<std::chrono::milliseconds>(end.remaining()));
    expect(what != Instance::Aftermath::posted, "nothing posted after " + after, "a post");
    if (what == Instance::Aftermath::ended) {
      const auto ending = instance.ending(0ms);
      expect(!ending->clean(), "an end with a status other than 0 after " + after, ending->text());
      return;
    }
    if (what == Instance::Aftermath::silent) break;
    polled = instance.poll();
  }
  // It lives and waits, or asks again: either is fine, as long as it can be served.
  const auto what = instance.aftermath();
  expect(what != Instance::Aftermath::silent, "after " + after + " an end, or another poll", "neither");
  if (what == Instance::Aftermath::polled) instance.expect_to_go_on();
}

void next_500(RuntimeBench& bench) {
  answer_polls(bench, refused(500, "InternalServerError"), false, "a 500 to a poll");
}
void next_403(RuntimeBench& bench) {
  answer_polls(bench, refused(403, "InvalidStateTransition"), false, "a 403 to a poll");
}
void next_204(RuntimeBench& bench) {
  answer_polls(bench, head("HTTP/1.1 204 No Content", {}), false, "a 204 to a poll");
}
void next_closed(RuntimeBench& bench) { answer_polls(bench, "", true, "a poll closed without an answer"); }
void next_garbage(RuntimeBench& bench) {
  answer_polls(bench, "SSH-2.0-OpenSSH_9.2\r\n\r\nnot HTTP at all\r\n\r\n", true, "an answer that is no HTTP");
}

void next_truncated(RuntimeBench& bench) {
  const Event event = echo();
  const std::string whole = event.answer();
  answer_polls(bench, whole.substr(0, whole.size() - 3), true, "an event that breaks off");
}

void next_bad_chunk(RuntimeBench& bench) {
  const Event event = echo();
  auto fields = event.fields();
  fields.emplace_back("Transfer-Encoding", "chunked");
  answer_polls(bench, head("HTTP/1.1 200 OK", fields) + "zz\r\n" + event.payload + "\r\n0\r\n\r\n", true,
               "an event whose chunk size is no number");
}

void next_no_id(RuntimeBench& bench) {
  const Event event = echo();
  auto fields = event.fields();
  std::erase_if(fields, [](const auto& field) { return field.first == headers::request_id; });
  answer_polls(bench, with_body("HTTP/1.1 200 OK", fields, event.payload), false, "an event without a request id");
}

void platform_gone(RuntimeBench& bench) {
  Instance instance = bench.start();
  instance.expect_to_go_on();
  instance.poll();
  instance.disappear();
  const auto ending = instance.ending(instance.patience());
  expect(ending.has_value(), "the end of a process whose platform is gone", "it lives on");
}

}  // namespace

RuntimeCases refusal_cases() {
  return {
      {{"refusal.response-400", Level::must, "A response refused with 400 is not the end of order",
        "Answers a response with 400 InvalidRequestID: another poll is fine, and so is a failure's end.",
        sources::response},
       response_400},
      {{"refusal.response-403", Level::must, "The same for 403", "Answers a response with 403 InvalidStateTransition.",
        sources::response},
       response_403},
      {{"refusal.response-410", Level::must, "The same for 410, the answer to what comes too late",
        "Answers a response with 410 InvokeTimeout.", sources::emulator},
       response_410},
      {{"refusal.response-413", Level::must, "The same for 413, the answer to what is too large",
        "Answers a response with 413 RequestEntityTooLarge.", sources::response},
       response_413},
      {{"refusal.response-500", Level::must, "The same for 500", "Answers a response with 500 InternalServerError.",
        sources::response},
       response_500},
      {{"refusal.error-500", Level::must, "The same for an error refused with 500",
        "Answers an error with 500 InternalServerError.", sources::error},
       error_500},
      {{"refusal.early-413", Level::must, "A 413 in the middle of a body does not hang the runtime",
        "Answers a large response as soon as its head is there, and reads the body to its end.", sources::clients,
        "big"},
       early_413},
      {{"refusal.goes-on", Level::should, "A refused response concerns one invocation; the process serves the next",
        "Refuses responses with 400, 403, 410 and 413 in a row.", sources::clients},
       goes_on},
  };
}

RuntimeCases fault_cases() {
  return {
      {{"fault.post-closed", Level::must, "A post closed without an answer does not hang the runtime",
        "Closes instead of answering a response; the same post again is fine, too.", sources::clients},
       post_closed},
      {{"fault.next-500", Level::must, "A poll answered with 500 is no event", "Answers polls with 500.",
        sources::next},
       next_500},
      {{"fault.next-403", Level::must, "A poll answered with 403 is no event", "Answers polls with 403.",
        sources::next},
       next_403},
      {{"fault.next-204", Level::must, "A poll answered with 204 is no event", "Answers polls with 204.",
        sources::clients},
       next_204},
      {{"fault.next-closed", Level::must, "A poll closed without an answer is no event", "Closes instead of answering.",
        sources::clients},
       next_closed},
      {{"fault.next-garbage", Level::must, "Bytes that are no HTTP are no event", "Answers polls with other bytes.",
        sources::http_messages},
       next_garbage},
      {{"fault.next-truncated", Level::must, "An event that breaks off is no event",
        "Sends three bytes less than Content-Length says, and closes.", sources::http_messages},
       next_truncated},
      {{"fault.next-bad-chunk", Level::must, "An event with broken chunks is no event",
        "Sends a chunk size that is no number.", sources::http_messages},
       next_bad_chunk},
      {{"fault.next-without-id", Level::must, "An event without a request id cannot be answered",
        "Sends an event without Lambda-Runtime-Aws-Request-Id.", sources::next},
       next_no_id},
      {{"fault.platform-gone", Level::must, "A runtime does not outlive its platform",
        "Closes the listener and all connections while the runtime waits for an event.", sources::clients},
       platform_gone},
  };
}

}  // namespace kiln::conformance
