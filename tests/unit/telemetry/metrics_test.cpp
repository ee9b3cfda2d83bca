// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/telemetry/metrics.hpp"

#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <vector>

#include "tests/support/catch.hpp"

using namespace kiln;
using namespace std::chrono_literals;

namespace {

/// Reads an exposition as a scraper does, and says what is wrong with it.
class Scrape {
 public:
  explicit Scrape(const std::string& text) {
    if (text.empty() || text.back() != '\n') fault("does not end with a newline");
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      if (line.rfind("# HELP ", 0) == 0) {
        help(line.substr(7));
      } else if (line.rfind("# TYPE ", 0) == 0) {
        type(line.substr(7));
      } else {
        sample(line);
      }
    }
    check_histograms();
  }

  std::string faults;

  std::optional<double> value(const std::string& series) const {
    const auto found = samples_.find(series);
    if (found == samples_.end()) return std::nullopt;
    return found->second;
  }
  std::set<std::string> families() const {
    std::set<std::string> names;
    for (const auto& [name, type] : types_) names.insert(name);
    return names;
  }
  std::size_t size() const { return samples_.size(); }

 private:
  struct HistogramSeries {
    std::vector<std::pair<double, double>> buckets;
    std::optional<double> sum, count;
  };

  void fault(const std::string& what) { faults += what + "\n"; }

  static bool is_name(const std::string& name, bool colon) {
    if (name.empty() || std::isdigit(static_cast<unsigned char>(name[0]))) return false;
    for (const char c : name) {
      if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_' && !(colon && c == ':')) return false;
    }
    return true;
  }

  void help(const std::string& rest) {
    const auto name = rest.substr(0, rest.find(' '));
    if (!is_name(name, true)) fault("bad name: " + rest);
    if (!helped_.insert(name).second) fault("a second HELP: " + name);
  }

  void type(const std::string& rest) {
    const auto blank = rest.find(' ');
    family_ = rest.substr(0, blank);
    const auto type = rest.substr(blank + 1);
    if (type != "counter" && type != "gauge" && type != "histogram") fault("bad type: " + rest);
    if (!types_.emplace(family_, type).second) fault("a family in two places: " + family_);
    if (!helped_.count(family_)) fault("no HELP: " + family_);
    if (type == "counter" && (family_.size() < 6 || family_.substr(family_.size() - 6) != "_total")) {
      fault("a counter not called _total: " + family_);
    }
  }

  /// `name{label="value",…} number`; anything else is a fault.
  void sample(const std::string& line) {
    std::size_t at = line.find_first_of("{ ");
    const std::string name = line.substr(0, at);
    if (at == std::string::npos || !is_name(name, true)) return fault("bad sample: " + line);
    std::map<std::string, std::string> labels;
    if (line[at] == '{') {
      do {
        const auto equals = line.find("=\"", ++at);
        if (equals == std::string::npos) return fault("bad label: " + line);
        const std::string label = line.substr(at, equals - at);
        std::string text;
        for (at = equals + 2; at < line.size() && line[at] != '"'; ++at) {
          if (line[at] != '\\') {
            text += line[at];
          } else {
            ++at;
            const char escaped = at < line.size() ? line[at] : ' ';
            if (escaped != '\\' && escaped != '"' && escaped != 'n') return fault("bad escape: " + line);
            text += escaped == 'n' ? '\n' : escaped;
          }
        }
        if (!is_name(label, false) || !labels.emplace(label, text).second) return fault("bad label: " + line);
        if (++at >= line.size()) return fault("no end of labels: " + line);
      } while (line[at] == ',');
      if (line[at] != '}') return fault("no end of labels: " + line);
      ++at;
    }
    if (at >= line.size() || line[at] != ' ') return fault("no value: " + line);
    const std::string series = line.substr(0, at);
    char* end = nullptr;
    const double number = std::strtod(line.c_str() + at + 1, &end);
    if (end == line.c_str() + at + 1 || *end != '\0') fault("bad value: " + line);
    if (!samples_.emplace(series, number).second) fault("a series twice: " + series);
    if (name.rfind(family_, 0) != 0) fault("outside its family: " + line);
    if (types_[family_] == "histogram") {
      histogram_sample(name.substr(family_.size()), labels, number, line);
    } else if (name != family_) {
      fault("outside its family: " + line);
    }
  }

