// SPDX-License-Identifier: Apache-2.0
// The zygote of the Python that this build has, for tests that drive it themselves. They need root, as its namespaces do.
#pragma once

#include <unistd.h>

#include <filesystem>

#include "runtime-api/control-server/launchers/zygote.hpp"
#include "tests/support/catch.hpp"

namespace kiln::test {

inline ZygoteOptions python_zygote() {
  REQUIRE(::geteuid() == 0);
  constexpr std::uint32_t inside_uid = 993;
  const std::filesystem::directory_iterator found(std::filesystem::path(KILN_BINARY_DIR) / "libexec" / "kiln" /
                                                  "zygotes");
  REQUIRE(found != std::filesystem::directory_iterator());
  return sandbox_zygote(found->path(), "/var/runtime/bootstrap", {}, inside_uid);
}

}  // namespace kiln::test
