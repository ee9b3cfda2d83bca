// SPDX-License-Identifier: Apache-2.0
// kiln doctor: which isolation this machine allows, and how to allow more. Calls no server.
#pragma once

#include "cli/exit_codes.hpp"
#include "cli/session.hpp"

#include <string>

namespace kiln::cli {

struct DoctorOptions {
  std::string launch_command;  ///< to be tried; empty: none
};

/// Adds the command to `app`; both options must outlive it.
CLI::App* add_doctor(CLI::App& app, DoctorOptions& options, CommonOptions& common);

/// Tries what isolation needs, in processes of their own, and prints what came of it.
ExitCode run_doctor(const DoctorOptions& options, Session& session);

}  // namespace kiln::cli
