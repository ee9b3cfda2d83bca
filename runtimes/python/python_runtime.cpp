// SPDX-License-Identifier: Apache-2.0
#include "runtimes/python/python_runtime.hpp"

#include <pybind11/pybind11.h>

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "runtime-api/protocol/environment.hpp"
#include "runtime-api/protocol/error_types.hpp"
#include "runtime-api/protocol/json_text.hpp"
#include "runtime-api/protocol/limits.hpp"
#include "runtimes/python/end_process.hpp"
#include "runtimes/python/failure.hpp"
#include "runtimes/python/interpreter.hpp"
#include "runtimes/python/json_decoder.hpp"
#include "runtimes/python/locale.hpp"
#include "runtimes/python/memory_holes.hpp"
#include "runtimes/python/response_stream.hpp"
#include "runtimes/python/search_path.hpp"
#include "runtimes/python/streams.hpp"

namespace kiln::python {
namespace {

constexpr std::string_view json_content_type = "application/json";

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::toupper(c); });
  return text;
}

/// AWS_EXECUTION_ENV of Python 3.12 and later: there the official client writes UTF-8, before that it escapes.
JsonEncoder::NonAscii non_ascii_for(std::string_view execution_env) {
  constexpr std::string_view prefix = "AWS_Lambda_python3.";
  int minor = 0;
  if (execution_env.starts_with(prefix)) {
    const char* end = execution_env.data() + execution_env.size();
    const auto parsed = std::from_chars(execution_env.data() + prefix.size(), end, minor);
    if (parsed.ptr != end) minor = 0;
  }
  return minor >= 12 ? JsonEncoder::NonAscii::utf8 : JsonEncoder::NonAscii::escape;
}

/// A variable's value, or empty.
std::string variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): before Python, and so any thread, is there
  return value ? value : "";
}

LogSettings log_settings(const FunctionEnvironment& environment) {
  LogSettings settings;
  settings.json = upper(environment.log_format) == "JSON";
  settings.level = upper(environment.log_level);
  if (settings.level == "TRACE") settings.level = "DEBUG";
  const std::string number = variable(environment::telemetry_log_fd);
  int fd = -1;
  const auto parsed = std::from_chars(number.data(), number.data() + number.size(), fd);
  const bool whole = parsed.ec == std::errc() && parsed.ptr == number.data() + number.size();
  if (whole && fd >= 0) settings.telemetry_log_fd = fd;
  return settings;
}

py::object text_of_platform(const std::string& text) {
  return owned(PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "replace"));
}

/// A str, or None for what the platform has not sent.
py::object text_or_none(const std::string& text) { return text.empty() ? shared(Py_None) : text_of_platform(text); }

std::int64_t deadline_ms(const Deadline& deadline) {
  // Where the platform has set none, a function may run as long as any can.
  if (deadline.is_never()) return Deadline::after(std::chrono::seconds(limits::max_timeout_s)).to_epoch_ms();
  return deadline.to_epoch_ms();
}

/// A new reference. Throws py::error_already_set.
PyObject* attribute(const char* module, const char* name) {
  const py::object value = py::module_::import(module).attr(name);
  return value.inc_ref().ptr();
}

bool is_awaitable(PyObject* value) {
  const PyAsyncMethods* methods = Py_TYPE(value)->tp_as_async;
  return methods && methods->am_await;
}

/// Python keeps a copy of the environment. This is what that would be, had it been started now.
py::dict environment_as_bytes() {
  py::dict found;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const auto equals = text.find('=');
    if (equals == std::string_view::npos || equals == 0) continue;
    found[py::bytes(std::string(text.substr(0, equals)))] = py::bytes(std::string(text.substr(equals + 1)));
  }
  return found;
}

/// Takes what a handler answers at once; there is nobody to stream to.
class NoSink final : public ResponseSink {
 public:
  void open(std::string_view) override {}
  bool is_open() const override { return false; }
  std::optional<std::string> write(std::string_view) override { return "there is no response"; }
};

}  // namespace

