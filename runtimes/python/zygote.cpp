// SPDX-License-Identifier: Apache-2.0
// The Python zygote of sandboxes: the bootstrap's interpreter, started ahead of time, and forked for each instance.
#include <unistd.h>

#include "runtimes/python/python_zygote.hpp"

int main() {
  // What the bootstrap is to an instance that executes it.
  kiln::python::PythonRuntime runtime("/var/runtime/bootstrap");
  kiln::python::PythonZygote zygote(runtime);
  // Not exit, for the same reason as in the bootstrap.
  ::_exit(kiln::sandbox::run_zygote(zygote));
}
