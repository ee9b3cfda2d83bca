// SPDX-License-Identifier: Apache-2.0
// deploy: what is zipped, built and sent, by the real program.
#include "tests/integration/cli/cli_fixture.hpp"

#include <archive.h>
#include <archive_entry.h>

using namespace kiln::test;
namespace fs = std::filesystem;

namespace {

const std::string functions = "/2015-03-31/functions";
const std::string hello = functions + "/hello";

std::string decoded(const std::string& base64) {
  const auto result = run_program({"base64", "-d"}, {.environment = {}, .input = base64});
  REQUIRE(result.status == 0);
  return result.out;
}

// "path mode size" of every entry of a zip.
std::vector<std::string> listing(const std::string& zip) {
  std::vector<std::string> lines;
  auto* reader = ::archive_read_new();
  ::archive_read_support_format_zip(reader);
  REQUIRE(::archive_read_open_memory(reader, zip.data(), zip.size()) == ARCHIVE_OK);
  struct archive_entry* entry = nullptr;
  while (::archive_read_next_header(reader, &entry) == ARCHIVE_OK) {
    lines.emplace_back(::archive_entry_pathname(entry));
  }
  ::archive_read_free(reader);
  return lines;
}

ScriptedAnswer configuration(int status, const Json& more = Json::object()) {
  Json body = {{"FunctionName", "hello"},
               {"Runtime", "python3.11"},
               {"Handler", "index.handler"},
               {"MemorySize", 128},
               {"Timeout", 3},
               {"CodeSha256", "other"}};
  body.update(more);
  return {.status = status, .body = body.dump()};
}

class DeployFixture : public CliFixture {
 public:
  DeployFixture() {
    server.on("GET", "/kiln/v1/runtimes", {.body = R"({"Runtimes":["cpp","provided","python3.11"]})"});
    server.on("GET", "/kiln/v1/triggers?FunctionName=hello", {.body = R"({"Triggers":[]})"});
    folder.write("hello/index.py", "def handler(event, context):\n    return 'hi'\n");
    folder.write("hello/.git/HEAD", "x");
    fs::create_directory(folder.path() / "hello/__pycache__");
  }
  std::string source() const { return (folder.path() / "hello").string(); }
  Json body(std::size_t request) const { return Json::parse(server.seen().at(request).body); }
};

}  // namespace

TEST_CASE_METHOD(DeployFixture, "a folder becomes a function with what its files say") {
  server.on("POST", functions, configuration(201));
  const auto result = kiln({"deploy", source()});
  CAPTURE(result.err);
  CHECK(result.status == 0);
  CHECK(server.calls() == std::vector<std::string>{"GET " + hello + "/configuration", "GET /kiln/v1/runtimes",
                                                   "POST " + functions, "GET /kiln/v1/triggers?FunctionName=hello"});
  auto sent = body(2);
  const auto zip = decoded(sent.at("Code").at("ZipFile").get<std::string>());
  CHECK(listing(zip) == std::vector<std::string>{"index.py"});
  sent.erase("Code");
  CHECK(sent == Json::parse(R"({"FunctionName":"hello","Runtime":"python3.11","Handler":"index.handler"})"));
  CHECK(holds(result.out, "packed " + source() + ": 1 file, "));
  CHECK(holds(result.out, "created function hello (python3.11, index.handler, 128 MB, timeout 3 s)\n"));
  CHECK(holds(result.out, "  kiln invoke hello --payload '{}' --tail\n"));
  CHECK(holds(result.out, "  kiln trigger hello --http GET /hello\n"));
  CHECK(result.err.empty());
}

TEST_CASE_METHOD(DeployFixture, "every setting of the command line reaches the server") {
  server.on("POST", functions, configuration(201));
  server.on("PUT", "/kiln/v1/triggers", {.body = "{}"});
  const auto result = kiln({"deploy",          source(),     "--name",          "hello",
                            "--runtime",       "provided",   "--handler",       "a.b",
                            "--memory",        "256",        "--timeout",       "30",
                            "--concurrency",   "2",          "--max-instances", "3",
                            "--min-instances", "1",          "--ready-at",      "mon 08:00-09:00=2",
                            "--idle",          "4",          "--description",   "d",
                            "--env",           "A=1",        "--env",           "B=x=y",
                            "--trigger",       "get /hello", "--trigger",       "/any"});
  CAPTURE(result.err);
  CHECK(result.status == 0);
  auto sent = body(1);
  sent.erase("Code");
  CHECK(sent == Json::parse(R"({"FunctionName":"hello","Runtime":"provided","Handler":"a.b","Description":"d",
    "MemorySize":256,"Timeout":30,"Environment":{"Variables":{"A":"1","B":"x=y"}},
    "Kiln":{"Concurrency":2,"MaxInstances":3,"MinInstances":1,"ReadySchedule":"mon 08:00-09:00=2","IdleSeconds":4}})"));
  CHECK(body(2) == Json::parse(R"({"FunctionName":"hello","Type":"http","Method":"GET","Path":"/hello"})"));
  CHECK(body(3) == Json::parse(R"({"FunctionName":"hello","Type":"http","Method":"ANY","Path":"/any"})"));
  CHECK(holds(result.err, "note: the handler is a.b, but the package holds no bootstrap\n"));
}

