// SPDX-License-Identifier: Apache-2.0
// A running kiln as the platform under test of `kiln conformance server --platform kiln`: each case gets a function of its
// own, whose bootstrap is the kit's stand-in.
#pragma once

#include "cli/api_client.hpp"
#include "conformance/server/platform.hpp"

#include <string>
#include <vector>

namespace kiln::cli {

class KilnPlatform : public conformance::Platform {
 public:
  /// `stand_in`: the words that start one. `api` must outlive it. Throws CommandFailure where the code cannot be packed.
  KilnPlatform(ApiClient& api, const std::vector<std::string>& stand_in);
  /// Deletes the last function.
  ~KilnPlatform() override;

  std::string name() const override { return api_.endpoint().url(); }
  bool has_stand_ins() const override { return true; }
  /// Throws CommandFailure where the server refuses, or is not there.
  conformance::FunctionUnderTest prepare(const conformance::Setting& setting) override;

 private:
  void remove();

  ApiClient& api_;
  std::string code_;  // a zip, base64
  std::string prefix_;
  int count_ = 0;
  std::string function_;
};

}  // namespace kiln::cli
