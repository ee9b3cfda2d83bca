// SPDX-License-Identifier: Apache-2.0
#include "runtimes/python/json_decoder.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "runtimes/python/failure.hpp"
#include "runtimes/python/plain_text.hpp"

namespace kiln::python {
namespace {

/// Integers of up to this many digits fit 64 bits.
constexpr std::ptrdiff_t machine_digits = 18;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// One pass over one text. After a failure either a Python exception is set or message_ says what was expected where.
class Reader {
 public:
  explicit Reader(std::string_view text) : begin_(text.data()), at_(begin_), end_(begin_ + text.size()) {
    if (text.substr(0, 3) == "\xEF\xBB\xBF") begin_ = at_ = at_ + 3;
  }

  /// The whole text's value, or null.
  PyObject* read() {
    skip_space();
    PyObject* value = any();
    if (!value) return nullptr;
    skip_space();
    if (at_ == end_) return value;
    Py_DECREF(value);
    extra_ = true;
    return fail("Extra data", at_);
  }

  std::string failure() const;

 private:
  PyObject* any();
  PyObject* object();
  PyObject* array();
  PyObject* string();
  PyObject* string_with_escapes(const char* start);
  PyObject* number();
  PyObject* literal(std::string_view word, PyObject* value);
  PyObject* shared_key();
  bool member(PyObject* into);
  bool escape(std::string& out);
  int hex4(const char* from) const;
  std::string position(const char* place) const;