  void histogram_sample(const std::string& suffix, std::map<std::string, std::string> labels, double number,
                        const std::string& line) {
    const std::string le = labels["le"];
    labels.erase("le");
    std::string key = family_;
    for (const auto& [name, text] : labels) key.append(",").append(name).append("=").append(text);
    auto& histogram = histograms_[key];
    if (suffix == "_bucket") {
      histogram.buckets.emplace_back(std::strtod(le.c_str(), nullptr), number);
    } else if (suffix == "_sum") {
      histogram.sum = number;
    } else if (suffix == "_count") {
      histogram.count = number;
    } else {
      fault("not part of a histogram: " + line);
    }
  }

  void check_histograms() {
    for (const auto& [key, histogram] : histograms_) {
      for (std::size_t i = 1; i < histogram.buckets.size(); ++i) {
        if (histogram.buckets[i].first <= histogram.buckets[i - 1].first) fault("bounds out of order: " + key);
        if (histogram.buckets[i].second < histogram.buckets[i - 1].second) fault("buckets not cumulative: " + key);
      }
      if (histogram.buckets.empty() || !std::isinf(histogram.buckets.back().first)) fault("no +Inf: " + key);
      if (!histogram.sum || !histogram.count) {
        fault("no sum or count: " + key);
      } else if (!histogram.buckets.empty() && *histogram.count != histogram.buckets.back().second) {
        fault("count is not the last bucket: " + key);
      }
    }
  }

  std::string family_;
  std::set<std::string> helped_;
  std::map<std::string, std::string> types_;
  std::map<std::string, double> samples_;
  std::map<std::string, HistogramSeries> histograms_;
};

Scrape scrape(const Metrics& metrics) {
  Scrape scraped(metrics.render(sample_process()));
  CHECK(scraped.faults.empty());
  if (!scraped.faults.empty()) WARN(scraped.faults);
  return scraped;
}

}  // namespace

TEST_CASE("The checker of this test knows a bad exposition when it sees one") {
  CHECK(Scrape("# HELP a_total x\n# TYPE a_total counter\na_total 1\n").faults.empty());
  CHECK_FALSE(Scrape("# HELP a x\n# TYPE a counter\na 1\n").faults.empty());
  CHECK_FALSE(Scrape("# HELP a x\n# TYPE a gauge\na 1\na 2\n").faults.empty());
  CHECK_FALSE(Scrape("# HELP a x\n# TYPE a gauge\na{b=\"c} 1\n").faults.empty());
  CHECK_FALSE(Scrape("# HELP a x\n# TYPE a gauge\na{b=\"c\"d\"} 1\n").faults.empty());
  CHECK_FALSE(Scrape("# HELP a x\n# TYPE a gauge\na one\n").faults.empty());
  CHECK_FALSE(Scrape("# HELP a x\n# TYPE a gauge\nb 1\n").faults.empty());
  CHECK_FALSE(Scrape("# HELP a x\n# TYPE a gauge\na 1").faults.empty());
  CHECK_FALSE(Scrape("# HELP a x\n# TYPE a histogram\na_bucket{le=\"1\"} 1\na_sum 1\na_count 1\n").faults.empty());
  CHECK_FALSE(
      Scrape("# HELP a x\n# TYPE a histogram\na_bucket{le=\"1\"} 2\na_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 1\n")
          .faults.empty());
}

