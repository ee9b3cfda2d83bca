// SPDX-License-Identifier: Apache-2.0
// The filter, run by a small interpreter of what the kernel runs: what each system call comes to, without making it.
#include "runtime-api/control-server/launchers/seccomp_filter.hpp"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstring>
#include <set>
#include <stdexcept>
#include <vector>

#include "tests/support/catch.hpp"

namespace {

class Filter {
 public:
  explicit Filter(bool forks_sandboxes = false) {
    const std::string bytes = kiln::make_syscall_filter(forks_sandboxes);
    program_.resize(bytes.size() / sizeof(sock_filter));
    std::memcpy(program_.data(), bytes.data(), bytes.size());
  }

  std::uint32_t run(int number, std::initializer_list<std::uint64_t> arguments = {},
                    std::uint32_t arch = AUDIT_ARCH_X86_64) const {
    seccomp_data data{};
    data.nr = number;
    data.arch = arch;
    std::size_t i = 0;
    for (const std::uint64_t argument : arguments) data.args[i++] = argument;
    std::uint32_t a = 0;
    std::size_t at = 0;
    for (;;) {
      const sock_filter& step = program_.at(at++);
      switch (step.code) {
        case BPF_LD | BPF_W | BPF_ABS: std::memcpy(&a, reinterpret_cast<const char*>(&data) + step.k, sizeof a); break;
        case BPF_JMP | BPF_JA: at += step.k; break;
        case BPF_JMP | BPF_JEQ | BPF_K: at += a == step.k ? step.jt : step.jf; break;
        case BPF_JMP | BPF_JGT | BPF_K: at += a > step.k ? step.jt : step.jf; break;
        case BPF_JMP | BPF_JGE | BPF_K: at += a >= step.k ? step.jt : step.jf; break;
        case BPF_JMP | BPF_JSET | BPF_K: at += (a & step.k) != 0 ? step.jt : step.jf; break;
        case BPF_ALU | BPF_AND | BPF_K: a &= step.k; break;
        case BPF_RET | BPF_K: return step.k;
        default: throw std::runtime_error("an instruction this interpreter does not know");
      }
    }
  }

  bool allows(int number, std::initializer_list<std::uint64_t> arguments = {}) const {
    return run(number, arguments) == SECCOMP_RET_ALLOW;
  }

 private:
  std::vector<sock_filter> program_;
};

constexpr std::uint32_t refused = SECCOMP_RET_ERRNO | EPERM;
constexpr std::uint32_t unknown = SECCOMP_RET_ERRNO | ENOSYS;

}  // namespace

TEST_CASE("calls that programs need are allowed, whatever their arguments") {
  const Filter filter;
  for (const int number :
       {SYS_read, SYS_write, SYS_openat, SYS_mmap, SYS_futex, SYS_execve, SYS_fork, SYS_wait4, SYS_kill, SYS_epoll_wait,
        SYS_sendmsg, SYS_recvmsg, SYS_getrandom, SYS_clock_gettime, SYS_exit_group}) {
    CAPTURE(number);
    CHECK(filter.allows(number, {~0ULL, ~0ULL, ~0ULL}));
  }
}

TEST_CASE("calls that could harm others are refused, and those the list does not know do not exist") {
  const Filter filter;
  for (const int number :
       {SYS_mount, SYS_umount2, SYS_unshare, SYS_setns, SYS_ptrace, SYS_bpf, SYS_keyctl, SYS_init_module,
        SYS_perf_event_open, SYS_userfaultfd, SYS_io_uring_setup, SYS_process_vm_writev, SYS_pidfd_getfd,
        SYS_open_by_handle_at, SYS_reboot, SYS_kexec_load, SYS_chroot}) {
    CAPTURE(number);
    CHECK(filter.run(number) == refused);
  }
  CHECK(filter.run(SYS_clone3) == unknown);
  for (int number = 470; number < 2000; ++number) CHECK(filter.run(number) == unknown);
}

