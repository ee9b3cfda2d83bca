// SPDX-License-Identifier: Apache-2.0
// /kiln/v1/functions/{name}/logs and /instances: what the server sees of a function (docs/control-api.md).
#include <charconv>
#include <list>

#include "runtime-api/control-server/api/answer.hpp"
#include "runtime-api/control-server/api/public_api.hpp"
#include "runtime-api/control-server/catalog/function_name.hpp"
#include "runtime-api/protocol/json_text.hpp"
#include "runtime-api/server/async/completion.hpp"

namespace kiln {

Task<void> PublicApi::function_view(http::Connection& connection, std::string_view rest) {
  const auto slash = rest.find('/');
  const std::string_view view = slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
  const std::string name = http::percent_decode(rest.substr(0, slash)).value_or(std::string(rest.substr(0, slash)));
  if (view != "logs" && view != "instances") {
    const ServiceError error{404, "ResourceNotFoundException",
                             "There is no such view: /kiln/v1/functions/{name}/ has logs and instances."};
    co_return co_await invocations_.refuse(connection, error);
  }
  if (connection.request().method() != http::Method::get) {
    const ServiceError error{405, "MethodNotAllowedException", "This path is read with GET."};
    co_return co_await invocations_.refuse(connection, error);
  }
  if (!parts_.router.find(name)) {
    const ServiceError error = function_not_found(parts_.account, name);
    co_return co_await invocations_.refuse(connection, error);
  }
  if (view == "logs") co_return co_await logs(connection, name);
  co_await instances(connection, name);
}

Task<void> PublicApi::logs(http::Connection& connection, const std::string& name) {
  LogQuery query;
  bool follow = false;
  bool bad = false;
  for (const auto& [key, value] : http::parse_query(connection.request().query())) {
    if (key == "request-id") {
      query.request_id = value;
    } else if (key == "follow") {
      follow = value == "true" || value == "1" || value.empty();
    } else if (key == "tail") {
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), query.tail_lines);
      bad = bad || error != std::errc() || end != value.data() + value.size();
    }
  }
  if (bad) {
    const ServiceError error{400, "InvalidParameterValueException", "tail is a number of lines."};
    co_return co_await invocations_.refuse(connection, error);
  }
  if (follow) co_return co_await follow_logs(connection, name, query);
  const std::string text = co_await parts_.logs.read_stored(name, query);
  const http::ApiResponse answer{200, "text/plain; charset=utf-8", {}, text};
  co_await invocations_.send(connection, answer);
}

/// One follower of a log. Recording a line must not be interrupted by sending it, so a new line wakes the follower on a
/// turn of the loop of its own.
struct PublicApi::Feed {
  static constexpr std::size_t max_behind =
      1 << 20;  // a reader slower than the log misses lines, it does not fill memory

  std::string lines;
  bool gone = false;
  bool wake_posted = false;
  std::optional<Completion<bool>> wake;

  void notify() {
    wake_posted = false;
    if (wake) wake->set(true);
  }
};

void PublicApi::wake_feeds() {
  const auto feeds = feeds_;
  for (const auto& feed : feeds) feed->notify();
}

/// What is there, then each line as it comes, until the client leaves, or the function or the server goes.
Task<void> PublicApi::follow_logs(http::Connection& connection, const std::string& name, const LogQuery& query) {
  const auto feed = std::make_shared<Feed>();
  feeds_.push_back(feed);
  struct Leave {
    std::list<std::shared_ptr<Feed>>& feeds;
    const std::shared_ptr<Feed>& feed;
    ~Leave() { feeds.remove(feed); }
  } leave{feeds_, feed};
  connection.begin_answer(200, "text/plain; charset=utf-8");
  const bool begun = co_await connection.begin_stream();
  if (!begun) co_return;
  // Not before: what is recorded while the head waits for its reader is among what is stored by now.
  const LogSubscription subscription =
      parts_.logs.subscribe(name, query, [this, feed](const LogEvent&, std::string_view text) {
        if (feed->lines.size() < Feed::max_behind) feed->lines += text;
        if (!std::exchange(feed->wake_posted, true)) parts_.loop.post([feed] { feed->notify(); });
      });
  const std::string past = co_await parts_.logs.read_stored(name, query);
  const bool past_sent = co_await connection.send_chunk(past);
  if (!past_sent) co_return;
  connection.watch_peer([feed] {
    feed->gone = true;
    feed->notify();
  });
  while (!feed->gone && !draining() && connection.is_open() && parts_.router.find(name)) {
    if (feed->lines.empty()) {
      feed->wake.emplace();
      co_await *feed->wake;
      feed->wake.reset();
      continue;
    }
    const std::string lines = std::exchange(feed->lines, {});
    const bool sent = co_await connection.send_chunk(lines);
    if (!sent) break;
  }
  connection.watch_peer(nullptr);
  if (!feed->gone) co_await connection.end_stream();
}

Task<void> PublicApi::instances(http::Connection& connection, const std::string& name) {
  std::string body = R"({"Instances":[)";
  const auto pool = parts_.router.find(name);
  bool first = true;
  for (const auto& instance : pool->instances()) {
    if (!std::exchange(first, false)) body += ',';
    body += R"({"Id":)";
    append_json_string(body, instance.id);
    body += R"(,"State":)";
    append_json_string(body, to_string(instance.state));
    body += R"(,"Pid":)" + std::to_string(instance.pid) + R"(,"Invocations":)" + std::to_string(instance.invocations) +
            R"(,"AgeSeconds":)" + std::to_string(instance.age.count()) + "}";
  }
  body += "]";
  if (const auto pull = pool->pull(); !pull.address.empty()) {
    body += R"(,"Pull":{"Address":)";
    append_json_string(body, pull.address);
    if (!pull.error.empty()) {
      body += R"(,"Error":)";
      append_json_string(body, pull.error);
    }
    body += '}';
  }
  if (const auto forks = pool->preloaded()) body += R"(,"Preloaded":)" + std::to_string(*forks);
  body += "}";
  const http::ApiResponse answer = json_answer(200, std::move(body));
  co_await invocations_.send(connection, answer);
}

}  // namespace kiln