void PythonRuntime::start() {
  start_interpreter({program_, standard_search_path()});
  idle_state_ = PyEval_SaveThread();
}

void PythonRuntime::warm(const std::vector<std::string>& modules) {
  const Gil gil(idle_state_);
  try {
    const py::module_ zygote = py::module_::import("_kiln_zygote");
    py::list names;
    for (const std::string& name : modules) names.append(name);
    zygote.attr("warm")(names);
    // As most functions want it.
    look_for_usual_locale();
    prepare({}, non_ascii_for("AWS_Lambda_python" + std::to_string(PY_MAJOR_VERSION) + "." +
                              std::to_string(PY_MINOR_VERSION)));
    adopt();
    go_through_the_motions();
    zygote.attr("freeze")();
    fill_memory_holes();
  } catch (const py::error_already_set& error) {
    throw std::runtime_error(error.what());
  }
}

void PythonRuntime::rehearse() {
  const Gil gil(idle_state_);
  try {
    adopt();
    go_through_the_motions();
  } catch (const py::error_already_set& error) {
    throw std::runtime_error(error.what());
  }
}

void PythonRuntime::stand_for_forks() {
  const Gil gil(idle_state_);
  try {
    py::module_::import("_kiln_zygote").attr("snapshot")();
  } catch (py::error_already_set& error) {
    error.discard_as_unraisable("a snapshot");
  }
  fill_memory_holes();
}

void PythonRuntime::rehearse_loaded() {
  const Gil gil(idle_state_);
  PyObject* const handler = std::exchange(handler_, nullptr);
  PyObject* const begin = std::exchange(begin_, nullptr);
  try {
    go_through_the_motions();
  } catch (const py::error_already_set& error) {
    throw std::runtime_error(error.what());
  }
  handler_ = handler;
  begin_ = begin;
}

void PythonRuntime::take_over(const std::vector<std::string>& names) {
  const Gil gil(idle_state_);
  try {
    const py::dict environment = environment_as_bytes();
    py::dict changed;
    for (const std::string& name : names) {
      const py::bytes key(name);
      changed[key] = environment.contains(key) ? py::object(environment[key]) : py::none();
    }
    py::module_::import("_kiln_zygote").attr("take_over")(changed);
  } catch (py::error_already_set& error) {
    error.discard_as_unraisable("the environment of a restored function");
  }
}

void PythonRuntime::go_through_the_motions() {
  handler_ = py::module_::import("_kiln_handler_lookup").attr("find")("_kiln_warm_handler.handler").release().ptr();
  begin_ = attribute("_kiln_context", "begin");
  Invocation invocation;
  invocation.request_id = "00000000-0000-0000-0000-000000000000";
  invocation.function_arn = "arn:aws:lambda:local:0:function:warm";
  invocation.content_type = json_content_type;
  invocation.payload = R"({"name": "kiln", "numbers": [1, 2.5, null]})";
  NoSink sink;
  run(invocation, sink);
  flush_streams();
  for (PyObject** held : {&handler_, &begin_, &function_arn_}) Py_CLEAR(*held);
  PyDict_DelItemString(PyImport_GetModuleDict(), "_kiln_warm_handler");
}

void PythonRuntime::before_fork() {
  if (idle_state_ == nullptr) return;
  PyEval_RestoreThread(idle_state_);
  PyOS_BeforeFork();
}

void PythonRuntime::after_fork(ForkSide side) {
  if (idle_state_ == nullptr) return;
  if (side == ForkSide::parent) {
    PyOS_AfterFork_Parent();
  } else {
    PyOS_AfterFork_Child();
    if (PyObject* const zygote = PyImport_GetModule(text_of_platform("_kiln_zygote").ptr())) {
      const py::object forked = owned(PyObject_CallMethod(zygote, "forked", nullptr));
      if (!forked) PyErr_WriteUnraisable(zygote);
      Py_DECREF(zygote);
    }
  }
  idle_state_ = PyEval_SaveThread();
}

