// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/telemetry/metrics.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace kiln {
namespace {

constexpr std::array<std::string_view, invocation_outcomes> outcome_names = {
    "success", "function_error", "timeout", "crash", "init_error", "platform_error"};
constexpr std::array<std::string_view, instance_gauges> state_names = {"starting", "idle", "busy", "stopping"};
constexpr std::array<std::string_view, 4> phase_names = {"fetch", "prepare", "launch", "init"};

template <class Number>
void append_number(std::string& out, Number number) {
  std::array<char, 32> digits;
  out.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr);
}

/// Seconds without an exponent, for those who compare bounds as text.
void append_bound(std::string& out, std::int64_t us) {
  std::array<char, 32> digits;
  const double seconds = static_cast<double>(us) / 1e6;
  out.append(digits.data(),
             std::to_chars(digits.data(), digits.data() + digits.size(), seconds, std::chars_format::fixed).ptr);
}

void append_label_value(std::string& out, std::string_view value) {
  for (const char c : value) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
}

struct Label {
  std::string_view name;
  std::string_view value;
};

/// Writes families one after the other, each with its HELP and TYPE, as the format wants.
class Exposition {
 public:
  void family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    out_ += "# HELP ";
    out_ += name;
    out_ += ' ';
    out_ += help;
    out_ += "\n# TYPE ";
    out_ += name;
    out_ += ' ';
    out_ += type;
    out_ += '\n';
  }

  template <class Number>
  void sample(std::initializer_list<Label> labels, Number value, std::string_view suffix = {},
              std::string_view le = {}) {
    out_ += name_;
    out_ += suffix;
    char before = '{';
    const auto label = [&](std::string_view name, std::string_view text) {
      out_ += std::exchange(before, ',');
      out_ += name;
      out_ += "=\"";
      append_label_value(out_, text);
      out_ += '"';
    };
    for (const Label& l : labels) label(l.name, l.value);
    if (!le.empty()) label("le", le);
    if (before == ',') out_ += '}';
    out_ += ' ';
    append_number(out_, value);
    out_ += '\n';
  }

  void histogram(std::initializer_list<Label> labels, const Histogram& histogram) {
    std::uint64_t cumulative = 0;
    std::string bound;
    for (std::size_t i = 0; i < Histogram::bounds_us.size(); ++i) {
      cumulative += histogram.buckets()[i];
      bound.clear();
      append_bound(bound, Histogram::bounds_us[i]);
      sample(labels, cumulative, "_bucket", bound);
    }
    sample(labels, histogram.count(), "_bucket", "+Inf");
    sample(labels, std::chrono::duration<double>(histogram.sum()).count(), "_sum");
    sample(labels, histogram.count(), "_count");
  }

  std::string take() { return std::move(out_); }

 private:
  std::string out_;
  std::string_view name_;
};

using Functions = std::map<std::string, std::shared_ptr<FunctionMetrics>, std::less<>>;

void counters(Exposition& out, const Functions& functions, std::string_view name, Counter FunctionMetrics::* member,
              std::string_view help) {
  out.family(name, "counter", help);
  for (const auto& [function, series] : functions) out.sample({{"function", function}}, ((*series).*member).value());
}

void gauges(Exposition& out, const Functions& functions, std::string_view name, Gauge FunctionMetrics::* member,
            std::string_view help) {
  out.family(name, "gauge", help);
  for (const auto& [function, series] : functions) out.sample({{"function", function}}, ((*series).*member).value());
}

void render_invocations(Exposition& out, const Functions& functions) {
  out.family("kiln_invocations_total", "counter", "Invocations that are over, by how they ended.");
  for (const auto& [function, series] : functions) {
    for (std::size_t i = 0; i < outcome_names.size(); ++i) {
      out.sample({{"function", function}, {"result", outcome_names[i]}}, series->invocations[i].value());
    }
  }
  out.family("kiln_invocation_duration_seconds", "histogram", "From an event's dispatch to its answer.");
  for (const auto& [function, series] : functions) {
    out.histogram({{"function", function}}, series->invocation_duration);
  }
  gauges(out, functions, "kiln_invocations_in_flight", &FunctionMetrics::in_flight,
         "Invocations an instance works on.");
  gauges(out, functions, "kiln_queue_length", &FunctionMetrics::queued, "Invocations that wait for an instance.");
  out.family("kiln_queue_wait_seconds", "histogram", "How long invocations waited for an instance.");
  for (const auto& [function, series] : functions) out.histogram({{"function", function}}, series->queue_wait);
  counters(out, functions, "kiln_throttles_total", &FunctionMetrics::throttles, "Invocations answered 429.");
  counters(out, functions, "kiln_timeouts_total", &FunctionMetrics::timeouts,
           "Invocations that passed their deadline.");
}

