// SPDX-License-Identifier: Apache-2.0
#include "cli/endpoint.hpp"

#include "cli/defaults.hpp"
#include "cli/environment.hpp"
#include "cli/failure.hpp"

#include <charconv>

namespace kiln::cli {
namespace {

[[noreturn]] void refuse(std::string_view text, const std::string& why) {
  throw CommandFailure(
      {.code = ExitCode::usage,
       .message = "the endpoint '" + std::string(text) + "' cannot be used: " + why,
       .advice = {"an endpoint looks like " + defaults::endpoint,
                  "it comes from --endpoint, else from the variable " + std::string(defaults::endpoint_variable)}});
}

int parse_port(std::string_view digits, std::string_view text) {
  int port = 0;
  const auto* const begin = digits.data();
  const auto* const end = begin + digits.size();
  const auto [rest, error] = std::from_chars(begin, end, port);
  if (error != std::errc{} || rest != end || port < 1 || port > 65'535) {
    refuse(text, "'" + std::string(digits) + "' is no port (1 to 65535)");
  }
  return port;
}

}  // namespace

std::string Endpoint::url() const {
  const std::string shown = host.find(':') == std::string::npos ? host : "[" + host + "]";
  return (tls ? "https://" : "http://") + shown + ":" + std::to_string(port) + base_path;
}

Endpoint parse_endpoint(std::string_view text) {
  Endpoint endpoint;
  std::string_view rest = text;
  if (const auto scheme_end = rest.find("://"); scheme_end != std::string_view::npos) {
    const auto scheme = rest.substr(0, scheme_end);
    if (scheme != "http" && scheme != "https") {
      refuse(text, "only http and https are spoken");
    }
    endpoint.tls = scheme == "https";
    rest.remove_prefix(scheme_end + 3);
  }
  const auto slash = rest.find('/');
  auto authority = rest.substr(0, slash);
  if (slash != std::string_view::npos) {
    endpoint.base_path = std::string(rest.substr(slash));
    while (!endpoint.base_path.empty() && endpoint.base_path.back() == '/') {
      endpoint.base_path.pop_back();
    }
  }
  if (rest.find_first_of("?#@ \t\r\n") != std::string_view::npos) {
    refuse(text, "it may hold host, port and path only");
  }
  endpoint.port = endpoint.tls ? 443 : 80;
  if (!authority.empty() && authority.front() == '[') {
    const auto bracket = authority.find(']');
    if (bracket == std::string_view::npos) {
      refuse(text, "the ']' is missing");
    }
    endpoint.host = std::string(authority.substr(1, bracket - 1));
    authority.remove_prefix(bracket + 1);
    if (!authority.empty()) {
      if (authority.front() != ':') {
        refuse(text, "only a port may follow the ']'");
      }
      endpoint.port = parse_port(authority.substr(1), text);
    }
  } else {
    const auto colon = authority.find(':');
    endpoint.host = std::string(authority.substr(0, colon));
    if (colon != std::string_view::npos) {
      endpoint.port = parse_port(authority.substr(colon + 1), text);
    }
  }
  if (endpoint.host.empty()) {
    refuse(text, "it names no host");
  }
  return endpoint;
}

Endpoint choose_endpoint(const std::string& option) {
  if (!option.empty()) {
    return parse_endpoint(option);
  }
  const auto variable = environment_variable(defaults::endpoint_variable);
  return parse_endpoint(variable.empty() ? defaults::endpoint : variable);
}

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view kept = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:";
  constexpr std::string_view hex = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    if (kept.find(c) != std::string_view::npos) {
      encoded += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      encoded += {'%', hex[byte >> 4U], hex[byte & 15U]};
    }
  }
  return encoded;
}

}  // namespace kiln::cli
