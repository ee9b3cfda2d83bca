// SPDX-License-Identifier: Apache-2.0
// Functions whose runtimes somebody else starts: they connect to the function's listener, and nothing is launched here.
#include <fcntl.h>
#include <sys/socket.h>

#include <exception>
#include <memory>
#include <string>
#include <utility>

#include "runtime-api/control-server/catalog/pull_address.hpp"
#include "runtime-api/control-server/instances/connected_runtime.hpp"
#include "runtime-api/control-server/instances/function_pool.hpp"
#include "runtime-api/control-server/instances/function_pool_members.hpp"
#include "runtime-api/control-server/launchers/sandbox_launch.hpp"
#include "runtime-api/protocol/limits.hpp"

namespace kiln {
namespace {

constexpr std::chrono::seconds until_next_try{5};
// Connections that have said nothing yet; they cost a descriptor each.
constexpr std::size_t most_silent = 256;

}  // namespace

/// Opens the listener that the configuration names, or closes the one that it does not name any more.
void FunctionPool::listen_for_runtimes() {
  const std::string& wanted = configuration().kiln.pull;
  if (wanted == pull_.wanted && (pull_.listener || wanted.empty())) return;
  pull_.retry.cancel();
  pull_.listener.reset();
  pull_.wanted = wanted;
  pull_.error.clear();
  const auto address = parse_pull_address(wanted);
  if (!address) return;
  try {
    pull_.listener = std::make_unique<http::Listener>(context_.loop, address->host, address->port, [this](int fd) {
      context_.loop.spawn(adopt(Descriptor(fd)), "runtime that connects");
    });
  } catch (const std::exception& error) {
    // Another program's port may be free again, and an address there again, any time.
    pull_.error = error.what();
    context_.loop.report("pull listener of function " + configuration().name, std::current_exception());
    pull_.retry.arm(Deadline::after(until_next_try), [this] { listen_for_runtimes(); });
  }
}

/// One that has connected. It is no instance before it has said something: probes of a port, which say nothing, take nobody's
/// place. What it then comes to is no call's affair before it has asked for an event.
Task<void> FunctionPool::adopt(Descriptor connection) {
  const auto alive = shared_from_this();
  if (retired_ || pull_.joining.size() >= most_silent + starting_) co_return;
  // Whoever ends the pool ends what has not joined it, whatever has become of the connection by then.
  const Descriptor to_end_it(::fcntl(connection.get(), F_DUPFD_CLOEXEC, 0));
  pull_.joining.insert(to_end_it.get());
  const bool speaks = co_await readable(context_.loop, connection.get(), Deadline::after(limits::init_timeout));
  const auto most = static_cast<std::size_t>(configuration().kiln.max_instances);
  if (speaks && !retired_ && live() < most) {
    ++starting_;
    const Started started = co_await start_member(std::nullopt, std::move(connection));
    --starting_;
    if (!started.error) on_idle(*started.member);
  }
  pull_.joining.erase(to_end_it.get());
}

void FunctionPool::stop_listening() {
  pull_.retry.cancel();
  pull_.listener.reset();
  for (const int connection : pull_.joining) ::shutdown(connection, SHUT_RDWR);
}

FunctionPool::PullView FunctionPool::pull() const {
  return {pull_.listener ? pull_.listener->address() : configuration().kiln.pull, pull_.error};
}

}  // namespace kiln