void render_instances(Exposition& out, const Functions& functions) {
  out.family("kiln_instances", "gauge", "Instances alive, by state.");
  for (const auto& [function, series] : functions) {
    for (std::size_t i = 0; i < state_names.size(); ++i) {
      out.sample({{"function", function}, {"state", state_names[i]}}, series->instances[i].value());
    }
  }
  gauges(out, functions, "kiln_preloaded_forks", &FunctionMetrics::preloaded,
         "Forks of the function's snapshot that stand ready.");
  counters(out, functions, "kiln_cold_starts_total", &FunctionMetrics::cold_starts, "Instances made.");
  out.family("kiln_cold_start_phase_seconds", "histogram", "How long each phase of a cold start took.");
  for (const auto& [function, series] : functions) {
    for (std::size_t i = 0; i < phase_names.size(); ++i) {
      out.histogram({{"function", function}, {"phase", phase_names[i]}}, series->cold_start_phases[i]);
    }
  }
  counters(out, functions, "kiln_init_failures_total", &FunctionMetrics::init_failures, "Init phases that failed.");
  counters(out, functions, "kiln_crashes_total", &FunctionMetrics::crashes, "Instances that ended unasked.");
  counters(out, functions, "kiln_log_dropped_bytes_total", &FunctionMetrics::log_dropped_bytes,
           "Bytes of output that no log has.");
}

/// These names are the Prometheus client libraries' own, which is what dashboards look for.
void render_process(Exposition& out, const ProcessSample& process) {
  const auto one = [&out](std::string_view name, std::string_view type, std::string_view help, auto value) {
    out.family(name, type, help);
    out.sample({}, value);
  };
  one("process_cpu_seconds_total", "counter", "User and system CPU time of the server.", process.cpu_seconds);
  one("process_resident_memory_bytes", "gauge", "Resident memory of the server.", process.resident_bytes);
  one("process_virtual_memory_bytes", "gauge", "Virtual memory of the server.", process.virtual_bytes);
  one("process_open_fds", "gauge", "Open file descriptors of the server.", process.open_fds);
  one("process_max_fds", "gauge", "How many file descriptors the server may open.", process.max_fds);
  one("process_threads", "gauge", "Threads of the server.", process.threads);
  one("process_start_time_seconds", "gauge", "When the server began, since the epoch.", process.start_time_seconds);
}

}  // namespace

void Histogram::observe(std::chrono::nanoseconds duration) {
  const std::int64_t us = (duration.count() + 999) / 1000;  // up: a bucket holds what is at most its bound
  const auto bound = std::lower_bound(bounds_us.begin(), bounds_us.end(), us);
  ++buckets_[static_cast<std::size_t>(bound - bounds_us.begin())];
  ++count_;
  sum_ += std::max(duration, std::chrono::nanoseconds(0));
}

void FunctionMetrics::invoked(InvocationOutcome outcome, std::chrono::nanoseconds duration) {
  invocations[static_cast<std::size_t>(outcome)].add();
  if (outcome == InvocationOutcome::timeout) timeouts.add();
  invocation_duration.observe(duration);
}

void FunctionMetrics::cold_start(const PhaseTimes& phases) {
  cold_starts.add();
  cold_start_phases[0].observe(phases.fetch);
  cold_start_phases[1].observe(phases.prepare);
  cold_start_phases[2].observe(phases.launch);
  cold_start_phases[3].observe(phases.init);
}

Metrics::Metrics(std::string version) : version_(std::move(version)) {}

std::shared_ptr<FunctionMetrics> Metrics::function(std::string_view name) {
  const auto found = functions_.find(name);
  if (found != functions_.end()) return found->second;
  return functions_.emplace(std::string(name), std::make_shared<FunctionMetrics>()).first->second;
}

void Metrics::remove(std::string_view name) {
  const auto found = functions_.find(name);
  if (found != functions_.end()) functions_.erase(found);
}

std::string Metrics::render(const ProcessSample& process) const {
  Exposition out;
  out.family("kiln_build_info", "gauge", "Always 1; the label says which version this is.");
  out.sample({{"version", version_}}, 1);
  render_invocations(out, functions_);
  render_instances(out, functions_);
  out.family("kiln_bad_requests_total", "counter", "Requests refused before any function was concerned.");
  out.sample({}, bad_requests.value());
  out.family("kiln_internal_errors_total", "counter", "Failures of the platform itself.");
  out.sample({}, internal_errors.value());
  out.family("kiln_connections", "gauge", "Open connections of invokers.");
  out.sample({}, connections.value());
  render_process(out, process);
  return out.take();
}

}  // namespace kiln
