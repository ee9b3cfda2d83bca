// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/server/extensions/extension_registry.hpp"

#include <algorithm>
#include <utility>

#include "runtime-api/protocol/error_types.hpp"
#include "runtime-api/protocol/limits.hpp"
#include "runtime-api/server/http/message.hpp"

namespace kiln {
namespace {

constexpr std::string_view invoke_event = "INVOKE";
constexpr std::string_view shutdown_event = "SHUTDOWN";

ApiError refused(std::string_view type, std::string message) { return {403, std::string(type), std::move(message)}; }

ApiError refused(ExtensionState from, ExtensionState to, std::string_view extension) {
  return refused(error_types::invalid_extension_state, transition_message(from, to, extension));
}

}  // namespace

std::string_view to_string(ShutdownReason reason) {
  switch (reason) {
    case ShutdownReason::spindown: return "SPINDOWN";
    case ShutdownReason::timeout: return "TIMEOUT";
    case ShutdownReason::failure: return "FAILURE";
  }
  return "FAILURE";
}

// --- looking up --------------------------------------------------------------------------------------------------------

ExtensionRegistry::Entry* ExtensionRegistry::find_entry(std::string_view identifier) {
  for (Entry& entry : entries_) {
    if (http::same_name(entry.identifier, identifier)) return &entry;
  }
  return nullptr;
}

const Extension* ExtensionRegistry::find(std::string_view identifier) const {
  for (const Entry& entry : entries_) {
    if (http::same_name(entry.identifier, identifier)) return &entry;
  }
  return nullptr;
}

ExtensionRegistry::Entry* ExtensionRegistry::find_named(std::string_view name, ExtensionKind kind) {
  for (Entry& entry : entries_) {
    if (entry.name == name && entry.kind == kind) return &entry;
  }
  return nullptr;
}

std::vector<const Extension*> ExtensionRegistry::extensions() const {
  std::vector<const Extension*> all;
  for (const Entry& entry : entries_) all.push_back(&entry);
  return all;
}

bool ExtensionRegistry::has_external() const {
  return std::any_of(entries_.begin(), entries_.end(),
                     [](const Entry& entry) { return entry.kind == ExtensionKind::external; });
}

// --- states ------------------------------------------------------------------------------------------------------------

/// One that has failed or ended holds nothing up: the instance is ending.
bool ExtensionRegistry::blocks(const Entry& entry) {
  switch (entry.state) {
    case ExtensionState::started:
    case ExtensionState::registered: return true;
    case ExtensionState::running: return entry.wants_invoke;
    default: return false;
  }
}

void ExtensionRegistry::enter(Entry& entry, ExtensionState state) {
  const bool before = blocks(entry);
  entry.state = state;
  const bool after = blocks(entry);
  if (after && !before) ++blocking_;
  if (before && !after && --blocking_ == 0 && hooks_.on_settled) hooks_.on_settled();
}

void ExtensionRegistry::fail(std::string_view type, std::string message) {
  if (std::exchange(failed_, true) || shutdown_ || ended_) return;
  if (hooks_.on_failure) hooks_.on_failure({std::string(type), std::move(message)});
}

// --- the platform's side -------------------------------------------------------------------------------------------------

void ExtensionRegistry::expect(std::string_view name) {
  Entry& entry = entries_.emplace_back();
  entry.name = name;
  entry.identifier = options_.new_identifier();
  ++blocking_;
}

void ExtensionRegistry::process_ended(std::string_view name, std::string_view how) {
  Entry* const entry = find_named(name, ExtensionKind::external);
  if (!entry) return;
  const bool reported = entry->state == ExtensionState::init_error || entry->state == ExtensionState::exit_error;
  if (!reported) {
    // No enter(): an end settles nothing.
    if (blocks(*entry)) --blocking_;
    entry->state = how.empty() ? ExtensionState::exited : ExtensionState::shutdown_failed;
  }
  std::string message = "Extension " + entry->name;
  message += how.empty() ? " exited without providing a reason" : " exited with error: " + std::string(how);
  fail(error_types::extension_crash, std::move(message));
}

void ExtensionRegistry::invoke(const Invocation& invocation) {
  for (Entry& entry : entries_) {
    if (!entry.wants_invoke || entry.state != ExtensionState::ready || !entry.poll) continue;
    enter(entry, ExtensionState::running);
    std::exchange(entry.poll, nullptr)->outcome.set(&invocation);
  }
}

void ExtensionRegistry::shut_down(const ShutdownEvent& event) {
  if (shutdown_ || ended_) return;
  shutdown_ = event;
  registration_closed_ = true;
  for (Entry& entry : entries_) {
    if (!entry.wants_shutdown || !entry.poll) continue;
    entry.told_to_shut_down = true;
    entry.state = ExtensionState::running;
    std::exchange(entry.poll, nullptr)->outcome.set(event);
  }
}

void ExtensionRegistry::end() {
  ended_ = true;
  registration_closed_ = true;
  for (Entry& entry : entries_) {
    if (entry.poll) std::exchange(entry.poll, nullptr)->outcome.set(ExtensionPoll::Gone{});
  }
}

// --- the extensions' side -------------------------------------------------------------------------------------------------

std::optional<ApiError> ExtensionRegistry::check_events(const Registration& registration, ExtensionKind kind) const {
  for (const std::string& event : registration.events) {
    if (event == shutdown_event && kind == ExtensionKind::internal) {
      return refused(error_types::invalid_event_type, event + ": ShutdownEventNotSupportedForInternalExtension");
    }
    if (event == invoke_event && !options_.invoke_events) {
      return refused(
          error_types::invalid_event_type,
          event +
              ": ErrorInvalidEventType: an instance that takes several invocations at once has no such event; register "
              "for SHUTDOWN alone, and learn of invocations from the Telemetry API");
    }
    if (event != shutdown_event && event != invoke_event) {
      return refused(error_types::invalid_event_type, event + ": ErrorInvalidEventType");
    }
  }
  return std::nullopt;
}

ExtensionRegistry::Registered ExtensionRegistry::register_extension(const Registration& registration) {
  if (registration.name.empty()) return refused(error_types::invalid_extension_name, "Empty extension name");
  Entry* entry = find_named(registration.name, ExtensionKind::external);
  const auto kind = entry ? ExtensionKind::external : ExtensionKind::internal;
  if (auto bad = check_events(registration, kind)) return std::move(*bad);
  if (!entry) return add_internal(registration);
  if (!is_allowed(entry->state, ExtensionState::registered)) {
    return refused(entry->state, ExtensionState::registered, entry->name);
  }
  for (const std::string& event : registration.events) {
    (event == invoke_event ? entry->wants_invoke : entry->wants_shutdown) = true;
  }
  enter(*entry, ExtensionState::registered);
  return entry;
}

ExtensionRegistry::Registered ExtensionRegistry::add_internal(const Registration& registration) {
  if (registration_closed_) {
    return refused(error_types::registration_closed, "Extension registration closed already");
  }
  if (entries_.size() >= limits::max_extensions) {
    return refused(error_types::too_many_extensions,
                   "Extension limit (" + std::to_string(limits::max_extensions) + ") reached");
  }
  if (find_named(registration.name, ExtensionKind::internal)) {
    return refused(error_types::invalid_extension_state, "Extension with this name already registered");
  }
  Entry& entry = entries_.emplace_back();
  entry.name = registration.name;
  entry.identifier = options_.new_identifier();
  entry.kind = ExtensionKind::internal;
  entry.state = ExtensionState::registered;
  entry.wants_invoke = !registration.events.empty();  // the only event there is for it
  ++blocking_;
  return &entry;
}

void ExtensionRegistry::next(std::string_view identifier, ExtensionPoll& poll) {
  if (ended_) {
    poll.outcome.set(ExtensionPoll::Gone{});
    return;
  }
  Entry* const entry = find_entry(identifier);
  if (!entry) {
    poll.outcome.set(
        refused(error_types::unknown_extension_identifier, "Unknown extension " + std::string(identifier)));
    return;
  }
  if (!is_allowed(entry->state, ExtensionState::ready)) {
    poll.outcome.set(refused(entry->state, ExtensionState::ready, identifier));
    return;
  }
  if (shutdown_ && entry->wants_shutdown && !std::exchange(entry->told_to_shut_down, true)) {
    enter(*entry, ExtensionState::running);
    poll.outcome.set(*shutdown_);
    return;
  }
  entry->poll = &poll;
  enter(*entry, ExtensionState::ready);
}

void ExtensionRegistry::abandon(ExtensionPoll& poll) {
  for (Entry& entry : entries_) {
    if (entry.poll != &poll) continue;
    entry.poll = nullptr;
    // It may come back on another connection. Until then it gets no event, so one that subscribed holds the instance up.
    enter(entry, ExtensionState::running);
  }
}

std::optional<ApiError> ExtensionRegistry::report(Report kind, std::string_view identifier, std::string_view error_type,
                                                  std::string_view message) {
  const bool init = kind == Report::init_error;
  const auto to = init ? ExtensionState::init_error : ExtensionState::exit_error;
  Entry* const entry = find_entry(identifier);
  if (!entry) {
    return refused(error_types::unknown_extension_identifier, "Unknown Lambda-Extension-Identifier");
  }
  if (!is_allowed(entry->state, to)) return refused(entry->state, to, identifier);
  if (entry->state == to) return std::nullopt;
  if (blocks(*entry)) --blocking_;  // no enter(): a failure settles nothing
  entry->state = to;
  entry->error_type = error_type;
  std::string text = "Extension " + entry->name + " reported " + entry->error_type;
  if (!message.empty()) text += ": " + std::string(message);
  fail(init ? error_types::extension_init_error : error_types::extension_exit_error, std::move(text));
  return std::nullopt;
}

}  // namespace kiln
