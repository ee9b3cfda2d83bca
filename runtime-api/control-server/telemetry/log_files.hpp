// SPDX-License-Identifier: Apache-2.0
// The log files of all functions: NAME.log, and NAME.log.1 … for what was rotated. One event a line, six columns
// between tabs: time, stream, format, request id ("-" for none), type, and the event's line, whose own newlines are
// written as carriage returns.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "runtime-api/control-server/telemetry/log_ring.hpp"
#include "runtime-api/control-server/telemetry/log_store.hpp"

namespace kiln {

/// The data plane hands over orders, worker threads carry them out, in order.
class LogFiles {
 public:
  /// What could not be written since the last question.
  struct Losses {
    std::map<std::string, std::uint64_t> bytes;  ///< by function
    std::exception_ptr error;                    ///< the first one
  };

  /// Throws std::filesystem::filesystem_error where the directory cannot be made.
  LogFiles(std::filesystem::path directory, std::uint64_t file_size, int files);

  /// Any thread, never waits for the disk. Takes an order: returns whether the caller must see to it that carry_out() is
  /// called, because no earlier order has seen to it.
  bool write(std::string function, std::vector<LogSlice> slices);
  bool remove(std::string function);
  std::size_t unwritten_bytes() const { return unwritten_bytes_.load(std::memory_order_relaxed); }
  Losses take_losses();

  /// Worker thread. Carries out the orders there are; does not throw.
  void carry_out() noexcept;
  /// What an order to read has come to.
  struct Reading {
    std::vector<std::string> files = {};  ///< their contents, oldest first
    std::exception_ptr error = {};
  };
  /// Any thread, never waits for the disk. Orders the function's files as all earlier orders leave them, and no later one
  /// touches them. The reading is there once a carry_out() has returned that was called after this.
  std::shared_ptr<const Reading> read(std::string function);
  /// Any thread. What `query` asks for, out of a reading; rethrows its error.
  static std::string select(const Reading& reading, const LogQuery& query);

 private:
  struct Order {
    std::string function = {};
    std::vector<LogSlice> slices = {};
    std::size_t bytes = 0;  ///< none, and no reading: remove the function's files
    std::shared_ptr<Reading> reading = {};
  };

  bool enqueue(Order order);
  void carry_out_locked();
  void carry_out_order(const Order& order);
  void read_files(const std::string& function, Reading& reading) const;
  void write_order(const Order& order);
  void remove_files(const std::string& function) const;
  void rotate(const std::string& function) const;
  std::filesystem::path path(std::string_view function, int age) const;

  const std::filesystem::path directory_;
  const std::uint64_t file_size_;
  const int files_;
  std::atomic<std::size_t> unwritten_bytes_{0};

  std::mutex disk_mutex_;     // held while orders are carried out, never by the data plane
  std::mutex queue_mutex_;    // held for a push or a pop only
  std::deque<Order> orders_;  // guarded by queue_mutex_
  bool scheduled_ = false;    // guarded by queue_mutex_
  Losses losses_;             // guarded by queue_mutex_
};

}  // namespace kiln
