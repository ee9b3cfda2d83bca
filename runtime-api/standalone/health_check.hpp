// SPDX-License-Identifier: Apache-2.0
// For schedulers that can only execute a program in the container (Compose, Swarm, exec probes).
#pragma once

#include <string>

namespace kiln::standalone {

/// Asks the server in this container, which listens on `host` (KILN_HOST), whether it is ready. 0: it is; 1: it is not, or
/// does not answer within two seconds; then the reason is on stderr.
int health_check(const std::string& host, unsigned short operations_port);

}  // namespace kiln::standalone
