// SPDX-License-Identifier: Apache-2.0
// A control server that answers what a test tells it to and remembers what it was asked, byte for byte.
#pragma once

#include <httplib.h>
#include <nlohmann/json.hpp>

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace kiln::test {

struct SeenRequest {
  std::string method;
  /// Path and query as sent.
  std::string target;
  std::string body;
  std::map<std::string, std::string> headers;
};

struct ScriptedAnswer {
  int status = 200;
  std::string body{};
  std::vector<std::pair<std::string, std::string>> headers{};
  /// Sent chunk by chunk instead of `body`; with `hold` the answer then stays open until end_streams().
  std::vector<std::string> chunks{};
  bool hold = false;
};

/// Serves on a free loopback port until it is destroyed.
class FakeControlServer {
 public:
  FakeControlServer() {
    server_.set_tcp_nodelay(true);
    server_.set_keep_alive_timeout(1);
    server_.set_payload_max_length(100'000'000);
    // Everything goes through one function, so that a request nobody scripted is answered as an unknown function.
    const auto serve = [this](const httplib::Request& request, httplib::Response& response) {
      answer(request, response);
    };
    server_.Get(".*", serve);
    server_.Post(".*", serve);
    server_.Put(".*", serve);
    server_.Delete(".*", serve);
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) {
      std::this_thread::yield();
    }
  }
  ~FakeControlServer() {
    end_streams();
    server_.stop();
    thread_.join();
  }
  FakeControlServer(const FakeControlServer&) = delete;
  FakeControlServer& operator=(const FakeControlServer&) = delete;

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

  /// The next request for `method target` gets `answer`; several for the same are given one after another, the last one
  /// for good.
  void on(const std::string& method, const std::string& target, ScriptedAnswer answer) {
    const std::lock_guard lock(mutex_);
    script_[method + " " + target].push_back(std::move(answer));
  }

  /// Ends every answer that is held open.
  void end_streams() {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    changed_.notify_all();
  }

  std::vector<SeenRequest> seen() const {
    const std::lock_guard lock(mutex_);
    return seen_;
  }
  /// "METHOD target" of every request so far.
  std::vector<std::string> calls() const {
    std::vector<std::string> lines;
    for (const auto& request : seen()) {
      lines.push_back(request.method + " " + request.target);
    }
    return lines;
  }

 private:
  void answer(const httplib::Request& request, httplib::Response& response) {
    const std::lock_guard lock(mutex_);
    SeenRequest seen{request.method, request.target, request.body, {}};
    for (const auto& [name, value] : request.headers) {
      seen.headers[name] = value;
    }
    seen_.push_back(seen);
    auto found = script_.find(request.method + " " + request.target);
    if (found == script_.end()) {
      response.status = 404;
      response.set_header("x-amzn-ErrorType", "ResourceNotFoundException");
      response.set_content(R"({"Type":"User","Message":"Function not found: arn:fake"})", "application/json");
      return;
    }
    const auto given = found->second.front();
    if (found->second.size() > 1) {
      found->second.pop_front();
    }
    response.status = given.status;
    for (const auto& [name, value] : given.headers) {
      response.set_header(name, value);
    }
    if (!given.chunks.empty()) {
      stream(given, response);
    } else if (!given.body.empty()) {
      response.set_content(given.body, "application/json");
    }
  }

  void stream(const ScriptedAnswer& given, httplib::Response& response) {
    response.set_chunked_content_provider(
        "text/plain", [this, given, next = std::size_t{0}](std::size_t, httplib::DataSink& sink) mutable {
          if (next < given.chunks.size()) {
            const auto& chunk = given.chunks[next++];
            return sink.write(chunk.data(), chunk.size());
          }
          std::unique_lock lock(mutex_);
          changed_.wait(lock, [&] { return ended_ || !given.hold; });
          sink.done();
          return true;
        });
  }

  httplib::Server server_;
  int port_ = 0;
  std::thread thread_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool ended_ = false;
  std::map<std::string, std::deque<ScriptedAnswer>> script_;
  std::vector<SeenRequest> seen_;
};

}  // namespace kiln::test
