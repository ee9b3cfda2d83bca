// SPDX-License-Identifier: Apache-2.0
// Rows of text in columns.
#pragma once

#include "cli/terminal.hpp"

#include <string>
#include <vector>

namespace kiln::cli {

class Table {
 public:
  explicit Table(std::vector<std::string> heads) : rows_{std::move(heads)} {}
  /// Adds a row; it has as many cells as there are heads.
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  /// All rows, each column as wide as its widest cell, the heads in bold where `terminal` can; no blanks at line ends.
  std::string text(const Terminal& terminal) const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace kiln::cli
