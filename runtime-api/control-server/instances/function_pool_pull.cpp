// SPDX-License-Identifier: Apache-2.0
// Functions whose runtimes somebody else starts: they connect to the function's listener, and nothing is launched here.
#include <exception>
#include <memory>
#include <utility>

#include "runtime-api/control-server/catalog/pull_address.hpp"
#include "runtime-api/control-server/instances/connected_runtime.hpp"
#include "runtime-api/control-server/instances/function_pool.hpp"
#include "runtime-api/control-server/instances/function_pool_members.hpp"

namespace kiln {
namespace {

constexpr std::chrono::seconds until_next_try{5};

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

/// One that has connected. What it comes to is no call's affair before it has asked for an event.
Task<void> FunctionPool::adopt(Descriptor connection) {
  const auto alive = shared_from_this();
  if (retired_ || live() >= static_cast<std::size_t>(configuration().kiln.max_instances)) co_return;
  ++starting_;
  const Started started = co_await start_member(std::nullopt, std::move(connection));
  --starting_;
  if (!started.error) on_idle(*started.member);
}

FunctionPool::PullView FunctionPool::pull() const {
  return {pull_.listener ? pull_.listener->address() : configuration().kiln.pull, pull_.error};
}

}  // namespace kiln
