// SPDX-License-Identifier: Apache-2.0
// How events are read, from platforms of every manner.
#include <future>
#include <string>

#include "runtime-api/client/runtime_api_client.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scripted_platform.hpp"

using namespace kiln;
using namespace kiln::test;

namespace {

/// A client that waits for an event on a thread of its own, while the test plays the platform.
class Poll {
 public:
  Poll() : Poll(connected_pair()) {}
  PlatformEnd& platform() { return platform_; }
  NextResult result() { return result_.get(); }
  /// Reads the poll and answers with these bytes.
  NextResult answered_with(std::string_view bytes) {
    platform_.read();
    platform_.send(bytes);
    return result();
  }
  /// The same, and then the platform closes.
  NextResult answered_with_all_of(std::string_view bytes) {
    platform_.read();
    platform_.send(bytes);
    platform_.close();
    return result();
  }

 private:
  explicit Poll(std::pair<PlatformEnd, int> ends)
      : client_(RuntimeApiClient::from_fd(ends.second)), platform_(std::move(ends.first)) {
    result_ = std::async(std::launch::async, [this] { return client_.next(); });
  }

  RuntimeApiClient client_;
  PlatformEnd platform_;  // goes first: a client that still waits then sees the end
  std::future<NextResult> result_;
};

const Invocation& event_of(const NextResult& result) {
  if (const auto* error = std::get_if<ClientError>(&result)) FAIL(error->describe());
  return std::get<Invocation>(result);
}

ClientError::Kind error_of(const NextResult& result) {
  REQUIRE(std::holds_alternative<ClientError>(result));
  return std::get<ClientError>(result).kind;
}

}  // namespace

TEST_CASE("The poll is a bare GET with a Host and no body") {
  Poll poll;
  const WireRequest request = poll.platform().read();
  CHECK(request.method == "GET");
  CHECK(request.path == "/2018-06-01/runtime/invocation/next");
  CHECK_FALSE(request.field("Host").empty());
  poll.platform().send(event("1", "{}"));
  CHECK(event_of(poll.result()).payload == "{}");
}

TEST_CASE("Every header of an event arrives, whatever the case of its name") {
  Poll poll;
  const NextResult result = poll.answered_with(
      "HTTP/1.1 200 OK\r\nLAMBDA-RUNTIME-AWS-REQUEST-ID: the-id\r\nlambda-runtime-invocation-id: attempt\r\n"
      "Lambda-Runtime-Deadline-Ms: 4102444800000\r\nLambda-Runtime-Invoked-Function-Arn:arn:x\r\n"
      "Lambda-Runtime-Trace-Id:  Root=1-2  \r\nLambda-Runtime-Client-Context: {\"a\": 1}\r\n"
      "Lambda-Runtime-Cognito-Identity: {}\r\nLambda-Runtime-Aws-Tenant-Id: t\r\nContent-Type: text/plain\r\n"
      "Content-Length: 2\r\n\r\nhi");
  const Invocation& invocation = event_of(result);
  CHECK(invocation.request_id == "the-id");
  CHECK(invocation.invocation_id == "attempt");
  CHECK(invocation.deadline.remaining() > std::chrono::hours(24));
  CHECK_FALSE(invocation.deadline.is_never());
  CHECK(invocation.function_arn == "arn:x");
  CHECK(invocation.trace_id == "Root=1-2");
  CHECK(invocation.client_context == "{\"a\": 1}");
  CHECK(invocation.cognito_identity == "{}");
  CHECK(invocation.tenant_id == "t");
  CHECK(invocation.content_type == "text/plain");
  CHECK(invocation.payload == "hi");
}

TEST_CASE("An event that arrives byte by byte is whole") {
  Poll poll;
  poll.platform().read();
  for (const char c : event("slow", "[1,2,3]")) poll.platform().send(std::string_view(&c, 1));
  CHECK(event_of(poll.result()).payload == "[1,2,3]");
}

TEST_CASE("A chunked event is joined, its extensions and trailers are dropped") {
  Poll poll;
  const NextResult result = poll.answered_with(
      "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: 1\r\nTransfer-Encoding: Chunked\r\n\r\n"
      "3;name=value\r\nabc\r\n00A\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n");
  CHECK(event_of(result).payload == "abc0123456789");
}

TEST_CASE("An event without a length ends with the stream") {
  Poll poll;
  CHECK(event_of(poll.answered_with_all_of("HTTP/1.0 200 OK\r\nLambda-Runtime-Aws-Request-Id: 1\r\n\r\n{\"a\"}"))
            .payload == "{\"a\"}");
}

TEST_CASE("Interim answers are skipped") {
  Poll poll;
  CHECK(
      event_of(poll.answered_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nA: b\r\n\r\n" + event("1", "x")))
          .payload == "x");
}

TEST_CASE("An event of six megabytes is whole") {
  Poll poll;
  const std::string payload(6'291'456, 'p');
  CHECK(event_of(poll.answered_with(event("1", payload))).payload == payload);
}

TEST_CASE("An event without a deadline has one that never comes") {
  Poll poll;
  CHECK(event_of(poll.answered_with(event("1", ""))).deadline.is_never());
}

TEST_CASE("A refusal has its status and its body") {
  Poll poll;
  const NextResult result = poll.answered_with(answer(500, "sorry"));
  REQUIRE(error_of(result) == ClientError::Kind::refused);
  CHECK(std::get<ClientError>(result).status == 500);
  CHECK(std::get<ClientError>(result).detail == "sorry");
}

TEST_CASE("A platform that closes is told from one that babbles") {
  const std::string closing =
      GENERATE(as<std::string>{}, "", "HTTP/1.1 200 O",
               "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: 1\r\nContent-Length: 9\r\n\r\n{}",
               "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab");
  Poll poll;
  CHECK(error_of(poll.answered_with_all_of(closing)) == ClientError::Kind::peer_closed);
}

TEST_CASE("What is no HTTP, or no event, is malformed") {
  const std::string babble =
      GENERATE(as<std::string>{}, "SSH-2.0-OpenSSH_9.2p1\r\n\r\n", "HTTP/2 200\r\n\r\n", "HTTP/1.1 abc\r\n\r\n",
               "HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
               "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
               "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
               "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabcd\r\n",
               "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
               "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
  Poll poll;
  CHECK(error_of(poll.answered_with(babble)) == ClientError::Kind::malformed);
}

TEST_CASE("A head without an end is given up, not collected for ever") {
  Poll poll;
  poll.platform().read();
  poll.platform().send("HTTP/1.1 200 OK\r\nA: " + std::string(300'000, 'a'));
  CHECK(error_of(poll.result()) == ClientError::Kind::malformed);
}

TEST_CASE("An address where nobody listens is unreachable, and says so") {
  std::string address;
  {
    const Listener gone;
    address = gone.address();
  }
  const std::string bad = GENERATE_COPY(as<std::string>{}, address, "no-port", "127.0.0.1:", "name.invalid:80");
  RuntimeApiClient client = RuntimeApiClient::connect(bad);
  const NextResult result = client.next();
  REQUIRE(error_of(result) == ClientError::Kind::unreachable);
  CHECK_THAT(std::get<ClientError>(result).detail, Catch::Matchers::StartsWith(bad));
}
