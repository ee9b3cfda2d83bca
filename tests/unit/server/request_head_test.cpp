// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/server/http/request_head.hpp"

#include <string>
#include <vector>

#include "tests/support/catch.hpp"

using namespace kiln::http;
using namespace std::string_literals;

namespace {

int parse(RequestHead& head, std::string_view lines) { return head.parse(lines); }
/// The status for a head with `fields` behind a proper request line and Host.
int status_with(const std::string& fields) {
  RequestHead head;
  return parse(head, "POST /x HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n");
}
int status_of_target(const std::string& target) {
  RequestHead head;
  return parse(head, "GET " + target + " HTTP/1.1\r\nHost: h\r\n\r\n");
}

}  // namespace

TEST_CASE("A plain head is taken apart") {
  RequestHead head;
  REQUIRE(parse(head,
                "POST /a/b%20c?x=1&y=?2 HTTP/1.1\r\nHost: h\r\nContent-Length: 12\r\nX-Thing:  some value \t\r\n"
                "Empty:\r\n\r\n") == 0);
  CHECK(head.method() == Method::post);
  CHECK(head.method_text() == "POST");
  CHECK(head.path() == "/a/b%20c");
  CHECK(head.query() == "x=1&y=?2");
  CHECK(head.content_length() == 12);
  CHECK(head.has_body());
  CHECK_FALSE(head.chunked());
  CHECK(head.keep_alive());
  CHECK_FALSE(head.is_http_1_0());
  CHECK(head.fields().size() == 4);
  CHECK(head.field("x-thing") == "some value");
  CHECK(head.field("X-THING") == "some value");
  CHECK(head.field("empty") == "");
  CHECK_FALSE(head.field("missing"));
}

TEST_CASE("Methods are told apart by case, and unknown ones are kept as text") {
  RequestHead head;
  for (const auto& [text, method] : std::vector<std::pair<std::string, Method>>{{"GET", Method::get},
                                                                                {"HEAD", Method::head},
                                                                                {"POST", Method::post},
                                                                                {"PUT", Method::put},
                                                                                {"DELETE", Method::del},
                                                                                {"OPTIONS", Method::options},
                                                                                {"PATCH", Method::patch},
                                                                                {"get", Method::other},
                                                                                {"BREW", Method::other}}) {
    REQUIRE(parse(head, text + " / HTTP/1.1\r\nHost: h\r\n\r\n") == 0);
    CHECK(head.method() == method);
    CHECK(head.method_text() == text);
  }
}

TEST_CASE("Nothing of an earlier head is left over in a later one") {
  RequestHead head;
  REQUIRE(parse(head,
                "HEAD /a?b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n"
                "Connection: close\r\n\r\n") == 0);
  REQUIRE(parse(head, "GET / HTTP/1.1\r\nHost: h\r\n\r\n") == 0);
  CHECK(head.method() == Method::get);
  CHECK(head.query().empty());
  CHECK_FALSE(head.has_body());
  CHECK_FALSE(head.expects_continue());
  CHECK(head.keep_alive());
  CHECK(head.fields().size() == 1);
}

TEST_CASE("A head that is refused keeps nothing of the one before") {
  RequestHead head;
  REQUIRE(parse(head, "HEAD / HTTP/1.0\r\n\r\n") == 0);
  CHECK(parse(head, "nonsense\r\n\r\n") == 400);
  CHECK(head.method() == Method::other);
  CHECK_FALSE(head.is_http_1_0());
}

