// SPDX-License-Identifier: Apache-2.0
// Writes HCL as `nomad fmt` would: blocks, and attributes with their signs of equality below one another.
#pragma once

#include "cli/export/exported_function.hpp"

#include <string>
#include <utility>
#include <vector>

namespace kiln::cli {

class HclWriter {
 public:
  /// A block of `type` with `labels`; all that follows is in it until close().
  void open(const std::string& type, const std::vector<std::string>& labels = {});
  void close();
  /// A string, number, boolean or list of such; text stands for itself, whatever is in it.
  void attribute(const std::string& name, const Json& value);
  /// The same as `attribute`, but ${…} in `text` is Nomad's to replace.
  void template_attribute(const std::string& name, const std::string& text);
  /// Several lines as they are.
  void text_attribute(const std::string& name, const std::vector<std::string>& lines);
  /// What has been written; every block is closed.
  std::string take();

 private:
  void flush();
  std::string margin() const { return std::string(depth_ * 2, ' '); }

  std::string out_;
  std::size_t depth_ = 0;
  std::vector<std::pair<std::string, std::string>> attributes_;
};

}  // namespace kiln::cli
