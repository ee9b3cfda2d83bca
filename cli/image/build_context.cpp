// SPDX-License-Identifier: Apache-2.0
#include "cli/image/build_context.hpp"

#include "cli/failure.hpp"

#include <stdlib.h>

#include <cerrno>
#include <chrono>
#include <fstream>
#include <system_error>

namespace kiln::cli {
namespace {

namespace fs = std::filesystem;

// As old as a zip can say: whoever packs an image's files again may do so.
constexpr std::chrono::seconds first_of_1980{315'532'800};

fs::path make_folder() {
  std::string name = (fs::temp_directory_path() / "kiln-build-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) {
    throw CommandFailure({.code = ExitCode::local_input,
                          .message = "cannot make a temporary folder: " + std::generic_category().message(errno)});
  }
  return name;
}

void copy(const PackageFile& file, const fs::path& to) {
  fs::create_directories(to.parent_path());
  fs::copy_file(file.source, to);
  const auto readable = fs::perms::owner_read | fs::perms::owner_write | fs::perms::group_read | fs::perms::others_read;
  const auto executable = fs::perms::owner_exec | fs::perms::group_exec | fs::perms::others_exec;
  fs::permissions(to, file.executable ? readable | executable : readable);
}

void give_one_time(const fs::path& folder) {
  const auto time = std::chrono::file_clock::from_sys(std::chrono::sys_seconds(first_of_1980));
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    fs::last_write_time(entry.path(), time);
    if (entry.is_directory()) {
      fs::permissions(entry.path(), fs::perms::owner_all | fs::perms::group_read | fs::perms::group_exec |
                                        fs::perms::others_read | fs::perms::others_exec);
    }
  }
}

}  // namespace

BuildContext::BuildContext(const std::vector<PackageFile>& files, std::string_view recipe) : folder_(make_folder()) {
  try {
    fs::create_directory(this->files());
    for (const auto& file : files) {
      copy(file, this->files() / file.path);
    }
    give_one_time(this->files());
    std::ofstream out(this->recipe(), std::ios::binary);
    out << recipe;
    out.close();
    if (!out) {
      throw fs::filesystem_error("cannot write", this->recipe(), std::make_error_code(std::errc::io_error));
    }
  } catch (const fs::filesystem_error& error) {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
    throw CommandFailure(
        {.code = ExitCode::local_input, .message = std::string("cannot copy the function's files: ") + error.what()});
  }
}

BuildContext::~BuildContext() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

}  // namespace kiln::cli
