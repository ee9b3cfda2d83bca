// SPDX-License-Identifier: Apache-2.0
#include "cli/triggers.hpp"

#include "cli/failure.hpp"
#include "cli/terminal.hpp"

#include <algorithm>
#include <cctype>

namespace kiln::cli {

HttpRoute make_route(std::string_view method, std::string_view path) {
  HttpRoute route{std::string(method), std::string(path)};
  const bool word = !method.empty() &&
                    std::all_of(method.begin(), method.end(), [](unsigned char c) { return std::isalpha(c) != 0; });
  if (!word || !path.starts_with('/') || path.find_first_of(" \t\r\n?#") != std::string_view::npos) {
    throw CommandFailure(
        {.code = ExitCode::usage,
         .message = "'" + std::string(method) + " " + std::string(path) + "' is no method and path of an HTTP trigger",
         .advice = {"for instance:  GET /hello/serverless", "any method:    ANY /hello"}});
  }
  std::transform(route.method.begin(), route.method.end(), route.method.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return route;
}

HttpRoute parse_route(std::string_view text) {
  const auto first = text.find_first_not_of(' ');
  text.remove_prefix(first == std::string_view::npos ? text.size() : first);
  const auto space = text.find(' ');
  if (space == std::string_view::npos) {
    return make_route("ANY", text);
  }
  const auto path = text.find_first_not_of(' ', space);
  return make_route(text.substr(0, space), path == std::string_view::npos ? "" : text.substr(path));
}

Json trigger_body(const std::string& function, const HttpRoute& route) {
  return {{"FunctionName", function}, {"Type", "http"}, {"Method", route.method}, {"Path", route.path}};
}

std::string trigger_text(const Json& trigger) { return text_of(trigger, "Method") + " " + text_of(trigger, "Path"); }

std::string trigger_curl(const Json& trigger, const Endpoint& endpoint) {
  const auto method = text_of(trigger, "Method");
  const bool get = method == "GET" || method == "ANY";
  return "curl " + std::string(get ? "" : "-X " + method + " ") + shell_word(endpoint.url() + text_of(trigger, "Path"));
}

std::string text_of(const Json& object, const char* member) {
  if (!object.is_object()) {
    return {};
  }
  const auto found = object.find(member);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::int64_t number_of(const Json& object, const char* member) {
  if (!object.is_object()) {
    return 0;
  }
  const auto found = object.find(member);
  return found != object.end() && found->is_number() ? found->get<std::int64_t>() : 0;
}

}  // namespace kiln::cli
