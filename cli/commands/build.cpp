// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/build.hpp"

#include "cli/build_output.hpp"
#include "cli/child_process.hpp"
#include "cli/cmake_project.hpp"
#include "cli/deploy_plan.hpp"
#include "cli/environment.hpp"
#include "cli/failure.hpp"
#include "cli/image/build_context.hpp"
#include "cli/image/build_tool.hpp"
#include "cli/package_files.hpp"

#include <CLI/CLI.hpp>

#include <chrono>
#include <ostream>
#include <system_error>

namespace kiln::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* footer = R"(The folder is read as kiln deploy reads it: Python by MODULE.py, C++ by its
CMakeLists.txt, provided by an executable `bootstrap`; .kilnignore keeps files
out. What it depends on becomes a layer of its own, which is built again only
where it changes: requirements.txt for pip; dependencies/CMakeLists.txt, a
project that installs what a C++ function is built with.
The image is made FROM kiln's (make images), by buildah, podman or docker. What
stands behind -- is handed to that tool.

Examples:
  kiln build examples/image-python -t hello
  kiln build . -t registry.example/api:7 --handler app.main --slim
  kiln build . -t api --print-dockerfile > Dockerfile
  kiln build . -t api --with podman -- --network=host)";

Package listed(const std::vector<PackageFile>& files) {
  Package package;
  for (const auto& file : files) {
    package.entries.push_back({file.path, file.executable, file.size});
  }
  return package;
}

std::vector<PackageFile> files_of(const BuildOptions& options) {
  std::error_code error;
  if (!fs::is_directory(options.source, error)) {
    throw CommandFailure({.code = ExitCode::local_input,
                          .message = "there is no folder " + options.source,
                          .advice = {"kiln build takes the folder that holds the function's code"}});
  }
  return collect_files(options.source);
}

std::string asked_family(const std::string& runtime) {
  for (const char* const family : {"python", "cpp", "provided"}) {
    if (runtime.starts_with(family)) {
      return family;
    }
  }
  return {};
}

std::string family_of(const BuildOptions& options, const Package& package) {
  auto family = asked_family(options.runtime);
  if (family.empty()) {
    family = is_cmake_project(options.source) ? "cpp" : runtime_family(package, options.handler);
  }
  if (family.empty()) {
    throw CommandFailure({.code = ExitCode::local_input,
                          .message = "cannot tell the runtime of this function from its files",
                          .advice = {"say it:  --runtime python3.11, python3.13, cpp or provided"}});
  }
  if (family == "provided" && !package.holds("bootstrap", true)) {
    throw CommandFailure({.code = ExitCode::local_input,
                          .message = options.source + " holds no executable file bootstrap",
                          .advice = {"runtime provided executes it: put it there, and chmod +x it"}});
  }
  // A library that was built elsewhere need not find in the image what it is linked with.
  if (family == "cpp" && !is_cmake_project(options.source)) {
    throw CommandFailure({.code = ExitCode::local_input,
                          .message = options.source + " holds a C++ function but no CMakeLists.txt to build it by",
                          .advice = {"add one (docs/writing-functions-cpp.md), or write a Dockerfile of your own"}});
  }
  return family;
}

ImageRecipe recipe_of(const BuildOptions& options, const Package& package, const std::string& pip_configuration) {
  ImageRecipe recipe;
  recipe.family = family_of(options, package);
  recipe.handler = options.handler;
  recipe.title = default_name(fs::absolute(options.source).lexically_normal() / "");
  recipe.images = options.images;
  constexpr std::string_view python = "python";
  const bool has_version = recipe.family == python && options.runtime.size() > python.size();
  recipe.tag = has_version ? options.runtime.substr(python.size()) : options.suite;
  recipe.slim = options.slim;
  recipe.dependencies = recipe.family == python  ? package.holds("requirements.txt")
                        : recipe.family == "cpp" ? package.holds("dependencies/CMakeLists.txt")
                                                 : false;
  recipe.pip_configuration = !pip_configuration.empty();
  recipe.environment = options.environment;
  return recipe;
}