  void skip_space() {
    while (at_ < end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
  }
  bool next_is(char c) const { return at_ < end_ && *at_ == c; }
  PyObject* fail(std::string message, const char* place) {
    message_ = std::move(message);
    place_ = place;
    return nullptr;
  }

  const char* begin_;
  const char* at_;
  const char* end_;
  py::object keys_;  ///< the keys seen, so that equal ones are one object: less memory, faster look-ups
  std::string message_;
  const char* place_ = nullptr;
  bool extra_ = false;
};

PyObject* Reader::any() {
  if (at_ == end_) return fail("Expecting value", at_);
  switch (*at_) {
    case '"': return string();
    case '{': return object();
    case '[': return array();
    case 'n': return literal("null", Py_None);
    case 't': return literal("true", Py_True);
    case 'f': return literal("false", Py_False);
    default: return number();
  }
}

PyObject* Reader::literal(std::string_view word, PyObject* value) {
  if (static_cast<std::size_t>(end_ - at_) < word.size() || std::string_view(at_, word.size()) != word) {
    return fail("Expecting value", at_);
  }
  at_ += word.size();
  Py_INCREF(value);
  return value;
}

PyObject* Reader::object() {
  if (Py_EnterRecursiveCall(" while decoding a JSON object from a string")) return nullptr;
  py::object result = owned(PyDict_New());
  ++at_;
  skip_space();
  bool complete = result && next_is('}');
  while (result && !complete) {
    if (!next_is('"')) {
      fail("Expecting property name enclosed in double quotes or '}'", at_);
      break;
    }
    if (!member(result.ptr())) break;
    skip_space();
    complete = next_is('}');
    if (complete) break;
    if (!next_is(',')) {
      fail("Expecting ',' delimiter or '}'", at_);
      break;
    }
    const char* comma = at_++;
    skip_space();
    if (next_is('}')) {
      fail("Illegal trailing comma before end of object", comma);
      break;
    }
    if (!next_is('"')) {
      fail("Expecting property name enclosed in double quotes", at_);
      break;
    }
  }
  Py_LeaveRecursiveCall();
  if (!complete) return nullptr;
  ++at_;
  return result.release().ptr();
}

bool Reader::member(PyObject* into) {
  const py::object name = owned(shared_key());
  if (!name) return false;
  skip_space();
  if (!next_is(':')) return fail("Expecting ':' delimiter", at_), false;
  ++at_;
  skip_space();
  const py::object value = owned(any());
  return value && PyDict_SetItem(into, name.ptr(), value.ptr()) == 0;
}

PyObject* Reader::shared_key() {
  const py::object name = owned(string());
  if (!name) return nullptr;
  if (!keys_) keys_ = owned(PyDict_New());
  if (!keys_) return nullptr;
  PyObject* known = PyDict_SetDefault(keys_.ptr(), name.ptr(), name.ptr());
  Py_XINCREF(known);
  return known;
}

PyObject* Reader::array() {
  if (Py_EnterRecursiveCall(" while decoding a JSON array from a string")) return nullptr;
  py::object result = owned(PyList_New(0));
  ++at_;
  skip_space();
  bool complete = result && next_is(']');
  while (result && !complete) {
    if (at_ == end_ && PyList_GET_SIZE(result.ptr()) == 0) {
      fail("Expecting value or ']'", at_);
      break;
    }
    const py::object value = owned(any());
    if (!value || PyList_Append(result.ptr(), value.ptr()) < 0) break;
    skip_space();
    complete = next_is(']');
    if (complete) break;
    if (!next_is(',')) {
      fail("Expecting ',' delimiter or ']'", at_);
      break;
    }
    const char* comma = at_++;
    skip_space();
    if (next_is(']')) {
      fail("Illegal trailing comma before end of array", comma);
      break;
    }
  }
  Py_LeaveRecursiveCall();
  if (!complete) return nullptr;
  ++at_;
  return result.release().ptr();
}

PyObject* Reader::string() {
  const char* start = at_ + 1;
  unsigned char seen = 0;
  for (const char* c = skip_plain(start, end_); c < end_; ++c) {
    const auto byte = static_cast<unsigned char>(*c);
    if (byte == '"') {
      at_ = c + 1;
      if (seen < 0x80) {
        PyObject* text = PyUnicode_New(c - start, 127);
        if (text && c != start) std::copy(start, c, reinterpret_cast<char*>(PyUnicode_1BYTE_DATA(text)));
        return text;
      }
      return PyUnicode_DecodeUTF8(start, c - start, nullptr);
    }
    if (byte == '\\' || byte < 0x20) return string_with_escapes(start);
    seen |= byte;
  }
  return fail("Unterminated string starting at", start - 1);
}

PyObject* Reader::string_with_escapes(const char* start) {
  std::string out;
  at_ = start;
  bool raw_surrogate = false;
  for (;;) {
    const char* run = at_;
    at_ = skip_plain(at_, end_);
    for (; at_ < end_ && *at_ != '"' && *at_ != '\\' && static_cast<unsigned char>(*at_) >= 0x20; ++at_) {
      if (*at_ == '\xED' && at_ + 1 < end_ && static_cast<unsigned char>(at_[1]) >= 0xA0) raw_surrogate = true;
    }
    out.append(run, at_);
    if (at_ == end_) return fail("Unterminated string starting at", start - 1);
    if (*at_ == '"') break;
    if (*at_ != '\\') {
      static constexpr char hex[] = "0123456789abcdef";
      const auto c = static_cast<unsigned char>(*at_);
      std::string shown = "'\\x00'";
      shown[3] = hex[c >> 4];
      shown[4] = hex[c & 15];
      if (c == '\t') shown = "'\\t'";
      if (c == '\n') shown = "'\\n'";
      if (c == '\r') shown = "'\\r'";
      return fail("Invalid control character " + shown + " at", at_);
    }
    if (at_ + 1 == end_) return fail("Unterminated string starting at", start - 1);
    if (!escape(out)) return nullptr;
  }
  ++at_;
  // Escapes may spell lone surrogates, which Python's strings can hold; the text itself may not have any.
  return PyUnicode_DecodeUTF8(out.data(), static_cast<Py_ssize_t>(out.size()),
                              raw_surrogate ? nullptr : "surrogatepass");
}

/// Four hexadecimal digits as a number, or -1.
int Reader::hex4(const char* from) const {
  if (end_ - from < 4) return -1;
  int value = 0;
  const auto [stopped, error] = std::from_chars(from, from + 4, value, 16);
  return error == std::errc() && stopped == from + 4 && *from != '-' ? value : -1;
}

bool Reader::escape(std::string& out) {
  const char* backslash = at_;
  const char c = at_[1];
  at_ += 2;
  switch (c) {
    case '"':
    case '\\':
    case '/': return out += c, true;
    case 'b': return out += '\b', true;
    case 'f': return out += '\f', true;
    case 'n': return out += '\n', true;
    case 'r': return out += '\r', true;
    case 't': return out += '\t', true;
    case 'u': break;
    default: {
      Py_ssize_t length = 1;
      while (backslash + 1 + length < end_ && (static_cast<unsigned char>(backslash[1 + length]) & 0xC0) == 0x80)
        ++length;
      const py::object character = owned(PyUnicode_DecodeUTF8(backslash + 1, length, "replace"));
      const py::object shown = character ? owned(PyObject_Repr(character.ptr())) : py::object();
      if (!shown) return false;
      return fail(std::string("Invalid \\X escape sequence ") + PyUnicode_AsUTF8(shown.ptr()), backslash + 1), false;
    }
  }
  const int unit = hex4(at_);
  if (unit < 0) return fail("Invalid \\uXXXX escape sequence", backslash), false;
  at_ += 4;
  auto code = static_cast<std::uint32_t>(unit);
  if (code >= 0xD800 && code < 0xDC00 && end_ - at_ >= 6 && at_[0] == '\\' && at_[1] == 'u') {
    const int low = hex4(at_ + 2);
    if (low < 0) return fail("Invalid \\uXXXX escape sequence", at_), false;
    if (low >= 0xDC00 && low < 0xE000) {
      code = 0x10000 + ((code - 0xD800) << 10) + (static_cast<std::uint32_t>(low) - 0xDC00);
      at_ += 6;
    }
  }
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += {static_cast<char>(0xC0 | (code >> 6)), static_cast<char>(0x80 | (code & 0x3F))};
  } else if (code < 0x10000) {
    out += {static_cast<char>(0xE0 | (code >> 12)), static_cast<char>(0x80 | ((code >> 6) & 0x3F)),
            static_cast<char>(0x80 | (code & 0x3F))};
  } else {
    out += {static_cast<char>(0xF0 | (code >> 18)), static_cast<char>(0x80 | ((code >> 12) & 0x3F)),
            static_cast<char>(0x80 | ((code >> 6) & 0x3F)), static_cast<char>(0x80 | (code & 0x3F))};
  }
  return true;
}

PyObject* Reader::number() {
  const char* start = at_;
  const char* c = at_;
  if (c < end_ && *c == '-') ++c;
  if (c == end_ || !is_digit(*c)) return fail("Expecting value", start);
  if (*c == '0') {
    ++c;
  } else {
    while (c < end_ && is_digit(*c)) ++c;
  }
  const char* integer_end = c;
  if (end_ - c >= 2 && *c == '.' && is_digit(c[1])) {
    c += 2;
    while (c < end_ && is_digit(*c)) ++c;
  }
  if (c < end_ && (*c == 'e' || *c == 'E')) {
    const char* e = c + 1;
    if (e < end_ && (*e == '+' || *e == '-')) ++e;
    if (e < end_ && is_digit(*e)) {
      while (e < end_ && is_digit(*e)) ++e;
      c = e;
    }
  }
  at_ = c;
  if (c == integer_end && c - start <= machine_digits) {
    long long value = 0;
    std::from_chars(start, c, value);
    return PyLong_FromLongLong(value);
  }
  const std::string digits(start, c);
  if (c == integer_end) return PyLong_FromString(digits.c_str(), nullptr, 10);
  const double value = PyOS_string_to_double(digits.c_str(), nullptr, nullptr);
  if (value == -1.0 && PyErr_Occurred()) return nullptr;
  return PyFloat_FromDouble(value);
}

/// "line L column C", counted in characters, as a person's editor would.
std::string Reader::position(const char* place) const {
  const auto is_character = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; };
  const auto line = 1 + std::count(begin_, place, '\n');
  const char* line_start = place;
  while (line_start > begin_ && line_start[-1] != '\n') --line_start;
  const auto column = 1 + std::count_if(line_start, place, is_character);
  return "line " + std::to_string(line) + " column " + std::to_string(column);
}

std::string Reader::failure() const {
  const auto index = [this](const char* place) {
    return std::to_string(
        std::count_if(begin_, place, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
  };
  std::string text = message_ + ": " + position(place_);
  if (extra_) return text + " - " + position(end_) + " (char " + index(place_) + " - " + index(end_) + ")";
  return text + " (char " + index(place_) + ")";
}

}  // namespace

DecodedJson decode_json(std::string_view text) {
  Reader reader(text);
  DecodedJson decoded;
  decoded.value = owned(reader.read());
  if (decoded.value) return decoded;
  // Bytes that are no UTF-8, wherever they stand, are found before any other fault, and counted from the beginning.
  if (!PyErr_Occurred() || PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)) {
    PyErr_Clear();
    const py::object unused = owned(PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), nullptr));
  }
  decoded.failure = PyErr_Occurred() ? text_of(take_exception()) : reader.failure();
  return decoded;
}

}  // namespace kiln::python
