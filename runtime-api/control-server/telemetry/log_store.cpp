// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/telemetry/log_store.hpp"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <random>
#include <utility>
#include <vector>

#include "runtime-api/control-server/telemetry/function_log.hpp"
#include "runtime-api/control-server/telemetry/log_files.hpp"
#include "runtime-api/control-server/telemetry/log_text.hpp"
#include "runtime-api/control-server/telemetry/telemetry_feed.hpp"

namespace kiln {
namespace {

std::string stream_name(std::string_view version) {
  std::string name;
  append_time(name, std::chrono::system_clock::now());
  name.resize(10);
  std::replace(name.begin(), name.end(), '-', '/');
  name += "/[";
  name += version;
  name += ']';
  std::random_device random;
  for (int word = 0; word < 4; ++word) {
    std::uint32_t bits = random();
    for (int digit = 0; digit < 8; ++digit, bits >>= 4) name += "0123456789abcdef"[bits & 15];
  }
  return name;
}

}  // namespace

struct LogStore::Shared {
  Shared(EventLoop& the_loop, WorkerPool& the_workers, LogOptions the_options)
      : loop(the_loop), workers(the_workers), options(std::move(the_options)), timer(the_loop) {
    if (!options.directory.empty()) {
      files = std::make_shared<LogFiles>(options.directory, options.file_size, options.files);
    }
  }

  std::shared_ptr<FunctionLog> function_log(std::string_view function) {
    const auto found = functions.find(function);
    if (found != functions.end()) return found->second;
    std::string name(function);
    FunctionLog::Hooks hooks;
    if (files || options.sink) hooks.on_unwritten = [this, name](bool urgent) { unwritten(name, urgent); };
    hooks.on_dropped = [this, name](std::uint64_t bytes) { dropped(name, bytes); };
    auto log = std::make_shared<FunctionLog>(name, options, std::move(hooks));
    functions.emplace(std::move(name), log);
    return log;
  }

  void unwritten(const std::string& function, bool urgent) {
    if (urgent) {
      write(*functions.find(function)->second);
      return;
    }
    dirty.push_back(functions.find(function)->second);
    if (!timer.armed()) timer.arm(Deadline::after(options.write_interval), [this] { flush(); });
  }

  void dropped(const std::string& function, std::uint64_t bytes) {
    dropped_bytes += bytes;
    if (options.on_dropped) options.on_dropped(function, bytes);
  }

  void flush() {
    timer.cancel();
    for (const auto& log : std::exchange(dirty, {})) write(*log);
  }

  void write(FunctionLog& log) {
    if (!files) return options.sink(log.take_unwritten());
    report_losses();
    auto slices = log.take_unwritten();
    if (files->unwritten_bytes() > options.unwritten_limit) {
      std::uint64_t bytes = 0;
      for (const LogSlice& slice : slices) bytes += slice.to - slice.from;
      dropped(log.name(), bytes);
      return;
    }
    if (files->write(log.name(), std::move(slices))) carry_out_soon();
  }

  /// The files live as long as the last job, whatever becomes of the store.
  void carry_out_soon() {
    workers.submit([kept = files] { kept->carry_out(); });
  }

  void report_losses() {
    const auto losses = files->take_losses();
    if (losses.error) loop.report("log files", losses.error);
    for (const auto& [function, bytes] : losses.bytes) {
      if (bytes > 0) dropped(function, bytes);
    }
  }

  EventLoop& loop;
  WorkerPool& workers;
  const LogOptions options;
  std::map<std::string, std::shared_ptr<FunctionLog>, std::less<>> functions;
  std::vector<std::shared_ptr<FunctionLog>> dirty;
  std::shared_ptr<LogFiles> files;  // null where nothing is kept on disk
  Timer timer;
  std::uint64_t dropped_bytes = 0;
};

LogStore::LogStore(EventLoop& loop, WorkerPool& workers, LogOptions options)
    : shared_(std::make_unique<Shared>(loop, workers, std::move(options))) {}

LogStore::~LogStore() {
  shared_->flush();
  for (const auto& [name, log] : shared_->functions) log->disconnect();
}

InstanceLog LogStore::open(std::string_view function, LogSettings settings, std::string_view version) {
  const auto stream = std::make_shared<const LogStream>(
      LogStream{stream_name(version), settings.format, settings.system_level, settings.application_level});
  std::shared_ptr<FunctionLog> log = shared_->function_log(function);
  auto on_dropped = [log, stream](const RecordsDropped& dropped) {
    log->record(stream, dropped, LogTime::clock::now());
  };
  auto feed = std::make_unique<TelemetryFeed>(shared_->loop, stream, std::move(on_dropped));
  return InstanceLog(std::move(log), stream, std::move(feed));
}

std::string LogStore::read(std::string_view function, const LogQuery& query) const {
  std::string out;
  const auto found = shared_->functions.find(function);
  if (found == shared_->functions.end()) return out;
  std::deque<LogEvent> events;
  found->second->ring().each(0, [&](const LogEvent& event) {
    if (!has_line(event) || !matches(query, event.stream, request_id(event))) return;
    events.push_back(event);
    if (query.tail_lines > 0 && events.size() > query.tail_lines) events.pop_front();
  });
  TimeText times;
  std::string line;
  for (const LogEvent& event : events) {
    line.clear();
    append_line(line, event);
    append_shown(out, query.times && event.format == LogFormat::text ? times.of(event.time) : std::string_view(), line);
  }
  return out;
}

Task<std::string> LogStore::read_stored(std::string function, LogQuery query) {
  if (!shared_->files) co_return read(function, query);
  if (const auto found = shared_->functions.find(function); found != shared_->functions.end()) {
    shared_->write(*found->second);
  }
  // Named: g++ 12 destroys a temporary of a co_await expression twice.
  auto fetch = [files = shared_->files, reading = shared_->files->read(std::move(function)), what = std::move(query)] {
    files->carry_out();
    return LogFiles::select(*reading, what);
  };
  co_return co_await shared_->workers.run(std::move(fetch));
}

LogSubscription LogStore::subscribe(std::string_view function, LogQuery query, Callback callback) {
  LogSubscription subscription;
  subscription.state_ = std::make_shared<LogSubscription::State>();
  subscription.state_->query = std::move(query);
  subscription.state_->callback = std::move(callback);
  shared_->function_log(function)->subscribe(subscription.state_);
  return subscription;
}

void LogStore::forget(std::string_view function) {
  const auto found = shared_->functions.find(function);
  if (found != shared_->functions.end()) {
    const auto log = std::exchange(found->second, nullptr);
    shared_->functions.erase(found);
    log->disconnect();
  }
  // Also for a function that has not logged in this run: its files are there.
  if (shared_->files && shared_->files->remove(std::string(function))) shared_->carry_out_soon();
}

void LogStore::flush() { shared_->flush(); }

std::uint64_t LogStore::dropped_bytes() const { return shared_->dropped_bytes; }

}  // namespace kiln
