/* SPDX-License-Identifier: Apache-2.0 */
/* Other processes, files of the host, descriptors. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "answer.h"

static void read_memory_of(struct answer* answer, int pid) {
  char local[8];
  struct iovec here = {local, sizeof local};
  struct iovec there = {(void*)&read_memory_of, sizeof local};
  tried(answer, syscall(SYS_process_vm_readv, pid, &here, 1L, &there, 1L, 0L), "process_vm_readv %d", pid);
  tried(answer, syscall(SYS_process_vm_writev, pid, &here, 1L, &there, 1L, 0L), "process_vm_writev %d", pid);
  tried(answer, ptrace(PTRACE_ATTACH, pid, NULL, NULL), "ptrace attach %d", pid);
  tried(answer, ptrace(PTRACE_SEIZE, pid, NULL, NULL), "ptrace seize %d", pid);
  static const char* const entries[] = {"mem", "environ", "maps", "root/etc", "fd/0", "cwd/.", "stat", "task"};
  for (size_t i = 0; i < sizeof entries / sizeof entries[0]; ++i) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, entries[i]);
    tried(answer, open(path, O_RDONLY | O_CLOEXEC), "open %s", path);
  }
}

/* Words: numbers of processes of the host. Its own first process too is to be out of reach, but for signals, which it ignores. */
void probe_processes(struct answer* answer, const struct words* words) {
  read_memory_of(answer, 1);
  for (int i = 1; i < words->count; ++i) {
    const int pid = atoi(words->word[i]);
    cpu_set_t set;
    struct rlimit limit;
    CPU_ZERO(&set);
    CPU_SET(0, &set);
    read_memory_of(answer, pid);
    tried(answer, kill(pid, SIGKILL), "kill %d", pid);
    tried(answer, kill(-pid, SIGKILL), "kill the group of %d", pid);
    tried(answer, syscall(SYS_tgkill, pid, pid, SIGKILL), "tgkill %d", pid);
    tried(answer, syscall(SYS_pidfd_open, pid, 0), "pidfd_open %d", pid);
    tried(answer, syscall(SYS_kcmp, getpid(), pid, 0, 0, 0), "kcmp %d", pid);
    tried(answer, syscall(SYS_prlimit64, pid, RLIMIT_NOFILE, NULL, &limit), "prlimit %d", pid);
    tried(answer, setpriority(PRIO_PROCESS, (id_t)pid, 19), "setpriority %d", pid);
    tried(answer, sched_setaffinity(pid, sizeof set, &set), "sched_setaffinity %d", pid);
    tried(answer, getpgid(pid), "getpgid %d", pid);
    tried(answer, syscall(SYS_migrate_pages, pid, 0, NULL, NULL), "migrate_pages %d", pid);
  }
}

/* Whether each place where something is mounted can be written to, and what way of passing by that works. */
static void write_to_mounts(struct answer* answer) {
  FILE* const mounts = fopen("/proc/self/mountinfo", "re");
  char line[4096];
  if (mounts == NULL) abort();
  while (fgets(line, sizeof line, mounts) != NULL) {
    char point[1024];
    char path[1100];
    struct stat status;
    struct statvfs system;
    if (sscanf(line, "%*s %*s %*s %*s %1023s", point) != 1 || stat(point, &status) != 0) continue;
    if (!S_ISDIR(status.st_mode)) {
      if (S_ISREG(status.st_mode)) tried(answer, open(point, O_WRONLY | O_CLOEXEC), "write %s", point);
      continue;
    }
    snprintf(path, sizeof path, "%s/kiln-probe", point);
    const int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    tried(answer, file, "write %s", point);
    tried(answer, mkdir(path, 0755), "mkdir %s", point);
    unlink(path);
    rmdir(path);
    if (statvfs(point, &system) == 0) {
      found(answer, (system.f_flag & ST_NOSUID) != 0, "nosuid %s", point);
      found(answer, (system.f_flag & ST_NODEV) != 0, "nodev %s", point);
    }
  }
  fclose(mounts);
}

static void open_to_write(struct answer* answer, const char* path) {
  tried(answer, open(path, O_WRONLY | O_CLOEXEC), "write to %s", path);
}

static void write_text(struct answer* answer, const char* path, const char* text) {
  const int file = open(path, O_WRONLY | O_CLOEXEC);
  tried(answer, file < 0 ? -1 : write(file, text, strlen(text)), "write %s to %s", text, path);
  if (file >= 0) close(file);
}

void probe_files(struct answer* answer, const struct words* words) {
  (void)words;
  write_to_mounts(answer);
  tried(answer, open("/proc/self/root/etc/kiln-probe", O_WRONLY | O_CREAT, 0644), "create by /proc/self/root");
  tried(answer, open("/../../../kiln-probe", O_WRONLY | O_CREAT, 0644), "create above the root");
  tried(answer, open("/proc/1/root/kiln-probe", O_WRONLY | O_CREAT, 0644), "create by /proc/1/root");
  tried(answer, open("/proc/1/cwd/kiln-probe", O_WRONLY | O_CREAT, 0644), "create by /proc/1/cwd");
  open_to_write(answer, "/proc/self/exe");
  open_to_write(answer, "/proc/sysrq-trigger");
  open_to_write(answer, "/proc/sys/kernel/core_pattern");
  open_to_write(answer, "/var/task/index.so");
  open_to_write(answer, "/var/runtime/bootstrap");
  open_to_write(answer, "/usr/bin/env");
  write_text(answer, "/proc/self/uid_map", "0 0 1");
  write_text(answer, "/proc/self/gid_map", "0 0 1");
  write_text(answer, "/proc/self/setgroups", "allow");
  write_text(answer, "/proc/self/oom_score_adj", "-1000");
  tried(answer, truncate("/var/task/index.so", 0), "truncate its code");
  tried(answer, unlink("/var/task/index.so"), "unlink its code");
  tried(answer, rename("/var/task/index.so", "/tmp/index.so"), "rename its code");
  tried(answer, link("/var/task/index.so", "/tmp/index.so"), "link its code");
  tried(answer, chmod("/var/task/index.so", 0777), "chmod its code");
  tried(answer, chown("/etc/passwd", getuid(), getgid()), "chown /etc/passwd");
  tried(answer, setxattr("/var/task/index.so", "user.kiln", "x", 1, 0), "setxattr on its code");
  tried(answer, symlink("/etc/passwd", "/tmp/probe-link") < 0 ? 0 : open("/tmp/probe-link", O_WRONLY),
        "write by a link in /tmp");
  unlink("/tmp/probe-link");
  tried(answer, mknod("/tmp/probe-block", S_IFBLK | 0600, 0x0fe00), "mknod of a disk");
  tried(answer, mknod("/tmp/probe-memory", S_IFCHR | 0600, 0x0101), "mknod of /dev/mem");
}

void probe_descriptors(struct answer* answer, const struct words* words) {
  (void)words;
  for (int fd = 0; fd < 1024; ++fd) {
    char path[32];
    char target[256];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    const ssize_t n = fcntl(fd, F_GETFD) < 0 ? -1 : readlink(path, target, sizeof target - 1);
    if (n < 0) continue;
    target[n] = '\0';
    target[strcspn(target, ":")] = '\0';
    noted(answer, target, "%d", fd);
  }
}
