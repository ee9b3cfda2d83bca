// SPDX-License-Identifier: Apache-2.0
#include "cli/table.hpp"

#include <algorithm>

namespace kiln::cli {

std::string Table::text(const Terminal& terminal) const {
  std::vector<std::size_t> widths(rows_.front().size(), 0);
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], row[i].size());
    }
  }
  std::string all;
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    std::string line;
    for (std::size_t i = 0; i < rows_[r].size(); ++i) {
      line += rows_[r][i];
      if (i + 1 < rows_[r].size()) {
        line.append(widths[i] - rows_[r][i].size() + 2, ' ');
      }
    }
    line.erase(line.find_last_not_of(' ') + 1);
    all += (r == 0 ? terminal.out_style(Style::bold, line) : line) + '\n';
  }
  return all;
}

}  // namespace kiln::cli
