// SPDX-License-Identifier: Apache-2.0
// The one place of the command line that speaks HTTP.
#include "cli/api_client.hpp"

#include "cli/defaults.hpp"
#include "cli/failure.hpp"
#include "runtime-api/protocol/base64.hpp"
#include "runtime-api/protocol/headers.hpp"
#include "runtime-api/protocol/limits.hpp"
#include "runtime-api/protocol/routes.hpp"

#include <httplib.h>

#include <netdb.h>
#include <strings.h>

namespace kiln::cli {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view functions_path = routes::functions;
constexpr std::string_view triggers_path = "/kiln/v1/triggers";
constexpr auto connect_timeout = 5s;
/// The longest function timeout, the init phase before it, and a queue in front of both.
constexpr auto invoke_silence = std::chrono::seconds{limits::max_timeout_s} + 60s;
/// A log that is followed may stay silent for as long as its function is not called.
constexpr auto follow_silence = std::chrono::hours{24 * 365};

std::string function_path(const std::string& name) { return std::string(functions_path) + "/" + percent_encoded(name); }

std::string base_url(const Endpoint& endpoint) {
  Endpoint bare = endpoint;
  bare.base_path.clear();
  return bare.url();
}

// httplib tells a name that is not known from a port that nobody listens on by nothing.
bool host_is_known(const std::string& host) {
  struct addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), nullptr, nullptr, &found) != 0) {
    return false;
  }
  ::freeaddrinfo(found);
  return true;
}

[[noreturn]] void throw_unreachable(const Endpoint& endpoint, const ApiRequest& request, httplib::Error error) {
  Failure failure{.code = ExitCode::unreachable, .message = {}};
  switch (error) {
    case httplib::Error::Connection:
    case httplib::Error::ConnectionTimeout:
      failure.message = "no server answers at " + endpoint.url();
      if (error == httplib::Error::ConnectionTimeout) {
        failure.message += " (connecting timed out)";
      } else if (!host_is_known(endpoint.host)) {
        failure.message += " (there is no host " + endpoint.host + ")";
      }
      failure.advice = {"start one with:   kiln serve", "or name another:  --endpoint URL, or the variable " +
                                                            std::string(defaults::endpoint_variable)};
      break;
    case httplib::Error::SSLConnection:
    case httplib::Error::SSLLoadingCerts:
    case httplib::Error::SSLServerVerification:
      failure.message = "no trusted TLS connection to " + endpoint.url() + " (" + httplib::to_string(error) + ")";
      failure.advice = {"kiln serve itself speaks plain http: try http:// where the server is kiln's own"};
      break;
    default:
      failure.message = "the server at " + endpoint.url() + " took the request but sent no whole answer (" +
                        request.method + " " + request.target + ": " + httplib::to_string(error) + ")";
      failure.advice = {"it may have stopped, or have stayed silent for more than " +
                        std::to_string(request.silence.count()) + " s; its own log (stderr of kiln serve) says more"};
  }
  throw CommandFailure(std::move(failure));
}

std::string text_member(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::vector<std::string> advice_for(const std::string& type, const std::string& message, const ApiAnswer& answer) {
  if (answer.status == 404 && message.find("unction not found") != std::string::npos) {
    return {"see what there is:  kiln list"};
  }
  if (type == "InvalidRequestContentException") {
    return {"a payload is JSON: an object '{\"key\": \"value\"}', or a text with its quotes '\"text\"'",
            "from a file:  --payload @FILE    from stdin:  --payload -"};
  }
  if (answer.status == 429) {
    const auto seconds = answer.header(headers::retry_after);
    return {(seconds.empty() ? "try again later" : "try again in " + seconds + " s") +
            std::string(", or let it grow:  kiln deploy … --max-instances N --concurrency N")};
  }
  if (message.find("'runtime'") != std::string::npos) {
    return {"see the runtimes of this server:  kiln runtimes"};
  }
  return {};
}

}  // namespace

std::string ApiAnswer::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key.size() == name.size() && ::strncasecmp(key.data(), name.data(), name.size()) == 0) {
      return value;
    }
  }
  return {};
}

