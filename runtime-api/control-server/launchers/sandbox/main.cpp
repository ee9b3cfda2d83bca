// SPDX-License-Identifier: Apache-2.0
// sandbox-init: the first process of a sandbox, as a program.
#include "runtime-api/control-server/launchers/sandbox/first_process.hpp"

int main() { return kiln::sandbox::run_first_process({}); }
