// SPDX-License-Identifier: Apache-2.0
// The programs that build images of Dockerfiles.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace kiln::cli {

struct ImageBuild {
  std::string name;  ///< of the image, as --tag takes it
  std::filesystem::path context, recipe;
  std::string pip_configuration;     ///< a file; empty: none
  std::string source_date_epoch;     ///< the time of all that is made, seconds since 1970; empty: now
  bool no_cache = false;             ///< build every layer anew
  std::vector<std::string> options;  ///< handed to the tool as they are
};

/// `wanted`, else the first of buildah, podman and docker that `there` says is installed. Throws CommandFailure
/// (build_failed) where it, or each of them, is not.
std::string choose_build_tool(const std::string& wanted, const std::function<bool(const std::string&)>& there);

/// The command line with which `tool` builds it.
std::vector<std::string> build_command(const std::string& tool, const ImageBuild& build);

}  // namespace kiln::cli
