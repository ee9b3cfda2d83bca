// SPDX-License-Identifier: Apache-2.0
// JSON text to Python values, with the values, the strictness and the messages of the official client (simplejson).
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <string>
#include <string_view>

#include "runtimes/python/objects.hpp"

namespace kiln::python {

struct DecodedJson {
  py::object value;     ///< null where the text is no JSON
  std::string failure;  ///< then why, as the official client says it, e.g. "Expecting value: line 1 column 1 (char 0)"
};

/// Decodes one JSON text in UTF-8. `text` must be followed by a NUL (as a std::string's bytes are). Leaves no Python
/// exception set. With the GIL held.
DecodedJson decode_json(std::string_view text);

}  // namespace kiln::python
