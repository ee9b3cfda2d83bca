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
#include <stdexcept>
#include <system_error>

#include "runtime-api/control-server/launchers/control_pair.hpp"
#include "runtime-api/control-server/launchers/sandbox/message_socket.hpp"
#include "runtime-api/control-server/launchers/seccomp_filter.hpp"
#include "runtime-api/control-server/launchers/spawn_process.hpp"
#include "runtime-api/control-server/launchers/system_root.hpp"

namespace kiln {
namespace {}  // namespace

PreparedSandbox::PreparedSandbox(PreparedSandbox&& other) noexcept
    : pid(std::exchange(other.pid, -1)),
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
  ::kill(pid, SIGKILL);
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (guard != nullptr) guard->forget(pid);
  cgroup.remove();
}

SandboxFactory::SandboxFactory(SandboxOptions options, UidPool& users, CgroupTree* groups, const OrphanGuard& guard)
    : options_(std::move(options)), users_(users), groups_(groups), guard_(guard) {
  plan_.inside_uid = sandbox_inside_uid;
  plan_.user_namespace = options_.user_namespace;
  plan_.cgroup_namespace = options_.cgroup_namespace && groups_ != nullptr;
  plan_.landlock = options_.landlock;
  plan_.niceness = static_cast<std::uint32_t>(::getpriority(PRIO_PROCESS, 0) + sandbox::niceness_offset);
  plan_.syscall_filter = make_syscall_filter();
}

void SandboxFactory::execute_init(PreparedSandbox& made, int control) const {
  const Descriptor null(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  SpawnRequest request;
  request.executable = options_.init.string();
  request.working_directory = "/";
  request.output = null.get();
  request.inherited = {control};
  request.namespaces = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS;
  const SpawnResult spawned = spawn_process(request);
  if (spawned.error) throw std::system_error(spawned.error, "cannot start " + request.executable);
  made.pid = spawned.pid;
  made.borrowed_peak_kib = spawned.borrowed_peak_kib;
}

PreparedSandbox SandboxFactory::make(Zygote* zygote) {
  PreparedSandbox made;
  made.uid = users_.take();
  made.network = NetworkNamespace::make();
  if (groups_ != nullptr) made.cgroup = groups_->make();
  ControlPair control = make_control();
  if (zygote != nullptr) {
    const int theirs = control.theirs.get();
    made.pid = zygote->fork({&sandbox::fork_request, 1}, {&theirs, 1});
  } else {
    execute_init(made, control.theirs.get());
  }
  made.guard = &guard_;
  guard_.watch(made.pid);
  control.theirs.reset();
  made.control = std::move(control.ours);
  if (groups_ != nullptr) made.cgroup.join(made.pid);

  sandbox::PreparePlan plan = plan_;
  plan.uid = made.uid.uid();
  plan.root = system_root(plan.user_namespace ? plan.inside_uid : plan.uid);
  const int network = made.network.name.get();
  sandbox::send_message(made.control.get(), encode(plan), {&network, 1});
  const sandbox::Reply reply = receive_reply(made.control.get());
  if (reply.kind != sandbox::ReplyKind::ready) {
    throw std::runtime_error(std::string("a sandbox could not be made: ") + reply.text);
  }
  return made;
}

}  // namespace kiln
