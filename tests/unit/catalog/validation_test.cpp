// SPDX-License-Identifier: Apache-2.0
// What the service refuses, in its words.
#include "runtime-api/control-server/catalog/digest.hpp"
#include "tests/unit/catalog/management_fixture.hpp"

using namespace kiln;
using namespace kiln::test;

namespace {

std::string one(const std::string& rest) { return "1 validation error detected: " + rest; }

}  // namespace

TEST_CASE("each broken constraint is told in the service's words, on create and on update") {
  struct Case {
    json change;
    std::string message;
  };
  const std::string long_handler(129, 'h');
  const std::string long_description(257, 'd');
  const Case cases[] = {
      {{{"MemorySize", 127}},
       "Value '127' at 'memorySize' failed to satisfy constraint: Member must have value greater than or equal to 128"},
      {{{"MemorySize", -1}},
       "Value '-1' at 'memorySize' failed to satisfy constraint: Member must have value greater than or equal to 128"},
      {{{"MemorySize", 32'769}},
       "Value '32769' at 'memorySize' failed to satisfy constraint: Member must have value less than or equal to "
       "32768"},
      {{{"Timeout", 0}},
       "Value '0' at 'timeout' failed to satisfy constraint: Member must have value greater than or equal to 1"},
      {{{"Timeout", 901}},
       "Value '901' at 'timeout' failed to satisfy constraint: Member must have value less than or equal to 900"},
      {{{"Handler", long_handler}},
       "Value '" + long_handler +
           "' at 'handler' failed to satisfy constraint: Member must have length less than or equal to 128"},
      {{{"Handler", "in dex"}},
       R"(Value 'in dex' at 'handler' failed to satisfy constraint: Member must satisfy regular expression pattern: [^\s]+)"},
      {{{"Handler", ""}},
       R"(Value '' at 'handler' failed to satisfy constraint: Member must satisfy regular expression pattern: [^\s]+)"},
      {{{"Role", "r1"}},
       R"(Value 'r1' at 'role' failed to satisfy constraint: Member must satisfy regular expression pattern: arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+)"},
      {{{"Description", long_description}},
       "Value '" + long_description +
           "' at 'description' failed to satisfy constraint: Member must have length less than or equal to 256"},
      {{{"EphemeralStorage", {{"Size", 511}}}},
       "Value '511' at 'ephemeralStorage.size' failed to satisfy constraint: Member must have value greater than or "
       "equal to 512"},
      {{{"EphemeralStorage", {{"Size", 10'241}}}},
       "Value '10241' at 'ephemeralStorage.size' failed to satisfy constraint: Member must have value less than or "
       "equal to 10240"},
      {{{"TracingConfig", {{"Mode", "Off"}}}},
       "Value 'Off' at 'tracingConfig.mode' failed to satisfy constraint: Member must satisfy enum value set: [Active, "
       "PassThrough]"},
      {{{"SnapStart", {{"ApplyOn", "x"}}}},
       "Value 'x' at 'snapStart.applyOn' failed to satisfy constraint: Member must satisfy enum value set: "
       "[PublishedVersions, None]"},
      {{{"LoggingConfig", {{"LogFormat", "XML"}}}},
       "Value 'XML' at 'loggingConfig.logFormat' failed to satisfy constraint: Member must satisfy enum value set: "
       "[JSON, Text]"},
      {{{"LoggingConfig", {{"LogGroup", "a b"}}}},
       R"(Value 'a b' at 'loggingConfig.logGroup' failed to satisfy constraint: Member must satisfy regular expression pattern: [\.\-_/#A-Za-z0-9]+)"},
      {{{"Environment", {{"Variables", {{"1A", "secret"}}}}}},
       "Value at 'environment.variables' failed to satisfy constraint: Map keys must satisfy constraint: [Member must "
       "satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]"},
      {{{"Environment", {{"Variables", {{"A", "one letter"}}}}}},
       "Value at 'environment.variables' failed to satisfy constraint: Map keys must satisfy constraint: [Member must "
       "satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]"},
      {{{"Kiln", {{"Concurrency", 0}}}},
       "Value '0' at 'kiln.concurrency' failed to satisfy constraint: Member must have value greater than or equal to "
       "1"},
      {{{"Kiln", {{"MaxInstances", 10'001}}}},
       "Value '10001' at 'kiln.maxInstances' failed to satisfy constraint: Member must have value less than or equal "
       "to 10000"},
      {{{"Kiln", {{"IdleSeconds", 86'401}}}},
       "Value '86401' at 'kiln.idleSeconds' failed to satisfy constraint: Member must have value less than or equal to "
       "86400"},
      {{{"Kiln", {{"Isolation", "castle"}}}},
       "Value 'castle' at 'kiln.isolation' failed to satisfy constraint: Member must satisfy enum value set: [auto, "
       "process, sandbox, oci, command]"},
      {{{"Kiln", {{"Image", "--privileged"}}}},
       "Value '--privileged' at 'kiln.image' failed to satisfy constraint: Member must satisfy regular expression "
       "pattern: ([A-Za-z0-9][A-Za-z0-9._:/@+-]*)?"},
  };
  Management management;
  REQUIRE(management.create("there").status == 201);
  for (const Case& c : cases) {
    INFO(c.change.dump());
    check_error(management.create("bad", c.change), 400, "ValidationException", one(c.message));
    check_error(management.call("PUT", functions_path + "/there/configuration", c.change), 400, "ValidationException",
                one(c.message));
  }
  CHECK(management.catalog().all().size() == 1);
}

TEST_CASE("several broken constraints are told together") {
  Management management;
  check_error(
      management.create("bad", {{"MemorySize", 1}, {"Timeout", 0}}), 400, "ValidationException",
      "2 validation errors detected: Value '1' at 'memorySize' failed to satisfy constraint: Member must have "
      "value greater than or equal to 128; Value '0' at 'timeout' failed to satisfy constraint: Member must have "
      "value greater than or equal to 1");
}

TEST_CASE("architectures are one of two") {
  Management management;
  check_error(
      management.create("bad", {{"Architectures", {"x86_64", "arm64"}}}), 400, "ValidationException",
      one("Value '[x86_64, arm64]' at 'architectures' failed to satisfy constraint: Member must have length less "
          "than or equal to 1"));
  check_error(management.create("bad", {{"Architectures", {"X86_64"}}}), 400, "ValidationException",
              one("Value '[X86_64]' at 'architectures' failed to satisfy constraint: Member must satisfy constraint: "
                  "[Member must satisfy enum value set: [x86_64, arm64], Member must not be null]"));
}

TEST_CASE("a runtime this build lacks gets an error that lists those it has") {
  Management management;
  for (const char* bad : {"python3.13", "PYTHON3.11", "non-existent-runtime", ""}) {
    check_error(management.create("bad", {{"Runtime", bad}}), 400, "InvalidParameterValueException",
                std::string("Value ") + bad +
                    " at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [cpp, provided, "
                    "provided.al2, provided.al2023, python3.11] or be a valid ARN");
  }
  for (const char* good : {"cpp", "provided", "provided.al2", "provided.al2023"}) {
    const Reply reply = management.create(
        "f-" + std::string(good).substr(0, 3) + std::to_string(std::string(good).size()), {{"Runtime", good}});
    CHECK(reply.status == 201);
    CHECK(reply.body["Runtime"] == good);
    CHECK(canonical_runtime(good) == (std::string(good) == "cpp" ? "cpp" : "provided"));
  }
}

TEST_CASE("what Python is to have loaded is a set of this server's, and of a Python") {
  Management management;
  const std::string unknown =
      "Kiln.Preimport names no set of modules that this server loads ahead of time: 'pages' (it has [tables]; kiln "
      "serve "
      "--preimport NAME=MODULE,... makes one)";
  const std::string no_python = "Kiln.Preimport names modules that a Python has loaded, which the runtime cpp does not";
  const std::string kind = "InvalidParameterValueException";
  const json pages{{"Kiln", {{"Preimport", "pages"}}}};
  const json tables{{"Kiln", {{"Preimport", "tables"}}}};
  check_error(management.create("f", pages), 400, kind, unknown);
  check_error(management.create("f", {{"Runtime", "cpp"}, {"Kiln", {{"Preimport", "tables"}}}}), 400, kind, no_python);
  REQUIRE(management.create("f", tables).status == 201);
  const std::string configuration = functions_path + "/f/configuration";
  check_error(management.call("PUT", configuration, pages.dump()), 400, kind, unknown);
  check_error(management.call("PUT", configuration, json{{"Runtime", "cpp"}}.dump()), 400, kind, no_python);
  CHECK(management.call("PUT", configuration, json{{"Kiln", {{"Preimport", ""}}}}.dump()).status == 200);
}

TEST_CASE("what a create cannot do without is asked for") {
  Management management;
  json body = Management::create_body("f");
  body.erase("FunctionName");
  body.erase("Code");
  check_error(
      management.call("POST", functions_path, body), 400, "ValidationException",
      "2 validation errors detected: Value null at 'functionName' failed to satisfy constraint: Member must not be "
      "null; Value null at 'code' failed to satisfy constraint: Member must not be null");
  check_error(management.create("f", {{"Runtime", nullptr}}), 400, "InvalidParameterValueException",
              "Runtime and Handler are mandatory parameters for functions created with deployment packages.");
  check_error(management.create("f", {{"Code", json::object()}}), 400, "InvalidParameterValueException",
              "Please provide a source for function code.");
  check_error(
      management.create("bad name"), 400, "ValidationException",
      one("Value 'bad name' at 'functionName' failed to satisfy constraint: Member must satisfy regular "
          "expression pattern: "
          R"((arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?)"));
  CHECK(management.create("").status == 400);
  CHECK(management.create(std::string(65, 'a')).error_type == "InvalidParameterValueException");
}

TEST_CASE("memory above what a function may have is told without the count") {
  Management management;
  check_error(management.create("bad", {{"MemorySize", 10'241}}), 400, "InvalidParameterValueException",
              "'MemorySize' value failed to satisfy constraint: Member must have value less than or equal to 10240");
}

TEST_CASE("the environment has a size and reserved names") {
  Management management;
  const std::string start =
      "Lambda was unable to configure your environment variables because the environment variables you have provided ";
  const auto create = [&](const json& variables) {
    return management.create("bad", {{"Environment", {{"Variables", variables}}}});
  };
  check_error(
      create({{"AWS_REGION", "x"}, {"_HANDLER1", "y"}}), 400, "ValidationException",
      one("Value at 'environment.variables' failed to satisfy constraint: Map keys must satisfy constraint: [Member "
          "must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]"));
  check_error(
      create({{"AWS_REGION", "x"}, {"AWS_ACCESS_KEY_ID", "y"}, {"MINE", "z"}}), 400, "InvalidParameterValueException",
      start +
          "contains reserved keys that are currently not supported for modification. Reserved keys used in this "
          "request: AWS_ACCESS_KEY_ID, AWS_REGION");
  // {"LARGE_VAR":"x…"} of exactly 4096 bytes fits, one more does not.
  const std::string fits(4'096 - std::string(R"({"LARGE_VAR":""})").size(), 'x');
  check_error(create({{"LARGE_VAR", fits + "x"}}), 400, "InvalidParameterValueException",
              start + R"(exceeded the 4KB limit. String measured: {"LARGE_VAR":")" + fits + R"(x"})");
  CHECK(create({{"NULL_BYTE", std::string("a\0b", 3)}}).status == 400);
  CHECK(management.create("good", {{"Environment", {{"Variables", {{"LARGE_VAR", fits}}}}}}).status == 201);
  CHECK(management.create("empty", {{"Environment", {{"Variables", json::object()}}}}).body["Environment"] ==
        json({{"Variables", json::object()}}));
}

TEST_CASE("code that cannot be taken is refused") {
  Management management;
  management.create("there");
  const auto both = [&](const json& code, int status, const std::string& type, const std::string& message) {
    check_error(management.create("bad", {{"Code", code}}), status, type, message);
    check_error(management.call("PUT", functions_path + "/there/code", code), status, type, message);
  };
  both({{"ZipFile", base64_encode("this is no zip")}}, 400, "InvalidParameterValueException",
       "Could not unzip uploaded file. Please check your file, then try to upload again.");
  both({{"ZipFile", ""}}, 400, "InvalidParameterValueException", "Uploaded file must be a non-empty zip");
  both({{"ZipFile", "not base64!"}}, 400, "SerializationException", "ZipFile is not valid base64");
  both({{"ZipFile", 5}}, 400, "SerializationException", "NUMBER_VALUE can not be converted to a String");
  both({{"S3Bucket", "b"}, {"S3Key", "k"}}, 400, "InvalidParameterValueException",
       "Error occurred while GetObject. S3 Error Code: NoSuchBucket. S3 Error Message: The specified bucket does not "
       "exist");
  both(json::object(), 400, "InvalidParameterValueException", "Please provide a source for function code.");
  check_error(management.call("PUT", functions_path + "/there/code", json{{"ImageUri", "i"}}), 400,
              "InvalidParameterValueException",
              "Please don't provide ImageUri when updating a function with packageType Zip.");
  CHECK(management.create("bad", {{"PackageType", "Image"}}).status == 400);
  check_error(management.create("bad", {{"PackageType", "Tar"}}), 400, "ValidationException",
              one("Value 'Tar' at 'packageType' failed to satisfy constraint: Member must satisfy enum value set: "
                  "[Image, Zip]"));
  check_error(management.create("bad", {{"Layers", {"arn:aws:lambda:us-east-1:000000000000:layer:l:1"}}}), 400,
              "InvalidParameterValueException", "Layer version ARN does not exist.");
  CHECK(management.create("bad", {{"Layers", {"1", "2", "3", "4", "5", "6"}}}).body["message"] ==
        "Cannot reference more than 5 layers.");
}

TEST_CASE("a bad zip says what was wrong with it beside the service's words") {
  Management management;
  ZipWriter zip;
  zip.add("../../etc/passwd", "x");
  const Reply reply = management.create("bad", {{"Code", {{"ZipFile", base64_encode(zip.finish())}}}});
  CHECK(reply.body["Detail"] == "the entry '../../etc/passwd' climbs out of its folder");
}

TEST_CASE("a create that is refused leaves no code behind") {
  Management management;
  REQUIRE(management.create("there").status == 201);
  ZipWriter zip;
  zip.add("index.py", "other");
  const std::string bytes = zip.finish();
  CHECK(management.create("there", {{"Code", {{"ZipFile", base64_encode(bytes)}}}}).status == 409);
  CHECK_FALSE(management.code().task_root(sha256(bytes).hex()));
}

TEST_CASE("too many tags are refused") {
  Management management;
  json tags;
  for (int i = 0; i < 51; ++i) tags["tag" + std::to_string(i)] = "v";
  check_error(management.create("bad", {{"Tags", tags}}), 400, "InvalidParameterValueException",
              "Number of tags exceeds resource tag limit.");
}

TEST_CASE("members of the wrong type are serialization errors") {
  Management management;
  management.create("there");
  const auto update = [&](const json& body) {
    return management.call("PUT", functions_path + "/there/configuration", body);
  };
  const auto refused = [&](const json& body, const std::string& message) {
    INFO(body.dump());
    check_error(update(body), 400, "SerializationException", message);
  };
  refused({{"MemorySize", "128"}}, "STRING_VALUE can not be converted to an Integer");
  refused({{"MemorySize", true}}, "TRUE_VALUE can not be converted to an Integer");
  refused({{"MemorySize", {128}}}, "Start of list found where not expected");
  refused({{"MemorySize", {{"a", 1}}}}, "Start of structure or map found where not expected.");
  refused({{"Handler", 5}}, "NUMBER_VALUE can not be converted to a String");
  refused({{"Environment", {{"Variables", {{"AB", 1}}}}}}, "NUMBER_VALUE can not be converted to a String");
  CHECK(update({{"Environment", "x"}}).error_type == "SerializationException");
  CHECK(update({{"Environment", {{"Variables", "x"}}}}).error_type == "SerializationException");
  CHECK(update({{"TracingConfig", 5}}).error_type == "SerializationException");
  CHECK(update({{"MemorySize", 1e300}}).error_type == "ValidationException");
  CHECK(update({{"MemorySize", 200.9}}).body["MemorySize"] == 200);
  CHECK(update({{"MemorySize", nullptr}, {"Environment", nullptr}}).status == 200);
  CHECK(management.create("bad", {{"Architectures", "x86_64"}}).error_type == "SerializationException");
  CHECK(management.create("bad", {{"Architectures", {1}}}).error_type == "SerializationException");
}

TEST_CASE("a body that is no JSON object is a serialization error, however odd") {
  Management management;
  management.create("there");
  const std::string deep(100'000, '[');
  const std::string numbers = "{\"MemorySize\":" + std::string(400, '9') + "}";
  for (const std::string& body :
       {std::string("{"), std::string("nonsense"), std::string("[]"), std::string("5"), std::string("\"x\""),
        std::string("null"), std::string("{\"a\":1}}"), std::string("{\"a\":\"\xFF\"}"), deep,
        "{\"Handler\":" + deep + std::string(100'000, ']') + "}", "{\"x\":" + deep, std::string("\0", 1)}) {
    INFO(body.substr(0, 40));
    const Reply reply = management.call("PUT", functions_path + "/there/configuration", body);
    CHECK(reply.status == 400);
    CHECK(reply.error_type == "SerializationException");
  }
  CHECK(management.call("PUT", functions_path + "/there/configuration", numbers).status == 400);
  CHECK(management.call("PUT", functions_path + "/there/configuration", std::string()).status == 200);
  // Unknown members may hold anything.
  CHECK(
      management
          .call("PUT", functions_path + "/there/configuration", "{\"New\":[[1,{\"Handler\":2}],{}],\"MemorySize\":300}")
          .body["MemorySize"] == 300);
}
