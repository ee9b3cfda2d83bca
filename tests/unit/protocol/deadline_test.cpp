// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/protocol/deadline.hpp"

#include "tests/support/catch.hpp"

using namespace kiln;
using namespace std::chrono_literals;

TEST_CASE("A deadline survives the trip over the wire in epoch milliseconds") {
  const Deadline deadline = Deadline::after(3s);
  const Deadline back = Deadline::from_epoch_ms(deadline.to_epoch_ms());
  CHECK(std::chrono::abs(back.at() - deadline.at()) < 50ms);
}

TEST_CASE("A deadline that never comes has a place on the wire, and is never again on the other side") {
  for (const Deadline far : {Deadline::never(), Deadline::after(std::chrono::hours(24 * 366 * 101))}) {
    CHECK(far.to_epoch_ms() == 253'402'300'799'999);  // 9999-12-31T23:59:59.999Z
    CHECK(Deadline::from_epoch_ms(far.to_epoch_ms()).is_never());
  }
}

TEST_CASE("The time left is never negative, and never is never") {
  CHECK(Deadline::after(-1s).remaining() == 0s);
  CHECK(Deadline::after(-1s).passed());
  CHECK_FALSE(Deadline::never().passed());
  CHECK(Deadline::never().is_never());
}

TEST_CASE("A deadline too far away to be meant never comes, and one before the epoch has passed") {
  CHECK(Deadline::from_epoch_ms(1'800'000'000'000'000).is_never());  // the emulator's, a thousand times too far
  CHECK(Deadline::from_epoch_ms(INT64_MAX).is_never());
  CHECK(Deadline::from_epoch_ms(INT64_MIN).passed());
  CHECK(Deadline::from_epoch_ms(0).passed());
}
