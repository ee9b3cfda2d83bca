// SPDX-License-Identifier: Apache-2.0
// Where a function's imports are looked for.
#pragma once

#include <string>
#include <vector>

namespace kiln::python {

/// sys.path without anything of a function: the standard library and the distribution's packages.
std::vector<std::string> standard_search_path();

/// What goes in front of the standard library's part: the package, then the layers, or else what PYTHONPATH says.
struct FunctionSearchPath {
  std::vector<std::string> front;  ///< in the order of sys.path
  std::vector<std::string> sites;  ///< those of them that hold .pth files, in the order in which these are to be run
  bool customised = false;         ///< one of PYTHONPATH's folders has a sitecustomize.py
};

/// As the official image has it. `task_root` is the folder of the function's package; `python_path` is the value of
/// PYTHONPATH, or empty.
FunctionSearchPath function_search_path(const std::string& task_root, const std::string& runtime_dir,
                                        const std::string& python_path);

}  // namespace kiln::python
