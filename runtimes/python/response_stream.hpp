// SPDX-License-Identifier: Apache-2.0
// Handlers that yield: what they yield is sent as it comes.
#pragma once

#include <string>

#include "bootstrap/response_sink.hpp"
#include "runtime-api/protocol/result.hpp"
#include "runtimes/python/objects.hpp"

namespace kiln::python {

/// Whether this is what a generator handler, plain or asynchronous, returns. With the GIL held.
bool is_generator(PyObject* value);

/// Runs the generator to its end and sends what it yields to `response`. What cannot be sent is raised in the generator,
/// where it was yielded. Returns how the stream ended. With the GIL held, which is free while a write waits.
InvocationResult stream(const py::object& generator, ResponseSink& response, const std::string& request_id);

}  // namespace kiln::python
