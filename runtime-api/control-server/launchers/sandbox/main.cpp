// SPDX-License-Identifier: Apache-2.0
// sandbox-init: the first process of a sandbox, as a program; with an argument, what completes one from outside.
#include "runtime-api/control-server/launchers/sandbox/completion.hpp"
#include "runtime-api/control-server/launchers/sandbox/first_process.hpp"

int main(int count, char**) {
  return count > 1 ? kiln::sandbox::run_completion() : kiln::sandbox::run_first_process({});
}
