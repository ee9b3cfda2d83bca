// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/sandbox/ready_runtime.hpp"

#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <system_error>

#include "runtime-api/control-server/launchers/sandbox/message_socket.hpp"
#include "runtime-api/control-server/launchers/sandbox/program.hpp"
#include "runtime-api/control-server/launchers/sandbox/snapshot_process.hpp"

namespace kiln::sandbox {
namespace {

constexpr char ready_byte = 'r';

[[noreturn]] void fail(const char* step) { throw std::system_error(errno, std::generic_category(), step); }

/// Returns the exit code.
int become(ForkedRuntime& runtime, const PreparePlan& prepared, int socket) {
  Received message = receive_message(socket);
  if (message.bytes.empty()) return 0;  // the sandbox is not wanted
  LaunchPlan launch;
  decode(message.bytes, launch);
  const Program& program = launch.programs.back();
  ProgramDescriptors descriptors;
  descriptors.output = message.descriptors.at(0).release();
  for (std::size_t i = 1; i < message.descriptors.size(); ++i) {
    descriptors.inherited.push_back(message.descriptors[i].release());
  }
  if (const char* const step = become_this_program(launch, program, descriptors, socket)) {
    std::fprintf(stderr, "The sandbox could not be completed: %s: %s\n", step,
                 std::generic_category().message(errno).c_str());
    return 1;
  }
  close_all_but(descriptors, runtime.own_descriptors());
  return launch.snapshot ? serve_snapshot(runtime, prepared, program) : runtime.run(program);
}

[[noreturn]] void stand_ready(ForkedRuntime& runtime, const PreparePlan& prepared, int socket) {
  try {
    ::dup2(socket, control_fd);
    close_from(control_fd + 1, runtime.own_descriptors());
    runtime.forked();
    if (!prepared.awaited) runtime.rehearse();
    // Last, for it is what no program of the function's is without.
    if (become_some_program(prepared, runtime.handlers()) != nullptr) ::_exit(1);
    send_message(control_fd, {&ready_byte, 1});
    ::_exit(become(runtime, prepared, control_fd));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "The sandbox could not be completed: %s\n", error.what());
  }
  ::_exit(1);
}

}  // namespace

ReadyRuntime make_ready(ForkedRuntime& runtime, const PreparePlan& prepared, int niceness) {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) fail("socketpair");
  ReadyRuntime made;
  made.socket = Descriptor(pair[0]);
  Descriptor theirs(pair[1]);
  made.pid = ::fork();
  if (made.pid < 0) fail("fork");
  if (made.pid == 0) ::setpriority(PRIO_PROCESS, 0, niceness);
  if (made.pid == 0) stand_ready(runtime, prepared, theirs.get());
  theirs.reset();
  if (receive_message(made.socket.get()).bytes.empty()) {
    throw std::system_error(ECHILD, std::generic_category(), "a runtime that was to stand ready has ended");
  }
  return made;
}

std::int64_t hand_over(const ReadyRuntime& runtime, std::string_view launch, std::span<const int> descriptors) {
  const std::int64_t now = monotonic_ns();
  send_message(runtime.socket.get(), launch, descriptors);
  return now;
}

}  // namespace kiln::sandbox
