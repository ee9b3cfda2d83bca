/* SPDX-License-Identifier: Apache-2.0 */
/* Networks and the kernel itself. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "answer.h"

static void connect_to_port(struct answer* answer, int port) {
  const struct sockaddr_in four = {
      .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  const struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  const struct sockaddr_in6 six = {
      .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  tried(answer, connect(socket(AF_INET, SOCK_STREAM, 0), (const struct sockaddr*)&four, sizeof four), "127.0.0.1:%d",
        port);
  tried(answer, connect(socket(AF_INET, SOCK_STREAM, 0), (const struct sockaddr*)&any, sizeof any), "0.0.0.0:%d", port);
  tried(answer, connect(socket(AF_INET6, SOCK_STREAM, 0), (const struct sockaddr*)&six, sizeof six), "[::1]:%d", port);
}

static void connect_to_name(struct answer* answer, const char* name) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  const size_t size = strlen(name);
  memcpy(address.sun_path + 1, name, size < 100 ? size : 100);
  tried(answer,
        connect(socket(AF_UNIX, SOCK_STREAM, 0), (const struct sockaddr*)&address,
                (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + size)),
        "abstract %s", name);
}

/* The kernel's answer to a request for a new interface, as an errno. */
static long add_interface(void) {
  struct {
    struct nlmsghdr head;
    struct ifinfomsg info;
  } request = {{sizeof request, RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE, 1, 0},
               {.ifi_family = AF_UNSPEC}};
  union {
    struct nlmsghdr head;
    char bytes[512];
  } reply;
  const int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (netlink < 0 || send(netlink, &request, sizeof request, 0) < 0) return -1;
  const ssize_t n = recv(netlink, &reply, sizeof reply, 0);
  close(netlink);
  if (n < (ssize_t)NLMSG_LENGTH(sizeof(struct nlmsgerr)) || reply.head.nlmsg_type != NLMSG_ERROR) abort();
  errno = -((struct nlmsgerr*)NLMSG_DATA(&reply.head))->error;
  return errno == 0 ? 0 : -1;
}

static void change_interface(struct answer* answer) {
  struct ifreq request = {.ifr_name = "lo"};
  const int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  request.ifr_flags = 0;
  tried(answer, ioctl(any, SIOCSIFFLAGS, &request), "take lo down");
  tried(answer, ioctl(any, SIOCSIFADDR, &request), "set an address");
  close(any);
  tried(answer, add_interface(), "add an interface");
}

/* Words: ports of the host's loopback, or `@` and the name of an abstract socket. */
void probe_networks(struct answer* answer, const struct words* words) {
  static const struct {
    const char* name;
    int family, type, protocol;
  } sockets[] = {
      {"raw IPv4", AF_INET, SOCK_RAW, IPPROTO_TCP},
      {"raw IPv6", AF_INET6, SOCK_RAW, IPPROTO_ICMPV6},
      {"packet", AF_PACKET, SOCK_RAW, 0x300},
      {"packet, cooked", AF_PACKET, SOCK_DGRAM, 0x300},
      {"crypto", AF_ALG, SOCK_SEQPACKET, 0},
      {"virtual machine", AF_VSOCK, SOCK_STREAM, 0},
      {"bluetooth", AF_BLUETOOTH, SOCK_RAW, 0},
      {"CAN", AF_CAN, SOCK_RAW, 1},
      {"key", AF_KEY, SOCK_RAW, 2},
      {"TIPC", AF_TIPC, SOCK_SEQPACKET, 0},
      {"RDS", AF_RDS, SOCK_SEQPACKET, 0},
      {"XDP", 44, SOCK_RAW, 0},
      {"QIPCRTR", 42, SOCK_DGRAM, 0},
      {"SMC", 43, SOCK_STREAM, 0},
      {"KCM", 41, SOCK_DGRAM, 0},
      {"X.25", AF_X25, SOCK_SEQPACKET, 0},
      {"SCTP", AF_INET, SOCK_STREAM, 132},
      {"DCCP", AF_INET, 6, 33},
      {"L2TP", AF_INET, SOCK_DGRAM, 115},
      {"SCTP over IPv6", AF_INET6, SOCK_SEQPACKET, 132},
      {"netlink netfilter", AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER},
      {"netlink audit", AF_NETLINK, SOCK_RAW, NETLINK_AUDIT},
      {"netlink generic", AF_NETLINK, SOCK_RAW, NETLINK_GENERIC},
      {"netlink events", AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT},
      {"netlink crypto", AF_NETLINK, SOCK_RAW, NETLINK_CRYPTO},
      {"netlink transformations", AF_NETLINK, SOCK_RAW, NETLINK_XFRM},
      {"netlink diagnosis", AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG},
  };
  for (size_t i = 0; i < sizeof sockets / sizeof sockets[0]; ++i) {
    const int made = socket(sockets[i].family, sockets[i].type | SOCK_CLOEXEC, sockets[i].protocol);
    tried(answer, made, "socket %s", sockets[i].name);
    if (made >= 0) close(made);
  }
  const struct sockaddr_in away = {.sin_family = AF_INET, .sin_port = htons(80), .sin_addr = {htonl(0xc0000201)}};
  const struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons(9001), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  tried(answer, connect(socket(AF_INET, SOCK_STREAM, 0), (const struct sockaddr*)&away, sizeof away), "192.0.2.1:80");
  tried(answer, sendto(socket(AF_INET, SOCK_DGRAM, 0), "x", 1, 0, (const struct sockaddr*)&away, sizeof away),
        "192.0.2.1 by UDP");
  tried(answer, bind(socket(AF_INET, SOCK_STREAM, 0), (const struct sockaddr*)&own, sizeof own),
        "take the Runtime API's port");
  change_interface(answer);
  for (int i = 1; i < words->count; ++i) {
    if (words->word[i][0] == '@') {
      connect_to_name(answer, words->word[i] + 1);
    } else {
      connect_to_port(answer, atoi(words->word[i]));
    }
  }
}

