// SPDX-License-Identifier: Apache-2.0
// What a bootstrap's exit code says. Codes above 63 are those of sysexits(3) where one fits. A function may end the
// process itself, with any code.
#pragma once

namespace kiln {

enum class ExitCode : int {
  /// SIGTERM was honoured (the running invocation, if any, was answered first), or the platform closed the inherited
  /// socket of an idle instance, which is how an instance ends that no signal can reach.
  ended = 0,
  /// The handler could not be loaded; the error has been posted to /runtime/init/error.
  init_failed = 1,
  /// The Runtime API cannot be reached, or closed the connection where it should have answered (EX_UNAVAILABLE).
  platform_lost = 69,
  /// The Runtime API refused the poll, or sent what is not its contract (EX_PROTOCOL).
  platform_refused = 76,
  /// The environment names no Runtime API (EX_CONFIG).
  no_platform = 78,
  // 143 (128 + SIGTERM), without any code of ours: SIGTERM during init, or a second SIGTERM while draining.
};

}  // namespace kiln
