// SPDX-License-Identifier: Apache-2.0
// A refused request as a value: what the caller did wrong, in the words of the real service.
#pragma once

#include <boost/system/result.hpp>
#include <string>

namespace kiln {

struct ServiceError {
  int status = 400;         ///< HTTP status
  std::string type;         ///< "ResourceNotFoundException", …: travels in x-amzn-ErrorType
  std::string message;      ///< for people; exact text of the real service where it has one
  std::string detail = {};  ///< what exactly was wrong, in kiln's words; empty where the message says it all

  friend bool operator==(const ServiceError&, const ServiceError&) = default;
};

/// A value, or why there is none because of the caller. Failures of the platform itself are exceptions.
template <typename T>
using Result = boost::system::result<T, ServiceError>;

}  // namespace kiln
