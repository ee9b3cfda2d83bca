// SPDX-License-Identifier: Apache-2.0
// Both ends of what joins an instance with the server: its output, and its way to the Runtime API.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "runtime-api/control-server/launchers/descriptor.hpp"

namespace kiln {

/// What a process writes: our end does not block.
struct LogPipe {
  Descriptor read_end, write_end;
};

struct Endpoints {
  Descriptor log_read, log_write;
  Descriptor frames_read, frames_write;  ///< nothing where the runtime takes no such pipe
  std::vector<Descriptor> channels_ours, channels_theirs;
  Descriptor listener;
  std::string address;  ///< of the listener, as the instance has to call it

  /// What the runtime inherits beside its output, in the order of the numbers from first_inherited_fd on.
  std::vector<int> inherited() const;
  /// Once the runtime has its own: what it writes then ends with it.
  void close_theirs();
};

/// All close-on-exec. Throws std::system_error.
LogPipe make_log_pipe();

/// The pipes and so many channels; no listener. Throws std::system_error.
Endpoints make_endpoints(std::size_t channels, bool takes_frames);

/// The beginning of what was written to the log of an instance that never came to be.
std::string unread_log(const Descriptor& log_read);

/// A listener on a free port of `host`, an IPv4 address, and its address with the port. Throws std::system_error.
Descriptor listen_on_free_port(const std::string& host, std::string& address);
/// The same on the host's loopback.
Descriptor listen_on_loopback(std::string& address);

/// Adds the variables that lead to the instance's listener.
void add_api_address(std::vector<std::string>& variables, const std::string& address);

/// Adds the variables that say under which numbers the runtime finds what it inherits.
void add_inherited(std::vector<std::string>& variables, const Endpoints& ends);

}  // namespace kiln
