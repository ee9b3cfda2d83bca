// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/sandbox/mounter.hpp"

#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <string>
#include <system_error>

#include "runtime-api/control-server/launchers/sandbox/message_socket.hpp"
#include "runtime-api/control-server/launchers/sandbox/messages.hpp"
#include "runtime-api/control-server/launchers/sandbox/root.hpp"

namespace kiln::sandbox {
namespace {

[[noreturn]] void fail(const char* step) { throw std::system_error(errno, std::generic_category(), step); }

constexpr std::size_t stack_size = std::size_t{256} << 10U;

/// In front of the launch's bytes.
using RuntimeId = std::int32_t;

void complete(std::string_view message, const Descriptor* mounts) {
  RuntimeId runtime = 0;
  std::memcpy(&runtime, message.data(), sizeof runtime);
  LaunchPlan plan;
  decode(message.substr(sizeof runtime), plan);
  if (runtime != 0) {
    ::setpriority(PRIO_PROCESS, static_cast<id_t>(runtime), ::getpriority(PRIO_PROCESS, 0));
  }
  if (::sethostname(plan.hostname.data(), plan.hostname.size()) != 0) fail("sethostname");
  complete_root(plan, mounts);
}

/// Nothing is freed after the answer, nor anything taken before the message: the two processes have one heap, and no locks.
[[noreturn]] void serve(int socket) {
  Reply reply;
  try {
    const Received message = receive_message(socket);
    if (message.bytes.size() < sizeof(RuntimeId)) ::_exit(0);  // the sandbox is not wanted
    complete(message.bytes, message.descriptors.data());
  } catch (const std::system_error& error) {
    reply.kind = ReplyKind::failed;
    reply.number = error.code().value();
    std::snprintf(reply.text, sizeof reply.text, "%s", error.what());
  } catch (const std::exception& error) {
    reply.kind = ReplyKind::failed;
    reply.number = EBADMSG;
    std::snprintf(reply.text, sizeof reply.text, "%s", error.what());
  }
  send_message(socket, {reinterpret_cast<const char*>(&reply), sizeof reply});
  ::_exit(0);
}

int run(void* socket) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // Nothing but this: not the socket to the server, and not the other end of this one, whose closing it waits for.
  ::dup2(*static_cast<int*>(socket), control_fd);
  ::syscall(SYS_close_range, static_cast<unsigned>(control_fd + 1), ~0U, 0U);
  const char started = 's';
  while (::send(control_fd, &started, sizeof started, MSG_NOSIGNAL) < 0 && errno == EINTR) {
  }
  serve(control_fd);
}

/// Lowest address of one with a page below that may not be touched. It stays for as long as the memory it is in.
char* make_stack() {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  void* const memory = ::mmap(nullptr, stack_size + page, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) fail("mmap");
  if (::mprotect(memory, page, PROT_NONE) != 0) fail("mprotect");
  return static_cast<char*>(memory) + page;
}

}  // namespace

Descriptor start_mounter() {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) fail("socketpair");
  Descriptor ours(pair[0]);
  Descriptor theirs(pair[1]);
  char* const stack = make_stack();
  int socket = theirs.get();
  if (::clone(run, stack + stack_size, CLONE_VM | SIGCHLD, &socket) < 0) fail("clone");
  // It has a descriptor of its own by now; with none here, its end is told. Until it has read `socket`, this waits.
  theirs.reset();
  char byte = 0;
  ssize_t size = 0;
  while ((size = ::recv(ours.get(), &byte, sizeof byte, 0)) < 0) {
    if (errno != EINTR) fail("the mounter's start");
  }
  if (size == 0) throw std::system_error(ECHILD, std::generic_category(), "the mounter's start");
  return ours;
}

void complete_sandbox(const Descriptor& mounter, std::string_view launch, std::span<const int> mounts, int runtime) {
  const RuntimeId id = runtime;
  std::string message(reinterpret_cast<const char*>(&id), sizeof id);
  message += launch;
  send_message(mounter.get(), message, mounts);
  const Received answer = receive_message(mounter.get());
  Reply reply;
  if (answer.bytes.size() != sizeof reply) throw std::system_error(ECHILD, std::generic_category(), "completing it");
  std::memcpy(&reply, answer.bytes.data(), sizeof reply);
  if (reply.kind == ReplyKind::failed) throw std::system_error(reply.number, std::generic_category(), reply.text);
}

}  // namespace kiln::sandbox
