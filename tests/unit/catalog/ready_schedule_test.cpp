// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/catalog/ready_schedule.hpp"

#include <string>

#include "tests/support/catch.hpp"

using namespace kiln;
using namespace std::chrono_literals;
using std::chrono::days;
using std::chrono::sys_days;

namespace {

// 2026-11-23 is a Monday.
ReadySchedule::Time at(int weekday, std::chrono::seconds time) {
  return sys_days(std::chrono::year(2026) / 11 / 23) + days(weekday) + time;
}

ReadySchedule schedule(std::string_view text) { return std::get<ReadySchedule>(ReadySchedule::parse(text)); }

}  // namespace

TEST_CASE("A window of the week counts from its first second to before its last") {
  const ReadySchedule office = schedule("mon-fri 08:00-18:00=5");
  CHECK(office.instances_at(at(0, 8h - 1s)) == 0);
  CHECK(office.instances_at(at(0, 8h)) == 5);
  CHECK(office.instances_at(at(4, 18h - 1s)) == 5);
  CHECK(office.instances_at(at(4, 18h)) == 0);
  CHECK(office.instances_at(at(5, 12h)) == 0);
  CHECK(office.next_change(at(0, 7h)) == at(0, 8h));
  CHECK(office.next_change(at(0, 8h)) == at(0, 18h));
}

TEST_CASE("A window may pass midnight, and belongs to the day on which it begins") {
  const ReadySchedule night = schedule("sun 22:00-02:00=3");
  CHECK(night.instances_at(at(6, 23h)) == 3);
  CHECK(night.instances_at(at(7, 1h)) == 3);
  CHECK(night.instances_at(at(0, 23h)) == 0);
  CHECK(night.instances_at(at(6, 1h)) == 0);
  CHECK(night.next_change(at(7, 1h)) == at(7, 2h));
}

TEST_CASE("Of several open windows the largest counts; spans of days go round the week") {
  const ReadySchedule both = schedule(" daily 00:00-24:00=1 ;fri-mon,wed 12:00-13:00 = 4; ");
  CHECK(both.instances_at(at(0, 12h)) == 4);
  CHECK(both.instances_at(at(1, 12h)) == 1);
  CHECK(both.instances_at(at(2, 12h)) == 4);
  CHECK(both.instances_at(at(3, 12h)) == 1);
  CHECK(both.instances_at(at(5, 12h)) == 4);
  CHECK(both.instances_at(at(5, 23h + 59min)) == 1);
}

TEST_CASE("No window never wants an instance, and never changes its mind") {
  CHECK(schedule("").empty());
  CHECK(schedule(" ; ").instances_at(at(0, 0h)) == 0);
  CHECK(schedule("").next_change(at(0, 0h)) == ReadySchedule::Time::max());
}

TEST_CASE("What is no schedule says what is wrong with it") {
  const auto [text, why] =
      GENERATE(table<std::string, std::string>({{"08:00-18:00", "a window is DAYS"},
                                                {"mon 08:00-18:00", "a window is DAYS"},
                                                {"monday 08:00-18:00=1", "days are mon"},
                                                {"mon- 08:00-18:00=1", "days are mon"},
                                                {"mon, 08:00-18:00=1", "days are mon"},
                                                {"mon 8:00-18:00=1", "times are HH:MM"},
                                                {"mon 08:00=1", "times are HH:MM"},
                                                {"mon 08:60-18:00=1", "times are HH:MM"},
                                                {"mon 08:00-24:01=1", "times are HH:MM"},
                                                {"mon 24:00-08:00=1", "times are HH:MM"},
                                                {"mon -1:00-08:00=1", "times are HH:MM"},
                                                {"mon 08:00-08:00=1", "it ends when it begins"},
                                                {"mon 08:00-18:00=0", "instances are 1 to 1000"},
                                                {"mon 08:00-18:00=1001", "instances are 1 to 1000"},
                                                {"mon 08:00-18:00=99999999999", "instances are 1 to 1000"},
                                                {"mon 08:00-18:00=1 tue", "instances are 1 to 1000"}}));
  const auto parsed = ReadySchedule::parse("daily 00:00-01:00=1; " + text);
  REQUIRE(std::holds_alternative<std::string>(parsed));
  CHECK_THAT(std::get<std::string>(parsed), Catch::Matchers::StartsWith("'" + text + "': " + why));
}
