// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/telemetry/log_files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <system_error>
#include <utility>

#include "runtime-api/control-server/telemetry/function_log.hpp"
#include "runtime-api/control-server/telemetry/log_text.hpp"

namespace kiln {
namespace {

[[noreturn]] void fail(const std::filesystem::path& path, const char* what) {
  throw std::system_error(errno, std::generic_category(), std::string(what) + " " + path.string());
}

/// A file opened for as long as this lives.
class File {
 public:
  File(const std::filesystem::path& path, int flags)
      : path_(path), fd_(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  bool is_open() const { return fd_ >= 0; }

  std::uint64_t size() const {
    struct stat status{};
    if (::fstat(fd_, &status) != 0) fail(path_, "cannot stat");
    return static_cast<std::uint64_t>(status.st_size);
  }

  void write(std::string_view bytes) const {
    while (!bytes.empty()) {
      const auto n = ::write(fd_, bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail(path_, "cannot write");
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
  }

  /// Up to `size` bytes from `offset` on.
  std::string read(std::uint64_t offset, std::size_t size) const {
    std::string bytes(size, '\0');
    std::size_t got = 0;
    while (got < size) {
      const auto n = ::pread(fd_, bytes.data() + got, size - got, static_cast<off_t>(offset + got));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail(path_, "cannot read");
      if (n == 0) break;
      got += static_cast<std::size_t>(n);
    }
    bytes.resize(got);
    return bytes;
  }

 private:
  const std::filesystem::path path_;
  const int fd_;
};

void append_file_line(std::string& out, TimeText& times, const LogEvent& event) {
  if (!has_line(event)) return;
  out += times.of(event.time);
  out += '\t';
  out += event.stream;
  out += event.format == LogFormat::json ? "\tjson\t" : "\ttext\t";
  const auto id = request_id(event);
  out += id.empty() ? std::string_view("-") : id;
  out += '\t';
  out += type_name(event);
  out += '\t';
  const std::size_t line = out.size();
  append_line(out, event);
  for (auto at = out.find('\n', line); at != std::string::npos; at = out.find('\n', at)) out[at] = '\r';
  out += '\n';
}

struct FileLine {
  std::string_view time, stream, format, request_id, type, text;
};

/// Nothing for a line that is not whole, as a crash of the machine may leave one.
std::optional<FileLine> parse_file_line(std::string_view line) {
  FileLine parsed;
  for (std::string_view* column : {&parsed.time, &parsed.stream, &parsed.format, &parsed.request_id, &parsed.type}) {
    const auto tab = line.find('\t');
    if (tab == std::string_view::npos) return std::nullopt;
    *column = line.substr(0, tab);
    line.remove_prefix(tab + 1);
  }
  if (parsed.request_id == "-") parsed.request_id = {};
  parsed.text = line;
  return parsed;
}

}  // namespace

LogFiles::LogFiles(std::filesystem::path directory, std::uint64_t file_size, int files)
    : directory_(std::move(directory)), file_size_(file_size), files_(std::max(1, files)) {
  std::filesystem::create_directories(directory_);
  // Functions print what they should not.
  std::filesystem::permissions(directory_, std::filesystem::perms::owner_all);
}

bool LogFiles::write(std::string function, std::vector<LogSlice> slices) {
  Order order{.function = std::move(function), .slices = std::move(slices)};
  for (const LogSlice& slice : order.slices) order.bytes += slice.to - slice.from;
  return order.bytes > 0 && enqueue(std::move(order));
}

bool LogFiles::remove(std::string function) { return enqueue({.function = std::move(function), .slices = {}}); }

bool LogFiles::enqueue(Order order) {
  unwritten_bytes_.fetch_add(order.bytes, std::memory_order_relaxed);
  const std::lock_guard lock(queue_mutex_);
  orders_.push_back(std::move(order));
  return !std::exchange(scheduled_, true);
}

LogFiles::Losses LogFiles::take_losses() {
  const std::lock_guard lock(queue_mutex_);
  return std::exchange(losses_, {});
}

void LogFiles::carry_out() noexcept {
  const std::lock_guard disk(disk_mutex_);
  carry_out_locked();
}

void LogFiles::carry_out_locked() {
  while (true) {
    Order order;
    {
      const std::lock_guard lock(queue_mutex_);
      if (orders_.empty()) {
        scheduled_ = false;
        return;
      }
      order = std::move(orders_.front());
      orders_.pop_front();
    }
    carry_out_order(order);
  }
}

void LogFiles::carry_out_order(const Order& order) {
  std::exception_ptr error;
  try {
    if (order.reading) {
      read_files(order.function, *order.reading);
    } else if (order.bytes == 0) {
      remove_files(order.function);
    } else {
      write_order(order);
    }
  } catch (...) {
    error = std::current_exception();
  }
  unwritten_bytes_.fetch_sub(order.bytes, std::memory_order_relaxed);
  if (!error) return;
  if (order.reading) {
    order.reading->error = error;
    return;
  }
  const std::lock_guard lock(queue_mutex_);
  losses_.bytes[order.function] += order.bytes;
  if (!losses_.error) losses_.error = error;
}

void LogFiles::write_order(const Order& order) {
  const auto newest = path(order.function, 0);
  std::string text;
  TimeText times;
  for (const LogSlice& slice : order.slices) {
    text.clear();
    slice.each([&](const LogEvent& event) { append_file_line(text, times, event); });
    if (text.empty()) continue;
    std::optional<File> file(std::in_place, newest, O_RDWR | O_APPEND | O_CREAT);
    if (!file->is_open()) fail(newest, "cannot open");
    const std::uint64_t size = file->size();
    if (size > 0 && size + text.size() > file_size_) {
      rotate(order.function);
      file.emplace(newest, O_RDWR | O_APPEND | O_CREAT);
      if (!file->is_open()) fail(newest, "cannot open");
    } else if (size > 0 && file->read(size - 1, 1) != "\n") {
      file->write("\n");  // the server was killed in the middle of a line: let it spoil no other
    }
    file->write(text);
  }
}

void LogFiles::remove_files(const std::string& function) const {
  for (int age = 0; age < files_; ++age) std::filesystem::remove(path(function, age));
}

void LogFiles::rotate(const std::string& function) const {
  std::filesystem::remove(path(function, files_ - 1));
  for (int age = files_ - 1; age > 0; --age) {
    if (std::filesystem::exists(path(function, age - 1))) {
      std::filesystem::rename(path(function, age - 1), path(function, age));
    }
  }
}

std::filesystem::path LogFiles::path(std::string_view function, int age) const {
  // Names are checked long before; that one of them leaves the directory is made impossible here all the same.
  std::string name;
  for (const char c : function) {
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    if (plain) {
      name += c;
    } else {
      static constexpr std::string_view hex = "0123456789abcdef";
      name += '%';
      name += hex[static_cast<unsigned char>(c) >> 4];
      name += hex[static_cast<unsigned char>(c) & 15];
    }
  }
  name += ".log";
  if (age > 0) name += "." + std::to_string(age);
  return directory_ / name;
}

std::shared_ptr<const LogFiles::Reading> LogFiles::read(std::string function) {
  auto reading = std::make_shared<Reading>();
  enqueue({.function = std::move(function), .reading = reading});
  return reading;
}

void LogFiles::read_files(const std::string& function, Reading& reading) const {
  for (int age = files_; age-- > 0;) {
    const auto name = path(function, age);
    const File file(name, O_RDONLY);
    if (file.is_open()) {
      reading.files.push_back(file.read(0, static_cast<std::size_t>(file.size())));
    } else if (errno != ENOENT) {
      fail(name, "cannot open");
    }
  }
}

std::string LogFiles::select(const Reading& reading, const LogQuery& query) {
  if (reading.error) std::rethrow_exception(reading.error);
  std::deque<FileLine> lines;
  for (const std::string& text : reading.files) {
    std::string_view rest = text;
    for (auto end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
      const auto line = parse_file_line(rest.substr(0, end));
      rest.remove_prefix(end + 1);
      if (!line || !matches(query, line->stream, line->request_id)) continue;
      lines.push_back(*line);
      if (query.tail_lines > 0 && lines.size() > query.tail_lines) lines.pop_front();
    }
  }
  std::string out;
  for (const FileLine& line : lines) {
    append_shown(out, query.times && line.format == "text" ? line.time : std::string_view(), line.text);
  }
  return out;
}

}  // namespace kiln
