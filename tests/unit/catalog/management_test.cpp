// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <fstream>
#include <regex>

#include "runtime-api/control-server/catalog/digest.hpp"
#include "tests/unit/catalog/management_fixture.hpp"

using namespace kiln;
using namespace kiln::test;

TEST_CASE("a created function has the service's shape and defaults") {
  Management management;
  const Reply reply = management.create("hello");
  REQUIRE(reply.status == 201);
  const json& body = reply.body;
  CHECK(body["FunctionName"] == "hello");
  CHECK(body["FunctionArn"] == arn_prefix + "hello");
  CHECK(body["Runtime"] == "python3.11");
  CHECK(body["Handler"] == "index.handler");
  CHECK(body["Description"] == "");
  CHECK(body["Timeout"] == 3);
  CHECK(body["MemorySize"] == 128);
  CHECK(body["Version"] == "$LATEST");
  CHECK(body["PackageType"] == "Zip");
  CHECK(body["Architectures"] == json({"x86_64"}));
  CHECK(body["EphemeralStorage"] == json({{"Size", 512}}));
  CHECK(body["TracingConfig"] == json({{"Mode", "PassThrough"}}));
  CHECK(body["SnapStart"] == json({{"ApplyOn", "None"}, {"OptimizationStatus", "Off"}}));
  CHECK(body["LoggingConfig"] == json({{"LogFormat", "Text"}, {"LogGroup", "/aws/lambda/hello"}}));
  CHECK(body["Kiln"] == json({{"Concurrency", 1},
                              {"MaxInstances", 64},
                              {"MinInstances", 0},
                              {"ReadySchedule", ""},
                              {"IdleSeconds", 60},
                              {"Isolation", "auto"},
                              {"Image", ""},
                              {"Pull", ""},
                              {"Preload", false},
                              {"Preimport", ""}}));
  CHECK(body["State"] == "Active");
  CHECK(body["LastUpdateStatus"] == "Successful");
  CHECK(body["CodeSize"] == hello_zip().size());
  CHECK(body["CodeSha256"] == sha256(hello_zip()).base64());
  CHECK(std::regex_match(body["LastModified"].get<std::string>(),
                         std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000)")));
  CHECK(
      std::regex_match(body["RevisionId"].get<std::string>(), std::regex("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")));
  CHECK(std::regex_match(body["RuntimeVersionConfig"]["RuntimeVersionArn"].get<std::string>(),
                         std::regex("arn:aws:lambda:us-east-1::runtime:[0-9a-f]{64}")));
  for (const char* absent : {"Environment", "Layers", "VpcConfig", "DeadLetterConfig", "Role", "StateReason"}) {
    INFO(absent);
    CHECK_FALSE(body.contains(absent));
  }
}

TEST_CASE("a create tells the data plane what to run, and where its code is") {
  Management management;
  const Reply reply = management.create("hello", {{"MemorySize", 256}});
  REQUIRE(reply.change);
  REQUIRE(reply.change->upserted);
  CHECK(reply.change->upserted->configuration->name == "hello");
  CHECK(reply.change->upserted->configuration->memory_mb == 256);
  CHECK(std::filesystem::exists(reply.change->upserted->task_root / "index.py"));
  CHECK(reply.change->deleted.empty());
  CHECK_FALSE(reply.change->triggers);
  CHECK(reply.change->sequence > 0);
}

TEST_CASE("every setting a create gives is kept") {
  Management management;
  const json wanted{{"Description", "says hello"},
                    {"Timeout", 900},
                    {"MemorySize", 10'240},
                    {"Role", "arn:aws:iam::123456789012:role/service-role/r"},
                    {"Environment", {{"Variables", {{"GREETING", "Hello"}, {"X1", ""}}}}},
                    {"EphemeralStorage", {{"Size", 1'024}}},
                    {"TracingConfig", {{"Mode", "Active"}}},
                    {"Architectures", {"arm64"}},
                    {"LoggingConfig", {{"LogFormat", "JSON"}, {"LogGroup", "/my/group"}}},
                    {"Kiln",
                     {{"Concurrency", 8},
                      {"MaxInstances", 2},
                      {"MinInstances", 1},
                      {"ReadySchedule", "mon 08:00-18:00=2"},
                      {"IdleSeconds", 0},
                      {"Isolation", "process"},
                      {"Image", "localhost/mine:1"},
                      {"Pull", "127.0.0.1:9100"},
                      {"Preload", false},
                      {"Preimport", "tables"}}},
                    {"Tags", {{"team", "a"}}},
                    {"Publish", true},
                    {"SomethingNew", {{"Nested", {1, 2, 3}}}}};
  REQUIRE(management.create("hello", wanted).status == 201);
  const Reply reply = management.call("GET", functions_path + "/hello");
  REQUIRE(reply.status == 200);
  const json& configuration = reply.body["Configuration"];
  for (const char* same : {"Description", "Timeout", "MemorySize", "Role", "Environment", "EphemeralStorage",
                           "TracingConfig", "Architectures", "Kiln"}) {
    INFO(same);
    CHECK(configuration[same] == wanted[same]);
  }
  CHECK(configuration["LoggingConfig"] == json({{"LogFormat", "JSON"},
                                                {"ApplicationLogLevel", "INFO"},
                                                {"SystemLogLevel", "INFO"},
                                                {"LogGroup", "/my/group"}}));
  CHECK(reply.body["Tags"] == wanted["Tags"]);
}

TEST_CASE("a function is created under the bare name whatever form the request uses") {
  Management management;
  const Reply reply = management.create(arn_prefix + "by-arn");
  REQUIRE(reply.status == 201);
  CHECK(reply.body["FunctionName"] == "by-arn");
  CHECK(management.create("000000000000:function:partial").body["FunctionName"] == "partial");
  CHECK(management.call("GET", functions_path + "/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Aby-arn")
            .status == 200);
}

TEST_CASE("a name that is taken is a conflict") {
  Management management;
  REQUIRE(management.create("hello").status == 201);
  check_error(management.create("hello"), 409, "ResourceConflictException", "Function already exist: hello");
}

TEST_CASE("a function can be read unqualified and as $LATEST") {
  Management management;
  management.create("hello");
  const Reply plain = management.call("GET", functions_path + "/hello");
  CHECK(plain.body["Configuration"]["FunctionArn"] == arn_prefix + "hello");
  CHECK(plain.body["Code"]["RepositoryType"] == "S3");
  CHECK_FALSE(plain.body.contains("Tags"));
  CHECK_FALSE(plain.change);
  const std::string qualified = arn_prefix + "hello:$LATEST";
  CHECK(management.call("GET", functions_path + "/hello?Qualifier=%24LATEST").body["Configuration"]["FunctionArn"] ==
        qualified);
  CHECK(management.call("GET", functions_path + "/hello%3A%24LATEST/configuration").body["FunctionArn"] == qualified);
  CHECK(management.call("GET", functions_path + "/hello/configuration").body["FunctionName"] == "hello");
  check_error(management.call("GET", functions_path + "/hello?Qualifier=7"), 404, "ResourceNotFoundException",
              "Function not found: " + arn_prefix + "hello:7");
}

TEST_CASE("the code of a function can be fetched back from the location it is said to be at") {
  Management management;
  management.create("hello");
  const std::string location = management.call("GET", functions_path + "/hello").body["Code"]["Location"];
  const std::string base = "http://127.0.0.1:9000";
  REQUIRE(location.substr(0, base.size()) == base);
  const Reply code = management.call("GET", location.substr(base.size()));
  CHECK(code.status == 200);
  CHECK(code.text == hello_zip());
}

TEST_CASE("a function that is not there is not found by any operation") {
  Management management;
  const std::string message = "Function not found: " + arn_prefix + "nobody";
  const json code{{"ZipFile", base64_encode(hello_zip())}};
  check_error(management.call("GET", functions_path + "/nobody"), 404, "ResourceNotFoundException", message);
  check_error(management.call("GET", functions_path + "/nobody/configuration"), 404, "ResourceNotFoundException",
              message);
  check_error(management.call("DELETE", functions_path + "/nobody"), 404, "ResourceNotFoundException", message);
  check_error(management.call("PUT", functions_path + "/nobody/configuration", json::object()), 404,
              "ResourceNotFoundException", message);
  check_error(management.call("PUT", functions_path + "/nobody/code", code), 404, "ResourceNotFoundException", message);
  check_error(management.call("GET", "/kiln/v1/functions/nobody/code"), 404, "ResourceNotFoundException", message);
}

TEST_CASE("the error body has the members of the real service") {
  Management management;
  management.create("hello");
  CHECK(management.call("GET", functions_path + "/nobody").body ==
        json({{"Type", "User"}, {"Message", "Function not found: " + arn_prefix + "nobody"}}));
  CHECK(management.create("hello").body == json({{"Type", "User"}, {"message", "Function already exist: hello"}}));
  const json validation = management.create("hello", {{"MemorySize", 1}}).body;
  CHECK_FALSE(validation.contains("Type"));
  CHECK(validation.contains("message"));
  CHECK(management.call("GET", functions_path + "/111111111111%3Afunction%3Ahello").body ==
        json({{"Message", nullptr}}));
}

TEST_CASE("a configuration update changes what it names and nothing else") {
  Management management;
  const json before =
      management.create("hello", {{"Description", "kept"}, {"Environment", {{"Variables", {{"OLD", "1"}}}}}}).body;
  const Reply reply = management.call("PUT", functions_path + "/hello/configuration",
                                      json{{"MemorySize", 512}, {"Environment", {{"Variables", {{"NEW", "2"}}}}}});
  REQUIRE(reply.status == 200);
  CHECK(reply.body["MemorySize"] == 512);
  CHECK(reply.body["Description"] == "kept");
  CHECK(reply.body["Environment"]["Variables"] == json({{"NEW", "2"}}));
  CHECK(reply.body["RevisionId"] != before["RevisionId"]);
  CHECK(reply.body["CodeSha256"] == before["CodeSha256"]);
  REQUIRE(reply.change);
  CHECK(reply.change->upserted->configuration->memory_mb == 512);
  CHECK(management.call("PUT", functions_path + "/hello/configuration", json{{"Environment", json::object()}})
            .body["Environment"]["Variables"] == json::object());
}

TEST_CASE("log levels come with JSON and go with Text") {
  Management management;
  management.create("hello");
  const auto update = [&](const json& logging) {
    return management.call("PUT", functions_path + "/hello/configuration", json{{"LoggingConfig", logging}})
        .body["LoggingConfig"];
  };
  CHECK(update({{"LogFormat", "JSON"}, {"SystemLogLevel", "WARN"}})["SystemLogLevel"] == "WARN");
  CHECK(update({{"ApplicationLogLevel", "DEBUG"}})["SystemLogLevel"] == "WARN");
  CHECK(update({{"LogGroup", "/g"}})["ApplicationLogLevel"] == "DEBUG");
  CHECK(update({{"LogFormat", "Text"}}) == json({{"LogFormat", "Text"}, {"LogGroup", "/g"}}));
}

TEST_CASE("a code update puts new code in place and answers its hash") {
  Management management;
  const json before = management.create("hello").body;
  const std::string zip = hello_zip("def handler(e, c): return 2\n");
  const Reply reply =
      management.call("PUT", functions_path + "/hello/code", json{{"ZipFile", base64_encode(zip)}, {"Publish", true}});
  REQUIRE(reply.status == 200);
  CHECK(reply.body["CodeSha256"] == sha256(zip).base64());
  CHECK(reply.body["CodeSize"] == zip.size());
  CHECK(reply.body["RevisionId"] != before["RevisionId"]);
  REQUIRE(reply.change);
  std::ifstream file(reply.change->upserted->task_root / "index.py");
  std::string line;
  std::getline(file, line);
  CHECK(line == "def handler(e, c): return 2");
}

TEST_CASE("a dry run answers what would be and keeps what is") {
  Management management;
  const json before = management.create("hello").body;
  const std::string zip = hello_zip("new");
  const Reply reply =
      management.call("PUT", functions_path + "/hello/code", json{{"ZipFile", base64_encode(zip)}, {"DryRun", true}});
  CHECK(reply.status == 200);
  CHECK(reply.body["CodeSha256"] == sha256(zip).base64());
  CHECK_FALSE(reply.change);
  CHECK(management.call("GET", functions_path + "/hello/configuration").body == before);
  CHECK_FALSE(management.code().task_root(sha256(zip).hex()));
}

TEST_CASE("a revision that is not the latest is a failed precondition") {
  Management management;
  const std::string revision = management.create("hello").body["RevisionId"];
  const std::string message =
      "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve "
      "the "
      "latest Revision Id";
  const std::string zip = base64_encode(hello_zip("new"));
  REQUIRE(management.call("PUT", functions_path + "/hello/configuration", json{{"RevisionId", revision}}).status ==
          200);
  check_error(management.call("PUT", functions_path + "/hello/configuration", json{{"RevisionId", revision}}), 412,
              "PreconditionFailedException", message);
  check_error(management.call("PUT", functions_path + "/hello/code", json{{"RevisionId", revision}, {"ZipFile", zip}}),
              412, "PreconditionFailedException", message);
  check_error(management.call("PUT", functions_path + "/hello/code",
                              json{{"RevisionId", revision}, {"ZipFile", zip}, {"DryRun", true}}),
              412, "PreconditionFailedException", message);
}

TEST_CASE("a deleted function is gone, with its triggers") {
  Management management;
  management.create("hello");
  REQUIRE(
      management.call("PUT", "/kiln/v1/triggers", json{{"FunctionName", "hello"}, {"Method", "GET"}, {"Path", "/x"}})
          .status == 200);
  check_error(management.call("DELETE", functions_path + "/hello?Qualifier=%24LATEST"), 400,
              "InvalidParameterValueException", "$LATEST version cannot be deleted without deleting the function.");
  const Reply reply = management.call("DELETE", functions_path + "/hello");
  CHECK(reply.status == 204);
  CHECK(reply.text.empty());
  REQUIRE(reply.change);
  CHECK(reply.change->deleted == "hello");
  REQUIRE(reply.change->triggers);
  CHECK(reply.change->triggers->size() == 0);
  CHECK(management.call("GET", functions_path + "/hello").status == 404);
  CHECK(management.create("hello").status == 201);
}

TEST_CASE("functions are listed a page at a time, without their states") {
  Management management;
  for (const char* name : {"c", "a", "b"}) management.create(name);
  const Reply all = management.call("GET", functions_path);
  REQUIRE(all.body["Functions"].size() == 3);
  CHECK(all.body["Functions"][0]["FunctionName"] == "a");
  CHECK(all.body["Functions"][0]["FunctionArn"] == arn_prefix + "a");
  CHECK_FALSE(all.body["Functions"][0].contains("State"));
  CHECK_FALSE(all.body["Functions"][0].contains("LastUpdateStatus"));
  CHECK_FALSE(all.body.contains("NextMarker"));
  CHECK(management.call("GET", functions_path + "/").body == all.body);
  CHECK(management.call("GET", functions_path + "?FunctionVersion=ALL").body["Functions"][1]["FunctionArn"] ==
        arn_prefix + "b:$LATEST");

  const Reply first = management.call("GET", functions_path + "?MaxItems=2");
  REQUIRE(first.body["Functions"].size() == 2);
  std::string marker = first.body["NextMarker"];
  for (std::size_t at = marker.find('='); at != std::string::npos; at = marker.find('=')) marker.replace(at, 1, "%3D");
  const Reply second = management.call("GET", functions_path + "?MaxItems=2&Marker=" + marker);
  REQUIRE(second.body["Functions"].size() == 1);
  CHECK(second.body["Functions"][0]["FunctionName"] == "c");
  CHECK_FALSE(second.body.contains("NextMarker"));
}

TEST_CASE("a listing with bad parameters is refused") {
  Management management;
  check_error(
      management.call("GET", functions_path + "?MaxItems=0"), 400, "ValidationException",
      "1 validation error detected: Value '0' at 'maxItems' failed to satisfy constraint: Member must have value "
      "greater than or equal to 1");
  for (const char* bad : {"10001", "-1", "x", "99999999999999999999", "1.5", "--", ""}) {
    INFO(bad);
    const Reply reply = management.call("GET", functions_path + "?MaxItems=" + bad);
    CHECK(reply.status == (std::string(bad).empty() ? 200 : 400));
  }
  CHECK(management.call("GET", functions_path + "?Marker=***").status == 400);
  CHECK(management.call("GET", functions_path + "?FunctionVersion=invalid").body["message"] ==
        "1 validation error detected: Value 'invalid' at 'functionVersion' failed to satisfy constraint: Member must "
        "satisfy enum value set: [ALL]");
}

TEST_CASE("account settings count what is there") {
  Management management;
  management.create("one");
  management.create("two");
  const Reply reply = management.call("GET", "/2016-08-19/account-settings/");
  CHECK(reply.body["AccountLimit"]["CodeSizeUnzipped"] == 262'144'000);
  CHECK(reply.body["AccountLimit"]["CodeSizeZipped"] == 52'428'800);
  CHECK(reply.body["AccountUsage"]["FunctionCount"] == 2);
  CHECK(reply.body["AccountUsage"]["TotalCodeSize"] == 2 * hello_zip().size());
}

TEST_CASE("the runtimes of this build are listed") {
  Management management;
  CHECK(management.call("GET", "/kiln/v1/runtimes").body ==
        json({{"Runtimes", {"cpp", "provided", "python3.11"}}, {"PreimportSets", {"tables"}}}));
}

TEST_CASE("code that no function refers to is collected, and code still running is spared") {
  Management management;
  const std::string old_code = hello_zip();
  management.create("hello");
  const std::string zip = hello_zip("new");
  management.call("PUT", functions_path + "/hello/code", json{{"ZipFile", base64_encode(zip)}});
  CHECK(management.api().collect_code({sha256(old_code).hex()}) == 0);
  CHECK(management.api().collect_code({}) == 1);
  CHECK_FALSE(management.code().task_root(sha256(old_code).hex()));
  CHECK(management.code().task_root(sha256(zip).hex()));
}

TEST_CASE("a start finds every function and the triggers") {
  Management management;
  management.create("one");
  management.create("two");
  management.call("PUT", "/kiln/v1/triggers", json{{"FunctionName", "one"}, {"Method", "GET"}, {"Path", "/x"}});
  const auto changes = management.api().everything();
  REQUIRE(changes.size() == 3);
  CHECK(changes[0].upserted->configuration->name == "one");
  CHECK(std::filesystem::exists(changes[0].upserted->task_root / "index.py"));
  CHECK(changes[1].upserted->configuration->name == "two");
  REQUIRE(changes[2].triggers);
  CHECK(changes[2].triggers->find("GET", "/x")->trigger->function_name == "one");
}

TEST_CASE("the API knows which paths are its own") {
  for (const char* own :
       {"/2015-03-31/functions", "/2015-03-31/functions/", "/2015-03-31/functions/f", "/2015-03-31/functions/f/code",
        "/2015-03-31/functions/f/versions", "/2016-08-19/account-settings/", "/kiln/v1/triggers",
        "/kiln/v1/triggers/abc", "/kiln/v1/runtimes", "/kiln/v1/functions/f/code"}) {
    INFO(own);
    CHECK(ManagementApi::owns(own));
  }
  for (const char* other : {"/", "/hello", "/2015-03-31/functions/f/invocations", "/kiln/v1/functions/f/logs",
                            "/kiln/v1/functions/f/instances", "/2015-03-3/functions", "/kiln/v1",
                            "/2021-11-15/functions/f/response-streaming-invocations"}) {
    INFO(other);
    CHECK_FALSE(ManagementApi::owns(other));
  }
}

TEST_CASE("an operation that does not exist is told apart from a wrong method") {
  Management management;
  const Reply unknown = management.call("GET", functions_path + "/f/versions");
  CHECK(unknown.status == 404);
  CHECK(unknown.error_type == "UnknownOperationException");
  const Reply method = management.call("PATCH", functions_path + "/f/configuration");
  CHECK(method.status == 405);
  CHECK(method.body["message"] == "/2015-03-31/functions/f/configuration takes GET, PUT");
  CHECK(management.call("GET", functions_path + "/%zz").status == 400);
  CHECK(management.call("GET", functions_path + "/a/b/c").status == 404);
}