/* A system call by the gate of 32-bit programs, whose numbers are others: 20 is getpid there. A kernel without that gate ends who
 * knocks; that is as good, and told as ENOSYS. */
static long by_interrupt_80(void) {
#ifdef __x86_64__
  const pid_t child = fork();
  if (child == 0) {
    long result = 20;
    __asm__ volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
    _exit(result < 0 && result > -255 ? (int)-result : 0);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) abort();
  errno = WIFEXITED(status) ? WEXITSTATUS(status) : ENOSYS;
#else
  errno = ENOSYS;
#endif
  return errno == 0 ? 0 : -1;
}

static void become_somebody(struct answer* answer) {
  struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct all[2] = {{~0U, ~0U, ~0U}, {~0U, ~0U, ~0U}};
  const gid_t group = 0;
  tried(answer, syscall(SYS_setuid, 0), "setuid");
  tried(answer, syscall(SYS_setresuid, 0, 0, 0), "setresuid");
  tried(answer, syscall(SYS_setreuid, -1, 0), "setreuid");
  tried(answer, syscall(SYS_setgid, 0), "setgid");
  tried(answer, syscall(SYS_setresgid, 0, 0, 0), "setresgid");
  tried(answer, syscall(SYS_setgroups, 1L, &group), "setgroups");
  tried(answer, syscall(SYS_capset, &head, all), "capset");
  tried(answer, prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SYS_ADMIN, 0, 0), "raise an ambient capability");
  tried(answer, prctl(PR_SET_SECUREBITS, 0, 0, 0, 0), "set the secure bits");
  tried(answer, prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0), "take back no_new_privs");
  tried(answer, prctl(PR_SET_MM, PR_SET_MM_BRK, 0, 0, 0), "move its memory");
  tried(answer, prctl(PR_SET_SECCOMP, 0, 0, 0, 0), "take back the filter");
  tried(answer, nice(-5), "nice");
}

static void make_namespaces(struct answer* answer) {
  static const struct {
    const char* name;
    unsigned long flag;
  } kinds[] = {{"user", CLONE_NEWUSER}, {"mount", CLONE_NEWNS}, {"pid", CLONE_NEWPID},       {"network", CLONE_NEWNET},
               {"ipc", CLONE_NEWIPC},   {"uts", CLONE_NEWUTS},  {"cgroup", CLONE_NEWCGROUP}, {"time", 0x80UL}};
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; ++i) {
    tried(answer, syscall(SYS_unshare, kinds[i].flag), "unshare %s", kinds[i].name);
    /* Time namespaces are no flag of clone: that bit is the exit signal's. */
    if (kinds[i].flag == 0x80UL) continue;
    const long child = syscall(SYS_clone, kinds[i].flag | SIGCHLD, 0, 0, 0, 0);
    if (child == 0) _exit(0);
    tried(answer, child, "clone %s", kinds[i].name);
  }
  unsigned long long arguments[11] = {CLONE_NEWUSER, 0, 0, 0, SIGCHLD};
  const long child = syscall(SYS_clone3, arguments, sizeof arguments);
  if (child == 0) _exit(0);
  tried(answer, child, "clone3 user");
  const int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  tried(answer, syscall(SYS_setns, own, 0), "setns of its own");
}

