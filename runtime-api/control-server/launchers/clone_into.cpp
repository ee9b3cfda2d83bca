// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/clone_into.hpp"

#include <cerrno>

namespace kiln {
namespace {

/// The new process finds itself on a stack with nothing on it to return to, so it goes on within the instructions that made it.
/// Returns as the kernel does: minus errno.
long clone3_and_run([[maybe_unused]] clone_args* arguments, [[maybe_unused]] int (*run)(void*),
                    [[maybe_unused]] void* argument) {
#if defined(__x86_64__)
  long result = SYS_clone3;
  register void* third asm("r8") = argument;
  register int (*fourth)(void*) asm("r9") = run;
  asm volatile(
      "syscall\n\t"
      "testq %%rax, %%rax\n\t"
      "jnz 1f\n\t"
      "xorl %%ebp, %%ebp\n\t"
      "movq %%r8, %%rdi\n\t"
      "callq *%%r9\n\t"
      "hlt\n"
      "1:"
      : "+a"(result)
      : "D"(arguments), "S"(sizeof *arguments), "r"(third), "r"(fourth)
      : "rcx", "r11", "memory", "cc");
  return result;
#elif defined(__aarch64__)
  register long number asm("x8") = SYS_clone3;
  register clone_args* first asm("x0") = arguments;
  register std::size_t second asm("x1") = sizeof *arguments;
  register void* third asm("x2") = argument;
  register int (*fourth)(void*) asm("x3") = run;
  asm volatile(
      "svc #0\n\t"
      "cbnz x0, 1f\n\t"
      "mov x29, xzr\n\t"
      "mov x0, x2\n\t"
      "blr x3\n\t"
      "brk #0\n"
      "1:"
      : "+r"(first)
      : "r"(number), "r"(second), "r"(third), "r"(fourth)
      : "memory", "cc");
  return reinterpret_cast<long>(first);
#else
  return -ENOSYS;
#endif
}

}  // namespace

int clone_into(int group, std::uint64_t flags, int exit_signal, std::byte* stack, std::size_t size, int (*run)(void*),
               void* argument) {
  clone_args arguments{};
  arguments.flags = flags | CLONE_VM | CLONE_VFORK | CLONE_INTO_CGROUP;
  arguments.exit_signal = static_cast<std::uint64_t>(exit_signal);
  arguments.stack = reinterpret_cast<std::uint64_t>(stack);
  arguments.stack_size = size;
  arguments.cgroup = static_cast<std::uint64_t>(group);
  const long result = clone3_and_run(&arguments, run, argument);
  if (result >= 0) return static_cast<int>(result);
  errno = static_cast<int>(-result);
  return -1;
}

}  // namespace kiln
