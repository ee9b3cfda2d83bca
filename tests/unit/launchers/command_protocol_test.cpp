// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/command_protocol.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "runtime-api/control-server/launchers/command_records.hpp"
#include "runtime-api/control-server/launchers/instance_paths.hpp"
#include "runtime-api/protocol/error_types.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace kiln;
using nlohmann::json;

namespace {

InstanceSpec python_spec(const std::filesystem::path& layers) {
  InstanceSpec spec;
  spec.instance_id = "0b5c8a7e-1";
  spec.function_name = "hello";
  spec.runtime = "python3.11";
  spec.image = "example.org/hello:1";
  spec.executable = "/usr/lib/kiln/python3.11/bootstrap";
  spec.runtime_root = "/usr/lib/kiln/python3.11";
  spec.task_root = "/data/code/ab/task";
  spec.layers_root = layers;
  spec.environment = {"_HANDLER=index.handler", "TEXT=a=b\nc", "EMPTY=", "AWS_LAMBDA_RUNTIME_API=127.0.0.1:4711"};
  spec.memory_mb = 1769;
  spec.tmp_mb = 512;
  spec.timeout_s = 3;
  spec.init_deadline = Deadline::after(std::chrono::seconds(10));
  return spec;
}

template <class T>
std::string why(const std::variant<T, std::string>& read) {
  const auto* const text = std::get_if<std::string>(&read);
  return text == nullptr ? "" : *text;
}

const std::string ours = R"("version":"kiln/launch/v1")";

}  // namespace

