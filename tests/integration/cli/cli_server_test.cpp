// SPDX-License-Identifier: Apache-2.0
// A user's first hour, with the real server: serve, deploy, trigger, curl, invoke, logs, list, delete, stop.
#include "tests/integration/cli/cli_fixture.hpp"

#include <algorithm>
#include <csignal>
#include <memory>

using namespace kiln::test;
namespace fs = std::filesystem;

namespace {

/// `kiln serve` on free ports with data of its own.
class ServedFixture {
 public:
  ServedFixture() { start(); }

  void start() {
    server_ = std::make_unique<Program>(
        std::vector<std::string>{kiln_program, "serve", "--data", (folder.path() / "data").string(), "--listen",
                                 "127.0.0.1:0", "--operations-listen", "127.0.0.1:0"},
        Program::Options{.environment = {}, .input = "", .deadline = std::chrono::seconds(120)});
    INFO(server_->err());
    REQUIRE(server_->wait_for_output("\n"));
    const auto& line = server_->out();
    REQUIRE(line.starts_with("ready http://127.0.0.1:"));
    const auto operations = line.find(" operations http://");
    REQUIRE(operations != std::string::npos);
    url = line.substr(6, operations - 6);
    operations_url = line.substr(operations + 12, line.find('\n') - operations - 12);
  }

  ProgramResult stop() {
    server_->signal(SIGTERM);
    return server_->wait();
  }

  ProgramResult kiln(std::vector<std::string> arguments, std::string input = "") const {
    arguments.insert(arguments.begin(), kiln_program);
    return run_program(arguments, {.environment = {{"KILN_ENDPOINT", url}}, .input = std::move(input)});
  }
  Json kiln_json(std::vector<std::string> arguments) const {
    arguments.emplace_back("--json");
    const auto result = kiln(arguments);
    INFO(result.err);
    CHECK(result.status == 0);
    return Json::parse(result.out);
  }
  ProgramResult curl(const std::string& path) const {
    return run_program({"curl", "-sS", "--max-time", "30", "-w", " %{http_code}", url + path});
  }
  std::string write_python(const std::string& code) const {
    folder.write("function/index.py", code);
    return (folder.path() / "function").string();
  }

  TemporaryFolder folder;
  std::string url;
  std::string operations_url;

 private:
  std::unique_ptr<Program> server_;
};

const std::string examples = std::string(KILN_SOURCE_DIR) + "/examples";

}  // namespace

TEST_CASE_METHOD(ServedFixture, "a function is deployed, bound, called, looked at and deleted") {
  const auto deployed = kiln({"deploy", examples + "/hello-python", "--trigger", "GET /hello/serverless"});
  INFO(deployed.err);
  REQUIRE(deployed.status == 0);
  CHECK(holds(deployed.out, "created function hello-python (python3."));
  CHECK(holds(deployed.out, "  curl " + url + "/hello/serverless\n"));
  CHECK(curl("/hello/serverless").out == "Hello Serverless 200");

  const auto warm = kiln({"invoke", "hello-python", "--payload", "{}", "--verbose", "--tail"});
  CHECK(warm.status == 0);
  CHECK(warm.out == "\"Hello Serverless\"\n");
  CHECK(holds(warm.err, "START RequestId: "));
  CHECK(holds(warm.err, "REPORT RequestId: "));
  CHECK(holds(warm.err, "warm start, invoke "));

  const auto id = kiln_json({"invoke", "hello-python"}).at("RequestId").get<std::string>();
  const auto one = kiln({"logs", "hello-python", "--request-id", id});
  CHECK(holds(one.out, "START RequestId: " + id));
  CHECK(holds(kiln({"logs", "hello-python"}).out, "REPORT RequestId: " + id));
  const auto last = kiln({"logs", "hello-python", "--tail", "1"}).out;
  CHECK(holds(last, "REPORT RequestId: " + id));
  CHECK(std::count(last.begin(), last.end(), '\n') == 1);

  const auto listed = kiln_json({"list"});
  REQUIRE(listed.at("Functions").size() == 1);
  CHECK(listed.at("Functions").at(0).at("FunctionName") == "hello-python");
  CHECK(listed.at("Triggers").at(0).at("Path") == "/hello/serverless");

  CHECK(kiln({"delete", "hello-python"}).status == 0);
  CHECK(kiln({"invoke", "hello-python"}).status == 4);
  CHECK(holds(curl("/hello/serverless").out, " 404"));
  CHECK(kiln_json({"list"}).at("Triggers").empty());
  CHECK(stop().status == 0);
}

