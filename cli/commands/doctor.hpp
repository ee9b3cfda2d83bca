// SPDX-License-Identifier: Apache-2.0
// kiln doctor: which isolation this machine allows, and how to allow more. Calls no server.
#pragma once

#include "cli/exit_codes.hpp"
#include "cli/session.hpp"

namespace kiln::cli {

/// Adds the command to `app`; `common` must outlive it.
CLI::App* add_doctor(CLI::App& app, CommonOptions& common);

/// Tries what isolation needs, in processes of their own, and prints what came of it.
ExitCode run_doctor(Session& session);

}  // namespace kiln::cli
