// SPDX-License-Identifier: Apache-2.0
// Images of an OCI layout, each unpacked once, into a folder that its digest names.
#pragma once

#include <atomic>
#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include "runtime-api/control-server/images/oci_layout.hpp"
#include "runtime-api/control-server/launchers/image_source.hpp"

namespace kiln {

/// Unpacks `image` into the folder `place`, which is there whole or not at all. Blocks; given up where `stopped` becomes
/// true. Throws std::exception, with the reason.
void unpack_image(const ImageManifest& image, const std::filesystem::path& place, const std::atomic<bool>& stopped);

/// The image unpacked there. Throws std::filesystem::filesystem_error.
UnpackedImage described(const std::filesystem::path& place, std::vector<std::string> environment);

class ImageStore final : public ImageSource {
 public:
  /// `layout`: where the images are. `folder`: where they are unpacked; made where it is missing.
  ImageStore(const std::filesystem::path& layout, std::filesystem::path folder);

  std::variant<UnpackedImage, std::string> find(const std::string& reference) override;
  void stop() override { stopped_ = true; }

 private:
  const OciLayout layout_;
  const std::filesystem::path folder_;
  std::atomic<bool> stopped_{false};
};

}  // namespace kiln