TEST_CASE_METHOD(ServedFixture, "a C++ function is built, deployed and called") {
  const auto build = (folder.path() / "build").string();
  const auto deployed = kiln({"deploy", examples + "/hello-cpp", "--build-dir", build});
  INFO(deployed.err);
  REQUIRE(deployed.status == 0);
  CHECK(holds(deployed.out, "created function hello-cpp (cpp, index.handler"));
  const auto cold = kiln({"invoke", "hello-cpp", "--verbose"});
  CHECK(cold.out == "\"Hello Serverless\"\n");
  CHECK(holds(cold.err, "cold start "));
  CHECK(holds(cold.err, "init "));
  CHECK(kiln_json({"deploy", examples + "/hello-cpp", "--build-dir", build}).at("Action") == "unchanged");
}

TEST_CASE_METHOD(ServedFixture, "a new deployment is what the next call runs, and its settings are kept") {
  const auto source =
      write_python("import os\ndef handler(event, context):\n    return ['one', os.environ.get('STAGE')]\n");
  CHECK(kiln({"deploy", source, "--name", "f", "--env", "STAGE=test", "--timeout", "7", "--idle", "5"}).status == 0);
  CHECK(kiln({"invoke", "f"}).out == "[\"one\", \"test\"]\n");
  CHECK(kiln_json({"deploy", source, "--name", "f"}).at("Action") == "unchanged");
  write_python("import os\ndef handler(event, context):\n    return ['two', os.environ.get('STAGE')]\n");
  const auto updated = kiln_json({"deploy", source, "--name", "f"});
  CHECK(updated.at("Action") == "updated");
  CHECK(updated.at("Function").at("Timeout") == 7);
  CHECK(updated.at("Function").at("Kiln").at("IdleSeconds") == 5);
  CHECK(kiln({"invoke", "f"}).out == "[\"two\", \"test\"]\n");
  CHECK(kiln_json({"deploy", source, "--name", "f", "--no-env", "--memory", "256"}).at("Function").at("MemorySize") ==
        256);
  CHECK(kiln({"invoke", "f"}).out == "[\"two\", null]\n");
}

TEST_CASE_METHOD(ServedFixture, "a function's failure, and a server's refusal, have their own exit statuses") {
  const auto source = write_python("def handler(event, context):\n    raise ValueError('no ' + event['what'])\n");
  CHECK(kiln({"deploy", source, "--name", "f"}).status == 0);
  const auto failed = kiln({"invoke", "f", "--payload", "-"}, R"({"what": "luck"})");
  CHECK(failed.status == 1);
  CHECK(failed.out.empty());
  CHECK(failed.err.starts_with("function f failed: ValueError: no luck\n"));
  CHECK(holds(failed.err, "line 2, in handler"));
  CHECK(kiln({"invoke", "f", "--payload", "not json"}).status == 5);
  CHECK(kiln({"deploy", source, "--name", "f", "--memory", "1"}).status == 5);
  CHECK(kiln({"deploy", source, "--name", "not a name"}).status == 5);
  const auto runtime = kiln({"deploy", source, "--name", "g", "--runtime", "python3.99"});
  CHECK(runtime.status == 5);
  CHECK(holds(runtime.err, "cpp"));
  CHECK(holds(runtime.err, "provided"));
  CHECK(holds(kiln({"runtimes"}).out, "cpp\nprovided\npython3."));
}

TEST_CASE_METHOD(ServedFixture, "a log that is followed shows the next call's lines, and ends with the server") {
  const auto source = write_python("def handler(event, context):\n    print('seen', event['n'])\n");
  CHECK(kiln({"deploy", source, "--name", "f"}).status == 0);
  Program follower({kiln_program, "logs", "f", "--follow", "--endpoint", url});
  CHECK(kiln({"invoke", "f", "--payload", R"({"n": 1})"}).status == 0);
  CHECK(follower.wait_for_output("seen 1"));
  CHECK(kiln({"invoke", "f", "--payload", R"({"n": 2})"}).status == 0);
  CHECK(follower.wait_for_output("seen 2"));
  CHECK(stop().status == 0);
  CHECK(follower.wait().err == "the server has ended the log\n");
}

TEST_CASE_METHOD(ServedFixture, "a second start on the same data finds the functions again") {
  CHECK(kiln({"deploy", examples + "/hello-python", "--trigger", "/hello"}).status == 0);
  CHECK(stop().status == 0);
  CHECK(kiln({"list"}).status == 3);
  start();
  CHECK(curl("/hello").out == "Hello Serverless 200");
}

TEST_CASE_METHOD(ServedFixture, "a server that cannot start says why, with a status of its own") {
  const auto port = url.substr(std::string("http://").size());
  const auto result = run_program({kiln_program, "serve", "--data", (folder.path() / "other").string(), "--listen",
                                   port, "--operations-listen", "127.0.0.1:0"});
  CHECK(result.status == 10);
  CHECK(result.out.empty());
  CHECK(holds(result.err, "kiln: cannot serve: "));
  CHECK(holds(result.err, port));
}