TEST_CASE("numbers of another architecture are no way around the list") {
  const Filter filter;
  CHECK(filter.run(SYS_read | 0x40000000) == unknown);
  CHECK(filter.run(SYS_read, {}, AUDIT_ARCH_I386) == unknown);
}

TEST_CASE("clone makes processes and threads, but no namespace") {
  const Filter filter;
  CHECK(filter.allows(SYS_clone, {CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD}));
  for (const std::uint64_t flag :
       {CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET, CLONE_NEWPID, CLONE_NEWIPC, CLONE_NEWUTS, CLONE_NEWCGROUP}) {
    CHECK_FALSE(filter.allows(SYS_clone, {flag}));
  }
}

TEST_CASE("a snapshot makes the namespaces of its forks, and can neither enter any nor mount in them") {
  const Filter filter(true);
  CHECK(filter.allows(SYS_clone,
                      {CLONE_PARENT | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET}));
  for (const std::uint64_t flag : {CLONE_NEWUSER, CLONE_NEWCGROUP}) {
    CHECK_FALSE(filter.allows(SYS_clone, {flag}));
    CHECK_FALSE(filter.allows(SYS_clone, {flag | CLONE_NEWNS}));
  }
  for (const int number :
       {SYS_mount, SYS_umount2, SYS_unshare, SYS_setns, SYS_move_mount, SYS_fsopen, SYS_sethostname}) {
    CAPTURE(number);
    CHECK(filter.run(number) == refused);
  }
  CHECK(filter.run(SYS_clone3) == unknown);
}

TEST_CASE("sockets are of few families, ioctls of few kinds, limits one's own") {
  const Filter filter;
  for (const std::uint64_t family : {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK})
    CHECK(filter.allows(SYS_socket, {family}));
  CHECK(filter.allows(SYS_socket, {AF_INET, SOCK_STREAM, IPPROTO_TCP}));
  CHECK(filter.allows(SYS_socket, {AF_INET6, SOCK_DGRAM, IPPROTO_UDP}));
  // The kernel would load what nobody has asked for yet, or opens a large part of itself.
  for (const std::uint64_t protocol : {IPPROTO_SCTP, IPPROTO_DCCP, IPPROTO_RAW}) {
    CHECK_FALSE(filter.allows(SYS_socket, {AF_INET, SOCK_STREAM, protocol}));
    CHECK_FALSE(filter.allows(SYS_socket, {AF_INET6, SOCK_STREAM, protocol}));
  }
  for (const std::uint64_t protocol : {NETLINK_NETFILTER, NETLINK_AUDIT, NETLINK_GENERIC, NETLINK_KOBJECT_UEVENT}) {
    CHECK_FALSE(filter.allows(SYS_socket, {AF_NETLINK, SOCK_RAW, protocol}));
    CHECK_FALSE(filter.allows(SYS_socket, {AF_NETLINK, SOCK_RAW, (1ULL << 32) | protocol}));
  }
  for (const std::uint64_t family : {AF_PACKET, AF_VSOCK, AF_ALG, 45}) {
    CHECK_FALSE(filter.allows(SYS_socket, {family}));
  }
  CHECK_FALSE(filter.allows(SYS_socket, {(1ULL << 32) | AF_VSOCK}));
  CHECK(filter.allows(SYS_ioctl, {0, FIONREAD}));
  CHECK_FALSE(filter.allows(SYS_ioctl, {0, TIOCSTI}));
  // The kernel looks at the lower half only (CVE-2019-10063).
  CHECK_FALSE(filter.allows(SYS_ioctl, {0, (1ULL << 32) | TIOCSTI}));
  CHECK(filter.allows(SYS_prlimit64, {0}));
  CHECK_FALSE(filter.allows(SYS_prlimit64, {1}));
}

TEST_CASE("the list has not grown unseen") {
  const Filter filter;
  std::size_t allowed = 0;
  // As far as Debian 12's libseccomp knows names.
  for (int number = 0; number <= 450; ++number) {
    // Whoever changes the list looks at docs/security.md, and then at this number.
    if (filter.allows(number)) ++allowed;
  }
  CHECK(allowed == 269);
}
