// SPDX-License-Identifier: Apache-2.0
// What a manifest is made of: defaults, a server's function, and what is refused with which words.
#include "cli/export/export_settings.hpp"
#include "cli/failure.hpp"
#include "tests/support/catch.hpp"

#include <functional>

using namespace kiln::cli;

namespace {

ExportSettings hello() {
  ExportSettings settings;
  settings.name = "hello";
  settings.image = "registry.example/hello:1";
  return settings;
}

ExportedFunction exported(const char* target, const ExportSettings& settings,
                          const std::optional<Json>& configuration = std::nullopt) {
  return exported_function(find_target(target), settings, configuration);
}

/// Cause and ways out of a refusal, one a line.
std::string refusal(const char* target, const std::function<void(ExportSettings&)>& change) {
  auto settings = hello();
  change(settings);
  try {
    exported(target, settings);
  } catch (const CommandFailure& caught) {
    CHECK(caught.failure().code == ExitCode::usage);
    auto text = caught.failure().message;
    for (const auto& line : caught.failure().advice) {
      text += "\n" + line;
    }
    return text;
  }
  FAIL("it was taken");
  return {};
}

Json configuration() {
  return Json::parse(R"({"FunctionName": "Hello_World", "Handler": "app.main", "MemorySize": 512, "Timeout": 30,
    "EphemeralStorage": {"Size": 1024}, "Environment": {"Variables": {"A": "1", "B": "2"}},
    "LoggingConfig": {"LogFormat": "JSON", "ApplicationLogLevel": "WARN"},
    "Kiln": {"Concurrency": 4, "MaxInstances": 10, "MinInstances": 2, "Image": "registry.example/theirs:1"}})");
}

}  // namespace

TEST_CASE("what nobody says is kiln's default, and as few instances as the target can have") {
  const auto function = exported("kubernetes", hello());
  CHECK(function.name == "hello");
  CHECK(function.function_name == "hello");
  CHECK(function.image == "registry.example/hello:1");
  CHECK(function.handler.empty());
  CHECK(function.memory_mb == 128);
  CHECK(function.timeout_s == 3);
  CHECK(function.concurrency == 1);
  CHECK(function.ephemeral_mb == 512);
  CHECK(function.min_instances == 1);
  CHECK(function.max_instances == 64);
  CHECK(function.environment.empty());
  CHECK(exported("knative", hello()).min_instances == 0);
  CHECK(exported("keda", hello()).min_instances == 1);
  CHECK(exported("compose", hello()).max_instances == 1);
  auto pulling = hello();
  pulling.pull = "kiln.example:9101";
  CHECK(exported("keda", pulling).min_instances == 0);
  CHECK(exported("keda", pulling).scale_url == "http://kiln.example:9081/scale/hello");
}

TEST_CASE("a server's function gives what the command line leaves out") {
  auto settings = hello();
  settings.image.clear();
  settings.timeout_s = 5;
  settings.environment = {"B=3", "C=x=y"};
  const auto function = exported("kubernetes", settings, configuration());
  CHECK(function.name == "hello");
  CHECK(function.function_name == "Hello_World");
  CHECK(function.image == "registry.example/theirs:1");
  CHECK(function.handler == "app.main");
  CHECK(function.memory_mb == 512);
  CHECK(function.timeout_s == 5);
  CHECK(function.concurrency == 4);
  CHECK(function.ephemeral_mb == 1024);
  CHECK(function.min_instances == 2);
  CHECK(function.max_instances == 10);
  CHECK(function.environment ==
        std::vector<Variable>{
            {"A", "1"}, {"B", "3"}, {"AWS_LAMBDA_LOG_FORMAT", "JSON"}, {"AWS_LAMBDA_LOG_LEVEL", "WARN"}, {"C", "x=y"}});
  auto without_minimum = configuration();
  without_minimum["Kiln"]["MinInstances"] = 0;
  CHECK(exported("kubernetes", settings, without_minimum).min_instances == 1);
  CHECK(exported("compose", settings, configuration()).max_instances == 1);
}

TEST_CASE("names are those that every target takes") {
  CHECK(refusal("nomad", [](auto& s) { s.name = "Hello_World.py"; }) ==
        "'Hello_World.py' is no name for an object: lower-case letters, digits and -, at most 63, a letter first and "
        "no - "
        "last\nfor instance:  hello-world-py");
  CHECK(refusal("nomad", [](auto& s) { s.name = "9-lives-"; }).ends_with("for instance:  lives"));
  CHECK(refusal("nomad", [](auto& s) { s.name = std::string(64, 'a'); }).ends_with(":  " + std::string(63, 'a')));
  CHECK(refusal("nomad", [](auto& s) { s.name = "123"; }).ends_with("no - last"));
  CHECK(refusal("kubernetes", [](auto& s) { s.name_space = "Shop"; }) == "'Shop' is no name of a namespace");
}

