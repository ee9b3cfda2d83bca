// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/sandbox/completion.hpp"

#include <sched.h>
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
  // The kernel shows processes in a namespace of somebody's own only where they are shown in full already; here they are not.
  enter(process, CLONE_NEWPID);
  const Descriptor processes = make_process_view();
  enter(process, CLONE_NEWNS | CLONE_NEWUTS);
  cover_root(plan, processes);
  if (::sethostname(plan.hostname.data(), plan.hostname.size()) != 0) {
    throw std::system_error(errno, std::generic_category(), "sethostname");
  }
}

}  // namespace

int run_completion() {
  Reply reply;
  try {
    const Received message = receive_message(control_fd);
    CompletionPlan plan;
    decode(message.bytes, plan);
    complete(plan, message.descriptors.at(0).get());
  } catch (const std::exception& error) {
    reply.kind = ReplyKind::failed;
    std::snprintf(reply.text, sizeof reply.text, "%s", error.what());
  }
  send_message(control_fd, {reinterpret_cast<const char*>(&reply), sizeof reply});
  return 0;
}

}  // namespace kiln::sandbox
