// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/data_folder.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>

namespace kiln {

DataFolder::DataFolder(const std::filesystem::path& path) {
  std::error_code error;
  path_ = std::filesystem::absolute(path, error);
  if (!error && !std::filesystem::exists(path_)) {
    std::filesystem::create_directories(path_, error);
    if (!error) ::chmod(path_.c_str(), 0700);
  }
  if (error)
    throw std::runtime_error("cannot use the data folder " + path.string() + ": " + error.message() +
                             "; give another with --data");
  const std::string lock = path_ / "lock";
  lock_ = Descriptor(::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock_) {
    throw std::runtime_error("cannot write to the data folder " + path_.string() + ": " +
                             std::error_code(errno, std::generic_category()).message() + "; give another with --data");
  }
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    throw std::runtime_error("another kiln server uses the data folder " + path_.string() +
                             "; stop it, or give another with --data");
  }
}

}  // namespace kiln
