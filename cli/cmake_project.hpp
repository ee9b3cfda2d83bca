// SPDX-License-Identifier: Apache-2.0
// Functions that are CMake projects: built before they are deployed.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace kiln::cli {

struct CMakeBuild {
  std::filesystem::path source;
  /// Kept between deployments, so that the second one compiles only what has changed.
  std::filesystem::path build;
  /// Searched for kiln's CMake package.
  std::filesystem::path kiln_prefix;
  /// NAME=VALUE each, handed to cmake as -DNAME=VALUE.
  std::vector<std::string> definitions;
  /// Preferred where the project makes several packages.
  std::string package_name;
};

/// Whether `folder` is a CMake project.
bool is_cmake_project(const std::filesystem::path& folder);

/// The build folder of `source` unless another is asked for: `source`/.kiln/build.
std::filesystem::path default_build_folder(const std::filesystem::path& source);

/// Configures (Release) and builds, handing each line of output to `on_line`, and returns the zip that the project's
/// kiln_package(…) has made: kiln_package writes its path to kiln-package.txt in the build folder, one line a package.
/// Throws CommandFailure (build_failed): cmake missing, a step that fails, no package, several of which none is meant.
std::filesystem::path build_package(const CMakeBuild& request, const std::function<void(std::string_view)>& on_line);

}  // namespace kiln::cli
