// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/seccomp_filter.hpp"

#include <linux/netlink.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <system_error>

#include "runtime-api/control-server/launchers/descriptor.hpp"

namespace kiln {
namespace {

// What programs of any language need. No call that makes or enters a namespace, mounts, loads code into the kernel, traces
// or inspects other processes, sets clocks, or opens a large and young part of the kernel (io_uring, bpf, userfaultfd).
constexpr const char* allowed[] = {
    // files
    "access",
    "chdir",
    "chmod",
    "chown",
    "chown32",
    "close",
    "close_range",
    "copy_file_range",
    "creat",
    "dup",
    "dup2",
    "dup3",
    "faccessat",
    "faccessat2",
    "fadvise64",
    "fallocate",
    "fchdir",
    "fchmod",
    "fchmodat",
    "fchmodat2",
    "fchown",
    "fchownat",
    "fcntl",
    "fdatasync",
    "fgetxattr",
    "flistxattr",
    "flock",
    "fremovexattr",
    "fsetxattr",
    "fstat",
    "fstatfs",
    "fsync",
    "ftruncate",
    "futimesat",
    "getcwd",
    "getdents",
    "getdents64",
    "getxattr",
    "inotify_add_watch",
    "inotify_init",
    "inotify_init1",
    "inotify_rm_watch",
    "lchown",
    "lgetxattr",
    "link",
    "linkat",
    "listxattr",
    "llistxattr",
    "lremovexattr",
    "lseek",
    "lsetxattr",
    "lstat",
    "memfd_create",
    "mkdir",
    "mkdirat",
    "mknod",
    "mknodat",
    "newfstatat",
    "open",
    "openat",
    "openat2",
    "pipe",
    "pipe2",
    "pread64",
    "preadv",
    "preadv2",
    "pwrite64",
    "pwritev",
    "pwritev2",
    "read",
    "readahead",
    "readlink",
    "readlinkat",
    "readv",
    "removexattr",
    "rename",
    "renameat",
    "renameat2",
    "rmdir",
    "sendfile",
    "setxattr",
    "splice",
    "stat",
    "statfs",
    "statx",
    "symlink",
    "symlinkat",
    "sync",
    "sync_file_range",
    "syncfs",
    "tee",
    "truncate",
    "umask",
    "unlink",
    "unlinkat",
    "utime",
    "utimensat",
    "utimes",
    "vmsplice",
    "write",
    "writev",
    // waiting and events
    "epoll_create",
    "epoll_create1",
    "epoll_ctl",
    "epoll_pwait",
    "epoll_pwait2",
    "epoll_wait",
    "eventfd",
    "eventfd2",
    "poll",
    "ppoll",
    "pselect6",
    "select",
    "signalfd",
    "signalfd4",
    "timerfd_create",
    "timerfd_gettime",
    "timerfd_settime",
    // sockets (their families are judged below)
    "accept",
    "accept4",
    "bind",
    "connect",
    "getpeername",
    "getsockname",
    "getsockopt",
    "listen",
    "recvfrom",
    "recvmmsg",
    "recvmsg",
    "sendmmsg",
    "sendmsg",
    "sendto",
    "setsockopt",
    "shutdown",
    // memory
    "brk",
    "cachestat",
    "madvise",
    "mincore",
    "mlock",
    "mlock2",
    "mlockall",
    "mmap",
    "mprotect",
    "mremap",
    "mseal",
    "msync",
    "munlock",
    "munlockall",
    "munmap",
    "pkey_alloc",
    "pkey_free",
    "pkey_mprotect",
    "process_mrelease",
    "membarrier",
    "get_mempolicy",
    "set_mempolicy",
    "mbind",
    // processes, threads, signals (within the instance's own pid namespace)
    "arch_prctl",
    "capget",
    "capset",
    "execve",
    "execveat",
    "exit",
    "exit_group",
    "fork",
    "futex",
    "futex_requeue",
    "futex_wait",
    "futex_waitv",
    "futex_wake",
    "get_robust_list",
    "get_thread_area",
    "getcpu",
    "getegid",
    "geteuid",
    "getgid",
    "getgroups",
    "getitimer",
    "getpgid",
    "getpgrp",
    "getpid",
    "getppid",
    "getpriority",
    "getresgid",
    "getresuid",
    "getrlimit",
    "getrusage",
    "getsid",
    "gettid",
    "getuid",
    "ioprio_get",
    "kill",
    "landlock_add_rule",
    "landlock_create_ruleset",
    "landlock_restrict_self",
    "pause",
    "pidfd_open",
    "pidfd_send_signal",
    "prctl",
    "restart_syscall",
    "rseq",
    "rt_sigaction",
    "rt_sigpending",
    "rt_sigprocmask",
    "rt_sigqueueinfo",
    "rt_sigreturn",
    "rt_sigsuspend",
    "rt_sigtimedwait",
    "rt_tgsigqueueinfo",
    "sched_get_priority_max",
    "sched_get_priority_min",
    "sched_getaffinity",
    "sched_getattr",
    "sched_getparam",
    "sched_getscheduler",
    "sched_rr_get_interval",
    "sched_setaffinity",
    "sched_setattr",
    "sched_setparam",
    "sched_setscheduler",
    "sched_yield",
    "seccomp",
    "set_robust_list",
    "set_thread_area",
    "set_tid_address",
    "setfsgid",
    "setfsuid",
    "setgid",
    "setgroups",
    "setitimer",
    "setpgid",
    "setpriority",
    "setregid",
    "setresgid",
    "setresuid",
    "setreuid",
    "setrlimit",
    "setsid",
    "setuid",
    "sigaltstack",
    "tgkill",
    "time",
    "times",
    "tkill",
    "ugetrlimit",
    "vfork",
    "wait4",
    "waitid",
    "waitpid",
    // clocks and timers
    "alarm",
    "clock_getres",
    "clock_gettime",
    "clock_nanosleep",
    "gettimeofday",
    "nanosleep",
    "timer_create",
    "timer_delete",
    "timer_getoverrun",
    "timer_gettime",
    "timer_settime",
    // shared memory and semaphores of its own ipc namespace
    "semctl",
    "semget",
    "semop",
    "semtimedop",
    "shmat",
    "shmctl",
    "shmdt",
    "shmget",
    "msgctl",
    "msgget",
    "msgrcv",
    "msgsnd",
    // what it runs on
    "getrandom",
    "sysinfo",
    "uname",
};

// Refused as "not permitted" rather than "no such call": they exist, and whoever asks is to see why.
constexpr std::array refused = {
    "acct",
    "add_key",
    "adjtimex",
    "bpf",
    "chroot",
    "clock_adjtime",
    "clock_settime",
    "delete_module",
    "fanotify_init",
    "finit_module",
    "fsconfig",
    "fsmount",
    "fsopen",
    "fspick",
    "init_module",
    "io_uring_enter",
    "io_uring_register",
    "io_uring_setup",
    "ioperm",
    "iopl",
    "kcmp",
    "kexec_file_load",
    "kexec_load",
    "keyctl",
    "lookup_dcookie",
    "mount",
    "mount_setattr",
    "move_mount",
    "move_pages",
    "migrate_pages",
    "name_to_handle_at",
    "open_by_handle_at",
    "open_tree",
    "perf_event_open",
    "pidfd_getfd",
    "pivot_root",
    "process_madvise",
    "process_vm_readv",
    "process_vm_writev",
    "ptrace",
    "quotactl",
    "reboot",
    "request_key",
    "setdomainname",
    "sethostname",
    "setns",
    "settimeofday",
    "swapoff",
    "swapon",
    "syslog",
    "umount2",
    "unshare",
    "userfaultfd",
    "vhangup",
};

constexpr std::uint64_t namespace_flags =
    CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWCGROUP;

/// Those of them that a snapshot's forks have of their own.
constexpr std::uint64_t flags_of_forks = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNET;

// An allow-list, since the kernel looks at the lower half of the number only and a list of what is refused could be
// passed by. TIOCSTI, which types into a terminal, is not on it.
constexpr std::array<unsigned long, 12> allowed_ioctls = {FIONREAD,    FIONBIO,      FIOASYNC,    FIOCLEX,
                                                          FIONCLEX,    TCGETS,       TIOCGWINSZ,  TIOCGPGRP,
                                                          SIOCGIFCONF, SIOCGIFFLAGS, SIOCGIFADDR, SIOCGIFINDEX};

// By family and protocol: a protocol that is nobody's but root's to load (SCTP, DCCP) would be loaded for whoever asks, and of
// netlink only that part is wanted by which C libraries list interfaces and addresses.
constexpr std::array<SocketRule, 15> socket_rules = {{
    {AF_UNIX, 0},
    {AF_UNIX, AF_UNIX},
    {AF_INET, 0},
    {AF_INET, IPPROTO_ICMP},
    {AF_INET, IPPROTO_TCP},
    {AF_INET, IPPROTO_UDP},
    {AF_INET, IPPROTO_UDPLITE},
    {AF_INET, IPPROTO_MPTCP},
    {AF_INET6, 0},
    {AF_INET6, IPPROTO_ICMPV6},
    {AF_INET6, IPPROTO_TCP},
    {AF_INET6, IPPROTO_UDP},
    {AF_INET6, IPPROTO_UDPLITE},
    {AF_INET6, IPPROTO_MPTCP},
    {AF_NETLINK, NETLINK_ROUTE},
}};
constexpr std::uint64_t lower_half = 0xffffffffUL;
constexpr std::array personalities = {0x0UL, 0x8UL, 0x20000UL, 0x20008UL, 0xffffffffUL};

using Context = std::unique_ptr<void, decltype(&::seccomp_release)>;

class Filter {
 public:
  Filter() : context_(::seccomp_init(SCMP_ACT_ERRNO(ENOSYS)), &::seccomp_release) {
    if (!context_) throw std::runtime_error("libseccomp cannot make a filter");
    // Numbers of another architecture (i386, x32) name other calls.
    check(::seccomp_attr_set(context_.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS)), "bad architecture");
    // A binary tree: the distance to a call does not grow with the list.
    check(::seccomp_attr_set(context_.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2), "optimization");
  }

