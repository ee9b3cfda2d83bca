// SPDX-License-Identifier: Apache-2.0
// Where a launcher's root file systems come from.
#pragma once

#include <filesystem>
#include <string>
#include <variant>
#include <vector>

namespace kiln {

/// An image as a folder.
struct UnpackedImage {
  std::filesystem::path root;
  std::vector<std::string> environment;  ///< "KEY=VALUE", of its configuration
  bool own_bootstrap = false;            ///< it has /var/runtime/bootstrap
  bool own_layers = false;               ///< it has something in /opt
};

class ImageSource {
 public:
  virtual ~ImageSource() = default;
  /// Unpacks what is not yet unpacked, so it may block for long. Any thread, one at a time. The image, or why there is none.
  virtual std::variant<UnpackedImage, std::string> find(const std::string& reference) = 0;
  /// Any thread. What is being unpacked is given up, and nothing is unpacked any more.
  virtual void stop() = 0;
};

}  // namespace kiln
