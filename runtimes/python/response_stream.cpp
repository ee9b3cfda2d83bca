// SPDX-License-Identifier: Apache-2.0
#include "runtimes/python/response_stream.hpp"

#include <pybind11/pybind11.h>

#include <cerrno>
#include <optional>
#include <string_view>

#include "runtimes/python/failure.hpp"

namespace kiln::python {
namespace {

/// The bytes of a str or of any bytes-like object, for as long as this lives.
class Bytes {
 public:
  /// Throws py::error_already_set for anything else.
  explicit Bytes(PyObject* value) {
    if (PyUnicode_Check(value)) {
      Py_ssize_t size = 0;
      const char* data = PyUnicode_AsUTF8AndSize(value, &size);
      if (!data) throw py::error_already_set();
      view_ = {data, static_cast<std::size_t>(size)};
    } else if (PyObject_CheckBuffer(value)) {
      if (PyObject_GetBuffer(value, &buffer_, PyBUF_SIMPLE) < 0) throw py::error_already_set();
      view_ = {static_cast<const char*>(buffer_.buf), static_cast<std::size_t>(buffer_.len)};
    } else {
      const py::object name = owned(PyType_GetName(Py_TYPE(value)));
      if (name) PyErr_Format(PyExc_TypeError, "a handler that streams yields str or bytes, not %U", name.ptr());
      throw py::error_already_set();
    }
  }
  ~Bytes() { PyBuffer_Release(&buffer_); }
  Bytes(const Bytes&) = delete;
  Bytes& operator=(const Bytes&) = delete;

  std::string_view view() const { return view_; }

 private:
  Py_buffer buffer_{};
  std::string_view view_;
};

void write(ResponseSink& response, const py::object& value) {
  const Bytes bytes(value.ptr());
  std::optional<std::string> failure;
  Py_BEGIN_ALLOW_THREADS;
  failure = response.write(bytes.view());
  Py_END_ALLOW_THREADS;
  if (!failure) return;
  const auto size = static_cast<Py_ssize_t>(failure->size());
  const py::object why = owned(PyUnicode_DecodeUTF8(failure->data(), size, "replace"));
  const py::object arguments = why ? owned(Py_BuildValue("(iO)", EPIPE, why.ptr())) : py::object();
  if (arguments) PyErr_SetObject(PyExc_BrokenPipeError, arguments.ptr());
  throw py::error_already_set();
}

}  // namespace

bool is_generator(PyObject* value) { return PyGen_Check(value) || PyAsyncGen_CheckExact(value); }

InvocationResult stream(const py::object& generator, ResponseSink& response, const std::string& request_id) {
  const auto phase = [&] { return response.is_open() ? Phase::stream : Phase::invoke; };
  try {
    const py::cpp_function open_as([&](const std::string& content_type) { response.open(content_type); });
    const py::cpp_function send([&](const py::object& value) { write(response, value); });
    const py::object error = py::module_::import("_kiln_streaming").attr("run")(generator, open_as, send);
    if (error.is_none()) return Success{};
    return report(error, phase(), request_id);
  } catch (py::error_already_set& error) {
    error.restore();
    return report_pending(phase(), request_id);
  }
}

}  // namespace kiln::python
