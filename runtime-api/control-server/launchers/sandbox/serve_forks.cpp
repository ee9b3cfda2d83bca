// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/sandbox/serve_forks.hpp"

#include <sys/prctl.h>

#include <cstdio>
#include <exception>
#include <system_error>

namespace kiln::sandbox {
namespace {

void reply(ReplyKind kind, int number, const char* text, bool in_group = false) {
  Reply out;
  out.kind = kind;
  out.number = number;
  out.in_group = in_group ? 1 : 0;
  std::snprintf(out.text, sizeof out.text, "%s", text);
  send_message(control_fd, {reinterpret_cast<const char*>(&out), sizeof out});
}

}  // namespace

int serve_forks(const std::function<void(const ZygotePlan&)>& prepare, const std::function<Forked(Received&)>& fork) {
  try {
    ::prctl(PR_SET_NAME, "kiln-zygote");
    const Received message = receive_message(control_fd);
    if (message.bytes.empty()) return 0;
    ZygotePlan plan;
    decode(message.bytes, plan);
    prepare(plan);
    reply(ReplyKind::ready, 0, "");
    for (;;) {
      Received request = receive_message(control_fd);  // whose descriptors are not to be held any longer
      if (request.bytes.empty()) return 0;
      const Forked forked = fork(request);
      if (forked.pid > 0) {
        reply(ReplyKind::forked, forked.pid, "", forked.in_group);
      } else {
        reply(ReplyKind::failed, -forked.pid, "fork");
      }
    }
  } catch (const std::system_error& error) {
    reply(ReplyKind::failed, error.code().value(), error.what());
  } catch (const std::exception& error) {
    reply(ReplyKind::failed, 0, error.what());
  }
  return 1;
}

}  // namespace kiln::sandbox
