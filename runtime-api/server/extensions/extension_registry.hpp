// SPDX-License-Identifier: Apache-2.0
// The extensions of one instance: who is expected, who has registered for what, who has asked for its next event. Knows no
// process and no pool; the instance behind it tells what happens to the processes, and is told of failures.
// (Developer guide, "Using the Lambda Extensions API"; contract, section 1.2.)
#pragma once

#include <cstddef>
#include <functional>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "runtime-api/protocol/invocation.hpp"
#include "runtime-api/server/async/completion.hpp"
#include "runtime-api/server/extensions/extension_state.hpp"
#include "runtime-api/server/invocation_source.hpp"

namespace kiln {

enum class ExtensionKind {
  external,  ///< a process of its own, launched beside the runtime and known by its file's name
  internal,  ///< part of the runtime's process
};

/// What is known of one extension.
struct Extension {
  std::string name;
  std::string identifier;  ///< lower-case UUID; its caller's secret
  ExtensionKind kind = ExtensionKind::external;
  ExtensionState state = ExtensionState::started;
  bool wants_invoke = false;
  bool wants_shutdown = false;
  std::string error_type = {};  ///< as it reported it with an init or exit error
};

enum class ShutdownReason { spindown, timeout, failure };
/// As the developer guide spells them: "SPINDOWN", "TIMEOUT", "FAILURE".
std::string_view to_string(ShutdownReason reason);

/// The end of the instance as an extension hears of it.
struct ShutdownEvent {
  ShutdownReason reason = ShutdownReason::spindown;
  Deadline deadline;  ///< what still runs then is killed
};

/// One parked GET /extension/event/next. Lives in the route's frame.
struct ExtensionPoll {
  struct Gone {};
  /// The event to write (valid until the route next waits), or why there is none.
  using Outcome = std::variant<const Invocation*, ShutdownEvent, ApiError, Gone>;
  Completion<Outcome> outcome;
};

/// An extension has failed, and the instance with it.
struct ExtensionFailure {
  std::string type;     ///< Extension.InitError, Extension.ExitError, Extension.Crash
  std::string message;  ///< one line that names the extension
};

/// What every registration is answered with.
struct FunctionFacts {
  std::string name;
  std::string version;
  std::string handler;
  std::string account_id;
};

/// Data-plane thread only. Every method returns at once; those that hand out events resume whoever waits for them.
class ExtensionRegistry {
 public:
  struct Options {
    FunctionFacts function;
    /// With several invocations at once in an instance nobody could tell whose an INVOKE event is, so the event is not
    /// to be had there (as in the emulator's concurrent part).
    bool invoke_events = true;
    std::function<std::string()> new_identifier;  ///< lower-case UUIDs
  };
  struct Hooks {
    /// Nobody holds the instance up any more: settled() has become true.
    std::function<void()> on_settled;
    /// Called once at most. The caller may not be let go of from within.
    std::function<void(const ExtensionFailure&)> on_failure;
  };
  explicit ExtensionRegistry(Options options) : options_(std::move(options)) {}
  ExtensionRegistry(const ExtensionRegistry&) = delete;
  ExtensionRegistry& operator=(const ExtensionRegistry&) = delete;

  // --- the platform's side ---

  void set_hooks(Hooks hooks) { hooks_ = std::move(hooks); }
  /// An external extension has been launched; the init phase waits until it has registered and asked for an event.
  void expect(std::string_view name);
  /// The process of an external extension has ended; `how` is in the platform's words ("exit status 3"), empty for
  /// status 0. A failure, unless the instance was told to shut down.
  void process_ended(std::string_view name, std::string_view how);
  /// The runtime has asked for its first event: no further internal extension.
  void close_registration() { registration_closed_ = true; }
  bool registration_closed() const { return registration_closed_; }

  /// Whether nobody holds the instance up: every extension that was launched or has registered has asked for its first
  /// event, and those that get INVOKE events have asked for their next.
  bool settled() const { return blocking_ == 0; }
  /// Hands the event to those who subscribed to it; they are not settled from here on. Precondition: settled().
  void invoke(const Invocation& invocation);
  /// Tells those who subscribed, now or when they next ask. Failures no longer matter from here on. The first call counts.
  void shut_down(const ShutdownEvent& event);
  bool shutting_down() const { return shutdown_.has_value(); }
  /// The instance is gone: ends every poll.
  void end();

  std::vector<const Extension*> extensions() const;
  bool empty() const { return entries_.empty(); }
  bool has_external() const;

  // --- the extensions' side ---

  struct Registration {
    std::string_view name;
    std::vector<std::string> events;
  };
  using Registered = std::variant<const Extension*, ApiError>;
  Registered register_extension(const Registration& registration);
  /// The extension with this identifier (any case); null where there is none.
  const Extension* find(std::string_view identifier) const;
  /// Completes `poll` now or later, unless it is abandoned first.
  void next(std::string_view identifier, ExtensionPoll& poll);
  /// The connection behind a parked poll is gone: `poll` is not to be touched again.
  void abandon(ExtensionPoll& poll);
  enum class Report { init_error, exit_error };
  /// `message` is what the extension says beside the type; may be empty.
  std::optional<ApiError> report(Report kind, std::string_view identifier, std::string_view error_type,
                                 std::string_view message);

  const FunctionFacts& function() const { return options_.function; }
  std::string new_identifier() const { return options_.new_identifier(); }

 private:
  struct Entry : Extension {
    ExtensionPoll* poll = nullptr;
    bool told_to_shut_down = false;
  };

  Entry* find_entry(std::string_view identifier);
  Entry* find_named(std::string_view name, ExtensionKind kind);
  std::optional<ApiError> check_events(const Registration& registration, ExtensionKind kind) const;
  Registered add_internal(const Registration& registration);
  static bool blocks(const Entry& entry);
  void enter(Entry& entry, ExtensionState state);
  void fail(std::string_view type, std::string message);

  const Options options_;
  Hooks hooks_;
  std::list<Entry> entries_;
  std::size_t blocking_ = 0;
  bool registration_closed_ = false;
  bool failed_ = false;
  bool ended_ = false;
  std::optional<ShutdownEvent> shutdown_;
};

}  // namespace kiln