TEST_CASE("A server without functions has its own metrics and those of its process") {
  const Metrics metrics("1.2.3");
  const auto scraped = scrape(metrics);
  CHECK(scraped.value("kiln_build_info{version=\"1.2.3\"}") == 1);
  CHECK(scraped.value("kiln_bad_requests_total") == 0);
  CHECK(scraped.value("kiln_internal_errors_total") == 0);
  CHECK(scraped.value("process_resident_memory_bytes").value_or(0) > 100'000);
  CHECK(scraped.value("process_open_fds").value_or(0) >= 3);
  CHECK(scraped.value("process_threads").value_or(0) >= 1);
  const double started = scraped.value("process_start_time_seconds").value_or(0);
  const double now = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  CHECK(started > now - 600);
  CHECK(started < now + 5);
}

TEST_CASE("What is recorded of a function is what a scraper reads") {
  Metrics metrics("0");
  const auto hello = metrics.function("hello");
  hello->invoked(InvocationOutcome::success, 3ms);
  hello->invoked(InvocationOutcome::success, 100us);
  hello->invoked(InvocationOutcome::timeout, 70s);
  hello->cold_start({.fetch = 1us, .prepare = 2us, .launch = 3ms, .init = 20ms});
  hello->instances_in(InstanceGauge::busy).add();
  hello->instances_in(InstanceGauge::idle).add(3);
  hello->instances_in(InstanceGauge::idle).subtract();
  hello->in_flight.set(1);
  hello->queued.set(5);
  hello->preloaded.set(2);
  hello->queue_wait.observe(2ms);
  hello->throttles.add(2);
  hello->init_failures.add();
  hello->crashes.add();
  hello->log_dropped_bytes.add(1000);
  metrics.bad_requests.add(4);

  const auto scraped = scrape(metrics);
  const std::string of = "{function=\"hello\"";
  CHECK(scraped.value("kiln_invocations_total" + of + ",result=\"success\"}") == 2);
  CHECK(scraped.value("kiln_invocations_total" + of + ",result=\"timeout\"}") == 1);
  CHECK(scraped.value("kiln_invocations_total" + of + ",result=\"crash\"}") == 0);
  CHECK(scraped.value("kiln_timeouts_total" + of + "}") == 1);
  CHECK(scraped.value("kiln_invocation_duration_seconds_bucket" + of + ",le=\"0.0001\"}") == 1);
  CHECK(scraped.value("kiln_invocation_duration_seconds_bucket" + of + ",le=\"0.0025\"}") == 1);
  CHECK(scraped.value("kiln_invocation_duration_seconds_bucket" + of + ",le=\"0.005\"}") == 2);
  CHECK(scraped.value("kiln_invocation_duration_seconds_bucket" + of + ",le=\"60\"}") == 2);
  CHECK(scraped.value("kiln_invocation_duration_seconds_bucket" + of + ",le=\"+Inf\"}") == 3);
  CHECK(scraped.value("kiln_invocation_duration_seconds_count" + of + "}") == 3);
  CHECK(std::abs(scraped.value("kiln_invocation_duration_seconds_sum" + of + "}").value_or(0) - 70.0031) < 1e-9);
  CHECK(scraped.value("kiln_cold_starts_total" + of + "}") == 1);
  CHECK(scraped.value("kiln_cold_start_phase_seconds_bucket" + of + ",phase=\"init\",le=\"0.01\"}") == 0);
  CHECK(scraped.value("kiln_cold_start_phase_seconds_bucket" + of + ",phase=\"init\",le=\"0.025\"}") == 1);
  CHECK(scraped.value("kiln_instances" + of + ",state=\"busy\"}") == 1);
  CHECK(scraped.value("kiln_instances" + of + ",state=\"idle\"}") == 2);
  CHECK(scraped.value("kiln_invocations_in_flight" + of + "}") == 1);
  CHECK(scraped.value("kiln_queue_length" + of + "}") == 5);
  CHECK(scraped.value("kiln_preloaded_forks" + of + "}") == 2);
  CHECK(scraped.value("kiln_queue_wait_seconds_count" + of + "}") == 1);
  CHECK(scraped.value("kiln_throttles_total" + of + "}") == 2);
  CHECK(scraped.value("kiln_init_failures_total" + of + "}") == 1);
  CHECK(scraped.value("kiln_crashes_total" + of + "}") == 1);
  CHECK(scraped.value("kiln_log_dropped_bytes_total" + of + "}") == 1000);
  CHECK(scraped.value("kiln_bad_requests_total") == 4);
  for (const auto& family : scraped.families())
    CHECK((family.rfind("kiln_", 0) == 0 || family.rfind("process_", 0) == 0));
}

TEST_CASE("A duration falls into the first bucket that is not below it") {
  Histogram histogram;
  histogram.observe(100us);
  histogram.observe(100us + 1ns);
  histogram.observe(0ns);
  histogram.observe(60s);
  histogram.observe(60s + 1ns);
  CHECK(histogram.buckets()[0] == 2);
  CHECK(histogram.buckets()[1] == 1);
  CHECK(histogram.buckets()[Histogram::bounds_us.size() - 1] == 1);
  CHECK(histogram.buckets()[Histogram::bounds_us.size()] == 1);
  CHECK(histogram.count() == 5);
}

TEST_CASE("Label values are escaped") {
  Metrics metrics("0");
  metrics.function("a\"b\\c\nd")->throttles.add(7);
  CHECK(scrape(metrics).value("kiln_throttles_total{function=\"a\\\"b\\\\c\\nd\"}") == 7);
}

TEST_CASE("A function's series are the same at each look-up, and leave with it; its handle stays usable") {
  Metrics metrics("0");
  const auto hello = metrics.function("hello");
  CHECK(metrics.function("hello") == hello);
  const std::size_t with = scrape(metrics).size();
  metrics.remove("hello");
  metrics.remove("never heard of");
  hello->throttles.add();
  const auto without = scrape(metrics);
  CHECK(without.size() < with);
  CHECK_FALSE(without.value("kiln_throttles_total{function=\"hello\"}"));
  CHECK(metrics.function("hello")->throttles.value() == 0);
}
