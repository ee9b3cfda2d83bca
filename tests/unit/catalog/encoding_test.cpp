// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/catalog/encoding.hpp"

#include <set>

#include "runtime-api/control-server/catalog/digest.hpp"
#include "runtime-api/control-server/catalog/identifiers.hpp"
#include "tests/support/catch.hpp"

using namespace kiln;

TEST_CASE("SHA-256 agrees with the standard's example") {
  CHECK(sha256("abc").hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256("abc").base64() == "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
}

TEST_CASE("UTF-8 is told from what only looks like it") {
  for (const char* good : {"", "abc", "grüße", "日本", "\xF0\x9F\x98\x80"}) CHECK(is_utf8(good));
  for (const char* bad : {"\x80", "\xC0\x80", "\xC3", "\xE0\x80\x80", "\xED\xA0\x80", "\xF5\x80\x80\x80",
                          "\xF0\x80\x80\x80", "\xF4\x90\x80\x80", "a\xFF", "\xE6\x97"}) {
    CHECK_FALSE(is_utf8(bad));
  }
}

TEST_CASE("ids are random and well-formed") {
  std::set<std::string> seen;
  for (int i = 0; i < 1'000; ++i) {
    const std::string id = random_uuid();
    REQUIRE(id.size() == 36);
    CHECK(id[14] == '4');
    CHECK(std::string("89ab").find(id[19]) != std::string::npos);
    seen.insert(id);
    seen.insert(random_id(10));
  }
  CHECK(seen.size() == 2'000);
}

TEST_CASE("a moment is written as the real service writes it") {
  const auto when = std::chrono::system_clock::time_point(std::chrono::milliseconds(1'764'037'614'007));
  CHECK(timestamp_text(when) == "2025-11-25T02:26:54.007+0000");
}
