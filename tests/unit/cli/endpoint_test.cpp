// SPDX-License-Identifier: Apache-2.0
#include "cli/endpoint.hpp"
#include "cli/defaults.hpp"
#include "cli/failure.hpp"
#include "tests/support/catch.hpp"

#include <cstdlib>

using namespace kiln::cli;

TEST_CASE("an endpoint is taken apart and put together again") {
  const auto plain = parse_endpoint("http://127.0.0.1:9080");
  CHECK(plain.host == "127.0.0.1");
  CHECK(plain.port == 9080);
  CHECK_FALSE(plain.tls);
  CHECK(plain.base_path == "");
  CHECK(plain.url() == "http://127.0.0.1:9080");

  const auto based = parse_endpoint("https://functions.example/base/path/");
  CHECK(based.tls);
  CHECK(based.port == 443);
  CHECK(based.base_path == "/base/path");
  CHECK(based.url() == "https://functions.example:443/base/path");

  const auto six = parse_endpoint("http://[::1]:8000/");
  CHECK(six.host == "::1");
  CHECK(six.port == 8000);
  CHECK(six.url() == "http://[::1]:8000");

  CHECK(parse_endpoint("localhost:7000").url() == "http://localhost:7000");
  CHECK(parse_endpoint("localhost").port == 80);
}

TEST_CASE("an endpoint that is none is refused with its text") {
  for (const auto* text : {"", "ftp://host", "http://", "http://:80", "host:0", "host:65536", "host:http", "host:80x",
                           "[::1", "[::1]80", "http://user@host", "http://host?x=1", "http://host:80/a b"}) {
    CAPTURE(text);
    try {
      parse_endpoint(text);
      FAIL("accepted");
    } catch (const CommandFailure& caught) {
      CHECK(caught.failure().code == ExitCode::usage);
      CHECK(caught.failure().message.find("'" + std::string(text) + "'") != std::string::npos);
    }
  }
}

TEST_CASE("the option comes before the variable, the variable before the default") {
  ::setenv("KILN_ENDPOINT", "http://from-variable:1", 1);
  CHECK(choose_endpoint("http://from-option:2").host == "from-option");
  CHECK(choose_endpoint("").host == "from-variable");
  ::setenv("KILN_ENDPOINT", "", 1);
  CHECK(choose_endpoint("").url() == defaults::endpoint);
  ::unsetenv("KILN_ENDPOINT");
  CHECK(choose_endpoint("").url() == "http://127.0.0.1:9080");
}

TEST_CASE("names and values are percent-encoded so that they stay one segment") {
  CHECK(percent_encoded("arn:aws:lambda:x-1:1:function:a_b.c~d") == "arn:aws:lambda:x-1:1:function:a_b.c~d");
  CHECK(percent_encoded("a/b?c#d e+f%") == "a%2Fb%3Fc%23d%20e%2Bf%25");
  CHECK(percent_encoded("\xc3\xbc") == "%C3%BC");
}
