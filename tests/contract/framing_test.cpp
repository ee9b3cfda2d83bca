// SPDX-License-Identifier: Apache-2.0
// Heads and bodies that two readers could take apart differently. Each case has a further request behind it: the server
// either refuses and closes, and never sees that one, or reads exactly what is named here.
#include <string>
#include <vector>

#include "tests/contract/runtime_api_server.hpp"
#include "tests/support/catch.hpp"

using namespace kiln;
using namespace kiln::test;
using namespace std::string_literals;

namespace {

const std::string behind = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";  // answered 404 where it is read

struct Case {
  std::string name;
  std::string bytes;
  std::vector<int> statuses;  ///< all answers; where the last one is not the 404 of `behind`, the server has to close
};

/// A post with a body nobody reads, so 405 where its head passes.
std::string post_with(const std::string& fields, const std::string& body = {}) {
  return "POST /ping HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n" + body;
}
std::string get_with(const std::string& fields) { return "GET /ping HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n"; }
std::string line(const std::string& request_line) { return request_line + "\r\nHost: x\r\n\r\n"; }
std::string chunks(const std::string& body) { return post_with("Transfer-Encoding: chunked\r\n", body); }

std::string repeated(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

std::vector<Case> transfer_codings() {
  std::vector<Case> cases;
  for (const std::string value :
       {"xchunked", "gzip", "gzip, chunked", "chunked, identity", "chunked;q=1", "chunked, chunked", "identity",
        "\"chunked\"", "", "chunked,", ",chunked", "cow", "chunked\x0B", "chunk ed"}) {
    cases.push_back({"coding '" + value + "'", post_with("Transfer-Encoding: " + value + "\r\n", "0\r\n\r\n"), {400}});
  }
  cases.insert(
      cases.end(),
      {{"coding in capitals", post_with("TRANSFER-ENCODING: CHUNKED\r\n", "0\r\n\r\n"), {405, 404}},
       {"coding after a tab", post_with("Transfer-Encoding:\tchunked\r\n", "0\r\n\r\n"), {405, 404}},
       {"coding twice", post_with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), {400}},
       {"coding, then another",
        post_with("Transfer-Encoding: chunked\r\nTransfer-Encoding: cow\r\n", "0\r\n\r\n"),
        {400}},
       {"coding and length", post_with("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"), {400}},
       {"length and coding", post_with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), {400}},
       {"unknown coding and length", post_with("Transfer-Encoding: gzip\r\nContent-Length: 5\r\n", "0\r\n\r\n"), {400}},
       {"coding with a space before the colon", post_with("Transfer-Encoding : chunked\r\n", "0\r\n\r\n"), {400}},
       {"coding folded", post_with("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n"), {400}},
       {"coding in 1.0", "POST /ping HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {400}},
       {"coding with an underscore is another field", post_with("Transfer_Encoding: chunked\r\n"), {405, 404}}});
  return cases;
}

std::vector<Case> lengths() {
  std::vector<Case> cases;
  for (const std::string value : {"", "+4", "-4", "0x4", "4,4", "4, 4", "4 4", "4;", "4.0", "four",
                                  "18446744073709551616", "18446744073709551620", "9999999999999999999", "4\x0B"}) {
    cases.push_back({"length '" + value + "'", post_with("Content-Length: " + value + "\r\n", "abcd"), {400}});
  }
  cases.insert(
      cases.end(),
      {{"length twice the same", post_with("Content-Length: 4\r\nContent-Length: 4\r\n", "abcd"), {400}},
       {"length twice", post_with("Content-Length: 4\r\nContent-Length: 0\r\n", "abcd"), {400}},
       {"length in another case twice", post_with("Content-Length: 4\r\ncontent-length: 0\r\n", "abcd"), {400}},
       {"length with a space before the colon", post_with("Content-Length : 4\r\n", "abcd"), {400}},
       {"length with a zero byte", post_with("Content-Length: 4\0\r\n"s, "abcd"), {400}},
       {"length with leading zeros", post_with("Content-Length: 004\r\n", "abcd"), {405, 404}},
       {"length of a request within",
        post_with("Content-Length: " + std::to_string(behind.size()) + "\r\n", behind),
        {405, 404}},
       {"length on a get", get_with("Content-Length: 4\r\n") + "abcd", {200, 404}},
       {"no length is no body", post_with(""), {405, 404}}});
  return cases;
}

std::vector<Case> hosts_and_lines() {
  return {
      {"no host", "GET /ping HTTP/1.1\r\n\r\n", {400}},
      {"two hosts", get_with("Host: y\r\n"), {400}},
      {"two hosts the same", get_with("host: x\r\n"), {400}},
      {"bare feeds", "GET /ping HTTP/1.1\nHost: x\n\n", {400}},
      {"one bare feed", get_with("A: b\nC: d\r\n"), {400}},
      {"a bare return", get_with("A: b\rC: d\r\n"), {400}},
      {"a return too many", get_with("A: b\r\r\n"), {400}},
      {"folded field", get_with("A: b\r\n c\r\n"), {400}},
      {"folded by a tab", get_with("A: b\r\n\tc\r\n"), {400}},
      {"fold in front of the first field", "GET /ping HTTP/1.1\r\n Host: x\r\n\r\n", {400}},
      {"zero byte in a value", get_with("A: b\0c\r\n"s), {400}},
      {"zero byte in a name", get_with("A\0: b\r\n"s), {400}},
      {"space before the colon", get_with("A : b\r\n"), {400}},
      {"tab before the colon", get_with("A\t: b\r\n"), {400}},
      {"space in a name", get_with("A b: c\r\n"), {400}},
      {"no name", get_with(": b\r\n"), {400}},
      {"no colon", get_with("A\r\n"), {400}},
      {"control character in a value", get_with("A: \x01\r\n"), {400}},
      {"delete in a value", get_with("A: \x7F\r\n"), {400}},
      {"byte over 127 in a name", get_with("\xC3\xA4: b\r\n"), {400}},
      {"empty line in front", "\r\n" + get_with(""), {200, 404}},
      {"two empty lines in front, whole or in pieces, are never a request",
       "\r\n\r\n\r\n\r\n" + line("GET  / HTTP/1.1"),
       {400}},
      {"space in front", " " + get_with(""), {400}},
      {"version 2.0", line("GET /ping HTTP/2.0"), {505}},
      {"version 1.2", line("GET /ping HTTP/1.2"), {505}},
      {"version 0.9", "GET /ping\r\n\r\n", {400}},
      {"version in small letters", line("GET /ping http/1.1"), {505}},
      {"version with a space behind", line("GET /ping HTTP/1.1 "), {505}},
      {"the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {505}},
      {"two spaces", line("GET  /ping HTTP/1.1"), {400}},
      {"a tab", line("GET\t/ping HTTP/1.1"), {400}},
      {"space in the target", line("GET /pi ng HTTP/1.1"), {505}},
      {"method that is no token", line("G(T /ping HTTP/1.1"), {400}},
      {"absolute target", line("GET http://elsewhere:80/ping HTTP/1.1"), {200, 404}},
      {"absolute target without a path", line("GET http://elsewhere HTTP/1.1"), {404, 404}},
      {"absolute target with a query for a path", line("GET http://elsewhere?/ping HTTP/1.1"), {400}},
      {"absolute target with a user", line("GET http://u@elsewhere/ping HTTP/1.1"), {400}},
      {"absolute target of another scheme", line("GET https://elsewhere/ping HTTP/1.1"), {400}},
      {"authority as target", line("CONNECT elsewhere:80 HTTP/1.1"), {400}},
      {"asterisk", line("OPTIONS * HTTP/1.1"), {404, 404}},
      {"no slash", line("GET ping HTTP/1.1"), {400}},
      {"fragment", line("GET /ping#x HTTP/1.1"), {400}},
      {"byte over 127 in the target", line("GET /\xC3\xA4 HTTP/1.1"), {400}},
      {"two requests in 1.0", "GET /ping HTTP/1.0\r\n\r\n", {200}},
      {"keep-alive in 1.0", "GET /ping HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", {200}},
      {"close asked for", get_with("Connection: close\r\n"), {200}},
      {"close among others", get_with("Connection: a,\tCLOSE ,b\r\n"), {200}},
      {"unknown expectation", post_with("Expect: 200-ok\r\n"), {417}},
      {"upgrade is not taken up", get_with("Connection: Upgrade\r\nUpgrade: h2c\r\n"), {200, 404}},
      {"no HTTP at all", "\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03\r\n\r\n"s, {400}},
  };
}

std::vector<Case> limits() {
  return {
      {"target of 8192 bytes", line("GET /" + std::string(8'191, 'a') + " HTTP/1.1"), {404, 404}},
      {"target of 8193 bytes", line("GET /" + std::string(8'192, 'a') + " HTTP/1.1"), {414}},
      {"target of 100 kB", line("GET /" + std::string(100'000, 'a') + " HTTP/1.1"), {414}},
      {"100 fields", get_with(repeated("A: b\r\n", 99)), {200, 404}},
      {"101 fields", get_with(repeated("A: b\r\n", 100)), {431}},
      {"field of 20 kB", get_with("A: " + std::string(20'000, 'b') + "\r\n"), {431}},
      {"many fields of 100 kB", get_with(repeated("A: " + std::string(1'000, 'b') + "\r\n", 100)), {431}},
      {"a head of 16 KiB", get_with("A: " + std::string(16'384 - 36, 'b') + "\r\n"), {200, 404}},
      {"a head of 16 KiB and one byte", get_with("A: " + std::string(16'384 - 35, 'b') + "\r\n"), {431}},
  };
}

std::vector<Case> chunk_framings() {
  std::vector<Case> cases{
      {"chunks", chunks("3\r\nabc\r\n0\r\n\r\n"), {405, 404}},
      {"extension", chunks("3;a=b\r\nabc\r\n0;c\r\n\r\n"), {405, 404}},
      {"trailers with the names of fields",
       chunks(
           "3\r\nabc\r\n0\r\nContent-Length: 50\r\nTransfer-Encoding: chunked\r\nHost: y\r\nConnection: close\r\n\r\n"),
       {405, 404}},
      {"a request within chunks", chunks("23\r\n" + behind.substr(0, 35) + "\r\n0\r\n\r\n"), {405, 404}},
      {"long extension", chunks("3;" + std::string(300, 'a') + "\r\nabc\r\n0\r\n\r\n"), {405}},
      {"flood of extensions", chunks(repeated("1;" + std::string(200, 'x') + "\r\na\r\n", 1'000) + "0\r\n\r\n"), {405}},
      {"trailer of 70 kB", chunks("0\r\nA: " + std::string(70'000, 'b') + "\r\n\r\n"), {405}},
      {"trailers of 80 kB in all", chunks("0\r\n" + repeated("A: b234\r\n", 9'000) + "\r\n"), {405}},
      {"size of 16 digits", chunks("FFFFFFFFFFFFFFFF\r\nabc\r\n0\r\n\r\n"), {405}},
      {"size that wraps around", chunks("10000000000000003\r\nabc\r\n0\r\n\r\n"), {405}},
  };
  for (const std::string size : {"", "g", "-3", "+3", "0x3", " 3", "3 ", "3,3", "3\t;a", "\r\n3", "3;a\x01"}) {
    cases.push_back({"chunk size '" + size + "'", chunks(size + "\r\nabc\r\n0\r\n\r\n"), {405}});
  }
  cases.insert(cases.end(), {{"bare feed behind a size", chunks("3\nabc\r\n0\r\n\r\n"), {405}},
                             {"bare feed behind the data", chunks("3\r\nabc\n0\r\n\r\n"), {405}},
                             {"bare return in an extension", chunks("3;a\rb\r\nabc\r\n0\r\n\r\n"), {405}},
                             {"data longer than said", chunks("3\r\nabcd\r\n0\r\n\r\n"), {405}},
                             {"data without its end", chunks("3\r\nabc0\r\n\r\n"), {405}},
                             {"trailer folded", chunks("0\r\nA: b\r\n c\r\n\r\n"), {405}},
                             {"trailer without a colon", chunks("0\r\nAb\r\n\r\n"), {405}},
                             {"trailer with a space before the colon", chunks("0\r\nA : b\r\n\r\n"), {405}},
                             {"trailer ended by a bare feed", chunks("0\r\nA: b\n\r\n"), {405}},
                             {"zero byte in a trailer", chunks("0\r\nA: b\0c\r\n\r\n"s), {405}}});
  return cases;
}

/// Statuses of all answers to `bytes`. Whether the server has to close by itself is seen by not ending our side.
std::vector<int> statuses_of(const RuntimeApiServer& server, const Case& one, bool bytewise) {
  RawClient client = server.connect();
  const std::string all = one.bytes + behind;
  if (bytewise) {
    for (std::size_t i = 0; i < all.size() && client.try_send(all.substr(i, 1)); ++i) {
    }
  } else {
    (void)client.try_send(all);
  }
  if (one.statuses.back() == 404) client.finish_sending();
  std::vector<int> out;
  for (const RawAnswer& answer : split_answers(client.read_to_end())) out.push_back(answer.status);
  return out;
}

ServerOptions strict() {
  ServerOptions options;
  options.connection = http::ConnectionOptions();
  return options;
}

void check_table(const std::vector<Case>& table) {
  RuntimeApiServer server(strict());
  for (const Case& one : table) {
    INFO(one.name);
    CHECK(statuses_of(server, one, false) == one.statuses);
    if (one.bytes.size() < 600) CHECK(statuses_of(server, one, true) == one.statuses);
    RawClient next = server.connect();
    CHECK(next.ask("GET /ping HTTP/1.1\r\nHost: x\r\n\r\n").body == "pong");
  }
  CHECK(server.reports().empty());
  CHECK_FALSE(server.idle());  // no case may have reached /next
}

}  // namespace

TEST_CASE("A transfer coding that is not exactly one chunked is refused") { check_table(transfer_codings()); }
TEST_CASE("A length that is not exactly one number is refused") { check_table(lengths()); }
TEST_CASE("Lines, hosts, versions and targets have one reading or none") { check_table(hosts_and_lines()); }
TEST_CASE("Heads are bounded in their target, their fields and as a whole") { check_table(limits()); }
TEST_CASE("Chunked bodies have one reading, or end the connection") { check_table(chunk_framings()); }

TEST_CASE("The table has well over sixty cases, each with a name of its own") {
  std::vector<std::string> names;
  for (const auto& table : {transfer_codings(), lengths(), hosts_and_lines(), limits(), chunk_framings()}) {
    for (const Case& one : table) names.push_back(one.name);
  }
  std::sort(names.begin(), names.end());
  CHECK(names.size() >= 120);
  CHECK(std::adjacent_find(names.begin(), names.end()) == names.end());
}
