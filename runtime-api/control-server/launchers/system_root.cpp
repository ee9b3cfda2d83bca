// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/system_root.hpp"

#include <filesystem>
#include <string>

namespace kiln {
namespace {

namespace fs = std::filesystem;

/// Top-level folders with programs and libraries. Where /usr is merged, all but the first are links into it.
constexpr const char* system_folders[] = {"usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32"};

/// What programs look for below /etc. Nothing here says anything of this host but its time zone.
constexpr const char* etc_entries[] = {"ld.so.cache",
                                       "ld.so.conf",
                                       "ld.so.conf.d",
                                       "alternatives",
                                       "ssl/certs",
                                       "ssl/openssl.cnf",
                                       "ca-certificates.conf",
                                       "timezone",
                                       "mime.types",
                                       "protocols",
                                       "services",
                                       "rpc",
                                       "networks",
                                       "locale.alias",
                                       "gai.conf",
                                       "magic",
                                       "terminfo",
                                       "inputrc",
                                       "debian_version",
                                       "os-release"};

constexpr const char* devices[] = {"null", "zero", "full", "random", "urandom"};

/// Of the kernel rather than of the instance: to look at, to change, or to find weaknesses by.
constexpr const char* masked[] = {
    "/proc/acpi",        "/proc/asound",     "/proc/bus",         "/proc/config.gz",     "/proc/driver",
    "/proc/fs",          "/proc/iomem",      "/proc/ioports",     "/proc/irq",           "/proc/interrupts",
    "/proc/kallsyms",    "/proc/kcore",      "/proc/key-users",   "/proc/keys",          "/proc/kmsg",
    "/proc/kpagecgroup", "/proc/kpagecount", "/proc/kpageflags",  "/proc/latency_stats", "/proc/modules",
    "/proc/mtrr",        "/proc/partitions", "/proc/sched_debug", "/proc/schedstat",     "/proc/scsi",
    "/proc/slabinfo",    "/proc/softirqs",   "/proc/swaps",       "/proc/sys",           "/proc/sysrq-trigger",
    "/proc/sysvipc",     "/proc/timer_list", "/proc/timer_stats", "/proc/vmallocinfo",   "/proc/cmdline",
    "/proc/diskstats",   "/proc/mdstat",     "/proc/pressure",    "/proc/zoneinfo"};

void add_system_folders(sandbox::RootLayout& layout) {
  for (const char* const name : system_folders) {
    const fs::path path = fs::path("/") / name;
    std::error_code error;
    if (fs::is_symlink(path, error)) {
      layout.links.push_back({fs::read_symlink(path, error).string(), name});
    } else if (fs::is_directory(path, error)) {
      layout.trees.push_back({path.string(), name});
    }
  }
}

void add_etc(sandbox::RootLayout& layout, std::uint32_t uid) {
  const auto add = [&layout](const fs::path& path) {
    std::error_code error;
    const std::string target = path.string().substr(1);
    // A link is kept as one: most point into /usr.
    if (fs::is_symlink(path, error)) {
      layout.links.push_back({fs::read_symlink(path, error).string(), target});
    } else if (fs::exists(path, error)) {
      layout.trees.push_back({path.string(), target});
    }
  };
  for (const char* const name : etc_entries) add(fs::path("/etc") / name);
  add("/etc/localtime");
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/etc", error)) {
    // sitecustomize.py of Debian's Pythons is a link to here.
    if (entry.path().filename().string().starts_with("python")) add(entry.path());
  }
  const std::string id = std::to_string(uid);
  layout.files.push_back(
      {"etc/passwd", "root:x:0:0:root:/:/usr/sbin/nologin\nkiln:x:" + id + ":" + id +
                         ":instance:/tmp:/bin/sh\nnobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n"});
  layout.files.push_back({"etc/group", "root:x:0:\nkiln:x:" + id + ":\nnogroup:x:65534:\n"});
  layout.files.push_back({"etc/nsswitch.conf",
                          "passwd: files\ngroup: files\nhosts: files dns\nprotocols: files\n"
                          "services: files\n"});
  layout.files.push_back({"etc/hosts", "127.0.0.1 localhost sandbox.localdomain sandbox\n::1 localhost\n"});
  layout.files.push_back({"etc/resolv.conf", ""});  // there is no network to ask over
}

}  // namespace

sandbox::RootLayout system_root(std::uint32_t inside_uid) {
  sandbox::RootLayout layout;
  layout.folders = {"etc", "etc/ssl",  "dev",         "dev/shm", "proc", "tmp",
                    "var", "var/task", "var/runtime", "var/tmp", "opt",  "run"};
  add_system_folders(layout);
  add_etc(layout, inside_uid);
  for (const char* const name : devices) {
    layout.devices.push_back({std::string("/dev/") + name, std::string("dev/") + name});
  }
  layout.links.push_back({"/proc/self/fd", "dev/fd"});
  layout.links.push_back({"/proc/self/fd/0", "dev/stdin"});
  layout.links.push_back({"/proc/self/fd/1", "dev/stdout"});
  layout.links.push_back({"/proc/self/fd/2", "dev/stderr"});
  layout.masked = masked_paths();
  return layout;
}

std::vector<std::string> masked_paths() { return {std::begin(masked), std::end(masked)}; }

}  // namespace kiln