void run_tool(const std::string& tool, const ImageBuild& build, Session& session) {
  BuildOutput output(session);
  const int status = run_command(build_command(tool, build), [&output](std::string_view line) { output(line); });
  if (status == 0) {
    return;
  }
  output.print_kept();
  throw CommandFailure(
      {.code = ExitCode::build_failed,
       .message = tool + " could not build the image (exit status " + std::to_string(status) + "); its words are above",
       .advice = {"kiln's own images come from `make images` in a clone; those of a registry are named with --images",
                  "the recipe, to try its steps:  kiln build FOLDER -t NAME --print-dockerfile"}});
}

}  // namespace

CLI::App* add_build(CLI::App& app, BuildOptions& options, CommonOptions& common) {
  auto* command = app.add_subcommand("build", "Make a container image of a function, without a Dockerfile");
  command->add_option("source", options.source, "Folder with the function's code")->type_name("DIR")->required();
  command->add_option("-t,--tag", options.name, "Name of the image")->type_name("NAME[:TAG]")->required();
  command->add_option("-r,--runtime", options.runtime, "python3.11, python3.13, cpp, provided [by the files]")
      ->type_name("RUNTIME")
      ->check(CLI::IsMember({"python", "python3.11", "python3.13", "cpp", "provided"}).description(""));
  command->add_option("--handler", options.handler, "MODULE.FUNCTION to call [" + options.handler + "]")
      ->type_name("HANDLER");
  command->add_flag("--slim", options.slim, "FROM kiln's slim image: no shell, no pip, no compiler's libraries");
  command->add_option("--env", options.environment, "Environment variable; repeat it for several")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  command->add_option("--images", options.images, "Where kiln's images are [" + options.images + "]")
      ->type_name("PREFIX");
  command->add_option("--suite", options.suite, "The Debian they are of, bookworm or trixie [their tag latest]")
      ->type_name("SUITE");
  command
      ->add_option("--pip-config", options.pip_configuration,
                   "pip's configuration for the build, in no layer [$PIP_CONFIG_FILE]")
      ->type_name("FILE");
  command->add_option("--with", options.tool, "buildah, podman or docker [the first that is there]")
      ->type_name("TOOL")
      ->check(CLI::IsMember({"buildah", "podman", "docker"}).description(""));
  command->add_flag("--no-cache", options.no_cache, "Build every layer anew");
  command->add_flag("--print-dockerfile", options.print_dockerfile, "Print the recipe and build nothing");
  command->add_option("options", options.tool_options, "Behind --: options of the tool's")->type_name("OPTION...");
  add_json_option(*command, common);
  command->footer(footer);
  return command;
}

ExitCode run_build(const BuildOptions& options, Session& session) {
  const auto files = files_of(options);
  const auto pip =
      options.pip_configuration.empty() ? environment_variable("PIP_CONFIG_FILE") : options.pip_configuration;
  std::error_code error;
  if (!pip.empty() && !fs::is_regular_file(pip, error)) {
    throw CommandFailure(
        {.code = ExitCode::local_input, .message = "there is no file " + pip + " to configure pip with"});
  }
  const auto recipe = dockerfile(recipe_of(options, listed(files), pip));
  if (options.print_dockerfile) {
    session.terminal.out << recipe << std::flush;
    return ExitCode::success;
  }
  const auto tool = choose_build_tool(options.tool, on_path);
  const BuildContext context(files, recipe);
  ImageBuild build;
  build.name = options.name;
  build.context = context.files();
  build.recipe = context.recipe();
  build.pip_configuration = pip.empty() ? "" : fs::absolute(pip).string();
  build.source_date_epoch = environment_variable("SOURCE_DATE_EPOCH");
  build.no_cache = options.no_cache;
  build.options = options.tool_options;
  const auto start = std::chrono::steady_clock::now();
  if (!session.options.json) {
    session.terminal.out << "building " << options.name << " of " << options.source << " (" << files.size()
                         << (files.size() == 1 ? " file) with " : " files) with ") << tool << std::endl;
  }
  run_tool(tool, build, session);
  const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - start;
  if (session.options.json) {
    session.print_json({{"Image", options.name}, {"Tool", tool}, {"Dockerfile", recipe}});
    return ExitCode::success;
  }
  session.terminal.out << session.terminal.out_style(Style::green, "built") << " image " << options.name << " in "
                       << human_duration(taken.count()) << "\ntry it:\n  " << (tool == "docker" ? "docker" : "podman")
                       << " run --rm --publish 8080:8080 " << options.name << "\n  curl localhost:8080\n";
  return ExitCode::success;
}

}  // namespace kiln::cli
