// SPDX-License-Identifier: Apache-2.0
// A listener with the connections it has accepted, each answering requests until it ends. Data-plane thread only.
#pragma once

#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>

#include "runtime-api/server/async/event_loop.hpp"
#include "runtime-api/server/async/task.hpp"
#include "runtime-api/server/http/connection.hpp"
#include "runtime-api/server/http/listener.hpp"

namespace kiln::http {

class HttpServer {
 public:
  /// Answers the request that the connection holds.
  using Handler = std::function<Task<void>(Connection&)>;

  /// Listens at once; see Listener for failures. Beyond `max_connections` a new one is closed as soon as it is accepted.
  struct Options {
    std::string host;
    unsigned short port = 0;
    std::size_t max_connections = 10'000;
    ConnectionOptions connection;
  };
  HttpServer(EventLoop& loop, Options options, Handler handler);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  std::string address() const { return listener_.address(); }
  std::size_t open_connections() const { return connections_.size(); }
  /// Requests being answered.
  std::size_t active() const { return active_; }

  void stop_accepting() { listener_.close(); }
  /// Closes every connection. They are gone once `open_connections` is 0, a turn of the loop later.
  void close_connections();

 private:
  void accept(int fd);
  Task<void> serve(Connection& connection);

  EventLoop& loop_;
  const Options options_;
  const Handler handler_;
  std::list<Connection> connections_;
  std::size_t active_ = 0;
  Listener listener_;
};

}  // namespace kiln::http
