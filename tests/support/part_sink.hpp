// SPDX-License-Identifier: Apache-2.0
// An invoker that takes a response in parts, for tests: it can be slow, go away, or want the response in whole.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime-api/server/async/completion.hpp"
#include "runtime-api/server/response_stream.hpp"

namespace kiln::test {

/// The loop's thread only.
class PartSink final : public ResponseSink {
 public:
  bool takes_parts(const ResponseHead& response) const override {
    asked = true;
    return !whole && (response.streaming || chunked_too);
  }
  void begin(const ResponseHead& begun) override { head = begun; }
  Task<bool> write(std::string_view part) override {
    parts.emplace_back(part);
    if (slow) {
      const std::string before(part);
      held = std::make_unique<Completion<bool>>();
      const bool taken = co_await *held;
      held.reset();
      if (part != before) parts.emplace_back("the bytes changed while the invoker took them");
      co_return taken;
    }
    co_return !gone;
  }
  /// Lets a slow write end.
  void release(bool taken = true) {
    if (held) held->set(taken);
  }
  std::string text() const {
    std::string all;
    for (const std::string& part : parts) all += part;
    return all;
  }

  bool whole = false;
  bool chunked_too = false;
  bool slow = false;
  bool gone = false;
  mutable bool asked = false;  // a response has begun
  std::optional<ResponseHead> head;
  std::vector<std::string> parts;
  std::unique_ptr<Completion<bool>> held;
};

}  // namespace kiln::test
