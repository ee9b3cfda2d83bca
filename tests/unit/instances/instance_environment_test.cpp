// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/instances/instance_environment.hpp"

#include <map>
#include <string>

#include "tests/support/catch.hpp"

using namespace kiln;

namespace {

FunctionConfiguration function_with(const std::string& variable) {
  FunctionConfiguration function;
  function.environment = std::map<std::string, std::string>{{"STAGE", "test"}, {variable, "1"}};
  return function;
}

}  // namespace

TEST_CASE("An interpreter that runs already serves functions whose variables it can still take over") {
  CHECK(may_be_forked(FunctionConfiguration()));
  for (const char* const variable : {"GREETING", "TZ", "LANG", "PYTHONPATH", "PYTHONUNBUFFERED",
                                     "PYTHONDONTWRITEBYTECODE", "XPYTHONHASHSEED", "OLD_PATH"}) {
    INFO(variable);
    CHECK(may_be_forked(function_with(variable)));
  }
}

TEST_CASE("A function with a variable that is read only as a process starts gets a process of its own") {
  for (const char* const variable :
       {"PYTHONHASHSEED", "PYTHONOPTIMIZE", "PYTHONWARNINGS", "PYTHONPATHS", "LD_PRELOAD", "LD_LIBRARY_PATH",
        "MALLOC_ARENA_MAX", "GLIBC_TUNABLES", "OPENSSL_CONF", "OPENSSL_MODULES"}) {
    INFO(variable);
    CHECK_FALSE(may_be_forked(function_with(variable)));
  }
}
