// SPDX-License-Identifier: Apache-2.0
// Where this copy of kiln lies: everything it needs is found relative to its executable, so that a copied tree works.
#pragma once

#include <filesystem>

namespace kiln::cli {

struct Installation {
  /// The folder above bin/.
  std::filesystem::path prefix;
  /// The program `kiln` itself.
  std::filesystem::path program() const { return prefix / "bin" / "kiln"; }
  /// Runtimes and programs the server starts.
  std::filesystem::path libexec() const { return prefix / "libexec" / "kiln"; }
};

/// Finds the prefix from /proc/self/exe. Throws std::filesystem::filesystem_error where /proc is not there.
Installation find_installation();

}  // namespace kiln::cli
