// SPDX-License-Identifier: Apache-2.0
#include "runtimes/python/search_path.hpp"

#include <filesystem>
#include <sstream>
#include <string_view>

namespace kiln::python {
namespace {

namespace fs = std::filesystem;

/// Layers are unpacked under /opt (developer guide, "Packaging your layer content").
const std::vector<std::string>& layer_directories() {
  static const std::vector<std::string> directories = {
      "/opt/python/lib/python" KILN_PYTHON_VERSION "/site-packages",
      "/opt/python",
  };
  return directories;
}

bool holds_path_files(const std::string& directory) {
  std::error_code ignored;
  for (fs::directory_iterator entry(directory, ignored), end; !ignored && entry != end; entry.increment(ignored)) {
    if (entry->path().extension() == ".pth") return true;
  }
  return false;
}

std::vector<std::string> split(const std::string& list, char separator) {
  std::vector<std::string> parts;
  std::istringstream in(list);
  for (std::string part; std::getline(in, part, separator);) {
    if (!part.empty()) parts.push_back(part);
  }
  return parts;
}

}  // namespace

std::vector<std::string> standard_search_path() {
  // Not the zip that Python would look for first: no distribution has one, and each import would ask for it.
  std::vector<std::string> path = {KILN_PYTHON_STDLIB, KILN_PYTHON_DYNLOAD};
  for (const std::string& directory : split(KILN_PYTHON_PACKAGES, ':')) {
    std::error_code ignored;
    if (fs::is_directory(directory, ignored)) path.push_back(directory);
  }
  return path;
}

FunctionSearchPath function_search_path(const std::string& task_root, const std::string& runtime_dir,
                                        const std::string& python_path) {
  FunctionSearchPath path;
  path.front.push_back(task_root);
  // The image's own default is PYTHONPATH=/var/runtime, which is no wish of the function's.
  const std::vector<std::string> asked = split(python_path, ':');
  std::vector<std::string> sites = {task_root};
  std::error_code ignored;
  if (asked.empty() || python_path == runtime_dir) {
    for (const std::string& directory : layer_directories()) {
      path.front.push_back(directory);
      sites.push_back(directory);
    }
  }
  for (const std::string& directory : asked) {
    path.front.push_back(directory);
    path.customised = path.customised || fs::exists(directory + "/sitecustomize.py", ignored);
  }
  for (const std::string& directory : sites) {
    if (holds_path_files(directory)) path.sites.push_back(directory);
  }
  return path;
}

}  // namespace kiln::python
