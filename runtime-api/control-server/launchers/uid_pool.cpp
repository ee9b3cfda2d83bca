// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/uid_pool.hpp"

#include <unistd.h>

#include <stdexcept>

namespace kiln {
namespace {

// systemd's list of user id ranges ends its containers' at 1,879,048,191 and uses nothing from there to 2^31.
constexpr std::uint32_t first_unused_range = 1'879'048'192;
constexpr std::uint32_t blocks = 65'536;

}  // namespace

UidPool::UidPool(std::uint32_t first, std::uint32_t count) : ids_(std::make_shared<Ids>()) {
  ids_->next = first;
  ids_->end = first + count;
}

std::uint32_t UidPool::first_of_this_process() {
  return first_unused_range + static_cast<std::uint32_t>(::getpid()) % blocks * block;
}

UidLease UidPool::take() {
  std::uint32_t uid = 0;
  {
    const std::lock_guard lock(ids_->mutex);
    if (!ids_->free.empty()) {
      uid = ids_->free.back();
      ids_->free.pop_back();
    } else if (ids_->next < ids_->end) {
      uid = ids_->next++;
    } else {
      throw std::runtime_error("all user ids for instances are in use");
    }
  }
  return UidLease(
      std::shared_ptr<const std::uint32_t>(new std::uint32_t(uid), [ids = ids_](const std::uint32_t* taken) {
        const std::lock_guard lock(ids->mutex);
        ids->free.push_back(*taken);
        delete taken;
      }));
}

}  // namespace kiln
