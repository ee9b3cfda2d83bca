// SPDX-License-Identifier: Apache-2.0
#include "bootstrap/environment.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"

using namespace kiln;

namespace {

/// The variables a platform sets, removed again at the end.
struct Variables {
  Variables() { ::clearenv(); }
  ~Variables() { ::clearenv(); }
  Variables(const Variables&) = delete;
  Variables& operator=(const Variables&) = delete;
  void set(const char* name, const std::string& value) { ::setenv(name, value.c_str(), 1); }
};

}  // namespace

TEST_CASE("What is not set has the defaults of the real service") {
  Variables variables;
  const BootstrapEnvironment found = take_environment();
  CHECK(found.platform.inherited_fds.empty());
  CHECK(found.platform.address.empty());
  CHECK(found.function.task_root == "/var/task");
  CHECK(found.function.runtime_dir == "/var/runtime");
  CHECK(found.function.log_format == "Text");
  CHECK(found.function.handler.empty());
  CHECK(found.max_concurrency == 1);
}

TEST_CASE("Every variable of the contract is read") {
  Variables variables;
  variables.set("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001");
  variables.set("_HANDLER", "index.handler");
  variables.set("LAMBDA_TASK_ROOT", "/code");
  variables.set("LAMBDA_RUNTIME_DIR", "/runtime");
  variables.set("AWS_LAMBDA_FUNCTION_NAME", "name");
  variables.set("AWS_LAMBDA_FUNCTION_VERSION", "7");
  variables.set("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256");
  variables.set("AWS_LAMBDA_LOG_GROUP_NAME", "group");
  variables.set("AWS_LAMBDA_LOG_STREAM_NAME", "stream");
  variables.set("AWS_LAMBDA_LOG_FORMAT", "JSON");
  variables.set("AWS_LAMBDA_LOG_LEVEL", "DEBUG");
  variables.set("AWS_EXECUTION_ENV", "AWS_Lambda_python3.11");
  variables.set("AWS_LAMBDA_MAX_CONCURRENCY", "8");
  const BootstrapEnvironment found = take_environment();
  CHECK(found.platform.address == "127.0.0.1:9001");
  CHECK(found.function.handler == "index.handler");
  CHECK(found.function.task_root == "/code");
  CHECK(found.function.runtime_dir == "/runtime");
  CHECK(found.function.function_name == "name");
  CHECK(found.function.function_version == "7");
  CHECK(found.function.memory_mb == "256");
  CHECK(found.function.log_group == "group");
  CHECK(found.function.log_stream == "stream");
  CHECK(found.function.log_format == "JSON");
  CHECK(found.function.log_level == "DEBUG");
  CHECK(found.function.execution_env == "AWS_Lambda_python3.11");
  CHECK(found.max_concurrency == 8);
}

TEST_CASE("A concurrency that is none is one") {
  const std::string text = GENERATE(as<std::string>{}, "0", "-1", "1001", "x", "4x", "");
  Variables variables;
  variables.set("AWS_LAMBDA_MAX_CONCURRENCY", text);
  CHECK(take_environment().max_concurrency == 1);
}

TEST_CASE("The inherited socket's number is taken out of the environment") {
  Variables variables;
  std::array<int, 2> fds{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()) == 0);
  variables.set("KILN_RUNTIME_API_FD", std::to_string(fds[0]));
  const BootstrapEnvironment found = take_environment();
  CHECK(found.platform.inherited_fds == std::vector<int>{fds[0]});
  CHECK(std::getenv("KILN_RUNTIME_API_FD") == nullptr);
  ::close(fds[0]);
  ::close(fds[1]);
}

TEST_CASE("Several inherited sockets are a range of numbers") {
  Variables variables;
  std::array<int, 2> fds{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()) == 0);
  constexpr int first = 200;
  for (int i = 0; i < 3; ++i) REQUIRE(::dup2(fds[0], first + i) == first + i);
  variables.set("KILN_RUNTIME_API_FD", "200-202");
  CHECK(take_environment().platform.inherited_fds == std::vector<int>{200, 201, 202});
  variables.set("KILN_RUNTIME_API_FD", "200-203");
  CHECK(take_environment().platform.inherited_fds.empty());
  for (const int fd : {first, first + 1, first + 2, fds[0], fds[1]}) ::close(fd);
}

TEST_CASE("A number that is no open stream socket is not believed") {
  const std::string text = GENERATE(as<std::string>{}, "0", "9999", "-1", "three", "", "3-", "-", "3-2000", "3-4-5");
  Variables variables;
  variables.set("KILN_RUNTIME_API_FD", text);
  CHECK(take_environment().platform.inherited_fds.empty());
}
