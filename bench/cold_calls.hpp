// SPDX-License-Identifier: Apache-2.0
// Calls that find no instance.
#pragma once

#include <string>
#include <vector>

#include "bench/http_invoker.hpp"
#include "bench/kiln_server.hpp"

namespace kiln::bench {

/// Calls of one function, each of which has an instance made for it. Deploy it with `--idle 0`.
class ColdCalls {
 public:
  ColdCalls(KilnServer& server, std::string function);

  /// Milliseconds of one. Throws std::runtime_error where the server does not say that it made an instance.
  double time_one();

 private:
  KilnServer& server_;
  std::string function_;
  std::string request_;
  HttpInvoker invoker_;
};

}  // namespace kiln::bench
