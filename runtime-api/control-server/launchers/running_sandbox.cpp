// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/running_sandbox.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <functional>
#include <system_error>
#include <utility>

#include "runtime-api/control-server/launchers/reached_limits.hpp"
#include "runtime-api/control-server/launchers/sandbox/message_socket.hpp"

namespace kiln {

std::optional<sandbox::Reply> read_reply(int control, Descriptor* with) {
  try {
    sandbox::Received message = sandbox::receive_message(control, MSG_DONTWAIT);
    sandbox::Reply reply;
    if (message.bytes.size() != sizeof reply) return std::nullopt;
    std::memcpy(&reply, message.bytes.data(), sizeof reply);
    if (with != nullptr && !message.descriptors.empty()) *with = std::move(message.descriptors.front());
    return reply;
  } catch (const std::system_error&) {
    return std::nullopt;
  }
}

namespace {

ChildProcess first_process(EventLoop& loop, PreparedSandbox& sandbox, std::function<void(ExitStatus)> on_exit) {
  const int pid = std::exchange(sandbox.pid, -1);
  if (sandbox.pidfd) return {loop, pid, std::move(sandbox.pidfd), std::move(on_exit)};
  return {loop, pid, sandbox.borrowed_peak_kib, std::move(on_exit)};
}

}  // namespace

RunningSandbox::RunningSandbox(EventLoop& loop, Threads threads, PreparedSandbox sandbox, std::size_t programs,
                               int memory_mb, std::shared_ptr<RunningSandbox> origin)
    : origin_(std::move(origin)),
      loop_(loop),
      threads_(threads),
      memory_mb_(memory_mb),
      sandbox_(std::make_shared<PreparedSandbox>(std::move(sandbox))),
      tmp_(std::make_shared<const Descriptor>(
          ::open(("/proc/" + std::to_string(sandbox_->pid) + "/root/tmp").c_str(), O_PATH | O_CLOEXEC))),
      programs_(programs),
      process_(first_process(loop, *sandbox_, [this](ExitStatus own) { on_first_process_exit(own); })) {}

RunningSandbox::~RunningSandbox() {
  thaw();            // or it could not end
  replies_.reset();  // before its descriptor goes, on the other thread
  process_.end();
  if (sandbox_->guard != nullptr) sandbox_->guard->forget(process_.pid());
  // Removing a group takes a while, as does what was in /tmp, and the user id is free only once nobody has it.
  threads_.clearing.submit([sandbox = std::move(sandbox_), tmp = std::move(tmp_)]() mutable {
    tmp.reset();
    sandbox->cgroup.remove();
  });
}

void RunningSandbox::watch() {
  // It lives no longer than this does. The end of the socket is told once; the pidfd tells the rest.
  replies_.emplace(loop_, sandbox_->control.get(), [this] { on_reply(); });
  guard_memory();
}

/// The hard limit leaves room for files in memory; this one is for the processes. The kernel says when it is time to look.
void RunningSandbox::guard_memory() {
  if (const auto watch = cgroup().memory_watch()) {
    loop_.spawn(look_at_memory(weak_from_this(), *watch, memory_mb_, tmp_, threads_.watching), "memory of an instance");
  }
}

/// Holds on to nothing meanwhile: the sandbox may end as it likes.
Task<void> RunningSandbox::look_at_memory(std::weak_ptr<RunningSandbox> weak, MemoryWatch watch, int memory_mb,
                                          std::shared_ptr<const Descriptor> tmp, WorkerPool& thread) {
  Descriptor event;
  const std::optional<bool> over = co_await thread.run([&] { return watch.over(memory_mb, tmp->get(), event); });
  const auto self = weak.lock();
  if (over && self && self->running() > 0) self->memory_looked_at(*over, std::move(event));
}

void RunningSandbox::memory_looked_at(bool over, Descriptor event) {
  if (over) {
    over_memory_ = true;
    return kill_first_process();
  }
  memory_.reset();
  memory_event_ = std::move(event);
  // It lives no longer than this does.
  memory_.emplace(loop_, memory_event_.get(), [this] {
    memory_.reset();
    if (running() > 0) guard_memory();
  });
}

std::string RunningSandbox::tmp_full() const { return full_tmp_text(*tmp_); }

bool RunningSandbox::out_of_memory() const { return over_memory_ || cgroup().out_of_memory_kills() > 0; }

void RunningSandbox::on_reply() {
  read_replies();
  tell_exits(false);
}

void RunningSandbox::read_replies() {
  while (const auto reply = read_reply(sandbox_->control.get())) {
    if (reply->program >= programs_.size()) continue;
    ExitStatus exit;
    if (reply->kind == sandbox::ReplyKind::exited) {
      exit.code = reply->number;
    } else if (reply->kind == sandbox::ReplyKind::signalled) {
      exit.signal = reply->number;
    } else {
      continue;
    }
    exit.out_of_memory = exit.signal == SIGKILL && out_of_memory();
    programs_[reply->program].status = exit;
  }
}

/// Looked up here rather than kept: few instances have a subscriber, and each would keep a descriptor for it.
MakeSocket RunningSandbox::loopback() const {
  const std::string path = "/proc/" + std::to_string(process_.pid()) + "/ns/net";
  const auto name = std::make_shared<const Descriptor>(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  return [name] { return make_tcp_socket_in(*name); };
}

std::size_t RunningSandbox::running() const {
  return static_cast<std::size_t>(
      std::count_if(programs_.begin(), programs_.end(), [](const Program& program) { return !program.status; }));
}

/// The exit of the last program is told when the first process has gone, and so everything else: `of_all`.
void RunningSandbox::tell_exits(bool of_all) {
  const auto self = shared_from_this();  // whoever is told may let go of it
  if (!of_all && running() == 0) {
    const auto untold = std::count_if(programs_.begin(), programs_.end(), [](const Program& p) { return !p.told; });
    if (untold <= 1) return;
  }
  for (Program& program : programs_) {
    if (program.told || !program.status) continue;
    const bool last = std::none_of(programs_.begin(), programs_.end(),
                                   [&](const Program& other) { return &other != &program && !other.told; });
    if (last && !of_all) return;
    program.told = true;
    program.exited.set(*program.status);
  }
}

void RunningSandbox::on_first_process_exit(ExitStatus own) {
  read_replies();
  // Killed before it could say how its programs ended: they ended with it.
  for (Program& program : programs_) {
    if (program.status) continue;
    ExitStatus exit = own;
    if (exit.signal == 0) exit = ExitStatus{0, SIGKILL};
    exit.out_of_memory = out_of_memory();
    program.status = exit;
  }
  tell_exits(true);
}

bool RunningSandbox::freeze() {
  frozen_ = running() > 0 && cgroup().freeze();
  return frozen_;
}

void RunningSandbox::thaw() {
  if (std::exchange(frozen_, false)) cgroup().thaw();
}

/// And with it everything.
void RunningSandbox::kill_first_process() {
  thaw();
  process_.signal_group(SIGKILL);
}

void RunningSandbox::signal(std::size_t program, int number) {
  if (programs_[program].status) return;
  thaw();
  // Where nothing else is to live on, nobody inside needs to be asked.
  if (number == SIGKILL && running() == 1) return kill_first_process();
  const sandbox::Order order{static_cast<std::uint32_t>(program), number};
  try {
    sandbox::send_message(sandbox_->control.get(), {reinterpret_cast<const char*>(&order), sizeof order}, {},
                          MSG_DONTWAIT);
  } catch (const std::system_error&) {
    // It does not read: it has ended, or is about to.
    if (number == SIGKILL) kill_first_process();
  }
}

}  // namespace kiln
