// SPDX-License-Identifier: Apache-2.0
// What measurements share: where things are, how many rounds, and the server and floors, started when first asked for.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "bench/floor/raw_relay.hpp"
#include "bench/kiln_server.hpp"

namespace kiln::bench {

struct Options {
  std::string build_folder;   ///< holds bin/kiln, libexec/kiln and bench/
  std::string source_folder;  ///< holds bench/functions
  std::size_t rounds = 7;     ///< of every comparison; at least 5, that a median means something
  std::string only;           ///< measure only figures whose name contains this
  std::string output;         ///< where the JSON goes
  /// Software of others to compare with, as scripts/fetch-interop leaves it; empty: those figures cannot be taken.
  std::string emulator;         ///< folder with aws-lambda-rie
  std::string official_client;  ///< folder with awslambdaric
};

class Context {
 public:
  explicit Context(Options options) : options_(std::move(options)) {}

  const Options& options() const { return options_; }
  std::size_t rounds() const { return options_.rounds; }

  /// One client, one runtime.
  RawRelay& relay();
  /// A server with the functions bench-cpp (no-op) and bench-python (echo) deployed.
  KilnServer& server();
  /// A folder with the no-op C++ handler, as index.so; a program or folder that the build made.
  std::string built(const std::string& name) const { return options_.build_folder + "/bench/" + name; }
  std::string functions_folder() const { return options_.source_folder + "/bench/functions"; }
  std::string kiln() const { return options_.build_folder + "/bin/kiln"; }
  /// The name of the Python runtime that this build has, for instance python3.11.
  std::string python_runtime() const;

 private:
  Options options_;
  std::unique_ptr<RawRelay> relay_;
  std::unique_ptr<KilnServer> server_;
};

/// A JSON payload of 64 bytes, as in every warm figure.
std::string small_payload();

}  // namespace kiln::bench