/// What a new interpreter would have found in its environment.
void PythonRuntime::adopt() {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  adopt_locale();
  py::module_::import("_kiln_zygote").attr("adopt")(environment_as_bytes());
}

/// Everything a function finds in place; the interpreter runs.
void PythonRuntime::prepare(const LogSettings& logs, JsonEncoder::NonAscii non_ascii) {
  const Settings wanted{logs, non_ascii};
  if (settings_ == wanted) return;
  if (settings_) py::module_::import("_kiln_zygote").attr("forget")();
  encoder_ = JsonEncoder(non_ascii);
  install_native_module(logs, non_ascii);
  py::module_::import("_kiln_start").attr("prepare")();
  settings_ = wanted;
}

std::optional<FunctionError> PythonRuntime::load(const FunctionEnvironment& environment) {
  const LogSettings logs = log_settings(environment);
  const FunctionSearchPath path =
      function_search_path(environment.task_root, environment.runtime_dir, variable("PYTHONPATH"));
  // Both before the interpreter takes its copy of the environment. The descriptor is not the function's to write to;
  // the variable is there in the official image.
  ::unsetenv(environment::telemetry_log_fd);                   // NOLINT(concurrency-mt-unsafe): as above
  ::setenv("PYTHONPATH", environment.runtime_dir.c_str(), 0);  // NOLINT(concurrency-mt-unsafe): as above
  try {
    if (!idle_state_) start();
  } catch (const std::exception& error) {
    return FunctionError{std::string(error_types::runtime_unknown),
                         platform_error_body(error_types::runtime_unknown, error.what())};
  }
  const Gil gil(idle_state_);
  try {
    if (settings_) adopt();
    prepare(logs, non_ascii_for(environment.execution_env));
    extend_search_path(path);
    handler_ = py::module_::import("_kiln_handler_lookup").attr("find")(environment.handler).release().ptr();
    begin_ = attribute("_kiln_context", "begin");
  } catch (py::error_already_set& error) {
    error.restore();
    FunctionError failure = report_pending(Phase::init, {});
    flush_streams();
    return failure;
  }
  flush_streams();
  return std::nullopt;
}

void PythonRuntime::extend_search_path(const FunctionSearchPath& path) {
  py::list search_path = shared(PySys_GetObject("path"));
  std::size_t at = 0;
  for (const std::string& directory : path.front) {
    search_path.insert(at++, owned(PyUnicode_DecodeFSDefault(directory.c_str())));
  }
  for (const std::string& directory : path.sites) py::module_::import("site").attr("addsitedir")(directory);
  if (path.customised) py::module_::import("sitecustomize");
}

InvocationResult PythonRuntime::invoke(const Invocation& invocation, ResponseSink& response) {
  const Gil gil(idle_state_);
  InvocationResult result = run(invocation, response);
  flush_streams();
  return result;
}

py::object PythonRuntime::begin(const Invocation& invocation) {
  if (!function_arn_ || PyUnicode_CompareWithASCIIString(function_arn_, invocation.function_arn.c_str()) != 0) {
    Py_XDECREF(function_arn_);
    function_arn_ = text_of_platform(invocation.function_arn).release().ptr();
  }
  const py::object request_id = text_of_platform(invocation.request_id);
  const py::object deadline = owned(PyLong_FromLongLong(deadline_ms(invocation.deadline)));
  const py::object trace_id = text_or_none(invocation.trace_id);
  const py::object tenant_id = text_or_none(invocation.tenant_id);
  const py::object client_context = text_or_none(invocation.client_context);
  const py::object identity = text_or_none(invocation.cognito_identity);
  PyObject* arguments[] = {request_id.ptr(), deadline.ptr(),       function_arn_, trace_id.ptr(),
                           tenant_id.ptr(),  client_context.ptr(), identity.ptr()};
  for (PyObject* argument : arguments) {
    if (!argument) return {};
  }
  return owned(PyObject_Vectorcall(begin_, arguments, std::size(arguments), nullptr));
}

