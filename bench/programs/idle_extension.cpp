// SPDX-License-Identifier: Apache-2.0
// An external extension that wants to hear of the end only: registers, and waits.
#include <sys/socket.h>

#include <cstdlib>
#include <string>

#include "bench/http_invoker.hpp"
#include "bench/sockets.hpp"

namespace {

using namespace kiln::bench;

/// One request, one answer; the answer's head and what came of its body with it.
std::string exchange(int fd, const std::string& request) {
  std::string answer(4096, '\0');
  if (!write_all(fd, request)) return {};
  const auto got = ::recv(fd, answer.data(), answer.size(), 0);
  answer.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return answer;
}

}  // namespace

int main(int, char** argv) {
  const char* const address = std::getenv("AWS_LAMBDA_RUNTIME_API");  // NOLINT(concurrency-mt-unsafe): one thread
  if (address == nullptr) return 1;
  const std::string platform(address);
  const std::string name = std::string(argv[0]).substr(std::string(argv[0]).rfind('/') + 1);
  const Socket socket =
      connect_to_loopback(static_cast<std::uint16_t>(std::stoi(platform.substr(platform.rfind(':') + 1))));
  const std::string events = R"({"events":["SHUTDOWN"]})";
  const std::string registered =
      exchange(socket.fd(), "POST /2020-01-01/extension/register HTTP/1.1\r\nHost: " + platform +
                                "\r\nLambda-Extension-Name: " + name +
                                "\r\nContent-Length: " + std::to_string(events.size()) + "\r\n\r\n" + events);
  const std::string id(field_of(registered, "lambda-extension-identifier"));
  if (id.empty()) return 1;
  const std::string event = exchange(socket.fd(), "GET /2020-01-01/extension/event/next HTTP/1.1\r\nHost: " + platform +
                                                      "\r\nLambda-Extension-Identifier: " + id + "\r\n\r\n");
  return event.empty() ? 1 : 0;
}
