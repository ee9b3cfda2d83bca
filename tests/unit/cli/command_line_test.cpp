// SPDX-License-Identifier: Apache-2.0
#include "cli/command_line.hpp"
#include "cli/failure.hpp"
#include "tests/support/catch.hpp"

#include <cstdlib>
#include <sstream>

using namespace kiln::cli;

namespace {

struct Parsed {
  std::ostringstream out;
  std::ostringstream err;
  Terminal terminal{out, err};
  CommandLine line;
  std::optional<std::string> command;

  explicit Parsed(const std::vector<std::string>& arguments) { command = line.parse(arguments, terminal); }
};

Failure usage_failure(const std::vector<std::string>& arguments) {
  try {
    const Parsed parsed(arguments);
  } catch (const CommandFailure& caught) {
    return caught.failure();
  }
  FAIL("parsed");
  return {};
}

}  // namespace

TEST_CASE("deploy takes every setting of a function") {
  const Parsed parsed({"deploy",
                       "dir",
                       "--name",
                       "n",
                       "--runtime",
                       "cpp",
                       "--handler",
                       "a.b",
                       "--memory",
                       "256",
                       "--timeout",
                       "30",
                       "--concurrency",
                       "2",
                       "--max-instances",
                       "3",
                       "--idle",
                       "4",
                       "--env",
                       "A=1",
                       "--env",
                       "B=x,y",
                       "--trigger",
                       "GET /a",
                       "--trigger",
                       "/b",
                       "--no-build",
                       "--endpoint",
                       "h:1",
                       "--json",
                       "--log-format",
                       "json",
                       "--log-level",
                       "warn",
                       "--system-log-level",
                       "DEBUG"});
  CHECK(parsed.command == "deploy");
  const auto& options = parsed.line.deploy;
  CHECK(options.source == "dir");
  CHECK(options.settings.name == "n");
  CHECK(options.settings.runtime == "cpp");
  CHECK(options.settings.handler == "a.b");
  CHECK(options.settings.memory_mb == 256);
  CHECK(options.settings.timeout_s == 30);
  CHECK(options.settings.concurrency == 2);
  CHECK(options.settings.max_instances == 3);
  CHECK(options.settings.idle_s == 4);
  CHECK(options.settings.environment == std::vector<std::string>{"A=1", "B=x,y"});
  CHECK(options.triggers == std::vector<std::string>{"GET /a", "/b"});
  CHECK(options.no_build);
  CHECK(options.settings.log_format == "JSON");
  CHECK(options.settings.log_level == "WARN");
  CHECK(options.settings.system_log_level == "DEBUG");
  CHECK(parsed.line.common.endpoint == "h:1");
  CHECK(parsed.line.common.json);
}

TEST_CASE("an option that may be repeated does not swallow what follows it") {
  const Parsed deploy({"deploy", "--env", "A=1", "--trigger", "GET /a", "dir"});
  CHECK(deploy.line.deploy.source == "dir");
  CHECK(deploy.line.deploy.settings.environment == std::vector<std::string>{"A=1"});
  const Parsed trigger({"trigger", "--http", "GET", "/a", "name"});
  CHECK(trigger.line.trigger.function == "name");
  CHECK(trigger.line.trigger.http == std::vector<std::string>{"GET", "/a"});
}

TEST_CASE("what deploy is not told stays open, so that an update can keep it") {
  const Parsed parsed({"deploy"});
  CHECK(parsed.line.deploy.source == ".");
  CHECK_FALSE(parsed.line.deploy.settings.runtime.has_value());
  CHECK_FALSE(parsed.line.deploy.settings.memory_mb.has_value());
  CHECK_FALSE(parsed.line.deploy.settings.handler.has_value());
}

TEST_CASE("payloads arrive as they were written") {
  for (const std::string payload :
       {"{}", "[1, 2]", "[]", "\"text\"", "-1", "-", "@file", "{\"a\": \"b c\"}", "null", "-0.5e3"}) {
    CAPTURE(payload);
    const Parsed parsed({"invoke", "f", "--payload", payload});
    CHECK(parsed.line.invoke.payload == payload);
    CHECK(Parsed({"invoke", "f", "--payload=" + payload}).line.invoke.payload == payload);
    CHECK(Parsed({"invoke", "--payload", payload, "f"}).line.invoke.function == "f");
  }
}

TEST_CASE("logs and delete take their options in any order") {
  const Parsed logs({"logs", "--tail", "5", "-f", "name", "--request-id", "id"});
  CHECK(logs.line.logs.function == "name");
  CHECK(logs.line.logs.tail == 5);
  CHECK(logs.line.logs.follow);
  CHECK(logs.line.logs.request_id == "id");
  CHECK(Parsed({"delete", "a", "b", "--if-exists"}).line.remove.functions == std::vector<std::string>{"a", "b"});
}

TEST_CASE("serve has this machine's defaults, and takes others") {
  ::setenv("KILN_DATA", "/from/variable", 1);
  const Parsed plain({"serve"});
  CHECK(plain.line.serve.data == "/from/variable");
  CHECK(plain.line.serve.listen == "127.0.0.1:9080");
  CHECK(plain.line.serve.operations_listen == "127.0.0.1:9081");
  const Parsed given({"serve", "--data", "d", "--listen", "127.0.0.1:0", "--operations-listen", "[::1]:1",
                      "--log-level", "warn", "--drain-timeout", "3"});
  CHECK(given.line.serve.data == "d");
  CHECK(given.line.serve.listen == "127.0.0.1:0");
  CHECK(given.line.serve.operations_listen == "[::1]:1");
  CHECK(given.line.serve.log_level == "warn");
  CHECK(given.line.serve.drain_timeout == std::chrono::seconds(3));
  CHECK(usage_failure({"serve", "--log-level", "loud"}).code == ExitCode::usage);
  ::unsetenv("KILN_DATA");
}

TEST_CASE("a wrong command line says where to look") {
  CHECK(usage_failure({"invoke"}).advice == std::vector<std::string>{"how it is used:  kiln invoke --help"});
  CHECK(usage_failure({"invoke"}).code == ExitCode::usage);
  CHECK(usage_failure({"frobnicate"}).advice == std::vector<std::string>{"how it is used:  kiln --help"});
  CHECK(usage_failure({"deploy", "--memory", "many"}).message.find("--memory") != std::string::npos);
  CHECK(usage_failure({"trigger", "n", "--http", "GET"}).message.find("--http") != std::string::npos);
  CHECK(usage_failure({"invoke", "f", "--payload", "1", "--payload-file", "x"}).code == ExitCode::usage);
  CHECK(usage_failure({"deploy", "a", "b"}).code == ExitCode::usage);
  CHECK(usage_failure({}).message.find("Usage: kiln") != std::string::npos);
}

TEST_CASE("help teaches: every command has examples, and the main help the exit codes") {
  for (const auto* command :
       {"serve", "deploy", "invoke", "list", "logs", "delete", "trigger", "runtimes", "doctor", "version"}) {
    CAPTURE(command);
    const Parsed parsed({command, "--help"});
    CHECK_FALSE(parsed.command.has_value());
    CHECK(parsed.out.str().find("Examples:\n  kiln " + std::string(command)) != std::string::npos);
  }
  const Parsed parsed({"--help"});
  CHECK_FALSE(parsed.command.has_value());
  for (const auto& row : exit_code_table) {
    CHECK(parsed.out.str().find(std::string(row.meaning)) != std::string::npos);
  }
  CHECK(Parsed({"--version"}).out.str() == "kiln " KILN_VERSION "\n");
}
