// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/server/http/http_server.hpp"

#include <unistd.h>

#include <utility>

namespace kiln::http {

HttpServer::HttpServer(EventLoop& loop, Options options, Handler handler)
    : loop_(loop),
      options_(std::move(options)),
      handler_(std::move(handler)),
      listener_(loop, options_.host, options_.port, [this](int fd) { accept(fd); }) {}

HttpServer::~HttpServer() = default;

void HttpServer::accept(int fd) {
  if (connections_.size() >= options_.max_connections) {
    ::close(fd);
    return;
  }
  connections_.emplace_back(loop_, fd, options_.connection);
  loop_.spawn(serve(connections_.back()), "connection");
}

Task<void> HttpServer::serve(Connection& connection) {
  std::exception_ptr failure;
  try {
    for (;;) {
      const bool more = co_await connection.next_request();
      if (!more) break;
      ++active_;
      struct Leave {
        std::size_t& active;
        ~Leave() { --active; }
      } leave{active_};
      co_await handler_(connection);
    }
  } catch (...) {
    failure = std::current_exception();
  }
  connection.close();
  connections_.remove_if([&](const Connection& other) { return &other == &connection; });
  if (failure) std::rethrow_exception(failure);
}

void HttpServer::close_connections() {
  for (auto connection = connections_.begin(); connection != connections_.end();) (connection++)->close();
}

}  // namespace kiln::http
