// SPDX-License-Identifier: Apache-2.0
// Wiring only: makes the parts, joins them, runs the loop, takes them apart in order.
#include "runtime-api/control-server/serve.hpp"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

#include "runtime-api/control-server/api/operations.hpp"
#include "runtime-api/control-server/api/public_api.hpp"
#include "runtime-api/control-server/data_folder.hpp"
#include "runtime-api/control-server/images/find_images.hpp"
#include "runtime-api/control-server/instances/router.hpp"
#include "runtime-api/control-server/launchers/launchers.hpp"
#include "runtime-api/control-server/launchers/orphan_guard.hpp"
#include "runtime-api/control-server/shutdown.hpp"
#include "runtime-api/server/async/signal_watch.hpp"
#include "runtime-api/server/http/http_server.hpp"

namespace kiln {
namespace {

struct HostPort {
  std::string host;
  unsigned short port = 0;
};

HostPort parse_listen(const std::string& text) {
  const auto colon = text.rfind(':');
  std::string host = colon == std::string::npos ? std::string() : text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  std::size_t used = 0;
  int port = -1;
  try {
    if (colon != std::string::npos) port = std::stoi(text.substr(colon + 1), &used);
  } catch (const std::exception&) {
    port = -1;
  }
  if (host.empty() || port < 0 || port > 65'535 || colon + 1 + used != text.size()) {
    throw std::invalid_argument("cannot listen on '" + text +
                                "': it must be HOST:PORT, for instance 127.0.0.1:9080 (port 0 takes a free one)");
  }
  return {host, static_cast<unsigned short>(port)};
}

/// The runtimes whose bootstrap is installed, and `provided`, which needs none.
RuntimeList installed_runtimes(const std::filesystem::path& libexec) {
  RuntimeList list;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(libexec, ignored)) {
    if (std::filesystem::exists(entry.path() / "bootstrap", ignored))
      list.names.push_back(entry.path().filename().string());
  }
  list.names.emplace_back("provided");
  std::sort(list.names.begin(), list.names.end());
  return list;
}

/// Every instance and every client is a descriptor or two.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
}

std::shared_ptr<spdlog::logger> make_logger(const std::string& level) {
  auto logger = std::make_shared<spdlog::logger>("kiln", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
  logger->set_level(spdlog::level::from_str(level));
  return logger;
}

}  // namespace

int serve(const ServeOptions& options) {
  const HostPort public_at = parse_listen(options.listen);
  const HostPort operations_at = parse_listen(options.operations_listen);
  const auto log = make_logger(options.log_level);
  std::signal(SIGPIPE, SIG_IGN);
  raise_descriptor_limit();
  const DataFolder data(options.data);
  // Both fork, so before any thread.
  LauncherOptions launcher_options;
  launcher_options.isolation = options.isolation;
  launcher_options.init = options.libexec / "sandbox-init";
  if (options.zygote) launcher_options.zygotes = options.libexec / "zygotes";
  launcher_options.freezes = options.freeze_after.count() > 0;
  launcher_options.ready_sandboxes = options.ready_sandboxes;
  launcher_options.snapshot_idle = options.snapshot_idle;
  const auto add = [](std::vector<std::string>& to, const std::vector<std::string>& modules) {
    to.insert(to.end(), modules.begin(), modules.end());
  };
  add(launcher_options.preimports, options.preimports.modules);
  for (const auto& [name, modules] : options.preimports.sets) {
    add(launcher_options.preimport_sets.emplace(name, default_preimports()).first->second, modules);
  }
  launcher_options.command = options.launch_command;
  launcher_options.command_listen = options.launch_listen;
  launcher_options.command_records = data.launched();
  const std::unique_ptr<ImageSource> images = find_images(options.oci_images, data.images());
  launcher_options.containers = {images.get(), options.oci_runtime, options.libexec / "container-monitor",
                                 data.containers()};
  const IsolationDecision isolation = decide_isolation(launcher_options);
  OrphanGuard guard;

  Metrics metrics(options.version);
  EventLoop loop([&](std::string_view where, std::string_view what) {
    metrics.internal_errors.add();
    log->error("{}: {}", where, what);
  });
  const AccountSettings account;
  Catalog catalog(data.catalog(), account);
  CodeStore code(data.code());
  RuntimeList runtimes = installed_runtimes(options.libexec);
  for (const auto& [name, modules] : options.preimports.sets) runtimes.preimport_sets.push_back(name);
  ManagementApi management(catalog, code, runtimes, account);
  management.collect_code({});  // nothing runs yet, so what no function has is nobody's

  WorkerPool workers(loop, 2, "kiln-worker");
  WorkerPool checking(loop, 2, "kiln-checker");  // not those that unpack uploads, for which a cold start need not wait
  LogOptions log_options;
  log_options.directory = data.logs();
  log_options.on_dropped = [&](std::string_view function, std::uint64_t bytes) {
    metrics.function(function)->log_dropped_bytes.add(bytes);
  };
  LogStore logs(loop, workers, log_options);
  const auto code_is_intact = [&](std::string_view hash) {
    return checking.run([&code, name = std::string(hash)] { return code.intact(name); });
  };
  Launchers launchers(loop, guard, launcher_options, isolation);
  Activator activator(loop, launchers, logs,
                      {[&](const DeployedFunction& function) { return installed_runtime(options.libexec, function); },
                       options.opt, options.init_timeout, options.availability_zone_id, account, code_is_intact,
                       options.freeze_after, runtimes.preimport_sets});
  Router router({loop, activator, metrics, {}});
  for (const CatalogChange& change : management.everything()) router.apply(change);

  PublicApi api({loop, router, management, workers, logs, metrics, account});
  http::HttpServer listener(loop, {public_at.host, public_at.port, 10'000, {}},
                            [&](http::Connection& connection) { return api.handle(connection); });
  const auto update_gauges = [&] {
    router.update_gauges();
    metrics.connections.set(static_cast<std::int64_t>(listener.open_connections()));
  };
  const OperationsApi operations_api(metrics, [&] { return !api.draining(); }, update_gauges);
  http::HttpServer operations(loop, {operations_at.host, operations_at.port, 100, {}},
                              [&](http::Connection& connection) { return operations_api.handle(connection); });

  const auto retire = [&] {
    router.retire_all();
    launchers.stop();
  };
  Shutdown shutdown(loop, listener, operations,
                    {[&] { api.drain(); }, retire, [&] { router.kill_all(); },
                     [&] { return router.drained() && launchers.settled(); }, [&] { return launchers.end_limit(); }},
                    options.drain_timeout);
  const SignalWatch signals(loop, {SIGTERM, SIGINT}, [&, asked = false](int number) mutable {
    if (std::exchange(asked, true)) return;
    log->info("{}: draining, {} call(s) under way", number == SIGINT ? "interrupted" : "asked to end",
              listener.active());
    loop.spawn(shutdown.run(), "shutdown");
  });

  log->info("data in {}, {} function(s), runtimes:{}", options.data, router.functions(), [&] {
    std::string names;
    for (const auto& name : runtimes.names) names += " " + name;
    return names;
  }());
  log->log(isolation.level == Isolation::process ? spdlog::level::warn : spdlog::level::info, "{}",
           isolation.explanation());
  std::printf("ready http://%s operations http://%s\n", listener.address().c_str(), operations.address().c_str());
  std::fflush(stdout);
  loop.run();
  log->info("ended");
  return 0;
}

}  // namespace kiln
