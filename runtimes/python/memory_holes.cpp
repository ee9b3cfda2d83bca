// SPDX-License-Identifier: Apache-2.0
#include "runtimes/python/memory_holes.hpp"

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace kiln::python {
namespace {

// An end for what does not behave as expected; then there are holes left, and no more.
constexpr int most = 20'000;

/// Of Python's own allocator: blocks of one size lie in pools, the first of them right behind the pool's head.
void fill_pools() {
  constexpr std::size_t step = 16;
  constexpr std::size_t largest = 512;
  constexpr std::uintptr_t pool_size = 16 * 1024;
  constexpr std::uintptr_t pool_head = 48;
  for (std::size_t size = step; size <= largest; size += step) {
    for (int i = 0; i < most; ++i) {
      void* const block = PyObject_Malloc(size);
      if (block == nullptr) return;
      if (reinterpret_cast<std::uintptr_t>(block) % pool_size == pool_head) {
        PyObject_Free(block);  // a new pool: there was no hole left
        break;
      }
    }
  }
}

/// Of the C library's: what is not a hole comes from behind everything else.
void fill_heap() {
  constexpr std::size_t from_the_end = 100'000;
  void* const end = std::malloc(from_the_end);
  if (end == nullptr) return;
  for (std::size_t size = from_the_end / 2; size >= 16; size -= size > 1024 ? size / 8 : 16) {
    for (int i = 0; i < most; ++i) {
      void* const block = std::malloc(size);
      if (block == nullptr) break;
      if (block > end) {
        std::free(block);
        break;
      }
    }
  }
  std::free(end);
}

}  // namespace

void fill_memory_holes() {
  fill_pools();
  fill_heap();
}

}  // namespace kiln::python
