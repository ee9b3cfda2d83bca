// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/images/find_images.hpp"

#include <stdexcept>

#include "runtime-api/control-server/images/image_store.hpp"
#include "runtime-api/control-server/images/podman_images.hpp"
#include "runtime-api/control-server/launchers/oci_launcher.hpp"

namespace kiln {
namespace {

// The name that the container tools have for it (containers-transports(5)).
constexpr const char* storage = "containers-storage:";

}  // namespace

std::unique_ptr<ImageSource> find_images(const std::string& from, const std::filesystem::path& unpacked) {
  if (from.empty()) return nullptr;
  if (from != storage) return std::make_unique<ImageStore>(from, unpacked);
  const auto podman = find_program("podman");
  if (!podman) {
    throw std::runtime_error(std::string("--oci-images ") + storage +
                             " is read by podman, which is not installed; a folder in the OCI layout needs none");
  }
  return std::make_unique<PodmanImages>(*podman, unpacked);
}

}  // namespace kiln
