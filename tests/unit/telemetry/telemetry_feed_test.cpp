// SPDX-License-Identifier: Apache-2.0
// The way from an instance's log to its subscribers, over real sockets.
#include "runtime-api/control-server/telemetry/telemetry_feed.hpp"

#include <memory>
#include <optional>
#include <set>
#include <string>

#include "runtime-api/control-server/telemetry/log_store.hpp"
#include "runtime-api/control-server/telemetry/telemetry_record.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/loop_runner.hpp"
#include "tests/support/telemetry_subscriber.hpp"

using namespace kiln;
using namespace kiln::test;
using namespace std::chrono_literals;

namespace {

using Protocol = TelemetrySubscriber::Protocol;

/// A store on a loop in a thread of its own, with the log of one instance.
class Instance {
 public:
  explicit Instance(LogSettings settings = {}, LogOptions options = {}) : workers_(thread_.loop(), 1, "workers") {
    thread_.call([&] {
      store_.emplace(thread_.loop(), workers_, std::move(options));
      log_.emplace(store_->open("hello", settings));
    });
  }
  ~Instance() {
    thread_.call([&] {
      log_.reset();
      store_.reset();
    });
  }
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  template <class F>
  auto with_log(F function) {
    return thread_.call([&] { return function(*log_); });
  }
  void subscribe(const TelemetrySubscription& subscription, const std::string& name = "ext") {
    with_log([&](InstanceLog& log) { log.telemetry()->subscribe(name, subscription, make_tcp_socket); });
  }
  std::string text() {
    return thread_.call([&] { return store_->read("hello", {.times = false}); });
  }
  bool wait_until(const std::function<bool(InstanceLog&)>& condition) {
    return thread_.wait_until([&] { return condition(*log_); });
  }
  LoopThread& thread() { return thread_; }

 private:
  std::optional<LogStore> store_;
  std::optional<InstanceLog> log_;
  LoopThread thread_;
  WorkerPool workers_;
};

TelemetrySubscription to(std::uint16_t port, Protocol protocol = Protocol::http) {
  TelemetrySubscription out;
  out.types = {true, true, true};
  out.buffering.timeout = 25ms;
  out.destination.port = port;
  out.destination.host = "sandbox.localdomain:" + std::to_string(port);
  out.destination.path = "/path?x=1";
  if (protocol == Protocol::tcp) out.destination.protocol = TelemetryDestination::Protocol::tcp;
  return out;
}

std::string type(const nlohmann::ordered_json& record) { return record.at("type"); }

void invoke(InstanceLog& log, const std::string& id, const std::string& output) {
  log.start(id, "$LATEST");
  log.output(output);
  log.runtime_done({.request_id = id, .duration = 2ms});
  log.end(id);
  log.report({.request_id = id, .duration = 2ms, .memory_size_mb = 128, .max_memory_used_mb = 30});
}

}  // namespace

TEST_CASE("Events arrive in order, over HTTP and over TCP") {
  for (const Protocol protocol : {Protocol::http, Protocol::tcp}) {
    TelemetrySubscriber subscriber(protocol);
    Instance instance;
    instance.subscribe(to(subscriber.port(), protocol));
    instance.with_log([](InstanceLog& log) { invoke(log, "r-1", "one\ntwo\n"); });
    const auto records = subscriber.wait_for_records(5);
    REQUIRE(records.size() == 5);
    CHECK(type(records[0]) == "platform.start");
    CHECK(records[1].at("record") == "one");
    CHECK(records[2].at("record") == "two");
    CHECK(type(records[3]) == "platform.runtimeDone");
    CHECK(type(records[4]) == "platform.report");
    CHECK(records[4].at("record").at("requestId") == "r-1");
    if (protocol == Protocol::http) {
      const auto requests = subscriber.wait_until([](const auto& all) { return !all.empty(); });
      CHECK(requests[0].head.starts_with("POST /path?x=1 HTTP/1.1\r\nHost: sandbox.localdomain:"));
      CHECK(requests[0].head.find("Content-Type: application/json\r\n") != std::string::npos);
      CHECK(requests.size() == 1);  // what came together goes together
    }
  }
}

