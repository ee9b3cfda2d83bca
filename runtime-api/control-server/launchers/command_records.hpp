// SPDX-License-Identifier: Apache-2.0
// What a launch command has been asked to start and not yet to stop, in a folder that outlives the server: one that was
// killed owes these stops. One file an instance.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "runtime-api/control-server/launchers/command_protocol.hpp"

namespace kiln {

class CommandRecords {
 public:
  /// Keeps nothing where `folder` is empty; it is made when it is needed.
  explicit CommandRecords(std::filesystem::path folder) : folder_(std::move(folder)) {}

  /// Any thread, one at a time for each instance; blocks on the disk. Throws std::exception. Not flushed: an instance on
  /// this machine does not survive what a page cache does not.
  void keep(const CommandSubject& subject) const;
  void remove(const std::string& instance_id) const noexcept;
  /// What an earlier server has left. A file that cannot be read still names its instance.
  std::vector<CommandSubject> all() const;

 private:
  const std::filesystem::path folder_;
};

}  // namespace kiln
