// SPDX-License-Identifier: Apache-2.0
// The images that podman has on this machine, each written out by it and unpacked once, into a folder that its id names.
#pragma once

#include <atomic>
#include <chrono>
#include <filesystem>
#include <mutex>
#include <string>
#include <variant>
#include <vector>

#include "runtime-api/control-server/launchers/image_source.hpp"

namespace kiln {

class PodmanImages final : public ImageSource {
 public:
  /// `podman`: the program. It is run as the server's user with the server's environment, so its storage is that user's.
  /// `folder`: where images are unpacked; made where it is missing.
  PodmanImages(std::filesystem::path podman, std::filesystem::path folder);

  /// `reference`: whatever podman takes for one: a name with or without "localhost/", a tag, a digest, an id.
  std::variant<UnpackedImage, std::string> find(const std::string& reference) override;
  void stop() override;

 private:
  /// Its standard output. Throws std::runtime_error with what it said on standard error where it fails or takes too long.
  std::string run(std::vector<std::string> arguments, std::chrono::milliseconds limit);
  void unpack(const std::string& id, const std::filesystem::path& place);

  const std::filesystem::path podman_;
  const std::filesystem::path folder_;
  std::atomic<bool> stopped_{false};
  std::mutex running_;  // what follows is of the run under way
  int pid_ = -1;
};

}  // namespace kiln