  /// Calls this architecture or this libseccomp does not know are left out, and so refused.
  void add(const char* name, std::uint32_t action = SCMP_ACT_ALLOW) {
    const int number = ::seccomp_syscall_resolve_name(name);
    if (number >= 0) check(::seccomp_rule_add(context_.get(), action, number, 0), name);
  }

  /// Where all of `conditions` hold.
  void add(const char* name, std::initializer_list<scmp_arg_cmp> conditions) {
    const int number = ::seccomp_syscall_resolve_name(name);
    if (number < 0) return;
    const auto count = static_cast<unsigned int>(conditions.size());
    check(::seccomp_rule_add_array(context_.get(), SCMP_ACT_ALLOW, number, count, conditions.begin()), name);
  }

  std::string take() const {
    const Descriptor file(::memfd_create("kiln-filter", MFD_CLOEXEC));
    if (!file) throw std::system_error(errno, std::generic_category(), "memfd_create");
    check(::seccomp_export_bpf(context_.get(), file.get()), "export");
    std::string bytes(static_cast<std::size_t>(::lseek(file.get(), 0, SEEK_END)), '\0');
    if (::pread(file.get(), bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
      throw std::system_error(errno, std::generic_category(), "read of a system-call filter");
    }
    return bytes;
  }

 private:
  static void check(int result, const char* what) {
    if (result < 0)
      throw std::system_error(-result, std::generic_category(), std::string("system-call filter: ") + what);
  }

  Context context_;
};

// The library's macros for these are C's.
scmp_arg_cmp first_argument(scmp_datum_t value) { return {0, SCMP_CMP_EQ, value, 0}; }
scmp_arg_cmp argument_masked(unsigned int argument, scmp_datum_t mask, scmp_datum_t value) {
  return {argument, SCMP_CMP_MASKED_EQ, mask, value};
}

}  // namespace

std::string make_syscall_filter(bool forks_sandboxes) {
  Filter filter;
  for (const char* const name : allowed) filter.add(name);
  for (const char* const name : refused) filter.add(name, SCMP_ACT_ERRNO(EPERM));
  // clone3 has its flags behind a pointer, where no filter can look: ENOSYS makes C libraries use clone.
  filter.add("clone", {argument_masked(0, forks_sandboxes ? namespace_flags & ~flags_of_forks : namespace_flags, 0)});
  for (const SocketRule& socket : socket_rules) {
    for (const char* const call : {"socket", "socketpair"}) {
      filter.add(call, {first_argument(static_cast<scmp_datum_t>(socket.family)),
                        argument_masked(2, lower_half, static_cast<scmp_datum_t>(socket.protocol))});
    }
  }
  for (const unsigned long request : allowed_ioctls) {
    filter.add("ioctl", {argument_masked(1, lower_half, request)});
  }
  // Its own limits, not those of a process that has its user.
  filter.add("prlimit64", {first_argument(0)});
  for (const unsigned long persona : personalities) {
    filter.add("personality", {first_argument(persona)});
  }
  return filter.take();
}

SyscallRules syscall_rules() {
  SyscallRules rules;
  rules.allowed.assign(std::begin(allowed), std::end(allowed));
  rules.refused.assign(std::begin(refused), std::end(refused));
  rules.refused_clone_flags = namespace_flags;
  rules.sockets.assign(socket_rules.begin(), socket_rules.end());
  rules.ioctls.assign(allowed_ioctls.begin(), allowed_ioctls.end());
  rules.personalities.assign(personalities.begin(), personalities.end());
  return rules;
}

}  // namespace kiln
