// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/catalog/trigger_table.hpp"

#include <algorithm>

#include "tests/support/catch.hpp"

using namespace kiln;

namespace {

/// "METHOD /path" for each; the function is called as the trigger is written.
TriggerTable table(const std::vector<std::string>& lines) {
  std::vector<HttpTrigger> triggers;
  for (const std::string& line : lines) {
    const std::size_t space = line.find(' ');
    triggers.push_back({line, line, line.substr(0, space), line.substr(space + 1)});
  }
  return TriggerTable(std::move(triggers));
}

std::string found(const TriggerTable& triggers, std::string_view method, std::string_view path) {
  const auto match = triggers.find(method, path);
  if (!match) return "nothing";
  std::string out = match->trigger->function_name;
  for (const auto& [name, value] : match->path_parameters) out += " " + name + "=" + value;
  return out;
}

}  // namespace

TEST_CASE("a literal path is found by its method, or by ANY") {
  const TriggerTable triggers = table({"GET /hello/serverless", "ANY /any", "GET /any", "POST /"});
  CHECK(found(triggers, "GET", "/hello/serverless") == "GET /hello/serverless");
  CHECK(found(triggers, "POST", "/hello/serverless") == "nothing");
  CHECK(found(triggers, "GET", "/hello") == "nothing");
  CHECK(found(triggers, "GET", "/hello/serverless/") == "nothing");
  CHECK(found(triggers, "GET", "/Hello/serverless") == "nothing");
  CHECK(found(triggers, "GET", "/any") == "GET /any");
  CHECK(found(triggers, "PATCH", "/any") == "ANY /any");
  CHECK(found(triggers, "POST", "/") == "POST /");
  CHECK(found(triggers, "GET", "/") == "nothing");
}

TEST_CASE("parameters are taken from the path, decoded") {
  const TriggerTable triggers = table({"GET /users/{id}", "GET /users/{id}/files/{file+}"});
  CHECK(found(triggers, "GET", "/users/42") == "GET /users/{id} id=42");
  CHECK(found(triggers, "GET", "/users/a%20b%2Fc") == "GET /users/{id} id=a b/c");
  CHECK(found(triggers, "GET", "/users/a+b") == "GET /users/{id} id=a+b");
  CHECK(found(triggers, "GET", "/users/") == "nothing");
  CHECK(found(triggers, "GET", "/users") == "nothing");
  CHECK(found(triggers, "GET", "/users/1/x") == "nothing");
  CHECK(found(triggers, "GET", "/users/1/files/a/b/c.txt") == "GET /users/{id}/files/{file+} id=1 file=a/b/c.txt");
  CHECK(found(triggers, "GET", "/users/1/files/") == "nothing");
  CHECK(found(triggers, "GET", "/users/%zz") == "nothing");
  CHECK(found(triggers, "GET", "/users/%4") == "nothing");
}

TEST_CASE("the most specific trigger wins whatever order they were made in") {
  const std::vector<std::string> lines = {"GET /{proxy+}",     "GET /users/{id}",   "GET /users/me",
                                          "ANY /users/{id}",   "GET /users/{id}/x", "GET /{a}/{b}",
                                          "ANY /users/{rest+}"};
  for (int rotation = 0; rotation < 7; ++rotation) {
    std::vector<std::string> order = lines;
    std::rotate(order.begin(), order.begin() + rotation, order.end());
    const TriggerTable triggers = table(order);
    CHECK(found(triggers, "GET", "/users/me") == "GET /users/me");
    CHECK(found(triggers, "GET", "/users/7") == "GET /users/{id} id=7");
    CHECK(found(triggers, "PUT", "/users/7") == "ANY /users/{id} id=7");
    CHECK(found(triggers, "GET", "/users/7/x") == "GET /users/{id}/x id=7");
    CHECK(found(triggers, "GET", "/users/7/y") == "ANY /users/{rest+} rest=7/y");
    CHECK(found(triggers, "GET", "/other/7") == "GET /{a}/{b} a=other b=7");
    CHECK(found(triggers, "GET", "/one") == "GET /{proxy+} proxy=one");
    CHECK(found(triggers, "PUT", "/one") == "nothing");
  }
}

TEST_CASE("a literal that has not the method gives way to a template that has it") {
  const TriggerTable triggers = table({"POST /users/me", "GET /users/{id}"});
  CHECK(found(triggers, "GET", "/users/me") == "GET /users/{id} id=me");
}

TEST_CASE("a percent-encoded path finds its literal trigger, but an encoded slash is no slash") {
  const TriggerTable triggers = table({"GET /x/y", "GET /grüße"});
  CHECK(found(triggers, "GET", "/x/%79") == "GET /x/y");
  CHECK(found(triggers, "GET", "/x%2Fy") == "nothing");
  CHECK(found(triggers, "GET", "/gr%C3%BC%C3%9Fe") == "GET /grüße");
}

TEST_CASE("an empty table and odd paths find nothing") {
  CHECK(found(TriggerTable(), "GET", "/") == "nothing");
  const TriggerTable triggers = table({"GET /{proxy+}"});
  CHECK(found(triggers, "GET", "") == "nothing");
  CHECK(found(triggers, "GET", "*") == "nothing");
  CHECK(found(triggers, "GET", "/") == "nothing");
}

TEST_CASE("what cannot be a trigger's path is told why") {
  for (const char* good :
       {"/", "/hello", "/hello/", "/{a}", "/{a}/{b}", "/x/{rest+}", "/a-b_c.d~e", "/grüße", "/@x:y"}) {
    INFO(good);
    CHECK_FALSE(trigger_path_problem(good));
  }
  const std::string nul("/a\0b", 4);
  for (const std::string& bad :
       {std::string(), std::string("hello"), std::string("/a//b"), std::string("/{a}/{a}"), std::string("/{a+}/b"),
        std::string("/a{b}"), std::string("/{a}b"), std::string("/{}"), std::string("/{+}"), std::string("/{a b}"),
        std::string("/a b"), std::string("/a?b"), std::string("/a#b"), std::string("/%41"), std::string("/../x"),
        std::string("/./x"), std::string("/{a/b}"), nul, "/" + std::string(600, 'x')}) {
    INFO(bad);
    CHECK(trigger_path_problem(bad));
  }
}

TEST_CASE("two paths that differ in their parameters' names have one shape") {
  CHECK(trigger_path_shape("/users/{id}/x") == trigger_path_shape("/users/{name}/x"));
  CHECK(trigger_path_shape("/users/{id}") != trigger_path_shape("/users/{id+}"));
  CHECK(trigger_path_shape("/users/id") != trigger_path_shape("/users/{id}"));
  CHECK(trigger_path_shape("/") == "/");
}
