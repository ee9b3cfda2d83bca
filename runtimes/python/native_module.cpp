// SPDX-License-Identifier: Apache-2.0
#include "runtimes/python/native_module.hpp"

#include <pybind11/pybind11.h>

#include "runtimes/python/json_decoder.hpp"

namespace kiln::python {
namespace {

py::str to_json(const py::object& value, JsonEncoder::NonAscii non_ascii) {
  std::string text;
  if (!JsonEncoder(non_ascii).encode(value.ptr(), text)) {
    // A lone surrogate has an escape, but no UTF-8.
    if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) throw py::error_already_set();
    PyErr_Clear();
    text.clear();
    if (!JsonEncoder(JsonEncoder::NonAscii::escape).encode(value.ptr(), text)) throw py::error_already_set();
  }
  return py::str(text);
}

py::object parse_json(const std::string& text) {
  DecodedJson decoded = decode_json(text);
  if (!decoded.value) throw py::value_error(decoded.failure);
  return std::move(decoded.value);
}

}  // namespace

void install_native_module(const LogSettings& logs, JsonEncoder::NonAscii non_ascii) {
  const char* name = "_kiln_native";
  py::object module = owned(PyModule_New(name));
  if (!module) throw py::error_already_set();
  module.attr("json_logs") = py::bool_(logs.json);
  module.attr("log_level") = py::str(logs.level);
  module.attr("telemetry_log_fd") = logs.telemetry_log_fd ? py::object(py::int_(*logs.telemetry_log_fd)) : py::none();
  module.attr("to_json") = py::cpp_function(
      [non_ascii](const py::object& value, bool ascii) {
        return to_json(value, ascii ? JsonEncoder::NonAscii::escape : non_ascii);
      },
      py::arg("value"), py::arg("ascii") = false);
  module.attr("parse_json") = py::cpp_function(parse_json, py::arg("text"));
  if (PyDict_SetItemString(PyImport_GetModuleDict(), name, module.ptr()) < 0) throw py::error_already_set();
}

}  // namespace kiln::python