TEST_CASE("an image has to be said, and to be one") {
  CHECK(refusal("kubernetes", [](auto& s) { s.image.clear(); }).starts_with("which image?\n"));
  for (const char* wrong : {"a b", "-a", "a\nb", "a;b", "ä"}) {
    CHECK(refusal("kubernetes", [&](auto& s) { s.image = wrong; }).find("is no reference of an image") !=
          std::string::npos);
  }
}

TEST_CASE("numbers have their ranges") {
  CHECK(refusal("knative", [](auto& s) { s.memory_mb = 64; }) == "--memory takes 128 to 10240, not 64");
  CHECK(refusal("knative", [](auto& s) { s.timeout_s = 901; }) == "--timeout takes 1 to 900, not 901");
  CHECK(refusal("knative", [](auto& s) { s.concurrency = 0; }) == "--concurrency takes 1 to 1000, not 0");
  CHECK(refusal("knative", [](auto& s) { s.ephemeral_mb = 0; }) == "--ephemeral-storage takes 1 to 10240, not 0");
  CHECK(refusal("knative", [](auto& s) {
          s.min_instances = 5;
          s.max_instances = 4;
        }) == "--max-instances 4 is less than the least number, 5");
  CHECK(
      refusal("kubernetes", [](auto& s) {
        s.min_instances = 0;
      }).starts_with("kubernetes cannot go below 1 instance here\nto zero, on HTTP requests:  kiln export knative\n"));
  CHECK(refusal("compose", [](auto& s) {
          s.min_instances = 1;
        }).starts_with("--min-instances means nothing for compose"));
}

TEST_CASE("environment variables have names, are text, and are not those that the manifest sets") {
  CHECK(
      refusal("knative", [](auto& s) { s.environment = {"a-b=1"}; }).starts_with("'a-b' is no name of an environment"));
  CHECK(refusal("knative", [](auto& s) { s.environment = {"AB"}; }).starts_with("--env takes KEY=VALUE, not 'AB'"));
  CHECK(refusal("knative", [](auto& s) { s.environment = {"A=\xff"}; }) ==
        "the value of A is not UTF-8, which manifests are");
  CHECK(refusal("knative", [](auto& s) { s.environment = {"PORT=1"}; }) == "the manifest sets PORT itself");
  CHECK(refusal("knative", [](auto& s) { s.environment = {"AWS_LAMBDA_FUNCTION_TIMEOUT=1"}; }) ==
        "the manifest sets AWS_LAMBDA_FUNCTION_TIMEOUT itself\nsay it by --timeout");
}

TEST_CASE("a setting that a target cannot express is refused") {
  CHECK(refusal("compose", [](auto& s) { s.host = "a.example"; }) ==
        "--host means nothing for compose\nit is for: knative, kubernetes, keda");
  CHECK(refusal("knative", [](auto& s) { s.pull = "a:1"; }) ==
        "--pull means nothing for knative\nit is for: kubernetes, keda, compose, nomad");
  CHECK(refusal("knative", [](auto& s) { s.scale_on = "cpu"; }).starts_with("--scale-on means nothing for knative"));
  CHECK(refusal("kubernetes", [](auto& s) { s.publish = "1"; }).starts_with("--publish means nothing for kubernetes"));
  CHECK(refusal("kubernetes", [](auto& s) {
          s.pull = "a:1";
          s.scale_on = "in-flight";
        }).starts_with("--scale-on is for containers that serve HTTP"));
  CHECK(refusal("keda", [](auto& s) { s.scale_url = "http://a/"; }).ends_with("add:  --pull HOST:PORT"));
}

TEST_CASE("hosts, gateways, addresses and secrets are checked") {
  CHECK(refusal("kubernetes", [](auto& s) { s.host = "a.example"; }).starts_with("an HTTPRoute needs a host name and"));
  CHECK(refusal("kubernetes", [](auto& s) { s.gateway = "g"; }).starts_with("an HTTPRoute needs a host name and"));
  CHECK(refusal("knative", [](auto& s) { s.host = "*.example"; }).starts_with("'*.example' is no host name"));
  CHECK(refusal("kubernetes", [](auto& s) {
          s.host = "a.example";
          s.gateway = "a/b/c";
        }).starts_with("'a/b/c' is no Gateway"));
  for (const char* wrong : {"a", "a:", ":1", "http://a:1", "a:1/b", "a:65536", "a b:1"}) {
    CHECK(refusal("keda", [&](auto& s) { s.pull = wrong; }).find("is no address of a Runtime API") !=
          std::string::npos);
  }
  CHECK(refusal("compose", [](auto& s) { s.publish = "0.0.0.0:"; }).starts_with("'0.0.0.0:' is no port"));
  CHECK(refusal("kubernetes", [](auto& s) { s.secret = "A B"; }) ==
        "'A B' cannot be a Secret, which --env-from-secret names for kubernetes");
  CHECK(
      refusal("nomad", [](auto& s) { s.secret = "a\" }}"; }).starts_with("'a\" }}' cannot be the path of a Nomad var"));
}
