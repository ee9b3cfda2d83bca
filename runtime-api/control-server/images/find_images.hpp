// SPDX-License-Identifier: Apache-2.0
// Where a server's images come from, by the words of its options.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "runtime-api/control-server/launchers/image_source.hpp"

namespace kiln {

/// `from`: a folder in the OCI image layout; "containers-storage:", those that podman has; empty: none, so null.
/// `unpacked`: the folder for what is unpacked. Throws std::runtime_error where podman is wanted and not there.
std::unique_ptr<ImageSource> find_images(const std::string& from, const std::filesystem::path& unpacked);

}  // namespace kiln