Failure failure_from(const ApiAnswer& answer, const Endpoint& endpoint) {
  Failure failure;
  const auto body = Json::parse(answer.body, nullptr, false);
  std::string message;
  if (body.is_object()) {
    message = text_member(body, "Message").empty() ? text_member(body, "message") : text_member(body, "Message");
  }
  failure.type = answer.header(headers::amzn_error_type);
  failure.type = failure.type.substr(0, failure.type.find(':'));
  failure.request_id = answer.header(headers::amzn_request_id);
  failure.code = answer.status == 404                          ? ExitCode::not_found
                 : answer.status == 429                        ? ExitCode::throttled
                 : answer.status >= 400 && answer.status < 500 ? ExitCode::refused
                                                               : ExitCode::server_failed;
  if (message.empty() && failure.type.empty()) {
    failure.code = ExitCode::server_failed;
    failure.message = endpoint.url() + " answered " + std::to_string(answer.status) + " in a way that kiln does not";
    failure.advice = {"is a kiln server listening there? kiln serve prints its address when it is ready"};
    return failure;
  }
  failure.message = message.empty() ? failure.type + " (" + std::to_string(answer.status) + ")" : message;
  failure.advice = advice_for(failure.type, message, answer);
  return failure;
}

struct ApiClient::Connection {
  explicit Connection(const Endpoint& endpoint) : client(base_url(endpoint)) {
    client.set_keep_alive(true);
    // Without this every request that takes two writes waits for Nagle's algorithm.
    client.set_tcp_nodelay(true);
    client.set_connection_timeout(connect_timeout);
    client.set_write_timeout(60s);
    client.set_url_encode(false);
    client.set_decompress(false);
  }
  httplib::Client client;
};

ApiClient::ApiClient(Endpoint endpoint) : endpoint_(std::move(endpoint)) {}
ApiClient::~ApiClient() = default;

ApiAnswer ApiClient::send(const ApiRequest& request) { return exchange(request, nullptr); }

// With `on_bytes`, the body of a 200 goes there as it arrives; every other body is collected.
ApiAnswer ApiClient::exchange(const ApiRequest& request, const std::function<void(std::string_view)>* on_bytes) {
  if (!connection_) {
    connection_ = std::make_unique<Connection>(endpoint_);
  }
  httplib::Request message;
  message.method = request.method;
  message.path = endpoint_.base_path + request.target;
  message.headers = {{"User-Agent", "kiln/" KILN_VERSION}, {"Accept-Encoding", "identity"}};
  for (const auto& [name, value] : request.headers) {
    message.headers.emplace(name, value);
  }
  if (!request.body.empty()) {
    message.headers.emplace("Content-Type", request.content_type);
    message.body = request.body;
  }
  ApiAnswer answer;
  if (on_bytes != nullptr) {
    message.response_handler = [&answer](const httplib::Response& response) {
      answer.status = response.status;
      return true;
    };
    message.content_receiver = [&](const char* data, std::size_t size, std::uint64_t, std::uint64_t) {
      if (answer.status == 200) {
        (*on_bytes)({data, size});
      } else {
        answer.body.append(data, size);
      }
      return true;
    };
  }
  connection_->client.set_read_timeout(request.silence);
  httplib::Response response;
  auto error = httplib::Error::Success;
  if (!connection_->client.send(message, response, error)) {
    throw_unreachable(endpoint_, request, error);
  }
  answer.status = response.status;
  for (const auto& [name, value] : response.headers) {
    answer.headers.emplace_back(name, value);
  }
  if (on_bytes == nullptr) {
    answer.body = std::move(response.body);
  }
  return answer;
}

// A call that must succeed with a JSON object, or with nothing (an empty object is returned then).
Json ApiClient::call(const ApiRequest& request) {
  const auto answer = send(request);
  if (answer.status < 200 || answer.status > 299) {
    throw CommandFailure(failure_from(answer, endpoint_));
  }
  if (answer.status == 204 || answer.body.empty()) {
    return Json::object();
  }
  auto document = Json::parse(answer.body, nullptr, false);
  if (!document.is_object()) {
    throw CommandFailure({.code = ExitCode::server_failed,
                          .message = endpoint_.url() + " answered " + request.method + " " + request.target +
                                     " with something that is not a JSON object",
                          .advice = {"is a kiln server listening there?"}});
  }
  return document;
}

std::vector<std::string> ApiClient::runtimes() {
  const auto answer = call({.method = "GET", .target = "/kiln/v1/runtimes"});
  std::vector<std::string> names;
  for (const auto& name : answer.value("Runtimes", Json::array())) {
    if (name.is_string()) {
      names.push_back(name.get<std::string>());
    }
  }
  return names;
}