py::object PythonRuntime::event_of(const Invocation& invocation, std::string& failure) const {
  if (invocation.content_type != json_content_type) {
    return owned(
        PyBytes_FromStringAndSize(invocation.payload.data(), static_cast<Py_ssize_t>(invocation.payload.size())));
  }
  DecodedJson decoded = decode_json(invocation.payload);
  if (!decoded.value) failure = "Unable to unmarshal input: " + decoded.failure;
  return std::move(decoded.value);
}

std::optional<FunctionError> PythonRuntime::run_hooks(const char* which) {
  const Gil gil(idle_state_);
  std::optional<FunctionError> failed;
  try {
    const py::object error = py::module_::import("_kiln_snapshot_hooks").attr(which)();
    if (!error.is_none()) failed = report(error, Phase::invoke, {});
  } catch (py::error_already_set& error) {
    error.restore();
    failed = report_pending(Phase::invoke, {});
  }
  if (failed) failed->xray_cause.clear();  // belongs to invocations
  flush_streams();
  return failed;
}

InvocationResult PythonRuntime::run(const Invocation& invocation, ResponseSink& response) {
  const std::string& id = invocation.request_id;
  const py::object context = begin(invocation);
  if (!context) return report_pending(Phase::invoke, id);
  std::string malformed;
  py::object event = event_of(invocation, malformed);
  if (!malformed.empty()) return report_fault(error_types::unmarshal_error, malformed, id);
  if (!event) return report_pending(Phase::invoke, id);

  PyObject* arguments[] = {event.ptr(), context.ptr()};
  py::object result = owned(PyObject_Vectorcall(handler_, arguments, std::size(arguments), nullptr));
  if (!result) return report_pending(Phase::invoke, id);
  if (is_awaitable(result.ptr())) {
    std::optional<FunctionError> failed;
    result = settle(result, failed, id);
    if (failed) return *std::move(failed);
  }
  if (is_generator(result.ptr())) return stream(result, response, id);
  return answer(std::move(result), response, id);
}

py::object PythonRuntime::settle(const py::object& awaitable, std::optional<FunctionError>& failed,
                                 const std::string& request_id) {
  try {
    if (!await_) await_ = attribute("_kiln_awaiting", "run");
    const py::tuple settled = py::handle(await_)(awaitable);
    if (settled[0].cast<bool>()) return settled[1];
    failed = report(settled[1], Phase::invoke, request_id);
  } catch (py::error_already_set& error) {
    error.restore();
    failed = report_pending(Phase::invoke, request_id);
  }
  return {};
}

InvocationResult PythonRuntime::answer(py::object result, ResponseSink& response, const std::string& request_id) {
  Success success;
  success.body = response.body_buffer();
  if (PyBytes_Check(result.ptr())) {
    success.content_type = "application/unknown";
    success.body.assign(PyBytes_AS_STRING(result.ptr()), static_cast<std::size_t>(PyBytes_GET_SIZE(result.ptr())));
    return success;
  }
  if (encoder_.encode(result.ptr(), success.body)) return success;
  const py::object exception = take_exception();
  if (!PyErr_GivenExceptionMatches(exception.ptr(), PyExc_Exception)) end_process(exception);
  return report_fault(error_types::marshal_error, "Unable to marshal response: " + text_of(exception), request_id);
}

void PythonRuntime::shutdown() {
  if (!idle_state_) return;
  const Gil gil(idle_state_);
  // A handler that the function has installed for SIGTERM runs here at the latest; it may end the process.
  if (PyErr_CheckSignals() < 0) {
    const py::object exception = take_exception();
    if (!PyErr_GivenExceptionMatches(exception.ptr(), PyExc_Exception)) end_process(exception);
    PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(exception.ptr())), exception.ptr());
    PyErr_Print();
  }
  run_exit_callbacks();
}

}  // namespace kiln::python
