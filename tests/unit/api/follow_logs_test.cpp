// SPDX-License-Identifier: Apache-2.0
// GET /kiln/v1/functions/{name}/logs?follow=true, on a real connection.
#include <fcntl.h>
#include <sys/socket.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "runtime-api/control-server/api/public_api.hpp"
#include "tests/support/loop_runner.hpp"
#include "tests/support/raw_client.hpp"
#include "tests/unit/catalog/management_fixture.hpp"
#include "tests/unit/instances/scripted_launcher.hpp"

using namespace kiln;
using namespace kiln::test;

namespace {

/// The public API on the loop's thread, with one function that is never invoked: its log is written by the test.
class Api {
 public:
  Api() {
    CatalogChange change = *management_.create("f").change;
    thread_.call([&] { router_.apply(change); });
  }
  ~Api() {
    thread_.call([&] {
      log_ = {};
      logs_.flush();  // its timer belongs to the loop, which runs on while the members go
      api_.drain();
      for (http::Connection* const connection : connections_) connection->close();
    });
    thread_.wait_until([&] { return connections_.empty(); });
  }
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;

  EventLoop& loop() { return thread_.loop(); }
  LoopThread& thread() { return thread_; }
  InstanceLog& log() { return log_; }

  Task<void> serve(int fd) {
    http::Connection connection(loop(), fd, options_);
    connections_.push_back(&connection);
    for (;;) {
      const bool more = co_await connection.next_request();
      if (!more) break;
      co_await api_.handle(connection);
    }
    std::erase(connections_, &connection);
  }

 private:
  const http::ConnectionOptions options_;
  std::vector<http::Connection*> connections_;
  Management management_;
  TemporaryFolder folder_;
  LoopThread thread_;
  WorkerPool workers_{thread_.loop(), 2, "test-workers"};
  LogOptions log_options() {
    LogOptions options;
    options.directory = folder_ / "logs";
    return options;
  }
  LogStore logs_{thread_.loop(), workers_, log_options()};
  InstanceLog log_ = logs_.open("f", LogFormat::text);
  Metrics metrics_{"test"};
  ScriptedLauncher launcher_;
  Activator activator_{thread_.loop(), launcher_, logs_, {}};
  Router router_{{thread_.loop(), activator_, metrics_, {}}};
  PublicApi api_{{thread_.loop(), router_, management_.api(), workers_, logs_, metrics_, {}}};
};

/// Writes until the peer's window is full; returns how many bytes that took.
std::size_t fill_up(int fd) {
  ::fcntl(fd, F_SETFL, O_NONBLOCK);
  const std::string junk(4096, 'j');
  std::size_t total = 0;
  for (std::size_t size = junk.size(); size > 0;) {
    const ssize_t n = ::write(fd, junk.data(), size);
    if (n > 0) {
      total += static_cast<std::size_t>(n);
    } else {
      size /= 2;  // what is left of room
    }
  }
  return total;
}

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t found = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
  return found;
}

}  // namespace

TEST_CASE("A line that is written while a follower starts is shown to it once") {
  Api api;
  int pair[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
  RawClient client = RawClient::of_descriptor(pair[1]);
  // The follower reads nothing yet: the head of its answer has to wait.
  const std::size_t junk = fill_up(pair[0]);
  client.send("GET /kiln/v1/functions/f/logs?follow=true HTTP/1.1\r\nHost: kiln\r\n\r\n");
  api.thread().call([&] { api.loop().spawn(api.serve(pair[0]), "connection"); });
  api.thread().call([&] { api.log().output("written meanwhile\n"); });

  client.read_bytes(junk);
  CHECK_THAT(client.read_head(), Catch::Matchers::StartsWith("HTTP/1.1 200 OK\r\n"));
  std::string shown = client.read_bytes(1);
  const auto read_until = [&](const std::string& what) {
    while (shown.find(what) == std::string::npos) shown += client.read_bytes(1);
  };
  read_until("written meanwhile\n");
  api.thread().call([&] { api.log().output("written later\n"); });
  read_until("written later\n");
  CHECK(count(shown, "written meanwhile") == 1);
}
