// SPDX-License-Identifier: Apache-2.0
// The control server's HTTP API (docs/control-api.md), as calls. Blocking; one thread; one kept-alive connection.
#pragma once

#include "cli/endpoint.hpp"

#include <nlohmann/json.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kiln::cli {

/// Keeps the server's order of members, so that --json shows answers as they came.
using Json = nlohmann::ordered_json;

using HeaderList = std::vector<std::pair<std::string, std::string>>;

struct ApiRequest {
  std::string method;
  /// Path and query, already percent-encoded, without the endpoint's base path.
  std::string target;
  HeaderList headers{};
  std::string body{};
  std::string content_type = "application/json";
  /// How long the server may stay silent.
  std::chrono::seconds silence{120};
};

struct ApiAnswer {
  int status = 0;
  HeaderList headers;
  std::string body;

  /// The first header called `name`, without regard to case; empty where there is none.
  std::string header(std::string_view name) const;
};

struct InvokeRequest {
  std::string function;
  std::string payload;
  bool log_tail = false;
  /// JSON text; sent base64-encoded where not empty.
  std::string client_context{};
};

struct LogQuery {
  std::string function;
  std::string request_id{};
  std::optional<int> tail{};
  bool follow = false;
};

/// Every call throws CommandFailure: `unreachable` where no server answers, else what failure_from() makes of an answer
/// that is an error. The connection is opened with the first call.
class ApiClient {
 public:
  explicit ApiClient(Endpoint endpoint);
  ~ApiClient();
  ApiClient(const ApiClient&) = delete;
  ApiClient& operator=(const ApiClient&) = delete;

  const Endpoint& endpoint() const noexcept { return endpoint_; }

  /// Sends `request` and returns the answer whatever its status.
  ApiAnswer send(const ApiRequest& request);

  /// The runtimes of the server, sorted as it sends them.
  std::vector<std::string> runtimes();

  /// All functions' configurations, every page of them.
  std::vector<Json> functions();
  /// The configuration of function `name`, or nothing where there is none.
  std::optional<Json> find_function(const std::string& name);
  /// Creates; nothing where the name is taken (409), else the configuration.
  std::optional<Json> create_function(const Json& body);
  Json update_configuration(const std::string& name, const Json& body);
  Json update_code(const std::string& name, const Json& body);
  void delete_function(const std::string& name);

  /// Invokes and returns the answer, which is a success (2xx) but may carry a function error.
  ApiAnswer invoke(const InvokeRequest& request);

  /// The triggers of `function`, or all where it is empty.
  std::vector<Json> triggers(const std::string& function);
  Json put_trigger(const Json& trigger);
  void delete_trigger(const std::string& id);

  /// Hands the log to `on_bytes` as it arrives; returns when the server ends it (with `follow`: when it shuts down).
  void logs(const LogQuery& query, const std::function<void(std::string_view)>& on_bytes);

 private:
  ApiAnswer exchange(const ApiRequest& request, const std::function<void(std::string_view)>* on_bytes);
  Json call(const ApiRequest& request);

  struct Connection;
  Endpoint endpoint_;
  std::unique_ptr<Connection> connection_;
};

/// What `answer`, whose status is no success, means for the user: exit code by status, message and type as the server
/// gave them, advice by type.
struct Failure;
Failure failure_from(const ApiAnswer& answer, const Endpoint& endpoint);

}  // namespace kiln::cli
