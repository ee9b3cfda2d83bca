// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/sandbox_factory.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <exception>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>

#include "runtime-api/control-server/launchers/control_pair.hpp"
#include "runtime-api/control-server/launchers/process_view.hpp"
#include "runtime-api/control-server/launchers/sandbox/message_socket.hpp"
#include "runtime-api/control-server/launchers/sandbox/snapshot_process.hpp"
#include "runtime-api/control-server/launchers/seccomp_filter.hpp"
#include "runtime-api/control-server/launchers/spawn_process.hpp"
#include "runtime-api/control-server/launchers/system_root.hpp"

namespace kiln {
namespace {

// Looking at the host is a twentieth of what a sandbox costs, and in a burst many are made in this time.
constexpr std::chrono::seconds root_age{1};

/// The process that has sent the message which comes next, as the kernel knows it.
int receive_sender(int control) {
  char byte = 0;
  iovec part{&byte, sizeof byte};
  alignas(cmsghdr) char space[CMSG_SPACE(sizeof(ucred))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = space;
  message.msg_controllen = sizeof space;
  ssize_t size = 0;
  while ((size = ::recvmsg(control, &message, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR) {
  }
  if (size < 0) throw std::system_error(errno, std::generic_category(), "the snapshot does not answer");
  if (size == 0) throw std::runtime_error("the snapshot has ended, or cannot fork");
  const cmsghdr* const header = CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_CREDENTIALS) {
    throw std::runtime_error("the snapshot's fork does not say who it is");
  }
  ucred sender{};
  std::memcpy(&sender, CMSG_DATA(header), sizeof sender);
  return sender.pid;
}

void pass_credentials(int control, int on) {
  if (::setsockopt(control, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0) {
    throw std::system_error(errno, std::generic_category(), "setsockopt");
  }
}

/// A process has a say in what number it sends: it may be another one's of its own family, and must be the first of its
/// namespace.
void require_first_process(int pid, std::uint32_t uid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  bool is_first = false;
  bool is_users = false;
  for (std::string line; std::getline(status, line);) {
    std::istringstream words(line);
    std::string name;
    words >> name;
    if (name == "Uid:") {
      std::uint32_t real = 0;
      is_users = words >> real && real == uid;
    } else if (name == "NSpid:") {
      int number = 0;
      while (words >> number) {
      }
      is_first = number == 1;
    }
  }
  if (!is_first || !is_users) throw std::runtime_error("the snapshot's fork is not what it should be");
}

}  // namespace

PreparedSandbox::PreparedSandbox(PreparedSandbox&& other) noexcept
    : pid(std::exchange(other.pid, -1)),
      pidfd(std::move(other.pidfd)),
      borrowed_peak_kib(other.borrowed_peak_kib),
      guard(other.guard),
      uid(std::move(other.uid)),
      cgroup(std::move(other.cgroup)),
      network(std::move(other.network)),
      control(std::move(other.control)) {}

bool PreparedSandbox::lives() const {
  char byte = 0;
  return ::recv(control.get(), &byte, sizeof byte, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

PreparedSandbox::~PreparedSandbox() {
  if (pid <= 0) return;
  if (pidfd) {
    send_signal(pidfd, SIGKILL);
    await_end(pidfd);
  } else {
    ::kill(pid, SIGKILL);
    while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  if (guard != nullptr) guard->forget(pid);
  cgroup.remove();
}

SandboxFactory::SandboxFactory(SandboxOptions options, UidPool& users, CgroupTree* groups, const OrphanGuard& guard)
    : options_(std::move(options)),
      users_(users),
      groups_(groups),
      guard_(guard),
      snapshot_filter_(make_syscall_filter(true)) {
  plan_.inside_uid = sandbox_inside_uid;
  plan_.user_namespace = options_.user_namespace;
  plan_.cgroup_namespace = options_.cgroup_namespace && groups_ != nullptr;
  plan_.landlock = options_.landlock;
  plan_.niceness = static_cast<std::uint32_t>(::getpriority(PRIO_PROCESS, 0) + sandbox::niceness_offset);
  plan_.syscall_filter = make_syscall_filter();
}

bool SandboxFactory::execute_init(PreparedSandbox& made, int control, int group) const {
  const Descriptor null(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  SpawnRequest request;
  request.executable = options_.init.string();
  request.working_directory = "/";
  request.output = null.get();
  request.inherited = {control};
  request.namespaces = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS;
  request.group = group;
  const SpawnResult spawned = spawn_process(request);
  if (spawned.error) throw std::system_error(spawned.error, "cannot start " + request.executable);
  made.pid = spawned.pid;
  made.borrowed_peak_kib = spawned.borrowed_peak_kib;
  return spawned.in_group;
}

const sandbox::RootLayout& SandboxFactory::root_for(std::uint32_t inside_uid) {
  const auto now = std::chrono::steady_clock::now();
  if (now >= look_again_ || inside_uid != root_uid_) {
    root_ = system_root(inside_uid);
    root_uid_ = inside_uid;
    look_again_ = now + root_age;
  }
  return root_;
}

PreparedSandbox SandboxFactory::make(Zygote* zygote, SandboxUse use) {
  PreparedSandbox made;
  made.uid = users_.take();
  made.network = NetworkNamespace::make();
  if (groups_ != nullptr) made.cgroup = groups_->make();
  const Descriptor group = made.cgroup.folder();
  ControlPair control = make_control();
  bool in_group = false;
  if (zygote != nullptr) {
    const int descriptors[] = {control.theirs.get(), group.get()};
    const sandbox::Forked forked =
        zygote->fork({&sandbox::fork_request, 1}, {descriptors, group ? std::size_t{2} : std::size_t{1}});
    made.pid = forked.pid;
    in_group = forked.in_group;
  } else {
    in_group = execute_init(made, control.theirs.get(), group.get());
  }
  made.guard = &guard_;
  guard_.watch(made.pid);
  control.theirs.reset();
  made.control = std::move(control.ours);
  if (groups_ != nullptr && !in_group) made.cgroup.join(made.pid);

  sandbox::PreparePlan plan = plan_;
  plan.uid = made.uid.uid();
  plan.awaited = use == SandboxUse::awaited;
  if (use == SandboxUse::snapshot) {
    plan.snapshot = true;
    plan.fork_filter = std::exchange(plan.syscall_filter, snapshot_filter_);
    // Its rules are of places, and forks have others.
    plan.fork_landlock = std::exchange(plan.landlock, false);
  }
  plan.root = root_for(plan.user_namespace ? plan.inside_uid : plan.uid);
  const int network = made.network.name.get();
  sandbox::send_message(made.control.get(), encode(plan), {&network, 1});
  const sandbox::Reply reply = receive_reply(made.control.get());
  if (reply.kind != sandbox::ReplyKind::ready) {
    throw std::runtime_error(std::string("a sandbox could not be made: ") + reply.text);
  }
  return made;
}

/// What a fork has no right to do; by a process of its own, for it cannot come back from where it goes.
void SandboxFactory::complete(const PreparedSandbox& made, const SnapshotSource& snapshot) const {
  ControlPair control = make_control();
  const Descriptor null(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  SpawnRequest request;
  request.executable = options_.init.string();
  request.arguments = {"complete"};
  request.working_directory = "/";
  request.output = null.get();
  request.inherited = {control.theirs.get()};
  const SpawnResult spawned = spawn_process(request);
  if (spawned.error) throw std::system_error(spawned.error, "cannot start " + request.executable);
  control.theirs.reset();
  sandbox::CompletionPlan plan;
  plan.hostname = "kiln-" + std::to_string(made.pid);
  plan.tmp_mb = snapshot.tmp_mb;
  plan.tmp_files = snapshot.tmp_files;
  plan.masked = masked_paths();
  std::exception_ptr error;
  sandbox::Reply reply;
  try {
    const int process = made.pidfd.get();
    sandbox::send_message(control.ours.get(), encode(plan), {&process, 1});
    reply = receive_reply(control.ours.get());
  } catch (...) {
    error = std::current_exception();
    ::kill(spawned.pid, SIGKILL);
  }
  while (::waitpid(spawned.pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (error) std::rethrow_exception(error);
  if (reply.kind != sandbox::ReplyKind::ready) {
    throw std::runtime_error(std::string("the snapshot's fork could not be completed: ") + reply.text);
  }
}

PreparedSandbox SandboxFactory::fork(const SnapshotSource& snapshot, std::chrono::milliseconds limit) {
  const auto until = std::chrono::steady_clock::now() + limit;
  const auto left = [&until] {
    return std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
  };
  PreparedSandbox made;
  ControlPair control = make_control();
  pass_credentials(control.ours.get(), 1);
  const int theirs = control.theirs.get();
  sandbox::send_message(snapshot.control, {&sandbox::snapshot_request, 1}, {&theirs, 1}, MSG_DONTWAIT);
  control.theirs.reset();
  limit_reads(control.ours.get(), left());
  const int pid = receive_sender(control.ours.get());
  pass_credentials(control.ours.get(), 0);
  made.pidfd = open_pidfd(pid);
  require_first_process(pid, snapshot.uid);
  made.pid = pid;
  if (groups_ != nullptr) {
    made.cgroup = groups_->make();
    made.cgroup.join(pid);
  }
  made.network = NetworkNamespace::furnish(made.pidfd);
  complete(made, snapshot);
  made.control = std::move(control.ours);
  sandbox::send_message(made.control.get(), {&sandbox::snapshot_request, 1});
  limit_reads(made.control.get(), left());
  const sandbox::Reply reply = receive_reply(made.control.get());
  if (reply.kind != sandbox::ReplyKind::ready) {
    throw std::runtime_error(std::string("a snapshot's fork could not get ready: ") + reply.text);
  }
  return made;
}

}  // namespace kiln
