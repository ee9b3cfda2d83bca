// SPDX-License-Identifier: Apache-2.0
// What may be called what in manifests.
#pragma once

#include <string>
#include <string_view>

namespace kiln::cli {

/// Lower-case letters, digits and '-', at most 63, a letter first and no '-' last: what all targets take as a name.
bool is_object_name(std::string_view text);

/// The nearest name to `text` that is_object_name takes; empty where nothing of it can be used.
std::string nearest_object_name(std::string_view text);

/// A host name in lower case, at most 253; `wildcard` lets "*." stand before it.
bool is_host_name(std::string_view text, bool wildcard);

/// A container image as the control server takes them: letters, digits and ._:/@+-, a letter or digit first, at most 512.
bool is_image_reference(std::string_view text);

/// Letters, digits and '_', no digit first.
bool is_variable_name(std::string_view text);

/// HOST:PORT, without scheme and path; an empty host where `host_optional`, and then the colon may be left out.
bool is_address(std::string_view text, bool host_optional);

/// What a Secret of Kubernetes may be called.
bool is_secret_name(std::string_view text);

/// A path that a line of a file can hold: printable.
bool is_file_name(std::string_view text);

/// The path of a variable of Nomad: letters, digits and ~_/.-, at most 128.
bool is_variable_path(std::string_view text);

}  // namespace kiln::cli
