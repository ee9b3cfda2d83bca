// SPDX-License-Identifier: Apache-2.0
#include "cli/image/build_tool.hpp"

#include "cli/failure.hpp"

#include <array>

namespace kiln::cli {
namespace {

constexpr std::array<const char*, 3> tools = {"buildah", "podman", "docker"};

[[noreturn]] void fail(std::string message, std::string advice) {
  throw CommandFailure({.code = ExitCode::build_failed, .message = std::move(message), .advice = {std::move(advice)}});
}

}  // namespace

std::string choose_build_tool(const std::string& wanted, const std::function<bool(const std::string&)>& there) {
  if (!wanted.empty()) {
    if (!there(wanted)) {
      fail(wanted + " is not installed, or not on PATH", "on Debian:  apt-get install " + wanted);
    }
    return wanted;
  }
  for (const char* const tool : tools) {
    if (there(tool)) {
      return tool;
    }
  }
  fail("none of buildah, podman and docker is installed, or on PATH", "on Debian:  apt-get install buildah");
}

std::vector<std::string> build_command(const std::string& tool, const ImageBuild& build) {
  std::vector<std::string> command = {tool, tool == "buildah" ? "bud" : "build"};
  const bool docker = tool == "docker";
  if (!docker) {
    // Theirs is off, or for the last layer alone.
    command.push_back("--layers");
  }
  if (build.no_cache) {
    command.push_back("--no-cache");
  }
  if (!build.source_date_epoch.empty()) {
    command.push_back(docker ? "--build-arg=SOURCE_DATE_EPOCH=" + build.source_date_epoch
                             : "--timestamp=" + build.source_date_epoch);
  }
  if (!build.pip_configuration.empty()) {
    command.push_back("--secret=id=pip,src=" + build.pip_configuration);
  }
  command.push_back("--tag=" + build.name);
  command.push_back("--file=" + build.recipe.string());
  command.insert(command.end(), build.options.begin(), build.options.end());
  command.push_back(build.context.string());
  return command;
}

}  // namespace kiln::cli
