// SPDX-License-Identifier: Apache-2.0
// The platform under test: how a case gets a fresh function, and where that is called.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "conformance/process/child.hpp"

namespace kiln::conformance {

/// What a case needs of the function.
struct Setting {
  std::chrono::seconds timeout{60};
  int concurrency = 1;

  bool is_plain() const { return timeout == Setting{}.timeout && concurrency == 1; }
};

/// Where the function of one case is called.
struct FunctionUnderTest {
  std::string invoke_url;   ///< http://HOST:PORT/PATH; empty: it cannot be called
  std::string stream_url;   ///< the same for streamed responses (InvokeWithResponseStream); may be empty
  std::string runtime_api;  ///< HOST:PORT of the Runtime API; empty: a stand-in will tell
  /// The timeout of the function; zero where it is not known.
  std::chrono::seconds timeout{0};
  /// A variable by which its instances are told from those of an earlier case; may be empty.
  std::string mark_name{};
  std::string mark{};
};

class Platform {
 public:
  Platform() = default;
  Platform(const Platform&) = delete;
  Platform& operator=(const Platform&) = delete;
  virtual ~Platform() = default;

  virtual std::string name() const = 0;
  /// Whether each instance reports as a stand-in, so that a case can tell how it starts and ends.
  virtual bool has_stand_ins() const = 0;
  /// The function for the next case; what was prepared before may go. Throws NotOffered where this platform has no such
  /// setting, CannotRun where it does not come up.
  virtual FunctionUnderTest prepare(const Setting& setting) = 0;
};

/// One that runs already and is taken as it is, without settings. It has stand-ins where no address of its Runtime API is
/// given.
class RunningPlatform : public Platform {
 public:
  explicit RunningPlatform(FunctionUnderTest function) : function_(std::move(function)) {}
  std::string name() const override { return has_stand_ins() ? function_.invoke_url : function_.runtime_api; }
  bool has_stand_ins() const override { return function_.runtime_api.empty(); }
  FunctionUnderTest prepare(const Setting& setting) override;

 private:
  FunctionUnderTest function_;
};

/// One that a command starts, anew for each case, with AWS_LAMBDA_FUNCTION_TIMEOUT and AWS_LAMBDA_MAX_CONCURRENCY set, as
/// the official emulator reads them.
class CommandPlatform : public Platform {
 public:
  /// The word "{bootstrap}" of `command` stands for `bootstrap`, the words that start a stand-in.
  CommandPlatform(const std::vector<std::string>& command, const std::vector<std::string>& bootstrap,
                  FunctionUnderTest function, std::chrono::milliseconds patience);
  std::string name() const override { return command_.front(); }
  bool has_stand_ins() const override { return true; }
  FunctionUnderTest prepare(const Setting& setting) override;

 private:
  std::vector<std::string> command_;
  FunctionUnderTest function_;
  std::chrono::milliseconds patience_;
  std::unique_ptr<Child> child_;
  int count_ = 0;
};

/// "http://HOST:PORT/PATH" taken apart; port 80 where there is none. Throws CannotRun.
struct HttpUrl {
  std::string address;
  std::string target;
};
HttpUrl parse_url(const std::string& url);

}  // namespace kiln::conformance