TEST_CASE("A start request says everything that a container needs") {
  const test::TemporaryFolder layers;
  const InstanceSpec spec = python_spec(layers.path());
  const json request = json::parse(start_request(spec, paths_in_own_root(spec), "127.0.0.1:4711"));
  CHECK(request.at("version") == "kiln/launch/v1");
  CHECK(request.at("action") == "start");
  CHECK(request.at("instance") == "0b5c8a7e-1");
  CHECK(request.at("function") == "hello");
  CHECK(request.at("runtime") == "python3.11");
  CHECK(request.at("image") == "example.org/hello:1");
  CHECK(request.at("handler") == "index.handler");
  CHECK(request.at("program") == json::array({"/var/runtime/bootstrap"}));
  CHECK(request.at("workingDirectory") == "/var/task");
  CHECK(request.at("runtimeApi") == "127.0.0.1:4711");
  CHECK(request.at("environment") == json({{"_HANDLER", "index.handler"},
                                           {"TEXT", "a=b\nc"},
                                           {"EMPTY", ""},
                                           {"AWS_LAMBDA_RUNTIME_API", "127.0.0.1:4711"}}));
  CHECK(request.at("folders") ==
        json({{"task", {{"host", "/data/code/ab/task"}, {"instance", "/var/task"}}},
              {"runtime", {{"host", "/usr/lib/kiln/python3.11"}, {"instance", "/var/runtime"}}},
              {"layers", {{"host", layers.path().string()}, {"instance", "/opt"}}}}));
  CHECK(request.at("limits") == json({{"memoryMB", 1769},
                                      {"cpus", 1.0},
                                      {"processes", 1024},
                                      {"openFiles", 1024},
                                      {"tmpMB", 512},
                                      {"timeoutSeconds", 3}}));
  const auto left = request.at("deadlineMs").get<std::int64_t>() - Deadline::after({}).to_epoch_ms();
  CHECK(left > 5'000);
  CHECK(left <= 10'000);
}

TEST_CASE("A start request leaves out what there is not") {
  InstanceSpec spec = python_spec("/nowhere/at/all");
  spec.image.clear();
  spec.runtime_root.clear();
  spec.executable = spec.task_root / "bootstrap";
  const json request = json::parse(start_request(spec, paths_on_host(spec), "127.0.0.1:1"));
  CHECK_FALSE(request.contains("image"));
  CHECK(request.at("folders") ==
        json({{"task", {{"host", "/data/code/ab/task"}, {"instance", "/data/code/ab/task"}}}}));
  CHECK(request.at("program") == json::array({"/data/code/ab/task/bootstrap"}));
}

TEST_CASE("A path that is no UTF-8 still makes a request") {
  InstanceSpec spec = python_spec("/nowhere");
  spec.task_root = "/data/\xff";
  CHECK_NOTHROW(json::parse(start_request(spec, paths_on_host(spec), "127.0.0.1:1")));
}

TEST_CASE("A stop request says why, and how long it may take") {
  const CommandSubject subject{"i-1", "hello", "container-7"};
  const json request = json::parse(
      stop_request(subject, StopReason::shutdown, std::chrono::milliseconds(2000), std::chrono::milliseconds(22'500)));
  CHECK(request == json({{"version", "kiln/launch/v1"},
                         {"action", "stop"},
                         {"instance", "i-1"},
                         {"function", "hello"},
                         {"id", "container-7"},
                         {"reason", "shutdown"},
                         {"graceSeconds", 2.0},
                         {"timeLimitSeconds", 22.5}}));
  const json failed = json::parse(stop_request({"i-1", "hello", {}}, StopReason::start_failed, {}, {}));
  CHECK(failed.at("reason") == "start-failed");
  CHECK_FALSE(failed.contains("id"));
}

TEST_CASE("An answer to start may name a process, or promise to wait") {
  const auto with_pid = read_start("{" + ours + R"(,"id":"c1","pid":4711,"unknown":[1]})");
  REQUIRE(why(with_pid).empty());
  CHECK(std::get<CommandStart>(with_pid).handle == "c1");
  CHECK(std::get<CommandStart>(with_pid).pid == 4711);
  CHECK_FALSE(std::get<CommandStart>(with_pid).wait);
  const auto waits = read_start("{" + ours + R"(,"wait":true})");
  REQUIRE(why(waits).empty());
  CHECK(std::get<CommandStart>(waits).wait);
  CHECK(std::get<CommandStart>(waits).pid == 0);
}

TEST_CASE("An answer that makes no sense says what is wrong with it") {
  CHECK(why(read_start("")) == "it is not JSON");
  CHECK(why(read_start("started!")) == "it is not JSON");
  CHECK(why(read_start("[1]")) == "it is not a JSON object");
  CHECK(why(read_start("{}")) == R"(it has no member "version")");
  CHECK(why(read_start(R"({"version":"kiln/launch/v9"})")) ==
        "its version is kiln/launch/v9, and this server speaks kiln/launch/v1");
  CHECK(why(read_start(R"({"version":[[[]]]})")) == "its version is no text, and this server speaks kiln/launch/v1");
  for (const char* pid : {"-1", "4194305", "1.5", "\"7\"", "99999999999999999999", "[]"}) {
    CHECK(why(read_start("{" + ours + ",\"pid\":" + pid + "}")) == R"("pid" is not the number of a process)");
  }
  CHECK(why(read_start("{" + ours + R"(,"id":7})")) == R"("id" is not a text of at most 1,024 bytes)");
  CHECK_FALSE(why(read_start("{" + ours + ",\"id\":\"" + std::string(1025, 'x') + "\"}")).empty());
  CHECK(why(read_start("{" + ours + R"(,"wait":1})")) == R"("wait" is neither true nor false)");
  CHECK_FALSE(why(read_start("{" + ours + R"(,"pid":7,"wait":true})")).empty());
  // Deeper than a stack of calls would go.
  const std::string deep(60'000, '[');
  CHECK(why(read_start(deep)) == "it is not JSON");
  CHECK(why(read_start("{\"version\":" + deep + std::string(60'000, ']') + "}")).starts_with("its version is no text"));
}

TEST_CASE("An answer to describe says where instances see their files") {
  const auto shell = read_description("{" + ours + R"(,"name":"shell","paths":"host"})");
  REQUIRE(why(shell).empty());
  CHECK(std::get<CommandDescription>(shell).host_paths);
  CHECK(std::get<CommandDescription>(shell).name == "shell");
  const auto podman = read_description("{" + ours + "}");
  REQUIRE(why(podman).empty());
  CHECK_FALSE(std::get<CommandDescription>(podman).host_paths);
  CHECK(why(read_description("{" + ours + R"(,"paths":"/"})")) == R"("paths" is neither "image" nor "host")");
  CHECK_FALSE(why(read_description("{" + ours + R"(,"paths":"somewhere else"})")).empty());
  CHECK_FALSE(why(read_description("{" + ours + R"(,"name":{}})")).empty());
}

TEST_CASE("An answer to stop may say how the instance ended") {
  const auto killed = read_end("{" + ours + R"(,"signal":9,"outOfMemory":true,"peakMemoryKiB":131072})");
  REQUIRE(why(killed).empty());
  CHECK(std::get<CommandEnd>(killed).status.signal == 9);
  CHECK(std::get<CommandEnd>(killed).status.out_of_memory);
  CHECK(std::get<CommandEnd>(killed).peak_memory_kib == 131'072);
  const auto exited = read_end("{" + ours + R"(,"exitCode":3})");
  CHECK(std::get<CommandEnd>(exited).status.describe() == "exit status 3");
  CHECK(why(read_end(" \n")).empty());
  CHECK(why(read_end("ok")) == "it is not JSON");
  CHECK_FALSE(why(read_end("{" + ours + R"(,"exitCode":256})")).empty());
  CHECK_FALSE(why(read_end("{" + ours + R"(,"signal":-9})")).empty());
  CHECK_FALSE(why(read_end("{" + ours + R"(,"outOfMemory":"yes"})")).empty());
  CHECK_FALSE(why(read_end("{" + ours + R"(,"peakMemoryKiB":"much"})")).empty());
}

TEST_CASE("An error that a command tells of keeps its type where that can be one") {
  CHECK_FALSE(told_error("no JSON"));
  CHECK_FALSE(told_error("{" + ours + "}"));
  const auto told = told_error(R"({"error":{"type":"Runtime.InvalidEntrypoint","message":"no such image"}})");
  REQUIRE(told);
  CHECK(told->type == "Runtime.InvalidEntrypoint");
  CHECK(told->message == "no such image");
  for (const char* type : {"\"\"", "\"a\\r\\nb: c\"", "\"with space\"", "7", "null"}) {
    const auto odd = told_error(R"({"error":{"message":"m","type":)" + std::string(type) + "}}");
    REQUIRE(odd);
    CHECK(odd->type == error_types::sandbox_failure);
  }
  CHECK_FALSE(told_error(R"({"error":{}})")->message.empty());
}

TEST_CASE("What is owed a stop is on disk until it is taken off") {
  const test::TemporaryFolder folder;
  const CommandRecords records(folder.path() / "launched");
  CHECK(records.all().empty());
  records.keep({"i-1", "hello", {}});
  records.keep({"i-1", "hello", "container-7"});
  records.keep({"i-2", "other", {}});
  folder.write("launched/i-3", "cut off by a full di");
  folder.write("launched/i-4.new", "");
  auto found = CommandRecords(folder.path() / "launched").all();
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.instance_id < b.instance_id; });
  REQUIRE(found.size() == 3);
  CHECK(found[0].instance_id == "i-1");
  CHECK(found[0].function_name == "hello");
  CHECK(found[0].handle == "container-7");
  CHECK(found[1].instance_id == "i-2");
  CHECK(found[2].instance_id == "i-3");
  for (const auto& subject : found) records.remove(subject.instance_id);
  CHECK(records.all().empty());
  CHECK(std::filesystem::is_empty(folder.path() / "launched"));
}
