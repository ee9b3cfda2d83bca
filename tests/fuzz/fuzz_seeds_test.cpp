// SPDX-License-Identifier: Apache-2.0
// The fuzz targets in every run of the tests: good inputs, and some thousand mutations of them from a fixed seed.
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "tests/fuzz/targets.hpp"
#include "tests/support/catch.hpp"

using namespace kiln;
using namespace std::string_literals;

namespace {

std::vector<std::string> heads() {
  const std::string chunked_error =
      "POST /2018-06-01/runtime/invocation/1/error HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
      "Lambda-Runtime-Function-Error-Type: Function.Bad\r\n\r\n2\r\n{}\r\n0\r\nA: b\r\n\r\n";
  const std::string two_requests =
      "POST /2018-06-01/runtime/invocation/1/response HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
      "Lambda-Runtime-Function-Response-Mode: streaming\r\nLambda-Runtime-Invocation-Id: 2\r\n\r\n{}"
      "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n";
  return {
      "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n",
      "POST /2018-06-01/runtime/invocation/1/response HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}",
      chunked_error,
      "POST /2018-06-01/runtime/init/error HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n{}",
      "GET http://h/ping?x=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
      "GET /ping HTTP/1.0\r\n\r\n",
      two_requests};
}

std::vector<std::string> chunked_bodies() {
  return {"5\r\nhello\r\n0\r\n\r\n", "1;a=b\r\nx\r\nA\r\n0123456789\r\n0;z\r\nError-Type: X\r\nB:\r\n\r\nrest",
          "0000003\r\nabc\r\n000\r\n\r\n"};
}

const std::vector<std::string>& dictionary() {
  static const std::vector<std::string> words{"\r\n",
                                              "\r\n\r\n",
                                              "\n",
                                              "\r",
                                              "\0"s,
                                              " ",
                                              "\t",
                                              ":",
                                              ";",
                                              ",",
                                              "0",
                                              "F",
                                              "Content-Length: 1\r\n",
                                              "Transfer-Encoding: chunked\r\n",
                                              "Host: y\r\n",
                                              "chunked",
                                              "HTTP/1.0",
                                              "HTTP/1.1",
                                              "Expect: 100-continue\r\n",
                                              "HEAD ",
                                              "\xFF",
                                              "0\r\n\r\n",
                                              "FFFFFFFFFFFFFFF",
                                              "99999999999",
                                              "%00",
                                              "?",
                                              "#"};
  return words;
}

class Mutator {
 public:
  Mutator(std::vector<std::string> seeds, unsigned seed) : seeds_(std::move(seeds)), random_(seed) {}

  std::string next() {
    std::string text(1, static_cast<char>(below(256)));  // the targets read how to cut from the first byte
    for (std::size_t joined = below(3) + 1; joined > 0; --joined) text += seeds_[below(seeds_.size())];
    for (std::size_t changes = below(6); changes > 0; --changes) change(text);
    return text;
  }

 private:
  std::size_t below(std::size_t limit) { return random_() % limit; }

  void change(std::string& text) {
    const std::size_t at = below(text.size() + 1);
    const std::size_t length = std::min(below(20), text.size() - at);
    switch (below(5)) {
      case 0: text.insert(at, dictionary()[below(dictionary().size())]); break;
      case 1: text.erase(at, length); break;
      case 2: text.insert(at, text.substr(at, length)); break;
      case 3:
        if (at < text.size()) text[at] = static_cast<char>(below(256));
        break;
      default: text.resize(std::max<std::size_t>(1, at)); break;
    }
  }

  std::vector<std::string> seeds_;
  std::mt19937 random_;
};

void run(const std::function<void(std::string_view)>& target, std::vector<std::string> seeds, int rounds) {
  for (const std::string& seed : seeds) REQUIRE_NOTHROW(target("\0"s + seed));
  Mutator mutator(std::move(seeds), 20'261'122);
  for (int i = 0; i < rounds; ++i) {
    const std::string input = mutator.next();
    try {
      target(input);
    } catch (const std::exception& e) {
      INFO("round " << i << ": " << input);
      FAIL(e.what());
    }
  }
  SUCCEED();
}

}  // namespace

TEST_CASE("No mutation of a head is accepted with two readings") {
  // The gate's target takes the head as it is.
  run([](std::string_view input) { fuzz::request_head(input.substr(std::min<std::size_t>(1, input.size()))); }, heads(),
      6'000);
}

TEST_CASE("No mutation of a chunked body depends on how it is cut") {
  run(fuzz::chunked_decoder, chunked_bodies(), 6'000);
}

TEST_CASE("No mutation of a conversation breaks an answer or hangs the server") {
  run(fuzz::connection, heads(), 2'000);
}
