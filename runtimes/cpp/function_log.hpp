// SPDX-License-Identifier: Apache-2.0
// Lines the runtime itself writes into a function's log.
#pragma once

#include <string_view>

namespace kiln {

enum class LogFormat { text, json };

/// Writes one line to standard output as one write, in the function's log format. Thread-safe. `level` is "" for
/// context.log, whose text format is the bare message, or "ERROR".
void write_log_line(LogFormat format, std::string_view level, std::string_view request_id, std::string_view message);

}  // namespace kiln
