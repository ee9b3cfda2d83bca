// SPDX-License-Identifier: Apache-2.0
// How the exceptions of C++ functions are reported. Part of kiln/function.hpp; the bootstrap includes it too, for what is thrown
// while a function is loaded.
#pragma once

#include <cxxabi.h>

#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>
#include <typeinfo>
#include <utility>

#include "kiln/function.h"

namespace kiln {

/// Thrown by a handler that wants to name its error itself; the invoker sees `type` as errorType. Every other exception
/// is reported under the name of its class.
class HandlerError : public std::runtime_error {
 public:
  HandlerError(std::string type, const std::string& message) : std::runtime_error(message), type_(std::move(type)) {}
  const std::string& type() const noexcept { return type_; }

 private:
  std::string type_;
};

namespace detail {

inline void fail(kiln_result* result, std::string_view type, std::string_view message) {
  result->fail(result, {type.data(), type.size()}, {message.data(), message.size()});
}

inline std::string demangled(const std::type_info& type) {
  int status = 0;
  char* name = abi::__cxa_demangle(type.name(), nullptr, nullptr, &status);
  std::string text = status == 0 && name != nullptr ? name : type.name();
  std::free(name);  // NOLINT: what __cxa_demangle asks for
  return text;
}

/// Reports the exception being handled. Call inside a catch block.
inline void fail_with_current_exception(kiln_result* result) {
  const std::type_info* type = abi::__cxa_current_exception_type();
  const std::string name = type != nullptr ? demangled(*type) : "unknown";
  try {
    throw;
  } catch (const HandlerError& error) {
    fail(result, error.type(), error.what());
  } catch (const std::exception& error) {
    fail(result, name, error.what());
  } catch (const std::string& text) {
    fail(result, "std::string", text);
  } catch (const char* text) {
    fail(result, name, text != nullptr ? text : "");
  } catch (int number) {
    fail(result, name, std::to_string(number));
  } catch (...) {
    fail(result, name, "an exception that is no std::exception");
  }
}

}  // namespace detail
}  // namespace kiln
