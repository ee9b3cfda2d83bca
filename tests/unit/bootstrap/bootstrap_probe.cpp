// SPDX-License-Identifier: Apache-2.0
// A bootstrap whose event says what its handler does: "echo …", "env NAME", "wait" (for a line in the fifo named by
// $PROBE_FIFO), "stream …" (in two parts, with such a wait between them), "fail", "exit N", "abort", "pid", "children"
// (descriptors a child would inherit). _HANDLER=bad fails the load, _HANDLER=slow prints "loading" and waits for the
// fifo, _HANDLER=own installs a SIGTERM handler that prints, _HANDLER=before and _HANDLER=after fail in that hook of a
// snapshot. PROBE_CONCURRENCY=threads makes it a runtime of threads.
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "bootstrap/runtime.hpp"

namespace {

void say(const char* text) {
  std::fputs(text, stdout);
  std::fflush(stdout);
}

void wait_for_fifo() {
  const int fd = ::open(std::getenv("PROBE_FIFO"), O_RDONLY);
  char byte = 0;
  if (::read(fd, &byte, 1) < 0) say("interrupted\n");
  ::close(fd);
}

std::string inherited_descriptors() {
  std::string found;
  for (int fd = 3; fd < 256; ++fd) {
    const int flags = ::fcntl(fd, F_GETFD);
    if (flags >= 0 && (flags & FD_CLOEXEC) == 0) found += std::to_string(fd) + " ";
  }
  return found;
}

class Probe : public kiln::Runtime {
 public:
  std::optional<kiln::FunctionError> load(const kiln::FunctionEnvironment& environment) override {
    handler_ = environment.handler;
    if (environment.handler == "bad")
      return kiln::FunctionError{"Runtime.ImportModuleError", R"({"errorMessage":"no"})"};
    if (environment.handler == "own") {
      ::signal(SIGTERM, [](int) { say("own handler\n"); });
    }
    if (environment.handler == "slow") {
      say("loading\n");
      wait_for_fifo();
    }
    return std::nullopt;
  }

  kiln::InvocationResult invoke(const kiln::Invocation& invocation, kiln::ResponseSink& response) override {
    const std::string& what = invocation.payload;
    const std::size_t space = what.find(' ');
    const std::string verb = what.substr(0, space);
    const std::string rest = space == std::string::npos ? "" : what.substr(space + 1);
    if (verb == "env") {
      const char* value = std::getenv(rest.c_str());
      return kiln::Success{.body = value != nullptr ? value : "(unset)"};
    }
    if (verb == "wait") {
      say("waiting\n");
      wait_for_fifo();
      return kiln::Success{.body = "waited"};
    }
    if (verb == "stream") {
      response.write(rest);
      say("streaming\n");
      wait_for_fifo();
      response.write(rest);
      return kiln::Success{};
    }
    if (verb == "pid") return kiln::Success{.body = std::to_string(::getpid())};
    if (verb == "fail") return kiln::FunctionError{"Bad", "{}"};
    if (verb == "exit") std::exit(std::stoi(rest));
    if (verb == "abort") std::abort();
    if (verb == "children") return kiln::Success{.body = inherited_descriptors()};
    return kiln::Success{.body = rest};
  }

  kiln::Concurrency concurrency() const override {
    return std::getenv("PROBE_CONCURRENCY") != nullptr ? kiln::Concurrency::threads : kiln::Concurrency::processes;
  }
  std::optional<kiln::FunctionError> before_snapshot() override { return hook("before"); }
  std::optional<kiln::FunctionError> after_restore() override { return hook("after"); }

  void shutdown() override { say("shutdown\n"); }

 private:
  std::optional<kiln::FunctionError> hook(const std::string& name) {
    say((name + "\n").c_str());
    if (handler_ != name) return std::nullopt;
    return kiln::FunctionError{"Mine", R"({"errorType":"Mine"})"};
  }

  std::string handler_;
};

}  // namespace

int main() {
  Probe probe;
  return kiln::run_bootstrap(probe);
}
