// SPDX-License-Identifier: Apache-2.0
#include "runtimes/python/streams.hpp"

#include <cstdio>

#include "runtimes/python/objects.hpp"

namespace kiln::python {

void flush_streams() {
  for (const char* name : {"stdout", "stderr"}) {
    PyObject* stream = PySys_GetObject(name);
    if (!stream || stream == Py_None) continue;
    const py::object held = shared(stream);
    const py::object done = owned(PyObject_CallMethod(held.ptr(), "flush", nullptr));
    if (!done) PyErr_Clear();
  }
  std::fflush(stdout);
}

}  // namespace kiln::python
