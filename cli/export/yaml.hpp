// SPDX-License-Identifier: Apache-2.0
// JSON values as YAML for people: block style, and no text that any reader of YAML 1.1 or 1.2 takes for something else.
#pragma once

#include "cli/export/exported_function.hpp"

#include <string>
#include <vector>

namespace kiln::cli {

/// `value` as one YAML document without markers; ends with a newline. Its text must be UTF-8.
std::string yaml_text(const Json& value);

/// `documents` one behind the other, `comment` (lines without their #) at the head.
std::string yaml_file(const std::vector<std::string>& comment, const std::vector<Json>& documents);

}  // namespace kiln::cli