void probe_kernel(struct answer* answer, const struct words* words) {
  static const struct {
    const char* name;
    long number, arguments[5];
  } calls[] = {
      {"mount", SYS_mount, {(long)"none", (long)"/tmp", (long)"tmpfs"}},
      {"mount a binding", SYS_mount, {(long)"/", (long)"/tmp", 0, 4096}},
      {"remount", SYS_mount, {0, (long)"/usr", 0, 32 | 4096}},
      {"umount", SYS_umount2, {(long)"/proc", 2}},
      {"pivot_root", SYS_pivot_root, {(long)"/tmp", (long)"/tmp"}},
      {"chroot", SYS_chroot, {(long)"/tmp"}},
      {"open_tree", 428, {-100, (long)"/", 1}},
      {"move_mount", 429, {-100, (long)"/tmp", -100, (long)"/", 0}},
      {"fsopen", 430, {(long)"tmpfs"}},
      {"fsconfig", 431, {0}},
      {"fsmount", 432, {0}},
      {"fspick", 433, {-100, (long)"/"}},
      {"mount_setattr", 442, {-100, (long)"/"}},
      {"init_module", SYS_init_module, {(long)"x", 1, (long)""}},
      {"finit_module", SYS_finit_module, {0, (long)""}},
      {"delete_module", SYS_delete_module, {(long)"x"}},
      {"kexec_load", SYS_kexec_load, {0}},
      {"kexec_file_load", SYS_kexec_file_load, {-1, -1}},
      {"reboot", SYS_reboot, {0xfee1dead, 672274793, 0}},
      {"bpf", SYS_bpf, {0}},
      {"perf_event_open", SYS_perf_event_open, {0, 0, -1, -1}},
      {"userfaultfd", SYS_userfaultfd, {0}},
      {"io_uring_setup", 425, {8}},
      {"io_uring_enter", 426, {0}},
      {"io_uring_register", 427, {0}},
      {"add_key", SYS_add_key, {(long)"user", (long)"x", (long)"y", 1, -4}},
      {"request_key", SYS_request_key, {(long)"user", (long)"x", 0, -4}},
      {"keyctl", SYS_keyctl, {0}},
      {"open_by_handle_at", SYS_open_by_handle_at, {-100}},
      {"name_to_handle_at", SYS_name_to_handle_at, {-100, (long)"/"}},
      {"ptrace me", SYS_ptrace, {0}},
      {"pidfd_getfd", 438, {0}},
      {"process_madvise", 440, {-1}},
      {"memfd_secret", 447, {0}},
      {"fanotify_init", SYS_fanotify_init, {0}},
      {"quotactl", SYS_quotactl, {0}},
      {"acct", SYS_acct, {0}},
      {"swapon", SYS_swapon, {(long)"/tmp"}},
      {"syslog", SYS_syslog, {3}},
      {"sethostname", SYS_sethostname, {(long)"x", 1}},
      {"setdomainname", SYS_setdomainname, {(long)"x", 1}},
      {"settimeofday", SYS_settimeofday, {0}},
      {"clock_settime", SYS_clock_settime, {0}},
      {"adjtimex", SYS_adjtimex, {0}},
      {"vhangup", SYS_vhangup, {0}},
      {"personality of 32 bits", SYS_personality, {PER_LINUX32 | READ_IMPLIES_EXEC}},
      {"personality without random addresses", SYS_personality, {ADDR_NO_RANDOMIZE}},
      {"ioctl TIOCSTI", SYS_ioctl, {0, TIOCSTI, (long)"x"}},
      {"ioctl TIOCLINUX", SYS_ioctl, {0, TIOCLINUX, (long)"\2"}},
      {"ioctl TIOCSTI with high bits", SYS_ioctl, {0, (long)(TIOCSTI | 0x100000000UL), (long)"x"}},
#ifdef __x86_64__
      {"iopl", SYS_iopl, {3}},
      {"ioperm", SYS_ioperm, {0, 1, 1}},
      {"modify_ldt", SYS_modify_ldt, {0}},
      {"getpid of x32", 0x40000000L + 39, {0}},
      {"ptrace of x32", 0x40000000L + 521, {0}},
#endif
      {"a number of no call", 5000, {0}},
  };
  (void)words;
  for (size_t i = 0; i < sizeof calls / sizeof calls[0]; ++i) {
    const long* const a = calls[i].arguments;
    tried(answer, syscall(calls[i].number, a[0], a[1], a[2], a[3], a[4]), "%s", calls[i].name);
  }
  tried(answer, by_interrupt_80(), "int 0x80");
  make_namespaces(answer);
  become_somebody(answer);
}