TEST_CASE("Connections stay open by default in 1.1, never in 1.0") {
  RequestHead head;
  REQUIRE(parse(head, "GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive , Close\r\n\r\n") == 0);
  CHECK_FALSE(head.keep_alive());
  REQUIRE(parse(head, "GET / HTTP/1.1\r\nHost: h\r\nConnection: closed\r\n\r\n") == 0);
  CHECK(head.keep_alive());
  REQUIRE(parse(head, "GET / HTTP/1.1\r\nHost: h\r\nConnection: x\r\nConnection: close\r\n\r\n") == 0);
  CHECK_FALSE(head.keep_alive());
  REQUIRE(parse(head, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n") == 0);
  CHECK_FALSE(head.keep_alive());
  CHECK(head.is_http_1_0());
}

TEST_CASE("A length is digits, once, and fits") {
  CHECK(status_with("Content-Length: 0\r\n") == 0);
  CHECK(status_with("Content-Length: 0005\r\n") == 0);
  CHECK(status_with("Content-Length: 999999999999999999\r\n") == 0);
  for (const char* const bad : {"", "+4", "-4", "0x4", "4 4", "4,4", "4, 4", "4;", "4.0", "1e3", "9999999999999999999",
                                "18446744073709551616", "18446744073709551620", "four", "\u00A04"}) {
    INFO(bad);
    CHECK(status_with("Content-Length: " + std::string(bad) + "\r\n") == 400);
  }
  CHECK(status_with("Content-Length: 4\r\nContent-Length: 4\r\n") == 400);
  CHECK(status_with("Content-Length: 4\r\ncontent-length: 5\r\n") == 400);
}

TEST_CASE("A transfer coding is exactly one chunked, in 1.1, without a length") {
  CHECK(status_with("Transfer-Encoding: chunked\r\n") == 0);
  CHECK(status_with("transfer-encoding:CHUNKED\r\n") == 0);
  for (const char* const bad :
       {"", "xchunked", "gzip", "gzip, chunked", "chunked, identity", "chunked, chunked", "chunked;q=1", "identity",
        "\"chunked\"", "chunked,", ", chunked", "chun ked", "chunked\x0B"}) {
    INFO(bad);
    CHECK(status_with("Transfer-Encoding: " + std::string(bad) + "\r\n") == 400);
  }
  CHECK(status_with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n") == 400);
  CHECK(status_with("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n") == 400);
  CHECK(status_with("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n") == 400);
  CHECK(status_with("Content-Length: 4\r\nTransfer-Encoding: gzip\r\n") == 400);
  RequestHead head;
  CHECK(parse(head, "POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n") == 400);
}

TEST_CASE("There is one Host in 1.1, at most one in 1.0") {
  RequestHead head;
  CHECK(parse(head, "GET / HTTP/1.1\r\n\r\n") == 400);
  CHECK(parse(head, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n") == 400);
  CHECK(parse(head, "GET / HTTP/1.0\r\n\r\n") == 0);
  CHECK(parse(head, "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n") == 400);
  CHECK(parse(head, "GET / HTTP/1.1\r\nHost:\r\n\r\n") == 0);
}

TEST_CASE("Bytes that end lines in other ways, fold them or hide in them are refused") {
  for (const std::string& fields : std::vector<std::string>{
           "A: b\nC: d\r\n", "A: b\rC: d\r\n", "A: b\r\r\n", "A: b\r\n c\r\n", "A: b\r\n\tc\r\n", "A: b\0c\r\n"s,
           "A\0: b\r\n"s, "A : b\r\n", "A\t: b\r\n", " A: b\r\n", "A b: c\r\n", ": c\r\n", "A\r\n", "A=b\r\n",
           "A(: b\r\n", "A\x80: b\r\n", "A: \x01\r\n", "A: b\x7F\r\n", "A: b\x0B\r\n"}) {
    INFO(fields);
    CHECK(status_with(fields) == 400);
  }
  CHECK(status_with("A: gr\xC3\xBC\xC3\x9F\r\n") == 0);  // bytes over 127 belong to values
  RequestHead head;
  CHECK(parse(head, "GET / HTTP/1.1\nHost: h\n\n") == 400);
  CHECK(parse(head, "GET / HTTP/1.1\r\n Host: h\r\n\r\n") == 400);
}

TEST_CASE("A request line has three parts, one space between each") {
  RequestHead head;
  for (const char* const line :
       {"", "GET", "GET /", "GET / ", "GET  / HTTP/1.1", "GET /  HTTP/1.1", " GET / HTTP/1.1", "GET\t/ HTTP/1.1",
        "GET / HTTP/1.1 ", "GET / HTTP/1.1 x", "G(T / HTTP/1.1", "GET /a b HTTP/1.1", "/ HTTP/1.1"}) {
    INFO(line);
    const int status = parse(head, std::string(line) + "\r\nHost: h\r\n\r\n");
    CHECK((status == 400 || status == 505));
  }
}

TEST_CASE("Versions other than 1.0 and 1.1 are refused") {
  RequestHead head;
  for (const char* const version : {"HTTP/2.0", "HTTP/0.9", "HTTP/1.2", "HTTP/1.01", "HTTP/11", "http/1.1", "HTTP/1.",
                                    "HTTP/9.9", "HTTPS/1.1", "HTTP/1,1", "HTTP/-1.1"}) {
    INFO(version);
    const int status = parse(head, "GET / " + std::string(version) + "\r\nHost: h\r\n\r\n");
    CHECK((status == 505 || status == 400));
  }
}

TEST_CASE("Targets are origin form, the asterisk, or absolute with http") {
  CHECK(status_of_target("/") == 0);
  CHECK(status_of_target("*") == 0);
  CHECK(status_of_target("//double") == 0);
  for (const char* const bad : {"x", "h:80", "https://h/x", "ftp://h/", "http:/x", "http://", "?a", "/a\x80", "/a\x01",
                                "/a#b", "#", "*x", "http:///x", "http://h?x/y", "http://h#x/y", "http://u@h/"}) {
    INFO(bad);
    CHECK(status_of_target(bad) == 400);
  }
  RequestHead head;
  REQUIRE(parse(head, "GET http://other:1/a/b?c HTTP/1.1\r\nHost: h\r\n\r\n") == 0);
  CHECK(head.path() == "/a/b");
  CHECK(head.query() == "c");
  REQUIRE(parse(head, "GET HTTP://other HTTP/1.1\r\nHost: h\r\n\r\n") == 0);
  CHECK(head.path() == "/");
}

TEST_CASE("The target may have 8192 bytes and not one more") {
  CHECK(status_of_target("/" + std::string(max_target - 1, 'a')) == 0);
  CHECK(status_of_target("/" + std::string(max_target, 'a')) == 414);
}

TEST_CASE("A head may have 100 fields and not one more") {
  std::string fields;
  for (std::size_t i = 1; i < max_fields; ++i) fields += "A: b\r\n";
  CHECK(status_with(fields) == 0);
  CHECK(status_with(fields + "A: b\r\n") == 431);
}

TEST_CASE("The one expectation that is known is to continue") {
  RequestHead head;
  REQUIRE(parse(head, "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n") == 0);
  CHECK(head.expects_continue());
  CHECK(status_with("Expect: 200-ok\r\n") == 417);
  REQUIRE(parse(head, "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n") == 0);
  CHECK_FALSE(head.expects_continue());
}

TEST_CASE("A head of nothing, or without its end, is refused") {
  RequestHead head;
  CHECK(parse(head, "") == 400);
  CHECK(parse(head, "\r\n\r\n") == 400);
  CHECK(parse(head, "GET / HTTP/1.1\r\nHost: h\r\n") == 400);
}
