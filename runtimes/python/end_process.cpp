// SPDX-License-Identifier: Apache-2.0
#include "runtimes/python/end_process.hpp"

#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "runtimes/python/streams.hpp"

namespace kiln::python {
namespace {

/// Calls `function` of a module that the function has imported; does nothing where it has not.
void call_if_imported(const char* module_name, const char* function) {
  PyObject* module = PyDict_GetItemString(PyImport_GetModuleDict(), module_name);
  if (!module) return;
  const py::object done = owned(PyObject_CallMethod(shared(module).ptr(), function, nullptr));
  if (!done) PyErr_WriteUnraisable(module);
}

void show(const py::object& exception) {
#if PY_VERSION_HEX >= 0x030C0000
  PyErr_DisplayException(exception.ptr());
#else
  PyObject* value = exception.ptr();
  const py::object trace = owned(PyException_GetTraceback(value));
  PyErr_Display(reinterpret_cast<PyObject*>(Py_TYPE(value)), value, trace.ptr());
#endif
}

int exit_code(const py::object& exception) {
  const py::object code = owned(PyObject_GetAttrString(exception.ptr(), "code"));
  if (!code || code.is_none()) {
    PyErr_Clear();
    return 0;
  }
  if (PyLong_Check(code.ptr())) return static_cast<int>(PyLong_AsLong(code.ptr()));
  // sys.exit("why") is a failure that says why.
  if (PyObject* stream = PySys_GetObject("stderr"); stream && stream != Py_None) {
    if (PyFile_WriteObject(code.ptr(), stream, Py_PRINT_RAW) < 0 || PyFile_WriteString("\n", stream) < 0) PyErr_Clear();
  }
  return 1;
}

}  // namespace

void run_exit_callbacks() {
  call_if_imported("atexit", "_run_exitfuncs");
  flush_streams();
}

void end_process(const py::object& exception) {
  const bool asked = PyErr_GivenExceptionMatches(exception.ptr(), PyExc_SystemExit) != 0;
  const bool interrupted = PyErr_GivenExceptionMatches(exception.ptr(), PyExc_KeyboardInterrupt) != 0;
  int code = 1;
  if (asked) {
    code = exit_code(exception);
  } else {
    show(exception);
  }
  call_if_imported("threading", "_shutdown");
  run_exit_callbacks();
  if (interrupted) {
    std::signal(SIGINT, SIG_DFL);
    ::kill(::getpid(), SIGINT);
  }
  ::_exit(code & 0xFF);
}

}  // namespace kiln::python
