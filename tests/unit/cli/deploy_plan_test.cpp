// SPDX-License-Identifier: Apache-2.0
#include "cli/deploy_plan.hpp"
#include "cli/failure.hpp"
#include "tests/support/catch.hpp"

using namespace kiln::cli;

namespace {

Package package_of(const std::vector<std::string>& files, const std::string& executable = "") {
  Package package{.bytes = "zip", .entries = {}};
  for (const auto& file : files) {
    package.entries.push_back({file, file == executable, 1});
  }
  return package;
}

std::vector<std::string> two_pythons() { return {"cpp", "provided", "python3.9", "python3.11"}; }

FunctionSettings named(const std::string& name) {
  FunctionSettings settings;
  settings.name = name;
  return settings;
}

Json existing_function(const Package& package) {
  return {{"FunctionName", "f"},
          {"Runtime", "python3.11"},
          {"Handler", "index.handler"},
          {"MemorySize", 128},
          {"Timeout", 3},
          {"CodeSha256", package.code_sha256()},
          {"Environment", {{"Variables", {{"A", "1"}, {"B", "2"}}}}},
          {"Kiln", {{"Concurrency", 1}, {"MaxInstances", 64}, {"IdleSeconds", 60}}}};
}

}  // namespace

TEST_CASE("a function is named after its folder or zip") {
  CHECK(default_name("/a/hello-python") == "hello-python");
  CHECK(default_name("/a/hello-python/") == "hello-python");
  CHECK(default_name("/a/b/../hello") == "hello");
  CHECK(default_name("/a/hello/.") == "hello");
  CHECK(default_name("/a/my function.v2") == "my-function-v2");
  CHECK(default_name("/a/thing.zip") == "thing");
  CHECK(default_name("/" + std::string(80, 'x')).size() == 64);
}

TEST_CASE("the runtime follows from the files") {
  CHECK(runtime_family(package_of({"index.py"}), "index.handler") == "python");
  CHECK(runtime_family(package_of({"pkg/mod.py"}), "pkg.mod.fn") == "python");
  CHECK(runtime_family(package_of({"pkg/mod.py"}), "pkg/mod.fn") == "python");
  CHECK(runtime_family(package_of({"index/__init__.py"}), "index.handler") == "python");
  CHECK(runtime_family(package_of({"other.py"}), "index.handler") == "python");
  CHECK(runtime_family(package_of({"index.so"}), "index.handler") == "cpp");
  CHECK(runtime_family(package_of({"index.so", "lib/x.so"}), "index.handler") == "cpp");
  CHECK(runtime_family(package_of({"bootstrap", "index.py"}, "bootstrap"), "index.handler") == "provided");
  CHECK(runtime_family(package_of({"bootstrap"}), "index.handler").empty());
  CHECK(runtime_family(package_of({"lib/other.py"}), "index.handler").empty());
}

TEST_CASE("a new function gets the newest Python of the server, and only what was asked for beside") {
  auto settings = named("f");
  settings.memory_mb = 256;
  settings.environment = {"K=V=W", "E="};
  settings.idle_s = 5;
  const auto plan = plan_deploy(settings, package_of({"index.py"}), std::nullopt, two_pythons);
  CHECK(plan.create == Json{{"FunctionName", "f"},
                            {"Runtime", "python3.11"},
                            {"Handler", "index.handler"},
                            {"MemorySize", 256},
                            {"Environment", {{"Variables", {{"K", "V=W"}, {"E", ""}}}}},
                            {"Kiln", {{"IdleSeconds", 5}}}});
  CHECK(plan.code);
  CHECK(plan.notes.empty());
}

TEST_CASE("a runtime that was named is not second-guessed, and the server not asked for its list") {
  auto settings = named("f");
  settings.runtime = "python3.13";
  const auto plan = plan_deploy(settings, package_of({"index.py"}), std::nullopt, []() -> std::vector<std::string> {
    FAIL("asked");
    return {};
  });
  CHECK(plan.create["Runtime"] == "python3.13");
}

TEST_CASE("files that tell no runtime, and runtimes that the server lacks, are failures with a way out") {
  try {
    plan_deploy(named("f"), package_of({"main.go"}), std::nullopt, two_pythons);
    FAIL("planned");
  } catch (const CommandFailure& caught) {
    CHECK(caught.failure().code == ExitCode::local_input);
    CHECK(caught.failure().advice.at(0).find("--runtime") != std::string::npos);
  }
  try {
    plan_deploy(named("f"), package_of({"index.py"}), std::nullopt,
                [] { return std::vector<std::string>{"cpp", "provided"}; });
    FAIL("planned");
  } catch (const CommandFailure& caught) {
    CHECK(caught.failure().code == ExitCode::refused);
    CHECK(caught.failure().advice.at(0) == "it has: cpp, provided");
  }
}

