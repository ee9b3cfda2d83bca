// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/sandbox/root.hpp"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

// <sys/mount.h> of glibc 2.36 and <linux/mount.h> declare the same things differently; only these are missing.
extern "C" int mount(const char* source, const char* target, const char* type, unsigned long flags, const void* data);
extern "C" int umount2(const char* target, int flags);

namespace kiln::sandbox {
namespace {

constexpr const char* staging = "/tmp";  // covered in our mount namespace only
constexpr const char* old_root = "old-root";
constexpr int detach = 2;  // MNT_DETACH

[[noreturn]] void fail(const std::string& step) { throw std::system_error(errno, std::generic_category(), step); }

void do_mount(const char* source, const std::string& target, const char* type, unsigned long flags,
              const char* data = nullptr) {
  if (::mount(source, target.c_str(), type, flags, data) != 0) fail("mount " + target);
}

void restrict_mount(int at, const std::string& path, std::uint64_t attributes, unsigned flags) {
  mount_attr attr{};
  attr.attr_set = attributes;
  if (::syscall(SYS_mount_setattr, at, path.c_str(), flags, &attr, sizeof attr) != 0) fail("mount_setattr " + path);
}

void make_file(const std::string& path, const std::string& content) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0444));
  if (!file) fail("create " + path);
  if (::write(file.get(), content.data(), content.size()) != static_cast<ssize_t>(content.size()))
    fail("write " + path);
}

/// A place for `bind` of the same kind as its source; false where the host has no such thing.
bool make_target(const Bind& bind) {
  struct stat status{};
  if (::stat(bind.source.c_str(), &status) != 0) return false;
  if (S_ISDIR(status.st_mode)) {
    if (::mkdir(bind.target.c_str(), 0755) != 0 && errno != EEXIST) fail("mkdir " + bind.target);
  } else {
    make_file(bind.target, {});
  }
  return true;
}

void show(const Bind& bind, std::uint64_t attributes) {
  if (!make_target(bind)) return;
  do_mount(bind.source.c_str(), bind.target, nullptr, MS_BIND | MS_REC);
  restrict_mount(AT_FDCWD, bind.target, attributes, AT_RECURSIVE);
}

void populate(const RootLayout& layout) {
  for (const std::string& folder : layout.folders) {
    if (::mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) fail("mkdir " + folder);
  }
  for (const Link& link : layout.links) {
    if (::symlink(link.target.c_str(), link.path.c_str()) != 0) fail("symlink " + link.path);
  }
  for (const TextFile& file : layout.files) make_file(file.path, file.content);
  for (const Bind& tree : layout.trees) show(tree, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
  // Read-only does not keep from writing to a device.
  for (const Bind& device : layout.devices) show(device, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
}

void mask(const std::string& path) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) return;
  if (S_ISDIR(status.st_mode)) {
    do_mount("masked", path, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=4k,nr_inodes=1,mode=0555");
  } else {
    do_mount("/dev/null", path, nullptr, MS_BIND);
  }
}

/// A mount that is nowhere yet.
void place(const Descriptor& mount, const std::string& target) {
  if (::syscall(SYS_move_mount, mount.get(), "", AT_FDCWD, target.c_str(), MOVE_MOUNT_F_EMPTY_PATH) != 0) {
    fail("move_mount " + target);
  }
}

std::string tmp_options(std::uint32_t mb, std::uint32_t files) {
  return "mode=1777,size=" + std::to_string(mb) + "m,nr_inodes=" + std::to_string(files);
}

void mount_shared_memory() {
  do_mount("shm", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=1777,size=64m,nr_inodes=4096");
}

}  // namespace

void make_root(const RootLayout& layout) {
  // Nothing made here may travel to the host's namespace.
  do_mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE);
  do_mount("kiln", staging, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=1m,nr_inodes=1024");
  if (::chdir(staging) != 0) fail("chdir to the new root");
  populate(layout);
  if (::mkdir(old_root, 0700) != 0) fail("mkdir for the old root");
  if (::syscall(SYS_pivot_root, ".", old_root) != 0) fail("pivot_root");
  if (::chdir("/") != 0) fail("chdir /");
  if (::umount2(old_root, detach) != 0) fail("umount of the old root");
  if (::rmdir(old_root) != 0) fail("rmdir of the old root");
}

void fill_root(const RootLayout& layout) {
  // Only the instance's own processes, and of those not the first, which is ours.
  do_mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, "hidepid=2");
  // How much it may hold is the function's to say.
  do_mount("tmp", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777,size=4k,nr_inodes=2");
  mount_shared_memory();
  for (const std::string& path : layout.masked) mask(path);
}

Descriptor make_process_view() {
  const Descriptor kind(static_cast<int>(::syscall(SYS_fsopen, "proc", FSOPEN_CLOEXEC)));
  if (!kind) fail("fsopen proc");
  if (::syscall(SYS_fsconfig, kind.get(), FSCONFIG_SET_STRING, "hidepid", "2", 0) != 0 ||
      ::syscall(SYS_fsconfig, kind.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
    fail("fsconfig proc");
  }
  Descriptor made(static_cast<int>(
      ::syscall(SYS_fsmount, kind.get(), FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)));
  if (!made) fail("fsmount proc");
  return made;
}

void cover_root(const CompletionPlan& plan, const Descriptor& processes) {
  place(processes, "/proc");
  do_mount("tmp", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, tmp_options(plan.tmp_mb, plan.tmp_files).c_str());
  mount_shared_memory();
  for (const std::string& path : plan.masked) mask(path);
}

void complete_root(const LaunchPlan& plan, const Descriptor* mounts) {
  for (std::size_t i = 0; i < plan.mounts.size(); ++i) {
    const std::string& target = plan.mounts[i];
    restrict_mount(mounts[i].get(), "", MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
                   AT_EMPTY_PATH | AT_RECURSIVE);
    place(mounts[i], target);
  }
  do_mount("tmp", "/tmp", "tmpfs", MS_REMOUNT | MS_NOSUID | MS_NODEV, tmp_options(plan.tmp_mb, plan.tmp_files).c_str());
  seal_root();
}

void seal_root() { restrict_mount(AT_FDCWD, "/", MOUNT_ATTR_RDONLY, 0); }

}  // namespace kiln::sandbox
