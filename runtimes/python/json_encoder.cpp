// SPDX-License-Identifier: Apache-2.0
#include "runtimes/python/json_encoder.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string_view>

#include "runtimes/python/objects.hpp"
#include "runtimes/python/plain_text.hpp"

namespace kiln::python {
namespace {

/// Containers nested deeper than this are looked up among those still open: a structure that holds itself gets there
/// at once, and any other hardly ever.
constexpr std::size_t trusted_depth = 32;

constexpr char hex[] = "0123456789abcdef";

/// ASCII characters that may not stand for themselves in a JSON string. DEL is one only where non-ASCII is escaped.
constexpr std::array<bool, 128> special_characters = [] {
  std::array<bool, 128> special{};
  for (std::size_t c = 0; c < 0x20; ++c) special[c] = true;
  special['"'] = true;
  special['\\'] = true;
  return special;
}();

void append_unicode_escape(std::string& out, Py_UCS4 unit) {
  out += "\\u";
  out += hex[(unit >> 12) & 15];
  out += hex[(unit >> 8) & 15];
  out += hex[(unit >> 4) & 15];
  out += hex[unit & 15];
}

void append_special(std::string& out, unsigned char c) {
  switch (c) {
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    case '\b': out += "\\b"; return;
    case '\f': out += "\\f"; return;
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    default: append_unicode_escape(out, c);
  }
}

void append_escaped(std::string& out, Py_UCS4 c) {
  if (c < 0x10000) return append_unicode_escape(out, c);
  append_unicode_escape(out, 0xD800 + ((c - 0x10000) >> 10));
  append_unicode_escape(out, 0xDC00 + ((c - 0x10000) & 0x3FF));
}

void append_utf8(std::string& out, Py_UCS4 c) {
  if (c < 0x800) {
    out += static_cast<char>(0xC0 | (c >> 6));
  } else {
    if (c < 0x10000) {
      out += static_cast<char>(0xE0 | (c >> 12));
    } else {
      out += static_cast<char>(0xF0 | (c >> 18));
      out += static_cast<char>(0x80 | ((c >> 12) & 0x3F));
    }
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
  }
  out += static_cast<char>(0x80 | (c & 0x3F));
}

bool is_special(unsigned char c, bool escape_delete) { return special_characters[c] || (escape_delete && c == 0x7F); }

/// A new reference to the type's method, or null without an exception where there is none.
py::object method(PyObject* value, const char* name) {
  py::object found = owned(PyObject_GetAttrString(value, name));
  if (!found) PyErr_Clear();
  return found && PyCallable_Check(found.ptr()) ? std::move(found) : py::object();
}

/// decimal.Decimal where the function has imported it; borrowed, null otherwise.
PyObject* decimal_type() {
  PyObject* module = PyDict_GetItemString(PyImport_GetModuleDict(), "decimal");
  return module && PyModule_Check(module) ? PyDict_GetItemString(PyModule_GetDict(module), "Decimal") : nullptr;
}

}  // namespace

bool JsonEncoder::encode(PyObject* value, std::string& out) {
  out_ = &out;
  open_.clear();
  return any(value);
}

bool JsonEncoder::any(PyObject* value) {
  if (PyUnicode_Check(value)) return text(value);
  if (value == Py_None) return out_->append("null"), true;
  if (value == Py_True) return out_->append("true"), true;
  if (value == Py_False) return out_->append("false"), true;
  if (PyLong_Check(value)) return integer(value);
  if (PyFloat_Check(value)) return real(PyFloat_AS_DOUBLE(value));
  if (PyBytes_Check(value)) return bytes(value);
  return container(value);
}

bool JsonEncoder::container(PyObject* value) {
  if (open_.size() >= trusted_depth && std::find(open_.begin(), open_.end(), value) != open_.end()) {
    PyErr_SetString(PyExc_ValueError, "Circular reference detected");
    return false;
  }
  if (Py_EnterRecursiveCall(" while encoding a JSON object")) return false;
  open_.push_back(value);
  bool done = false;
  if (PyDict_CheckExact(value)) {
    done = mapping(value);
  } else if (PyList_CheckExact(value) || PyTuple_CheckExact(value)) {
    done = sequence(value);
  } else {
    done = other(value);
  }
  open_.pop_back();
  Py_LeaveRecursiveCall();
  return done;
}

bool JsonEncoder::text(PyObject* value) {
#if PY_VERSION_HEX < 0x030C0000
  if (PyUnicode_READY(value) < 0) return false;
#endif
  if (!PyUnicode_IS_COMPACT_ASCII(value)) return wide_text(value);
  const auto* characters = reinterpret_cast<const char*>(PyUnicode_1BYTE_DATA(value));
  const auto length = static_cast<std::size_t>(PyUnicode_GET_LENGTH(value));
  // With its quotes, so that the last of them does not move a long text once more.
  out_->reserve(out_->size() + length + 2);
  *out_ += '"';
  std::size_t from = 0;
  for (std::size_t i = 0; i < length; ++i) {
    if (i % plain_step == 0) i = static_cast<std::size_t>(skip_plain(characters + i, characters + length) - characters);
    if (i == length) break;
    const auto c = static_cast<unsigned char>(characters[i]);
    if (!is_special(c, escape_)) continue;
    out_->append(characters + from, i - from);
    append_special(*out_, c);
    from = i + 1;
  }
  out_->append(characters + from, length - from);
  *out_ += '"';
  return true;
}

bool JsonEncoder::wide_text(PyObject* value) {
  const int kind = PyUnicode_KIND(value);
  const void* data = PyUnicode_DATA(value);
  const Py_ssize_t length = PyUnicode_GET_LENGTH(value);
  *out_ += '"';
  for (Py_ssize_t i = 0; i < length; ++i) {
    const Py_UCS4 c = PyUnicode_READ(kind, data, i);
    if (c < 0x80) {
      if (is_special(static_cast<unsigned char>(c), escape_)) {
        append_special(*out_, static_cast<unsigned char>(c));
      } else {
        *out_ += static_cast<char>(c);
      }
    } else if (escape_) {
      append_escaped(*out_, c);
    } else if (c >= 0xD800 && c <= 0xDFFF) {
      // A lone surrogate has no UTF-8; the codec's own exception says so best.
      const py::object unused = owned(PyUnicode_AsUTF8String(value));
      return false;
    } else {
      append_utf8(*out_, c);
    }
  }
  *out_ += '"';
  return true;
}

bool JsonEncoder::integer(PyObject* value) {
  int overflow = 0;
  const long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
  if (overflow == 0) {
    if (number == -1 && PyErr_Occurred()) return false;
    char digits[24];
    out_->append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
    return true;
  }
  // int's own repr, whatever a subclass makes of it (an IntEnum, say).
  const py::object repr = owned(PyLong_Type.tp_repr(value));
  if (!repr) return false;
  out_->append(PyUnicode_AsUTF8(repr.ptr()));
  return true;
}

bool JsonEncoder::real(double value) {
  if (std::isnan(value)) return out_->append("NaN"), true;
  if (std::isinf(value)) return out_->append(value > 0 ? "Infinity" : "-Infinity"), true;
  char* digits = PyOS_double_to_string(value, 'r', 0, Py_DTSF_ADD_DOT_0, nullptr);
  if (!digits) return false;
  out_->append(digits);
  PyMem_Free(digits);
  return true;
}

bool JsonEncoder::sequence(PyObject* value) {
  const py::object items = owned(PySequence_Fast(value, "not a sequence"));
  if (!items) return false;
  *out_ += '[';
  // The size is read anew each time: what an element runs while it is encoded may change a list.
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(items.ptr()); ++i) {
    if (i > 0) *out_ += ", ";
    const py::object item = shared(PySequence_Fast_GET_ITEM(items.ptr(), i));
    if (!any(item.ptr())) return false;
  }
  *out_ += ']';
  return true;
}

