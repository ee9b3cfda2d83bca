// SPDX-License-Identifier: Apache-2.0
// From a Python exception to the function error that is posted.
#pragma once

#include <string>
#include <string_view>

#include "runtime-api/protocol/result.hpp"
#include "runtimes/python/objects.hpp"

namespace kiln::python {

/// Takes the pending exception out of the interpreter: its instance, with its traceback set. With the GIL held.
py::object take_exception();

/// str(exception), or "" where that fails. With the GIL held.
std::string text_of(const py::object& exception);

enum class Phase { init, invoke, stream };  // stream: a part of the answer has been sent

/// Logs an exception of the function's (or a Fault of the runtime's own) and returns it as the invoker gets it.
/// `request_id` is empty in the init phase and in a snapshot's hooks. With the GIL held.
FunctionError report(const py::object& exception, Phase phase, const std::string& request_id);

/// The same for the pending exception. Does not return for what is no `Exception` (SystemExit, for one): as in the plain
/// interpreter, that ends the process.
FunctionError report_pending(Phase phase, const std::string& request_id);

/// The same for a failure the runtime itself has found. `type` is one of error_types.
FunctionError report_fault(std::string_view type, const std::string& message, const std::string& request_id);

}  // namespace kiln::python
