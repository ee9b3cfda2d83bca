// SPDX-License-Identifier: Apache-2.0
// The Dockerfile of a function's image, of those lines that docs/container-images.md shows to people who write their own.
#pragma once

#include <string>
#include <vector>

namespace kiln::cli {

struct ImageRecipe {
  std::string family;   ///< "python", "cpp" or "provided"
  std::string handler;  ///< of CMD; empty: none
  std::string title;    ///< label org.opencontainers.image.title
  /// In front of `/python`, `/cpp-build` …: where kiln's images are.
  std::string images = "kiln";
  std::string tag;    ///< of kiln's images; empty: none is said
  bool slim = false;  ///< FROM kiln/python-slim or kiln/cpp-slim
  /// The folder has a requirements.txt (Python), or dependencies/CMakeLists.txt (C++): a layer of their own.
  bool dependencies = false;
  bool pip_configuration = false;        ///< pip finds one as the build's secret "pip"
  std::vector<std::string> environment;  ///< KEY=VALUE each
};

/// Throws CommandFailure (usage): a value with a line break, a slim image of a family that has none.
std::string dockerfile(const ImageRecipe& recipe);

}  // namespace kiln::cli
