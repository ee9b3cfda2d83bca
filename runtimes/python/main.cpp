// SPDX-License-Identifier: Apache-2.0
// The Python bootstrap.
#include <unistd.h>

#include "bootstrap/runtime.hpp"
#include "runtimes/python/python_runtime.hpp"

int main(int, char** argv) {
  kiln::python::PythonRuntime runtime(argv[0]);
  // Not exit: static destructors, Python's extensions' among them, must not run while Python's threads still do.
  ::_exit(kiln::run_bootstrap(runtime));
}
