// SPDX-License-Identifier: Apache-2.0
// The invoke phase: take an event, run it, post what became of it.
#pragma once

#include "bootstrap/exit_codes.hpp"
#include "bootstrap/runtime.hpp"
#include "runtime-api/client/runtime_api_client.hpp"

namespace kiln {

/// How the loop treats the platform it speaks to.
struct LoopOptions {
  bool inherited = false;         ///< a closed socket is then the orderly end of the instance
  bool trace_environment = true;  ///< false where several loops share the process
};

/// What the end of the conversation with the platform means for the process.
ExitCode exit_code_of(const ClientError& error, bool stopping, bool inherited);

/// Says on stderr what the platform did, and during what.
void complain(const ClientError& error, const char* during);

/// Runs events on the calling thread until a stop is requested of `client` or the platform is lost. Says on stderr what
/// went wrong with the platform. Neither argument is kept.
ExitCode run_loop(RuntimeApiClient& client, Runtime& runtime, const LoopOptions& options);

}  // namespace kiln