TEST_CASE("Batches follow one another over one connection") {
  TelemetrySubscriber subscriber(Protocol::http);
  Instance instance;
  instance.subscribe(to(subscriber.port()));
  for (int i = 1; i <= 5; ++i) {
    instance.with_log([](InstanceLog& log) { log.output("line\n"); });
    subscriber.wait_for_records(static_cast<std::size_t>(i));
  }
  CHECK(subscriber.connections() == 1);
}

TEST_CASE("Who subscribes late gets the init phase from its beginning, and only what it asked for") {
  TelemetrySubscriber everything(Protocol::http);
  TelemetrySubscriber lines(Protocol::tcp);
  Instance instance;
  instance.with_log([](InstanceLog& log) {
    log.init_start("python:3.11");
    log.output("loading\n");
    log.message("", "from an extension", OutputOrigin::extension);
  });
  instance.subscribe(to(everything.port()), "a");
  auto only_function = to(lines.port(), Protocol::tcp);
  only_function.types = {false, true, false};
  instance.subscribe(only_function, "b");
  instance.with_log([](InstanceLog& log) {
    log.init_runtime_done({});
    log.init_report({5ms, {}, {}});
    log.telemetry()->close_subscription();
  });
  const auto all = everything.wait_for_records(5);
  CHECK(type(all[0]) == "platform.initStart");
  CHECK(all[1].at("record") == "loading");
  CHECK(type(all[2]) == "extension");
  CHECK(type(all[3]) == "platform.initRuntimeDone");
  CHECK(type(all[4]) == "platform.initReport");
  instance.with_log([](InstanceLog& log) { log.output("later\n"); });
  const auto some = lines.wait_for_records(2);
  CHECK(some[0].at("record") == "loading");
  CHECK(some[1].at("record") == "later");
}

TEST_CASE("An event that was kept for a late subscriber has all that it had") {
  TelemetrySubscriber subscriber(Protocol::tcp);
  Instance instance;
  const std::vector<LogEvent::Body> bodies = {InitStart{"r", "a", "f", "v", "i", {InitPhase::invoke, true}},
                                              InitRuntimeDone{"error", "T", {InitPhase::invoke, false}},
                                              InitReport{3ms, "timeout", "T", {InitPhase::init, true}},
                                              InvocationStart{"id", "v", "Root=1"},
                                              RuntimeDone{"id", "error", "T", "Root=1", 9ms, 7, 2ms, 3ms},
                                              RuntimeDone{"id", "", "", "", 9ms, {}, {}, {}},
                                              Report{"id", 4ms, 5, 128, 30, 6ms, "error", "T", "Root=1", 7ms, true},
                                              ExtensionInit{"n", "Ready", "INVOKE", "T"},
                                              Subscribed{"n", "platform", true},
                                              RecordsDropped{"why", 11, 12},
                                              RestoreStart{"r", "a", "f", "v", "i"},
                                              RestoreRuntimeDone{"error", "T"},
                                              RestoreReport{8ms, "error", "T"}};
  std::vector<std::string> expected;
  instance.with_log([&](InstanceLog& log) {
    for (const auto& body : bodies) {
      const LogEvent event{std::chrono::system_clock::now(), "s", LogFormat::text, body};
      log.telemetry()->take(event);
      append_record(expected.emplace_back(), event, TelemetrySchema::telemetry_2022_07_01);
    }
  });
  instance.subscribe(to(subscriber.port(), Protocol::tcp));
  const auto records = subscriber.wait_for_records(bodies.size());
  REQUIRE(records.size() == expected.size());
  for (std::size_t i = 0; i < records.size(); ++i) CHECK(records[i].dump() == expected[i]);
}

