// SPDX-License-Identifier: Apache-2.0
#include "runtimes/python/failure.hpp"

#include <pybind11/pybind11.h>

#include "runtime-api/protocol/error_types.hpp"
#include "runtime-api/protocol/json_text.hpp"
#include "runtimes/python/end_process.hpp"

namespace kiln::python {
namespace {

/// For when Python cannot even describe its error: out of memory, or a stack that is exhausted.
FunctionError bare_error(const py::object& exception, const std::string& request_id) {
  const std::string type = exception ? Py_TYPE(exception.ptr())->tp_name : std::string(error_types::runtime_unknown);
  FunctionError error{type, R"({"errorMessage": )"};
  append_json_string(error.body, exception ? text_of(exception) : "");
  error.body += R"(, "errorType": )";
  append_json_string(error.body, type);
  error.body += R"(, "requestId": )";
  append_json_string(error.body, request_id);
  error.body += R"(, "stackTrace": []})";
  return error;
}

std::string utf8(const py::handle& text) {
  // The cause may hold surrogates that have no UTF-8; what can be written, is.
  const py::object bytes = owned(PyUnicode_AsEncodedString(text.ptr(), "utf-8", "replace"));
  if (!bytes) throw py::error_already_set();
  return {PyBytes_AS_STRING(bytes.ptr()), static_cast<std::size_t>(PyBytes_GET_SIZE(bytes.ptr()))};
}

}  // namespace

py::object take_exception() {
#if PY_VERSION_HEX >= 0x030C0000
  return owned(PyErr_GetRaisedException());
#else
  PyObject* type = nullptr;
  PyObject* value = nullptr;
  PyObject* trace = nullptr;
  PyErr_Fetch(&type, &value, &trace);
  PyErr_NormalizeException(&type, &value, &trace);
  if (value && trace) PyException_SetTraceback(value, trace);
  Py_XDECREF(type);
  Py_XDECREF(trace);
  return owned(value);
#endif
}

std::string text_of(const py::object& exception) {
  const py::object text = owned(PyObject_Str(exception.ptr()));
  const py::object bytes = text ? owned(PyUnicode_AsEncodedString(text.ptr(), "utf-8", "surrogatepass")) : py::object();
  PyErr_Clear();
  if (!bytes) return {};
  return {PyBytes_AS_STRING(bytes.ptr()), static_cast<std::size_t>(PyBytes_GET_SIZE(bytes.ptr()))};
}

FunctionError report_pending(Phase phase, const std::string& request_id) {
  const py::object exception = take_exception();
  if (!PyErr_GivenExceptionMatches(exception.ptr(), PyExc_Exception)) end_process(exception);
  return report(exception, phase, request_id);
}

FunctionError report(const py::object& exception, Phase phase, const std::string& request_id) {
  try {
    const py::module_ errors = py::module_::import("_kiln_errors");
    const py::tuple described = phase == Phase::init
                                    ? errors.attr("report_at_load")(exception)
                                    : errors.attr("report")(exception, request_id, phase == Phase::stream);
    FunctionError error{utf8(described[0]), utf8(described[1])};
    if (phase == Phase::invoke) error.xray_cause = utf8(described[2]);
    return error;
  } catch (const py::error_already_set&) {
    return bare_error(exception, request_id);
  }
}

FunctionError report_fault(std::string_view type, const std::string& message, const std::string& request_id) {
  try {
    const py::object text =
        owned(PyUnicode_DecodeUTF8(message.data(), static_cast<Py_ssize_t>(message.size()), "surrogatepass"));
    if (!text) throw py::error_already_set();
    const py::module_ errors = py::module_::import("_kiln_errors");
    return report(errors.attr("Fault")(py::str(type.data(), type.size()), text), Phase::invoke, request_id);
  } catch (const py::error_already_set&) {
    return bare_error({}, request_id);
  }
}

}  // namespace kiln::python
