// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/zygote.hpp"

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "runtime-api/control-server/launchers/control_pair.hpp"
#include "runtime-api/control-server/launchers/sandbox/message_socket.hpp"
#include "runtime-api/control-server/launchers/sandbox/messages.hpp"
#include "runtime-api/control-server/launchers/system_root.hpp"

namespace kiln {
namespace {

/// Not the server's, which may hold secrets. One thread for each library that would start as many as there are processors.
std::vector<std::string> environment() {
  // The dynamic loader asks for its path once; it is that of every instance (instances/instance_environment.cpp).
  return {"PATH=/usr/local/bin:/usr/bin:/bin",
          "LANG=C.UTF-8",
          "LD_LIBRARY_PATH=/var/task:/var/task/lib:/opt/lib",
          "OPENBLAS_NUM_THREADS=1",
          "OMP_NUM_THREADS=1",
          "MKL_NUM_THREADS=1"};
}

}  // namespace

Zygote::Zygote(ZygoteOptions options, const OrphanGuard& guard) : options_(std::move(options)), guard_(guard) {}

Zygote::~Zygote() { end(); }

bool Zygote::has_aged() const {
  return forks_ >= options_.most_forks || std::chrono::steady_clock::now() - started_ >= options_.longest_life;
}

void Zygote::start() {
  ControlPair control = make_control();
  SpawnRequest request = options_.program;
  request.inherited = {control.theirs.get()};
  const SpawnResult spawned = spawn_process(request);
  if (spawned.error) throw std::system_error(spawned.error, "cannot start " + request.executable);
  pid_ = spawned.pid;
  guard_.watch(pid_);
  control_ = std::move(control.ours);
  control.theirs.reset();
  forks_ = 0;
  started_ = std::chrono::steady_clock::now();
  sandbox::send_message(control_.get(), options_.plan());
  const sandbox::Reply reply = receive_reply(control_.get());
  if (reply.kind != sandbox::ReplyKind::ready) {
    throw std::runtime_error("the zygote " + request.executable + " cannot be had: " + reply.text);
  }
}

void Zygote::end() {
  if (pid_ <= 0) return;
  control_.reset();
  ::kill(pid_, SIGKILL);  // nothing in it is anybody's
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  guard_.forget(pid_);
  pid_ = -1;
}

sandbox::Forked Zygote::fork(std::string_view request, std::span<const int> descriptors) {
  if (pid_ > 0 && has_aged()) end();
  for (const bool fresh : {false, true}) {
    try {
      if (pid_ <= 0) start();
      sandbox::send_message(control_.get(), request, descriptors);
      const sandbox::Reply reply = receive_reply(control_.get());
      if (reply.kind != sandbox::ReplyKind::forked) {
        throw std::system_error(reply.number, std::generic_category(), "the zygote cannot fork");
      }
      ++forks_;
      return {reply.number, reply.in_group != 0};
    } catch (const std::exception&) {
      // It may have died, or been killed, since it was asked last: a new one gets one try.
      const bool was_new = forks_ == 0;
      end();
      if (fresh || was_new) throw;
    }
  }
  throw std::logic_error("a loop that ends by return or throw");
}

ZygoteOptions sandbox_zygote(const std::filesystem::path& program, std::string name, std::vector<std::string> modules,
                             std::uint32_t inside_uid) {
  ZygoteOptions options;
  options.program.executable = program.string();
  options.program.name = std::move(name);
  options.program.environment = environment();
  options.program.working_directory = "/";
  options.program.output = STDERR_FILENO;
  options.program.namespaces = CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET;
  options.plan = [modules = std::move(modules), inside_uid] {
    sandbox::ZygotePlan plan;
    plan.root = system_root(inside_uid);
    // The dynamic loader does not look again into a folder that it has found missing.
    for (const char* const folder : {"var/task/lib", "opt/lib"}) plan.root.folders.emplace_back(folder);
    plan.modules = modules;
    return encode(plan);
  };
  return options;
}

}  // namespace kiln
