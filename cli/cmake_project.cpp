// SPDX-License-Identifier: Apache-2.0
#include "cli/cmake_project.hpp"

#include "cli/child_process.hpp"
#include "cli/environment.hpp"
#include "cli/failure.hpp"
#include "cli/package.hpp"
#include "cli/terminal.hpp"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <system_error>
#include <thread>

namespace kiln::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* package_record = "kiln-package.txt";

[[noreturn]] void fail(std::string message, std::vector<std::string> advice = {}) {
  throw CommandFailure({.code = ExitCode::build_failed, .message = std::move(message), .advice = std::move(advice)});
}

void prepare_build_folder(const CMakeBuild& request) {
  std::error_code error;
  fs::create_directories(request.build, error);
  if (error) {
    fail("cannot make the build folder " + request.build.string() + ": " + error.message(),
         {"build elsewhere:  --build-dir FOLDER"});
  }
  if (request.build == default_build_folder(request.source)) {
    // What we put into the user's folder should not turn up in their version control.
    std::ofstream(request.build.parent_path() / ".gitignore") << "*\n";
  }
}

void run_step(const std::vector<std::string>& command, const std::string& what,
              const std::function<void(std::string_view)>& on_line) {
  const int status = run_command(command, on_line);
  if (status != 0) {
    std::string line;
    for (const auto& word : command) {
      line += (line.empty() ? "" : " ") + shell_word(word);
    }
    fail(what + " failed (exit status " + std::to_string(status) + "); CMake's words are above",
         {"the same step by hand:  " + line});
  }
}

std::vector<fs::path> recorded_packages(const fs::path& build) {
  std::istringstream lines(read_file(build / package_record, 65'536));
  std::vector<fs::path> packages;
  for (std::string line; std::getline(lines, line);) {
    if (line.empty()) {
      continue;
    }
    const auto package = build / line;
    if (std::find(packages.begin(), packages.end(), package) == packages.end()) {
      packages.push_back(package);
    }
  }
  return packages;
}

fs::path choose_package(const std::vector<fs::path>& packages, const CMakeBuild& request) {
  if (packages.size() == 1) {
    return packages.front();
  }
  std::string names;
  for (const auto& package : packages) {
    if (package.stem() == request.package_name) {
      return package;
    }
    names += (names.empty() ? "" : ", ") + package.stem().string();
  }
  if (packages.empty()) {
    fail("the project in " + request.source.string() + " makes no package",
         {"its CMakeLists.txt needs:  find_package(kiln)  kiln_add_function(index index.cpp)  kiln_package(index)"});
  }
  fail("the project in " + request.source.string() + " makes several packages: " + names,
       {"say which:  --package NAME"});
}

}  // namespace

bool is_cmake_project(const fs::path& folder) {
  std::error_code error;
  return fs::is_regular_file(folder / "CMakeLists.txt", error);
}

fs::path default_build_folder(const fs::path& source) { return source / ".kiln" / "build"; }

fs::path build_package(const CMakeBuild& request, const std::function<void(std::string_view)>& on_line) {
  prepare_build_folder(request);
  std::vector<std::string> configure = {"cmake",
                                        "-S",
                                        request.source.string(),
                                        "-B",
                                        request.build.string(),
                                        "-DCMAKE_BUILD_TYPE=Release",
                                        "-DCMAKE_PREFIX_PATH=" + request.kiln_prefix.string()};
  // A generator can be chosen only once for a build folder.
  if (!fs::exists(request.build / "CMakeCache.txt") && environment_variable("CMAKE_GENERATOR").empty() &&
      on_path("ninja")) {
    configure.insert(configure.end(), {"-G", "Ninja"});
  }
  for (const auto& definition : request.definitions) {
    configure.push_back("-D" + definition);
  }
  // A project that no longer makes a package must not be taken for one by what an earlier build left.
  fs::remove(request.build / package_record);
  run_step(configure, "configuring the function", on_line);
  const auto jobs = std::to_string(std::max(1U, std::thread::hardware_concurrency()));
  run_step({"cmake", "--build", request.build.string(), "--config", "Release", "--parallel", jobs},
           "building the function", on_line);
  if (!fs::exists(request.build / package_record)) {
    choose_package({}, request);
  }
  auto package = choose_package(recorded_packages(request.build), request);
  if (!fs::exists(package)) {
    fail("the project in " + request.source.string() + " was built, but its package " + package.string() +
             " is not there",
         {"kiln_package(…) makes it as part of the target all: was it excluded?"});
  }
  return package;
}

}  // namespace kiln::cli
