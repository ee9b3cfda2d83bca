// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/api/answer.hpp"

#include <sqlite3.h>

#include <system_error>

#include "runtime-api/control-server/catalog/database.hpp"
#include "tests/support/catch.hpp"

using namespace kiln;

namespace {

http::ApiResponse of_errno(int code) {
  return platform_error_answer(std::system_error(code, std::generic_category(), "cannot write /secret/path"));
}

}  // namespace

TEST_CASE("an error answer names its type in the header and its text in the body") {
  const http::ApiResponse answer = error_answer({409, "ResourceConflictException", "taken \"twice\""});
  CHECK(answer.status == 409);
  CHECK(answer.content_type == "application/json");
  REQUIRE(answer.fields.size() == 1);
  CHECK(answer.fields[0] == http::Field{"x-amzn-ErrorType", "ResourceConflictException"});
  CHECK(answer.body == R"({"Type":"User","message":"taken \"twice\""})");
  CHECK(error_answer({400, "ValidationException", "m", "why"}).body == R"({"message":"m","Detail":"why"})");
}

TEST_CASE("a full disk is 507, a locked catalog 503, all else 500, and no path gets out") {
  CHECK(of_errno(ENOSPC).status == 507);
  CHECK(of_errno(EDQUOT).status == 507);
  CHECK(of_errno(EIO).status == 500);
  CHECK(of_errno(EACCES).body == R"({"Type":"Service","message":"The server failed; its log says why."})");
  CHECK(platform_error_answer(DatabaseError("/secret", SQLITE_FULL)).status == 507);
  CHECK(platform_error_answer(DatabaseError("/secret", SQLITE_BUSY_SNAPSHOT)).status == 503);
  CHECK(platform_error_answer(DatabaseError("/secret", SQLITE_IOERR_WRITE)).status == 500);
  CHECK(platform_error_answer(std::bad_alloc()).status == 500);
  CHECK(of_errno(ENOSPC).body.find("secret") == std::string::npos);
}
