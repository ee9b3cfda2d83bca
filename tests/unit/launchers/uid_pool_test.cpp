// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/uid_pool.hpp"

#include <optional>
#include <set>
#include <stdexcept>

#include "tests/support/catch.hpp"

using kiln::UidLease;
using kiln::UidPool;

TEST_CASE("no two leases have the same user id, and one that was given back can be had again") {
  UidPool pool(1000, 3);
  UidLease a = pool.take();
  UidLease b = pool.take();
  std::optional<UidLease> c = pool.take();
  CHECK(std::set<std::uint32_t>{a.uid(), b.uid(), c->uid()} == std::set<std::uint32_t>{1000, 1001, 1002});
  CHECK_THROWS_AS(pool.take(), std::runtime_error);
  const std::uint32_t freed = c->uid();
  c.reset();
  CHECK(pool.take().uid() == freed);
}

TEST_CASE("a lease that was moved is given back once, and may outlive its pool") {
  std::optional<UidPool> pool(std::in_place, 1000, 1);
  UidLease a = pool->take();
  UidLease b = std::move(a);
  CHECK_THROWS_AS(pool->take(), std::runtime_error);
  pool.reset();
  CHECK(b.uid() == 1000);
}

TEST_CASE("the block of this process lies above what systemd and distributions hand out, and below 2^31") {
  const std::uint64_t first = UidPool::first_of_this_process();
  CHECK(first >= 1'879'048'192);
  CHECK(first + UidPool::block <= 2'147'483'648);
}
