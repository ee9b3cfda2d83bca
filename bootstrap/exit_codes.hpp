// SPDX-License-Identifier: Apache-2.0
// What a bootstrap's exit code says. Codes above 65 are those of sysexits(3). A function may end the process itself, with
// any code; and where several processes serve one instance, the first that ends decides how all of them end.
#pragma once

namespace kiln {

enum class ExitCode : int {
  /// SIGTERM was honoured (the running invocation, if any, was answered first), or the platform closed the inherited
  /// socket of an idle instance, which is how an instance ends that no signal can reach.
  ended = 0,
  /// The handler could not be loaded; the error has been posted to /runtime/init/error.
  init_failed = 1,
  /// A hook before the snapshot failed; the error has been posted to /runtime/init/error. (The official client's code.)
  before_snapshot_failed = 64,
  /// A hook after the restore failed; the error has been posted to /runtime/restore/error. (The official client's code.)
  after_restore_failed = 65,
  /// The Runtime API cannot be reached, or closed the connection where it should have answered (EX_UNAVAILABLE).
  platform_lost = 69,
  /// The Runtime API refused the poll, or sent what is not its contract (EX_PROTOCOL).
  platform_refused = 76,
  /// The environment names no Runtime API (EX_CONFIG).
  no_platform = 78,
  // 143 (128 + SIGTERM), without any code of ours: SIGTERM during init, or a second SIGTERM while draining.
};

}  // namespace kiln
