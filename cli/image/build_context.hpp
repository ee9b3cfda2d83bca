// SPDX-License-Identifier: Apache-2.0
// What a container tool is given to build of: the files of a function's folder that belong to it, and the recipe beside them.
#pragma once

#include "cli/package_files.hpp"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace kiln::cli {

/// A temporary folder, gone with the object.
class BuildContext {
 public:
  /// Copies `files`; all with the same time, so that the same files are the same layer. Throws CommandFailure (local_input).
  BuildContext(const std::vector<PackageFile>& files, std::string_view recipe);
  ~BuildContext();
  BuildContext(const BuildContext&) = delete;
  BuildContext& operator=(const BuildContext&) = delete;

  std::filesystem::path files() const { return folder_ / "files"; }
  std::filesystem::path recipe() const { return folder_ / "Dockerfile"; }

 private:
  std::filesystem::path folder_;
};

}  // namespace kiln::cli
