// SPDX-License-Identifier: Apache-2.0
// The Python bootstrap. Where a server has started it with a zygote's socket it is what instances are forked from.
#include <unistd.h>

#include "bootstrap/runtime.hpp"
#include "runtimes/python/python_runtime.hpp"
#ifdef KILN_FORKS_INSTANCES
#include "runtime-api/control-server/launchers/sandbox/process_zygote.hpp"
#include "runtimes/python/python_zygote.hpp"
#endif

int main(int, char** argv) {
  kiln::python::PythonRuntime runtime(argv[0]);
  // Not exit: static destructors, Python's extensions' among them, must not run while Python's threads still do.
#ifdef KILN_FORKS_INSTANCES
  if (kiln::sandbox::has_zygote_socket()) {
    kiln::python::PythonZygote zygote(runtime);
    ::_exit(kiln::sandbox::run_process_zygote(zygote));
  }
#endif
  ::_exit(kiln::run_bootstrap(runtime));
}
