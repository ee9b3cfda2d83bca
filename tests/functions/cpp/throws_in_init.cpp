// SPDX-License-Identifier: Apache-2.0
// A function one of whose static objects throws while it is made, as the variable THROW says.
#include <kiln/function.hpp>

#include <cstdlib>
#include <stdexcept>
#include <string>

namespace {

/// With something to be destroyed while an exception passes.
int may_throw() {
  const char* const what = std::getenv("THROW");
  const std::string wanted = what != nullptr ? what : "";
  if (wanted == "std") throw std::out_of_range("no such table");
  if (wanted == "named") throw kiln::HandlerError("Tables.Missing", "no such table");
  if (wanted == "text") throw "just text";
  if (wanted == "number") throw 42;
  return 0;
}

const int made = may_throw();

}  // namespace

nlohmann::json handler(const nlohmann::json& event) { return made == 0 ? event : nlohmann::json(); }
KILN_HANDLER(handler)
