// SPDX-License-Identifier: Apache-2.0
// The runtime's own Python part (embedded/*.py), compiled into the executable: no file to find, read or trust.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

namespace kiln::python {

/// The table for PyImport_FrozenModules, ended by an empty entry: module `_kiln_<file>` for each file. Lives as long as
/// the program.
const _frozen* embedded_modules();

}  // namespace kiln::python
