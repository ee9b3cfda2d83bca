// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/server/runtime_state.hpp"

#include <array>
#include <set>
#include <utility>

#include "tests/support/catch.hpp"

using namespace kiln;

namespace {
constexpr std::array all{RuntimeState::started,
                         RuntimeState::ready,
                         RuntimeState::running,
                         RuntimeState::invocation_response,
                         RuntimeState::invocation_error_response,
                         RuntimeState::response_sent,
                         RuntimeState::init_error,
                         RuntimeState::init_ready,
                         RuntimeState::restore_ready,
                         RuntimeState::restoring,
                         RuntimeState::restore_error};
}

TEST_CASE("Exactly the edges of the contract are allowed") {
  using enum RuntimeState;
  const std::set<std::pair<RuntimeState, RuntimeState>> edges{
      {started, ready},
      {started, init_error},
      {started, init_ready},
      {init_ready, ready},
      {started, restore_ready},
      {restore_ready, restoring},
      {restoring, ready},
      {restoring, restore_error},
      {ready, ready},
      {ready, running},
      {running, running},
      {running, invocation_response},
      {running, invocation_error_response},
      {invocation_response, response_sent},
      {invocation_error_response, response_sent},
      {response_sent, ready},
  };
  for (const RuntimeState from : all) {
    for (const RuntimeState to : all) {
      INFO(state_name(from) << " to " << state_name(to));
      CHECK(is_allowed(from, to) == edges.contains({from, to}));
    }
  }
}

TEST_CASE("States have the emulator's names, each its own") {
  std::set<std::string_view> names;
  for (const RuntimeState state : all) names.insert(state_name(state));
  CHECK(names == std::set<std::string_view>{"Started", "Ready", "Running", "InvocationResponse",
                                            "InvocationErrorResponse", "RuntimeResponseSentState", "InitError",
                                            "InitReady", "RestoreReady", "Restoring", "RuntimeRestoreErrorState"});
}

TEST_CASE("A refused transition is told in the emulator's words") {
  CHECK(transition_message(RuntimeState::response_sent, RuntimeState::invocation_response) ==
        "State transition from RuntimeResponseSentState to InvocationResponse failed for runtime. Error: State "
        "transition is not allowed");
}
