// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/images/image_store.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <exception>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "runtime-api/control-server/images/layer.hpp"

namespace kiln {
namespace {

namespace fs = std::filesystem;

constexpr const char* unfinished = ".unfinished";
// What is mounted over these is not to be made by a container runtime, in a root that all instances share.
constexpr const char* mount_points[] = {"proc", "dev", "sys", "tmp", "var/task", "var/runtime", "opt"};

/// Makes the folder `path` below `root`, through no link of the image's.
void make_mount_point(const fs::path& root, const fs::path& path) {
  fs::path place = root;
  for (const fs::path& part : path) {
    place /= part;
    const fs::file_status there = fs::symlink_status(place);
    if (fs::is_directory(there)) continue;
    if (fs::exists(there)) throw std::runtime_error("/" + path.string() + " of the image is not a folder");
    fs::create_directory(place);
  }
}

bool has_bootstrap(const fs::path& root) {
  return fs::is_regular_file(fs::symlink_status(root / "var" / "runtime" / "bootstrap"));
}

}  // namespace

void unpack_image(const ImageManifest& image, const fs::path& place, const std::atomic<bool>& stopped) {
  fs::path making = place;
  making += unfinished;
  fs::remove_all(making);
  fs::create_directories(making);
  UnpackBudget budget;
  budget.stopped = &stopped;
  for (const fs::path& layer : image.layers) {
    if (!has_digest(layer, "sha256:" + layer.filename().string())) {
      throw std::runtime_error(layer.string() + " is not what its name says");
    }
    unpack_layer(layer, making, budget);
  }
  for (const char* const point : mount_points) make_mount_point(making, point);
  // A container runtime gives what it mounts there the mode of what it covers.
  fs::permissions(making / "tmp", fs::perms::all | fs::perms::sticky_bit);
  fs::permissions(making, fs::perms::owner_all | fs::perms::group_read | fs::perms::group_exec |
                              fs::perms::others_read | fs::perms::others_exec);
  fs::rename(making, place);
}

UnpackedImage described(const fs::path& place, std::vector<std::string> environment) {
  return {place, std::move(environment), has_bootstrap(place), !fs::is_empty(place / "opt")};
}

ImageStore::ImageStore(const fs::path& layout, fs::path folder) : layout_(layout), folder_(std::move(folder)) {}

std::variant<UnpackedImage, std::string> ImageStore::find(const std::string& reference) {
  try {
    const ImageManifest image = layout_.manifest(layout_.resolve(reference));
    const fs::path place = folder_ / image.digest.substr(image.digest.find(':') + 1);
    if (!fs::is_directory(place)) unpack_image(image, place, stopped_);
    return described(place, image.environment);
  } catch (const std::exception& error) {
    return std::string(error.what());
  }
}

}  // namespace kiln
