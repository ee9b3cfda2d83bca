// SPDX-License-Identifier: Apache-2.0
// How Catch writes a Result.
#pragma once

#include <string>

#include "runtime-api/control-server/catalog/service_error.hpp"
#include "tests/support/catch.hpp"

namespace Catch {

template <>
struct StringMaker<kiln::ServiceError> {
  static std::string convert(const kiln::ServiceError& error) {
    return std::to_string(error.status) + " " + error.type + ": " + error.message + " [" + error.detail + "]";
  }
};

template <typename T>
struct StringMaker<boost::system::result<T, kiln::ServiceError>> {
  static std::string convert(const boost::system::result<T, kiln::ServiceError>& result) {
    return result.has_value() ? "a value" : StringMaker<kiln::ServiceError>::convert(result.error());
  }
};

}  // namespace Catch
