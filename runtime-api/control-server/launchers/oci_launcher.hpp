// SPDX-License-Identifier: Apache-2.0
// Instances in containers that an OCI runtime (runc, or one that takes its command line) makes of images: a root of their
// own, read-only, with the limits, the network namespace and the system calls of a sandbox. Data-plane thread only.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>

#include "runtime-api/control-server/launchers/image_source.hpp"
#include "runtime-api/control-server/launchers/launcher.hpp"
#include "runtime-api/control-server/launchers/uid_pool.hpp"
#include "runtime-api/server/async/event_loop.hpp"
#include "runtime-api/server/async/worker_pool.hpp"

namespace kiln {

struct OciOptions {
  std::filesystem::path runtime;  ///< runc; absolute
  std::filesystem::path monitor;  ///< the program container-monitor
  std::filesystem::path folder;   ///< of bundles and of the runtime's state; this server's alone
};

/// The executable `name`, a path or looked for in $PATH; nothing where there is none.
std::optional<std::filesystem::path> find_program(const std::string& name);

/// The container runtime `name`, a path or looked for in $PATH; where it is empty, runc or crun, whichever is there. Nothing
/// where there is none.
std::optional<std::filesystem::path> find_container_runtime(const std::string& name);

class OciLauncher final : public Launcher {
 public:
  /// `thread` makes processes, as of ProcessLauncher; `unpacking` has one thread. All must outlive it.
  OciLauncher(EventLoop& loop, WorkerPool& thread, WorkerPool& unpacking, ImageSource& images, UidPool& users,
              OciOptions options);

  std::string_view name() const override { return "oci"; }
  InstancePaths paths(const InstanceSpec& spec) const override;
  /// The image is the function's, else the one named as its runtime is.
  Task<LaunchResult> start(InstanceSpec spec) override;
  /// Whether no container is left.
  bool settled() const { return running_.empty(); }

 private:
  class Container;
  class OciInstance;
  struct Prepared;

  using Found = std::variant<UnpackedImage, std::string>;

  /// Goes on beyond a `result` that was given up, for the next call.
  Task<void> find(std::string reference, std::shared_ptr<Completion<Found>> result);
  Prepared make(const InstanceSpec& spec, const UnpackedImage& image) const;

  EventLoop& loop_;
  WorkerPool& thread_;
  WorkerPool& unpacking_;
  ImageSource& images_;
  UidPool& users_;
  const OciOptions options_;
  std::set<std::shared_ptr<Container>> running_;
};

}  // namespace kiln