TEST_CASE("the same deployment again changes nothing") {
  const auto package = package_of({"index.py"});
  auto settings = named("f");
  settings.memory_mb = 128;
  settings.timeout_s = 3;
  settings.concurrency = 1;
  settings.environment = {"B=2", "A=1"};
  const auto plan = plan_deploy(settings, package, existing_function(package), two_pythons);
  CHECK(plan.configuration.is_null());
  CHECK_FALSE(plan.code);
}

TEST_CASE("an update sends what was asked for and differs, and keeps the rest") {
  const auto package = package_of({"index.py", "app.py"});
  const auto existing = existing_function(package_of({"index.py"}));
  auto settings = named("f");
  settings.handler = "app.main";
  settings.timeout_s = 3;
  settings.max_instances = 2;
  settings.environment = {"A=1"};
  auto changed = package;
  changed.bytes = "other";
  const auto plan = plan_deploy(settings, changed, existing, two_pythons);
  CHECK(plan.configuration ==
        Json{{"Handler", "app.main"}, {"Environment", {{"Variables", {{"A", "1"}}}}}, {"Kiln", {{"MaxInstances", 2}}}});
  CHECK(plan.code);
}

TEST_CASE("the log's format and levels are sent, and levels only where they count") {
  const auto package = package_of({"index.py"});
  auto settings = named("f");
  settings.log_format = "JSON";
  settings.log_level = "DEBUG";
  settings.system_log_level = "WARN";
  const Json wanted = {{"LogFormat", "JSON"}, {"ApplicationLogLevel", "DEBUG"}, {"SystemLogLevel", "WARN"}};
  CHECK(plan_deploy(settings, package, std::nullopt, two_pythons).create.at("LoggingConfig") == wanted);
  auto existing = existing_function(package);
  CHECK(plan_deploy(settings, package, existing, two_pythons).configuration == Json{{"LoggingConfig", wanted}});
  existing["LoggingConfig"] = wanted;
  existing["LoggingConfig"]["LogGroup"] = "/aws/lambda/f";
  CHECK(plan_deploy(settings, package, existing, two_pythons).configuration.is_null());
  settings.log_format.reset();
  CHECK(plan_deploy(settings, package, existing, two_pythons).configuration.is_null());
  for (const auto& function : {std::optional<Json>(), std::optional<Json>(existing_function(package))}) {
    try {
      plan_deploy(settings, package, function, two_pythons);
      FAIL("planned");
    } catch (const CommandFailure& caught) {
      CHECK(caught.failure().code == ExitCode::usage);
      CHECK(caught.failure().advice.at(0) == "add:  --log-format json");
    }
  }
}

TEST_CASE("all variables can be removed") {
  const auto package = package_of({"index.py"});
  auto settings = named("f");
  settings.clear_environment = true;
  const auto plan = plan_deploy(settings, package, existing_function(package), two_pythons);
  CHECK(plan.configuration == Json{{"Environment", {{"Variables", Json::object()}}}});
}

TEST_CASE("a function whose files have become another language's changes its runtime, and says so") {
  const auto package = package_of({"index.so"});
  const auto plan = plan_deploy(named("f"), package, existing_function(package), two_pythons);
  CHECK(plan.configuration == Json{{"Runtime", "cpp"}});
  REQUIRE(plan.notes.size() == 1);
  CHECK(plan.notes[0] == "the runtime changes from python3.11 to cpp, which the files call for");
}

TEST_CASE("a module that is not there is noted, not refused: a layer may bring it") {
  const auto plan = plan_deploy(named("f"), package_of({"other.py"}), std::nullopt, two_pythons);
  REQUIRE(plan.notes.size() == 1);
  CHECK(plan.notes[0] == "the handler is index.handler, but the package holds no index.py");
  auto settings = named("f");
  settings.runtime = "provided";
  const auto flat = plan_deploy(settings, package_of({"bootstrap"}), std::nullopt, two_pythons);
  REQUIRE(flat.notes.size() == 1);
  CHECK(flat.notes[0].find("chmod +x") != std::string::npos);
}

TEST_CASE("an environment setting without a name or an equals sign is refused") {
  CHECK_THROWS_AS(environment_object({"A"}), CommandFailure);
  CHECK_THROWS_AS(environment_object({"=1"}), CommandFailure);
  CHECK(environment_object({"A=1", "A=2"}) == Json{{"A", "2"}});
}
