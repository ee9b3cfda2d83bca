// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/standalone/settings.hpp"

#include "tests/support/catch.hpp"

using namespace kiln::standalone;
using namespace std::chrono_literals;

namespace {

using Environment = std::map<std::string, std::string>;

Settings good(const Environment& environment, const std::vector<std::string>& arguments = {},
              std::optional<int> memory = std::nullopt) {
  const auto result = read_settings(environment, arguments, memory);
  REQUIRE(result.settings);
  return *result.settings;
}

}  // namespace

TEST_CASE("A container that says nothing gets the defaults of the image contract") {
  const Settings settings = good({});
  CHECK(settings.host == "0.0.0.0");
  CHECK(settings.port == 8080);
  CHECK(settings.operations_port == 9464);
  CHECK(settings.task_root == "/var/task");
  CHECK(settings.runtime_dir == "/var/runtime");
  CHECK(settings.drain_delay == 0s);
  CHECK(settings.function.name == "function");
  CHECK(settings.function.version == "$LATEST");
  CHECK(settings.function.runtime == "provided");
  CHECK(settings.function.timeout_s == 300);
  CHECK(settings.init_timeout == 10s);
  CHECK(settings.queue_timeout == 20s);
  CHECK(settings.function.memory_mb == 3008);
  CHECK(settings.function.kiln.concurrency == 1);
  CHECK(settings.function.kiln.max_instances == 1);
  CHECK(settings.zygote);
  CHECK(settings.preimports.empty());
  CHECK(settings.function.arn == "arn:aws:lambda:us-east-1:000000000000:function:function");
}

TEST_CASE("The command's argument is the handler, before the variable") {
  CHECK(good({{"_HANDLER", "a.b"}}).function.handler == "a.b");
  CHECK(good({{"_HANDLER", "a.b"}}, {"c.d"}).function.handler == "c.d");
}

TEST_CASE("Knative's names are taken where the contract's are not set") {
  const Settings knative = good({{"K_SERVICE", "hello"}, {"K_REVISION", "hello-00001"}});
  CHECK(knative.function.name == "hello");
  CHECK(knative.function.version == "hello-00001");
  CHECK(good({{"K_SERVICE", "hello"}, {"AWS_LAMBDA_FUNCTION_NAME", "mine"}}).function.name == "mine");
}

TEST_CASE("The runtime is what the image says it is") {
  CHECK(good({{"AWS_EXECUTION_ENV", "AWS_Lambda_python3.13"}}).function.runtime == "python3.13");
  CHECK(good({{"AWS_EXECUTION_ENV", "somewhere else"}}).function.runtime == "provided");
}

TEST_CASE("The container's memory limit counts where no variable says more") {
  CHECK(good({}, {}, 256).function.memory_mb == 256);
  CHECK(good({{"AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"}}, {}, 256).function.memory_mb == 512);
}

TEST_CASE("On Kubernetes connections are taken for a while after SIGTERM, but not where Knative has waited already") {
  CHECK(good({{"KUBERNETES_SERVICE_HOST", "10.0.0.1"}}).drain_delay == 5s);
  CHECK(good({{"KUBERNETES_SERVICE_HOST", "10.0.0.1"}, {"K_SERVICE", "s"}}).drain_delay == 0s);
  CHECK(good({{"KUBERNETES_SERVICE_HOST", "10.0.0.1"}, {"KILN_DRAIN_DELAY", "1"}}).drain_delay == 1s);
}

TEST_CASE("Knative's own ports are left alone by the defaults") {
  const Settings settings = good({});
  for (const unsigned short reserved : {8008, 8012, 8013, 8022, 8112, 9090, 9091}) {
    CHECK(settings.port != reserved);
    CHECK(settings.operations_port != reserved);
  }
}

TEST_CASE("A server that ends gives each call the time that it may wait and run") {
  const Settings settings =
      good({{"AWS_LAMBDA_FUNCTION_TIMEOUT", "7"}, {"KILN_QUEUE_TIMEOUT", "3"}, {"KILN_INIT_TIMEOUT", "60"}});
  CHECK(settings.init_timeout == 60s);
  CHECK(settings.queue_timeout == 3s);
  CHECK(settings.drain_timeout >= 10s);
  CHECK(settings.drain_timeout < 12s);
}

TEST_CASE("The whole environment is the function's") {
  CHECK(good({{"TABLE", "users"}}).function.environment->at("TABLE") == "users");
  // But for the way to the Runtime API, which the server tells each instance itself.
  CHECK(good({{"AWS_LAMBDA_RUNTIME_API", ""}, {"KILN_RUNTIME_API_FD", "3"}}).function.environment->empty());
}

TEST_CASE("A number that is none, or out of range, is named with what would do") {
  const auto [name, value] = GENERATE(table<std::string, std::string>({{"PORT", "http"},
                                                                       {"PORT", "65536"},
                                                                       {"PORT", "80 "},
                                                                       {"AWS_LAMBDA_FUNCTION_TIMEOUT", "0"},
                                                                       {"AWS_LAMBDA_MAX_CONCURRENCY", "-1"},
                                                                       {"KILN_MAX_INSTANCES", "1e3"},
                                                                       {"KILN_ZYGOTE", "no"},
                                                                       {"KILN_INIT_TIMEOUT", "0"},
                                                                       {"KILN_QUEUE_TIMEOUT", "86401"},
                                                                       {"KILN_OPERATIONS_PORT", "x"}}));
  const auto result = read_settings({{name, value}}, {}, std::nullopt);
  CHECK_FALSE(result.settings);
  REQUIRE(result.error);
  CHECK(result.error->message.find(name + "=" + value + ": a number from ") == 0);
}

TEST_CASE("Forks can be turned off") { CHECK_FALSE(good({{"KILN_ZYGOTE", "0"}}).zygote); }

TEST_CASE("Modules to be loaded ahead of time are a list") {
  CHECK(good({{"KILN_PREIMPORT", "json, logging,,http.client "}}).preimports ==
        std::vector<std::string>{"json", "logging", "http.client"});
}

TEST_CASE("JSON logs are asked for as everywhere else") {
  const Settings settings = good({{"AWS_LAMBDA_LOG_FORMAT", "json"}, {"AWS_LAMBDA_LOG_LEVEL", "WARN"}});
  CHECK(settings.function.logging.format == "JSON");
  CHECK(settings.function.logging.application_level == "WARN");
  CHECK(good({}).function.logging.format == "Text");
}
