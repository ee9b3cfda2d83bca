// SPDX-License-Identifier: Apache-2.0
// How an instance ends: asked to, killed, with its process, or with one of its extensions. All ways lead to on_exit.
#include <csignal>
#include <utility>

#include "runtime-api/control-server/instances/instance.hpp"
#include "runtime-api/control-server/instances/instance_link.hpp"
#include "runtime-api/protocol/error_types.hpp"
#include "runtime-api/protocol/limits.hpp"

namespace kiln {

// --- extensions --------------------------------------------------------------------------------------------------------

void Instance::extensions_settled() {
  became_idle();
  if (awaiting_extensions_) extensions_ready_.set({true, {}});
}

/// The instance goes with its extension; what it was doing fails for the same reason.
void Instance::extension_failed(const ExtensionFailure& failure) {
  extension_failure_ = failure.message;
  const FunctionError error{failure.type, {}, "application/json", {}};
  const bool initialized = state_ == InstanceState::idle || state_ == InstanceState::busy;
  const bool between_invocations = initialized && session_.in_flight() == 0;
  stop(ShutdownReason::failure);
  if (between_invocations) log_.fault({}, "Error: " + failure.message + "\n" + failure.type);
  session_.end(error);
  if (awaiting_extensions_) extensions_ready_.set({false, error});
}

void Instance::extension_ended(const std::string& name, const std::string& how) {
  extensions_.process_ended(name, how);
  if (exited_ && extension_processes_->running() == 0) close_api();
}

/// The runtime has gone: its extensions have what is left of the limit.
void Instance::end_extensions() {
  extensions_.shut_down(*end_);
  for (const Extension* const extension : extensions_.extensions()) {
    if (!extension->wants_shutdown) extension_processes_->kill(extension->name);
  }
  kill_timer_.arm(end_->deadline, [this] { extension_processes_->kill_all(); });
}

// --- the end -----------------------------------------------------------------------------------------------------------

/// The first reason counts.
void Instance::begin_end(ShutdownReason reason) {
  state_ = InstanceState::stopping;
  settle_timer_.cancel();
  thaw();
  telemetry_.hurry();
  if (end_) return;
  const bool internal_only = !extensions_.empty() && !extensions_.has_external();
  end_ = ShutdownEvent{reason,
                       Deadline::after(internal_only ? limits::internal_shutdown_timeout : limits::shutdown_timeout)};
}

void Instance::stop(ShutdownReason reason) {
  if (exited_ || state_ == InstanceState::stopping) return;
  begin_end(reason);
  if (telemetry_.has_unsent()) {
    ++tasks_;
    loop_.spawn(terminate_after_telemetry(), "end of an instance");
  } else {
    terminate();
  }
}

/// A subscriber that is part of the runtime's process gets what is buffered while there still is one.
Task<void> Instance::terminate_after_telemetry() {
  co_await telemetry_.drain(Deadline::after(limits::telemetry_flush));
  if (!exited_) terminate();
  task_over();
}

void Instance::terminate() {
  launched_->signal(SIGTERM);
  const Deadline limit = extensions_.has_external() ? Deadline::after(limits::runtime_shutdown_share) : end_->deadline;
  kill_timer_.arm(limit, [this] { launched_->signal(SIGKILL); });
}

void Instance::kill_runtime(ShutdownReason reason) {
  if (exited_) return;
  begin_end(reason);
  sample_memory();
  launched_->signal(SIGKILL);
}

void Instance::kill() {
  kill_runtime(ShutdownReason::failure);
  if (extension_processes_) extension_processes_->kill_all();
}

Task<void> Instance::watch_exit() {
  exit_status_ = co_await launched_->exited();
  on_exit();
  task_over();
}

void Instance::on_exit() {
  exited_ = true;
  kill_timer_.cancel();
  begin_end(ShutdownReason::failure);
  drain_log();
  // Somebody the process left behind may hold the pipe; its end is not waited for.
  if (output_) output_->close();
  if (frames_) frames_->close();
  const FunctionError error{std::string(error_types::exit_error), {}, "application/json", {}};
  session_.end(error);
  end_exit_watches(true);
  if (awaiting_extensions_) extensions_ready_.set({false, error});
  if (extension_processes_ && extension_processes_->running() > 0) {
    end_extensions();
  } else {
    close_api();
  }
}

/// Nobody is left who could ask anything.
void Instance::close_api() {
  kill_timer_.cancel();
  if (listener_) listener_->close();
  extensions_.end();
  for (auto link = links_.begin(); link != links_.end();) (link++)->connection.close();
}

/// The last of the instance's tasks tells its owner, who may then destroy it.
void Instance::task_over() {
  if (--tasks_ > 0) return;
  state_ = InstanceState::stopped;
  loop_.post([this] { hooks_.on_stopped(*this); });
}

}  // namespace kiln