TEST_CASE_METHOD(DeployFixture, "a function that exists gets its configuration, then its code") {
  server.on("GET", hello + "/configuration", configuration(200));
  server.on("PUT", hello + "/configuration", configuration(200));
  server.on("PUT", hello + "/code", configuration(200, {{"MemorySize", 512}}));
  const auto result = kiln({"deploy", source(), "--memory", "512", "--json"});
  CAPTURE(result.err);
  CHECK(result.status == 0);
  CHECK(server.calls() == std::vector<std::string>{"GET " + hello + "/configuration", "PUT " + hello + "/configuration",
                                                   "PUT " + hello + "/code",
                                                   "GET /kiln/v1/triggers?FunctionName=hello"});
  CHECK(body(1) == Json::parse(R"({"MemorySize":512})"));
  CHECK(listing(decoded(body(2).at("ZipFile").get<std::string>())) == std::vector<std::string>{"index.py"});
  const auto document = Json::parse(result.out);
  CHECK(document.at("Action") == "updated");
  CHECK(document.at("Function").at("MemorySize") == 512);
  CHECK(document.at("Package").at("Files") == 1);
}

TEST_CASE_METHOD(DeployFixture, "the same files again are not sent") {
  server.on("POST", functions, configuration(201));
  const auto first = Json::parse(kiln({"deploy", source(), "--json"}).out);
  CHECK(first.at("Action") == "created");
  server.on("GET", hello + "/configuration",
            configuration(200, {{"CodeSha256", first.at("Package").at("CodeSha256")}}));
  const auto before = server.seen().size();
  const auto again = Json::parse(kiln({"deploy", source(), "--json"}).out);
  CHECK(again.at("Action") == "unchanged");
  CHECK(again.at("Package").at("CodeSha256") == first.at("Package").at("CodeSha256"));
  const auto calls = server.calls();
  CHECK(std::vector<std::string>(calls.begin() + static_cast<std::ptrdiff_t>(before), calls.end()) ==
        std::vector<std::string>{"GET " + hello + "/configuration", "GET /kiln/v1/triggers?FunctionName=hello"});
}

TEST_CASE_METHOD(DeployFixture, "a function that someone creates meanwhile is updated") {
  server.on("GET", hello + "/configuration",
            {.status = 404,
             .body = R"({"Message":"Function not found: x"})",
             .headers = {{"x-amzn-ErrorType", "ResourceNotFoundException"}}});
  server.on("GET", hello + "/configuration", configuration(200));
  server.on("POST", functions,
            {.status = 409,
             .body = R"({"Type":"User","message":"Function already exist: hello"})",
             .headers = {{"x-amzn-ErrorType", "ResourceConflictException"}}});
  server.on("PUT", hello + "/code", configuration(200));
  const auto result = kiln({"deploy", source()});
  CAPTURE(result.err);
  CHECK(result.status == 0);
  CHECK(holds(result.out, "updated function hello"));
}

TEST_CASE_METHOD(DeployFixture, "a zip is sent as it is") {
  const auto zip = (folder.path() / "hello.zip").string();
  REQUIRE(
      run_program({"/usr/bin/python3", "-c",
                   "import sys, zipfile\nwith zipfile.ZipFile(sys.argv[1], 'w') as z: z.writestr('index.py', 'x = 1')",
                   zip})
          .status == 0);
  server.on("POST", functions, configuration(201));
  CHECK(kiln({"deploy", zip}).status == 0);
  std::ifstream stream(zip, std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(stream), {});
  CHECK((decoded(body(2).at("Code").at("ZipFile").get<std::string>()) == bytes));
  CHECK(body(2).at("FunctionName") == "hello");
}

