// SPDX-License-Identifier: Apache-2.0
// The folder a server keeps everything in, taken by one server at a time.
#pragma once

#include <filesystem>

#include "runtime-api/control-server/launchers/descriptor.hpp"

namespace kiln {

class DataFolder {
 public:
  /// Makes the folder where it is missing (mode 0700) and locks it. Throws std::runtime_error where another server has it
  /// or it cannot be used.
  explicit DataFolder(const std::filesystem::path& path);

  std::filesystem::path catalog() const { return path_ / "kiln.db"; }
  std::filesystem::path code() const { return path_ / "code"; }
  std::filesystem::path logs() const { return path_ / "logs"; }
  /// Images for containers, unpacked.
  std::filesystem::path images() const { return path_ / "images"; }
  /// What belongs to containers that run.
  std::filesystem::path containers() const { return path_ / "containers"; }
  /// What a launch command was asked to start, and not yet to stop.
  std::filesystem::path launched() const { return path_ / "launched"; }

 private:
  std::filesystem::path path_;
  Descriptor lock_;
};

}  // namespace kiln
