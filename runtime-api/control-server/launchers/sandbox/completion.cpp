// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/sandbox/completion.hpp"

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <exception>
#include <system_error>

#include "runtime-api/control-server/launchers/sandbox/message_socket.hpp"
#include "runtime-api/control-server/launchers/sandbox/messages.hpp"
#include "runtime-api/control-server/launchers/sandbox/root.hpp"

namespace kiln::sandbox {
namespace {

void enter(int process, int namespaces) {
  if (::setns(process, namespaces) != 0) throw std::system_error(errno, std::generic_category(), "setns");
}

void complete(const CompletionPlan& plan, int process) {
  // Made out here: where namespaces belong to a user namespace, the kernel shows processes only where they are shown in full
  // already, and in there they are not.
  const Descriptor processes = make_process_view();
  enter(process, CLONE_NEWNS | CLONE_NEWUTS);
  cover_root(plan, processes);
  if (::sethostname(plan.hostname.data(), plan.hostname.size()) != 0) {
    throw std::system_error(errno, std::generic_category(), "sethostname");
  }
}

/// In a child, which is in the pid namespace that this process has entered.
template <class Work>
void in_child(Work work) {
  const int child = ::fork();
  if (child < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (child == 0) {
    work();
    ::_exit(0);
  }
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void serve(const CompletionPlan& plan, int process) {
  Reply reply;
  try {
    complete(plan, process);
  } catch (const std::exception& error) {
    reply.kind = ReplyKind::failed;
    std::snprintf(reply.text, sizeof reply.text, "%s", error.what());
  }
  send_message(control_fd, {reinterpret_cast<const char*>(&reply), sizeof reply});
}

}  // namespace

int run_completion() {
  try {
    const Received message = receive_message(control_fd);
    CompletionPlan plan;
    decode(message.bytes, plan);
    const int process = message.descriptors.at(0).get();
    enter(process, CLONE_NEWPID);
    // The third process of its namespace would have the snapshot's own number in the snapshot's, by which a library that has been
    // asked for random numbers there (OpenSSL) knows whether it has been forked since. So the runtime is to be the fourth.
    in_child([] {});
    in_child([&] { serve(plan, process); });
    return 0;
  } catch (const std::exception&) {
    return 1;  // which is answer enough
  }
}

}  // namespace kiln::sandbox
