// SPDX-License-Identifier: Apache-2.0
// Python values to JSON text, as the official client's encoder (simplejson, with its Decimal rule) writes them.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <string>
#include <vector>

namespace kiln::python {

/// Not CPython's own `json`: that one costs an import of `re` at a cold start, turns named tuples into lists, and builds
/// a list of pieces which then has to be joined and encoded. Use with the GIL held.
class JsonEncoder {
 public:
  enum class NonAscii { escape, utf8 };

  explicit JsonEncoder(NonAscii non_ascii) : escape_(non_ascii == NonAscii::escape) {}

  /// Appends `value` (borrowed) to `out`. Returns false with a Python exception set; `out` then ends anywhere.
  bool encode(PyObject* value, std::string& out);

 private:
  bool any(PyObject* value);
  bool container(PyObject* value);
  bool text(PyObject* value);
  bool wide_text(PyObject* value);
  bool integer(PyObject* value);
  bool real(double value);
  bool sequence(PyObject* value);
  bool mapping(PyObject* value);
  bool entry(PyObject* key, PyObject* value, bool first);
  bool key(PyObject* value);
  bool bytes(PyObject* value);
  bool other(PyObject* value);

  bool escape_;
  std::string* out_ = nullptr;
  std::vector<PyObject*> open_;  ///< containers being written, outermost first; borrowed
};

}  // namespace kiln::python
