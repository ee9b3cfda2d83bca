// SPDX-License-Identifier: Apache-2.0
// Short names for pybind11's smart pointer, which is how this runtime holds every Python object it keeps.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <pybind11/pytypes.h>

namespace kiln::python {

namespace py = pybind11;

/// Takes over a new reference, as most C API calls return it; null where the call failed. With the GIL held.
inline py::object owned(PyObject* object) { return py::reinterpret_steal<py::object>(object); }

/// Another reference to an object that belongs to somebody else; null stays null. With the GIL held.
inline py::object shared(PyObject* object) { return py::reinterpret_borrow<py::object>(object); }

}  // namespace kiln::python
