// SPDX-License-Identifier: Apache-2.0
// One unprivileged user id for each instance, never two at once with the same, and none that a person or a service has.
// Any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace kiln {

/// A user id that is this instance's alone until the lease is gone. Give it back only once no process has it any more.
class UidLease {
 public:
  UidLease() = default;
  std::uint32_t uid() const { return uid_ ? *uid_ : 0; }

 private:
  friend class UidPool;
  explicit UidLease(std::shared_ptr<const std::uint32_t> uid) : uid_(std::move(uid)) {}

  std::shared_ptr<const std::uint32_t> uid_;
};

class UidPool {
 public:
  /// Ids from `first` on. Leases may outlive it.
  UidPool(std::uint32_t first, std::uint32_t count);
  /// A block that no distribution and no systemd hands out, chosen by this process's number, so that two servers on one
  /// host share none.
  static std::uint32_t first_of_this_process();
  static constexpr std::uint32_t block = 4096;

  /// Throws std::runtime_error where all are taken.
  UidLease take();

 private:
  struct Ids {
    std::mutex mutex;
    std::uint32_t next = 0;           // guarded by mutex; never used from here on
    std::uint32_t end = 0;            // guarded by mutex
    std::vector<std::uint32_t> free;  // guarded by mutex
  };
  std::shared_ptr<Ids> ids_;
};

}  // namespace kiln
