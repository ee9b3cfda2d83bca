// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/catalog/management_fixture.hpp"

using namespace kiln;
using namespace kiln::test;

namespace {

Reply put(Management& management, const std::string& function, const std::string& method, const std::string& path) {
  return management.call("PUT", "/kiln/v1/triggers",
                         json{{"FunctionName", function}, {"Type", "http"}, {"Method", method}, {"Path", path}});
}

}  // namespace

TEST_CASE("a trigger binds a method and path, and the data plane learns the whole table") {
  Management management;
  management.create("hello");
  const Reply reply = put(management, "hello", "get", "/hello/serverless");
  REQUIRE(reply.status == 200);
  CHECK(reply.body["FunctionName"] == "hello");
  CHECK(reply.body["Type"] == "http");
  CHECK(reply.body["Method"] == "GET");
  CHECK(reply.body["Path"] == "/hello/serverless");
  REQUIRE(reply.change);
  REQUIRE(reply.change->triggers);
  CHECK(reply.change->triggers_sequence >= reply.change->sequence);
  const auto match = reply.change->triggers->find("GET", "/hello/serverless");
  REQUIRE(match);
  CHECK(reply.body["Id"] == match->trigger->id);
}

TEST_CASE("triggers can be listed, of one function or all, and taken back") {
  Management management;
  management.create("one");
  management.create("two");
  const std::string id = put(management, arn_prefix + "one", "ANY", "/a").body["Id"];
  put(management, "two", "GET", "/b");
  CHECK(management.call("GET", "/kiln/v1/triggers").body["Triggers"].size() == 2);
  const json of_one = management.call("GET", "/kiln/v1/triggers?FunctionName=one").body["Triggers"];
  REQUIRE(of_one.size() == 1);
  CHECK(of_one[0] == json({{"Id", id}, {"FunctionName", "one"}, {"Type", "http"}, {"Method", "ANY"}, {"Path", "/a"}}));
  const Reply removed = management.call("DELETE", "/kiln/v1/triggers/" + id);
  CHECK(removed.status == 204);
  REQUIRE(removed.change);
  CHECK(removed.change->triggers->size() == 1);
  CHECK(management.call("DELETE", "/kiln/v1/triggers/" + id).status == 404);
}

TEST_CASE("a path that belongs to another function is a conflict that names it") {
  Management management;
  management.create("one");
  management.create("two");
  put(management, "one", "GET", "/users/{id}");
  const Reply conflict = put(management, "two", "GET", "/users/{name}");
  CHECK(conflict.status == 409);
  CHECK(conflict.error_type == "ResourceConflictException");
  CHECK(conflict.body["message"].get<std::string>().find("function one as /users/{id}") != std::string::npos);
  CHECK_FALSE(conflict.change);
}

TEST_CASE("a trigger that cannot be is refused with the reason") {
  Management management;
  management.create("hello");
  check_error(put(management, "nobody", "GET", "/x"), 404, "ResourceNotFoundException",
              "Function not found: " + arn_prefix + "nobody");
  check_error(
      put(management, "hello", "FETCH", "/x"), 400, "ValidationException",
      "1 validation error detected: Value 'FETCH' at 'method' failed to satisfy constraint: Member must satisfy enum "
      "value set: [GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, ANY]");
  check_error(put(management, "hello", "GET", "x"), 400, "InvalidParameterValueException",
              "The path 'x' cannot be bound: it must begin with a slash");
  for (const char* own : {"/2015-03-31/functions", "/2015-03-31/x", "/kiln/v1/x", "/kiln"}) {
    INFO(own);
    CHECK(put(management, "hello", "GET", own).status == 400);
  }
  check_error(
      management.call("PUT", "/kiln/v1/triggers", json::object()), 400, "ValidationException",
      "3 validation errors detected: Value null at 'functionName' failed to satisfy constraint: Member must not be "
      "null; Value null at 'method' failed to satisfy constraint: Member must not be null; Value null at 'path' failed "
      "to satisfy constraint: Member must not be null");
  check_error(
      management.call("PUT", "/kiln/v1/triggers",
                      json{{"FunctionName", "hello"}, {"Type", "timer"}, {"Method", "GET"}, {"Path", "/x"}}),
      400, "ValidationException",
      "1 validation error detected: Value 'timer' at 'type' failed to satisfy constraint: Member must satisfy enum "
      "value set: [http]");
  CHECK(management.call("PUT", "/kiln/v1/triggers", "no json").status == 400);
  CHECK(management.catalog().triggers().empty());
}