TEST_CASE("What of the init phase is too much to keep is told to the late subscriber, to the byte") {
  TelemetrySubscriber subscriber(Protocol::tcp);
  Instance instance;
  const std::string line(1000, 'x');
  constexpr std::size_t lines = 1000;
  instance.with_log([&](InstanceLog& log) {
    for (std::size_t i = 0; i < lines; ++i) log.output(line + "\n");
  });
  instance.subscribe(to(subscriber.port(), Protocol::tcp));
  const auto enough = [](const auto& requests) {
    return !requests.empty() && type(requests.back().records[0]) == "platform.logsDropped";
  };
  const auto requests = subscriber.wait_until(enough);
  const auto& dropped = requests.back().records[0].at("record");
  const std::size_t kept = requests.size() - 1;
  CHECK(kept > 200);
  CHECK(dropped.at("droppedRecords") == lines - kept);
  CHECK(dropped.at("droppedBytes") == (lines - kept) * line.size());
}

TEST_CASE("A subscriber that refuses gets the batch again, and nothing twice that it took") {
  TelemetrySubscriber subscriber(Protocol::http);
  subscriber.answer_with({500, 0, 404});
  Instance instance;
  instance.subscribe(to(subscriber.port()));
  instance.with_log([](InstanceLog& log) { log.output("once\n"); });
  const auto requests = subscriber.wait_until([](const auto& all) { return all.size() == 4; });
  for (const auto& request : requests) CHECK(request.records == requests[0].records);
  CHECK(subscriber.wait_for_records(1).size() == 1);
}

TEST_CASE("A subscriber may come up after it has subscribed") {
  std::uint16_t port = 0;
  {
    port = TelemetrySubscriber(Protocol::http).port();
  }
  Instance instance;
  instance.subscribe(to(port));
  instance.with_log([](InstanceLog& log) { log.output("early\n"); });
  TelemetrySubscriber subscriber(Protocol::http, port);
  CHECK(subscriber.wait_for_records(1)[0].at("record") == "early");
}