std::vector<Json> ApiClient::functions() {
  std::vector<Json> all;
  std::string marker;
  do {
    // The service has written the path with and without a slash at its end; SDKs send it with one.
    std::string target = std::string(functions_path) + "/";
    if (!marker.empty()) {
      target += "?Marker=" + percent_encoded(marker);
    }
    const auto page = call({.method = "GET", .target = target});
    for (const auto& function : page.value("Functions", Json::array())) {
      all.push_back(function);
    }
    const auto next = text_member(page, "NextMarker");
    // A server that answers with the marker it was given would keep us here for ever.
    marker = next == marker ? std::string() : next;
  } while (!marker.empty());
  return all;
}

std::optional<Json> ApiClient::find_function(const std::string& name) {
  const auto answer = send({.method = "GET", .target = function_path(name) + "/configuration"});
  if (answer.status == 404 && answer.header(headers::amzn_error_type).starts_with("ResourceNotFoundException")) {
    return std::nullopt;
  }
  if (answer.status != 200) {
    throw CommandFailure(failure_from(answer, endpoint_));
  }
  return Json::parse(answer.body, nullptr, false);
}

std::optional<Json> ApiClient::create_function(const Json& body) {
  const auto answer = send({.method = "POST", .target = std::string(functions_path), .body = body.dump()});
  if (answer.status == 409) {
    return std::nullopt;
  }
  if (answer.status < 200 || answer.status > 299) {
    throw CommandFailure(failure_from(answer, endpoint_));
  }
  return Json::parse(answer.body, nullptr, false);
}

Json ApiClient::update_configuration(const std::string& name, const Json& body) {
  return call({.method = "PUT", .target = function_path(name) + "/configuration", .body = body.dump()});
}

Json ApiClient::update_code(const std::string& name, const Json& body) {
  return call({.method = "PUT", .target = function_path(name) + "/code", .body = body.dump()});
}

void ApiClient::delete_function(const std::string& name) { call({.method = "DELETE", .target = function_path(name)}); }

ApiAnswer ApiClient::invoke(const InvokeRequest& request) {
  ApiRequest message{.method = "POST", .target = function_path(request.function) + "/invocations"};
  message.headers.emplace_back(headers::amz_invocation_type, "RequestResponse");
  if (request.log_tail) {
    message.headers.emplace_back(headers::amz_log_type, "Tail");
  }
  if (!request.client_context.empty()) {
    message.headers.emplace_back(headers::amz_client_context, base64_encode(request.client_context));
  }
  message.body = request.payload;
  message.silence = invoke_silence;
  auto answer = send(message);
  if (answer.status < 200 || answer.status > 299) {
    throw CommandFailure(failure_from(answer, endpoint_));
  }
  return answer;
}

std::vector<Json> ApiClient::triggers(const std::string& function) {
  std::string target{triggers_path};
  if (!function.empty()) {
    target += "?FunctionName=" + percent_encoded(function);
  }
  const auto answer = call({.method = "GET", .target = target});
  std::vector<Json> all;
  for (const auto& trigger : answer.value("Triggers", Json::array())) {
    all.push_back(trigger);
  }
  return all;
}

Json ApiClient::put_trigger(const Json& trigger) {
  return call({.method = "PUT", .target = std::string(triggers_path), .body = trigger.dump()});
}

void ApiClient::delete_trigger(const std::string& id) {
  call({.method = "DELETE", .target = std::string(triggers_path) + "/" + percent_encoded(id)});
}

void ApiClient::logs(const LogQuery& query, const std::function<void(std::string_view)>& on_bytes) {
  std::string target = "/kiln/v1/functions/" + percent_encoded(query.function) + "/logs";
  char separator = '?';
  const auto add = [&](const std::string& name, const std::string& value) {
    target += separator + name + "=" + percent_encoded(value);
    separator = '&';
  };
  if (!query.request_id.empty()) {
    add("request-id", query.request_id);
  }
  if (query.tail) {
    add("tail", std::to_string(*query.tail));
  }
  if (query.follow) {
    add("follow", "true");
  }
  ApiRequest request{.method = "GET", .target = target};
  if (query.follow) {
    request.silence = follow_silence;
  }
  const auto answer = exchange(request, &on_bytes);
  if (answer.status != 200) {
    throw CommandFailure(failure_from(answer, endpoint_));
  }
}

}  // namespace kiln::cli
