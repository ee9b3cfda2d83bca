// SPDX-License-Identifier: Apache-2.0
// Bytes of a connection that were received and not used yet.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

namespace kiln::http {

/// Its room is not initialised, since the next read is to write there. What was consumed stays in place until `room`.
class ReadBuffer {
 public:
  std::string_view unread() const { return {data_.get() + begin_, end_ - begin_}; }
  bool empty() const { return begin_ == end_; }
  void consume(std::size_t bytes) {
    begin_ += bytes;
    if (begin_ == end_) begin_ = end_ = 0;
  }
  /// Space for at least `least` bytes behind what is unread, all there is of it.
  std::span<char> room(std::size_t least) {
    if (capacity_ - end_ < least) make_room(least);
    return {data_.get() + end_, capacity_ - end_};
  }
  /// `bytes` have been written to the room.
  void received(std::size_t bytes) { end_ += bytes; }
  std::size_t capacity() const { return capacity_; }
  /// Gives back its memory, where nothing is unread.
  void release() {
    if (!empty()) return;
    data_.reset();
    capacity_ = 0;
  }
  /// Moves `bytes` (a part of this buffer that was consumed) to the place right behind `in_front` (such a part as well, and
  /// in front of it), and returns the two as one.
  std::string_view join(std::string_view in_front, std::string_view bytes) {
    char* const behind = data_.get() + (in_front.data() - data_.get()) + in_front.size();
    std::memmove(behind, bytes.data(), bytes.size());
    return {in_front.data(), in_front.size() + bytes.size()};
  }

 private:
  void make_room(std::size_t least) {
    const std::string_view kept = unread();
    if (capacity_ - kept.size() >= least) {
      std::memmove(data_.get(), kept.data(), kept.size());
    } else {
      const std::size_t grown = std::max(2 * capacity_, kept.size() + least);
      auto data = std::make_unique_for_overwrite<char[]>(grown);
      if (!kept.empty()) std::memcpy(data.get(), kept.data(), kept.size());
      data_ = std::move(data);
      capacity_ = grown;
    }
    end_ = kept.size();
    begin_ = 0;
  }

  std::unique_ptr<char[]> data_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace kiln::http