TEST_CASE("A subscriber that falls behind loses records, counted exactly, and memory stays bounded") {
  TelemetrySubscriber subscriber(Protocol::http);
  subscriber.fall_silent();
  LogOptions options;
  options.budget_per_invocation = 1'000'000'000;
  options.memory_per_function = 64 * 1024 * 1024;
  Instance instance({}, options);
  instance.subscribe(to(subscriber.port()));
  const std::string line(10'000, 'y');
  constexpr std::size_t lines = 1000;
  for (std::size_t i = 0; i < lines; ++i) {
    instance.with_log([&](InstanceLog& log) { log.output(std::to_string(1'000 + i) + line + "\n"); });
  }
  subscriber.wait_until([](const auto& all) { return !all.empty(); });
  subscriber.fall_silent(false);
  std::set<std::string> got;  // distinct: a batch whose answer is late is delivered again
  std::uint64_t dropped = 0;
  std::uint64_t dropped_bytes = 0;
  std::uint64_t record_bytes = 0;
  for (std::size_t want = 1; got.size() + dropped < lines;) {
    dropped = dropped_bytes = 0;
    const auto records = subscriber.wait_for_records(want);
    for (const auto& record : records) {
      if (type(record) == "platform.logsDropped") {
        dropped += record.at("record").at("droppedRecords").get<std::uint64_t>();
        dropped_bytes += record.at("record").at("droppedBytes").get<std::uint64_t>();
        CHECK(record.at("record").at("reason").get<std::string>().starts_with("Consumer seems to have fallen behind"));
      } else {
        got.insert(record.at("record").get<std::string>());
        record_bytes = record.dump().size();
      }
    }
    want = records.size() + 1;
  }
  std::uint64_t logged = 0;
  const std::string text = instance.text();
  for (auto at = text.find("LOGS_DROPPED "); at != std::string::npos; at = text.find("LOGS_DROPPED ", at + 1)) {
    logged += std::stoull(text.substr(at + 13));
  }
  CHECK(logged == dropped);
  CHECK(got.size() + dropped == lines);
  CHECK(dropped_bytes == dropped * record_bytes);
  CHECK(got.size() < 200);  // what is held and the one batch on its way are no more
}

TEST_CASE("Output beyond an invocation's budget is told to subscribers too") {
  TelemetrySubscriber subscriber(Protocol::tcp);
  LogOptions options;
  options.budget_per_invocation = 100;
  Instance instance({}, options);
  instance.subscribe(to(subscriber.port(), Protocol::tcp));
  instance.with_log([](InstanceLog& log) {
    for (int i = 0; i < 3; ++i)
      invoke(log, "r-" + std::to_string(i), std::string(60, 'a') + "\n" + std::string(60, 'b') + "\nccc\n");
  });
  std::uint64_t bytes = 0;
  std::uint64_t records = 0;
  for (const auto& record : subscriber.wait_for_records(15)) {
    if (type(record) != "platform.logsDropped") continue;
    bytes += record.at("record").at("droppedBytes").get<std::uint64_t>();
    records += record.at("record").at("droppedRecords").get<std::uint64_t>();
  }
  CHECK(records == 6);
  CHECK(bytes == 3 * 63);
}

TEST_CASE("A new subscription replaces the old one, and the same one changes nothing") {
  TelemetrySubscriber first(Protocol::http);
  TelemetrySubscriber second(Protocol::http);
  Instance instance;
  instance.with_log([](InstanceLog& log) { log.output("one\n"); });
  instance.subscribe(to(first.port()));
  first.wait_for_records(1);
  instance.subscribe(to(first.port()));
  instance.with_log([](InstanceLog& log) { log.output("two\n"); });
  CHECK(first.wait_for_records(2)[1].at("record") == "two");
  instance.subscribe(to(second.port()));
  instance.with_log([](InstanceLog& log) { log.output("three\n"); });
  CHECK(second.wait_for_records(3)[2].at("record") == "three");
  CHECK(first.wait_for_records(2).size() == 2);
}

TEST_CASE("Draining waits for what is buffered, and not beyond its deadline") {
  TelemetrySubscriber subscriber(Protocol::http);
  TelemetrySubscriber silent(Protocol::http);
  silent.fall_silent();
  Instance instance;
  auto slow = to(subscriber.port());
  slow.buffering.timeout = 30s;
  instance.subscribe(slow, "a");
  instance.with_log([](InstanceLog& log) { log.output("last words\n"); });
  const auto drain = [&](std::chrono::milliseconds limit) {
    std::promise<void> done;
    instance.with_log([&](InstanceLog& log) {
      instance.thread().loop().spawn(
          [](TelemetryFeed& feed, Deadline deadline, std::promise<void>& over) -> Task<void> {
            co_await feed.drain(deadline);
            over.set_value();
          }(*log.telemetry(), Deadline::after(limit), done),
          "drain");
    });
    return done.get_future().wait_for(patience) == std::future_status::ready;
  };
  CHECK(drain(20s));
  CHECK(subscriber.wait_for_records(1)[0].at("record") == "last words");
  CHECK(instance.with_log([](InstanceLog& log) { return log.telemetry()->has_subscribers(); }));
  instance.subscribe(to(silent.port()), "b");
  instance.with_log([](InstanceLog& log) { log.output("unheard\n"); });
  const auto begun = std::chrono::steady_clock::now();
  CHECK(drain(100ms));
  CHECK(std::chrono::steady_clock::now() - begun < 5s);
}

TEST_CASE("Nobody listens once no one can subscribe any more") {
  Instance instance;
  CHECK(instance.with_log([](InstanceLog& log) { return log.telemetry()->listening(); }));
  instance.with_log([](InstanceLog& log) { log.telemetry()->close_subscription(); });
  CHECK_FALSE(instance.with_log([](InstanceLog& log) { return log.telemetry()->listening(); }));
  CHECK_FALSE(instance.with_log([](InstanceLog& log) { return log.wants_runtime_done(); }));
}
