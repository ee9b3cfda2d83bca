// SPDX-License-Identifier: Apache-2.0
#include "cli/build_output.hpp"

#include <ostream>

namespace kiln::cli {
namespace {

constexpr std::size_t max_kept = 200;

}  // namespace

void BuildOutput::operator()(std::string_view line) {
  if (!session_.options.json) {
    print(line);
    return;
  }
  kept_.emplace_back(line);
  if (kept_.size() > max_kept) {
    kept_.pop_front();
  }
}

void BuildOutput::print_kept() {
  for (const auto& line : kept_) {
    print(line);
  }
}

void BuildOutput::print(std::string_view line) {
  session_.terminal.err << session_.terminal.err_style(Style::dim, "  | " + std::string(line)) << std::endl;
}

}  // namespace kiln::cli