bool JsonEncoder::mapping(PyObject* value) {
  *out_ += '{';
  bool first = true;
  if (PyDict_CheckExact(value)) {
    PyObject* name = nullptr;
    PyObject* item = nullptr;
    for (Py_ssize_t at = 0; PyDict_Next(value, &at, &name, &item); first = false) {
      const py::object name_held = shared(name);
      const py::object item_held = shared(item);
      if (!entry(name, item, first)) return false;
    }
  } else {
    const py::object items = owned(PyMapping_Items(value));
    if (!items) return false;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(items.ptr()); ++i, first = false) {
      PyObject* pair = PyList_GET_ITEM(items.ptr(), i);
      if (!PyTuple_Check(pair) || PyTuple_GET_SIZE(pair) != 2) {
        PyErr_SetString(PyExc_ValueError, "items must return 2-tuples");
        return false;
      }
      if (!entry(PyTuple_GET_ITEM(pair, 0), PyTuple_GET_ITEM(pair, 1), first)) return false;
    }
  }
  *out_ += '}';
  return true;
}

bool JsonEncoder::entry(PyObject* name, PyObject* value, bool first) {
  if (!first) *out_ += ", ";
  if (!key(name)) return false;
  *out_ += ": ";
  return any(value);
}

bool JsonEncoder::key(PyObject* value) {
  if (PyUnicode_Check(value)) return text(value);
  if (PyBytes_Check(value)) return bytes(value);
  const bool scalar = PyLong_Check(value) || PyFloat_Check(value) || value == Py_None;
  if (!scalar) {
    const py::object name = owned(PyType_GetName(Py_TYPE(value)));
    if (name) PyErr_Format(PyExc_TypeError, "keys must be str, int, float, bool or None, not %U", name.ptr());
    return false;
  }
  *out_ += '"';
  if (!any(value)) return false;
  *out_ += '"';
  return true;
}

bool JsonEncoder::bytes(PyObject* value) {
  const py::object decoded = owned(PyUnicode_DecodeUTF8(PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value), nullptr));
  return decoded && text(decoded.ptr());
}

bool JsonEncoder::other(PyObject* value) {
  if (const py::object as_dict = method(value, "_asdict")) {
    const py::object fields = owned(PyObject_CallNoArgs(as_dict.ptr()));
    if (!fields) return false;
    if (PyDict_Check(fields.ptr())) return mapping(fields.ptr());
    PyErr_Format(PyExc_TypeError, "_asdict() must return a dict, not %.80s", Py_TYPE(fields.ptr())->tp_name);
    return false;
  }
  if (PyList_Check(value) || PyTuple_Check(value)) return sequence(value);
  if (PyDict_Check(value)) return mapping(value);
  if (PyObject* decimal = decimal_type()) {
    const int is_decimal = PyObject_IsInstance(value, decimal);
    if (is_decimal < 0) return false;
    if (is_decimal) {
      const py::object is_nan = owned(PyObject_CallMethod(value, "is_nan", nullptr));
      if (!is_nan) return false;
      if (PyObject_IsTrue(is_nan.ptr())) return out_->append("NaN"), true;
      const py::object digits = owned(PyObject_Str(value));
      const char* characters = digits ? PyUnicode_AsUTF8(digits.ptr()) : nullptr;
      if (!characters) return false;
      out_->append(characters);
      return true;
    }
  }
  const py::object name = owned(PyType_GetName(Py_TYPE(value)));
  if (name) PyErr_Format(PyExc_TypeError, "Object of type %U is not JSON serializable", name.ptr());
  return false;
}

}  // namespace kiln::python