TEST_CASE_METHOD(DeployFixture, "what cannot be packed is refused before anything is sent") {
  const auto missing = kiln({"deploy", source() + "-missing"});
  CHECK(missing.status == 8);
  CHECK(holds(missing.err, "there is no folder or zip " + source() + "-missing"));
  const auto text = kiln({"deploy", source() + "/index.py"});
  CHECK(text.status == 8);
  CHECK(holds(text.err, "is no zip file"));
  fs::create_symlink("/etc/passwd", source() + "/link");
  const auto link = kiln({"deploy", source()});
  CHECK(link.status == 8);
  CHECK(holds(link.err, "link is a link to /etc/passwd, which lies outside the folder"));
  CHECK(kiln({"deploy", source(), "--env", "NOVALUE"}).status == 2);
  CHECK(kiln({"deploy", source(), "--trigger", "GET"}).status == 2);
  CHECK(server.seen().empty());
}

TEST_CASE_METHOD(DeployFixture, "a runtime that the server lacks is refused in the server's words") {
  server.on(
      "POST", functions,
      {.status = 400,
       .body =
           R"({"Type":"User","message":"Value python3.13 at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [cpp, provided, python3.11] or be a valid ARN"})",
       .headers = {{"x-amzn-ErrorType", "InvalidParameterValueException"}}});
  const auto result = kiln({"deploy", source(), "--runtime", "python3.13"});
  CHECK(result.status == 5);
  CHECK(holds(result.err, "[cpp, provided, python3.11]"));
  CHECK(holds(result.err, "kiln runtimes"));
}

TEST_CASE_METHOD(DeployFixture, "a folder with a CMakeLists.txt is built, and what kiln_package made is sent") {
  server.on("POST", functions, configuration(201, {{"Runtime", "cpp"}}));
  fs::remove(source() + "/index.py");
  folder.write("hello/CMakeLists.txt",
               "cmake_minimum_required(VERSION 3.25)\nproject(hello LANGUAGES CXX)\n"
               "find_package(kiln REQUIRED)\nkiln_add_function(index index.cpp)\nkiln_package(index)\n");
  folder.write("hello/index.cpp",
               "#include <kiln/function.h>\nextern \"C\" __attribute__((visibility(\"default\"))) int handler() { "
               "return 0; }\n");
  const auto result = kiln({"deploy", source()});
  CAPTURE(result.out, result.err);
  CHECK(result.status == 0);
  REQUIRE(server.calls().size() >= 3);
  CHECK(body(2).at("Runtime") == "cpp");
  CHECK(listing(decoded(body(2).at("Code").at("ZipFile").get<std::string>())) == std::vector<std::string>{"index.so"});
  CHECK(holds(result.out, "building " + source() + " with CMake in "));
  CHECK(holds(result.out, "built index.zip in "));
  CHECK(holds(result.err, "  | "));
  CHECK(fs::exists(source() + "/.kiln/.gitignore"));

  folder.write("hello/index.cpp", "this is no C++\n");
  const auto broken = kiln({"deploy", source(), "--json"});
  CHECK(broken.status == 9);
  CHECK(broken.out.empty());
  CHECK(holds(broken.err, "error:"));
  CHECK(holds(broken.err, "\"Kind\":\"build-failed\""));
}

TEST_CASE_METHOD(DeployFixture,
                 "a CMake project without a package says what it lacks, and --no-build packs it as it is") {
  folder.write("hello/CMakeLists.txt", "cmake_minimum_required(VERSION 3.25)\nproject(hello LANGUAGES NONE)\n");
  const auto result = kiln({"deploy", source()});
  CHECK(result.status == 9);
  CHECK(holds(result.err, "makes no package"));
  CHECK(holds(result.err, "kiln_package(index)"));
  folder.write("hello/CMakeLists.txt", "message(FATAL_ERROR \"no way\")\n");
  const auto failed = kiln({"deploy", source()});
  CHECK(failed.status == 9);
  CHECK(holds(failed.err, "no way"));
  CHECK(holds(failed.err, "configuring the function failed"));
  server.on("POST", functions, configuration(201));
  CHECK(kiln({"deploy", source(), "--no-build"}).status == 0);
  const auto without_cmake = run_program(
      command({"deploy", source()}), {.environment = {{"KILN_ENDPOINT", server.url()}, {"PATH", "/does/not/exist"}}});
  CHECK(without_cmake.status == 9);
  CHECK(holds(without_cmake.err, "apt-get install cmake"));
}
