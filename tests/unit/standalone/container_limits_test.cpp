// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/standalone/container_limits.hpp"

#include <fstream>

#include "tests/support/catch.hpp"
#include "tests/support/temporary_folder.hpp"

using kiln::standalone::memory_limit_mb;

TEST_CASE("The memory limit is found under either version of cgroups") {
  const kiln::test::TemporaryFolder folder;
  const std::filesystem::path& root = folder.path();
  CHECK_FALSE(memory_limit_mb(root));
  SECTION("version 2") {
    std::ofstream(root / "memory.max") << "134217728\n";
    CHECK(memory_limit_mb(root) == 128);
  }
  SECTION("version 2 without a limit") {
    std::ofstream(root / "memory.max") << "max\n";
    CHECK_FALSE(memory_limit_mb(root));
  }
  SECTION("version 1") {
    std::filesystem::create_directory(root / "memory");
    std::ofstream(root / "memory/memory.limit_in_bytes") << "268435456\n";
    CHECK(memory_limit_mb(root) == 256);
  }
  SECTION("version 1 without a limit") {
    std::filesystem::create_directory(root / "memory");
    std::ofstream(root / "memory/memory.limit_in_bytes") << "9223372036854771712\n";
    CHECK_FALSE(memory_limit_mb(root));
  }
}
