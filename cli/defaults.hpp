// SPDX-License-Identifier: Apache-2.0
// Where `kiln serve` listens and where every other command looks for it: one place, so that they always agree.
#pragma once

#include <string>
#include <string_view>

namespace kiln::cli::defaults {

inline constexpr int public_port = 9080;
inline constexpr int operations_port = 9081;
/// HOST:PORT of the public and of the operations listener; loopback, for nothing asks callers who they are.
inline const std::string listen = "127.0.0.1:" + std::to_string(public_port);
inline const std::string operations_listen = "127.0.0.1:" + std::to_string(operations_port);
/// The endpoint used where neither --endpoint nor KILN_ENDPOINT names one.
inline const std::string endpoint = "http://" + listen;

inline constexpr std::string_view endpoint_variable = "KILN_ENDPOINT";
inline constexpr std::string_view data_variable = "KILN_DATA";
inline constexpr std::string_view handler = "index.handler";

}  // namespace kiln::cli::defaults
