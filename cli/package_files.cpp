// SPDX-License-Identifier: Apache-2.0
// The walk over a folder: what is left out, where links lead, how much there is.
#include "cli/package_files.hpp"

#include "cli/failure.hpp"
#include "cli/ignore_rules.hpp"
#include "cli/package.hpp"
#include "cli/terminal.hpp"
#include "runtime-api/protocol/limits.hpp"

#include <algorithm>
#include <system_error>

namespace kiln::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t max_ignore_file = 1'048'576;

[[noreturn]] void fail(std::string message, std::vector<std::string> advice = {}) {
  throw CommandFailure({.code = ExitCode::local_input, .message = std::move(message), .advice = std::move(advice)});
}

std::string leave_out(const std::string& path) {
  return "leave it out with a line in the folder's .kilnignore:  /" + path;
}

class Walk {
 public:
  explicit Walk(const fs::path& folder) : root_(fs::canonical(folder)), rules_(IgnoreRules::defaults()) {
    const auto own_rules = root_ / ".kilnignore";
    if (fs::exists(own_rules)) {
      rules_.add(read_file(own_rules, max_ignore_file));
    }
  }

  std::vector<PackageFile> run() {
    walk(root_, "");
    std::sort(files_.begin(), files_.end(), [](const PackageFile& a, const PackageFile& b) { return a.path < b.path; });
    return std::move(files_);
  }

 private:
  void walk(const fs::path& folder, const std::string& prefix) {
    open_.push_back(folder);
    std::error_code error;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
      take(entry->path(), prefix + entry->path().filename().string());
    }
    if (error) {
      fail("cannot read the folder " + folder.string() + ": " + error.message());
    }
    open_.pop_back();
  }

  void take(fs::path source, const std::string& path) {
    std::error_code error;
    auto status = fs::symlink_status(source, error);
    const bool link = fs::is_symlink(status);
    if (link) {
      status = fs::status(source, error);
    }
    if (rules_.ignored(path, fs::is_directory(status))) {
      return;
    }
    if (link) {
      source = resolve(source, path);
    }
    if (fs::is_directory(status)) {
      walk(source, path + "/");
    } else if (fs::is_regular_file(status)) {
      add(source, path, (status.permissions() & fs::perms::owner_exec) != fs::perms::none);
    } else {
      fail(path + " is neither a file nor a folder, so it cannot be packed", {leave_out(path)});
    }
  }

  // A server takes no links in a package (they are how an archive climbs out of its folder): what a link points to is
  // packed in its place, as long as that belongs to the folder.
  fs::path resolve(const fs::path& source, const std::string& path) const {
    std::error_code error;
    const auto target = fs::read_symlink(source, error).string();
    const auto resolved = fs::canonical(source, error);
    if (error) {
      fail(path + " is a link to " + target + ", which leads nowhere: " + error.message(), {leave_out(path)});
    }
    const auto [end, rest] = std::mismatch(root_.begin(), root_.end(), resolved.begin(), resolved.end());
    if (end != root_.end()) {
      fail(path + " is a link to " + target + ", which lies outside the folder " + root_.string(),
           {"put a copy in its place", leave_out(path)});
    }
    if (std::find(open_.begin(), open_.end(), resolved) != open_.end()) {
      fail(path + " is a link to " + target + ", a folder that it lies in itself", {leave_out(path)});
    }
    return resolved;
  }

  void add(const fs::path& source, const std::string& path, bool executable) {
    std::error_code error;
    const auto size = fs::file_size(source, error);
    if (error) {
      fail("cannot read " + source.string() + ": " + error.message());
    }
    unpacked_ += size;
    if (unpacked_ > limits::max_code_unpacked) {
      fail(root_.string() + " holds more than " + human_bytes(limits::max_code_unpacked) +
               ", the most a code package may unpack to",
           {"leave out what the function does not need: a .kilnignore works like a .gitignore"});
    }
    if (files_.size() >= limits::max_code_entries) {
      fail(root_.string() + " holds more than " + std::to_string(limits::max_code_entries) +
               " files, the most a code package may have",
           {"leave out what the function does not need: a .kilnignore works like a .gitignore"});
    }
    files_.push_back({path, source, executable, size});
  }

  fs::path root_;
  IgnoreRules rules_;
  std::vector<fs::path> open_;
  std::vector<PackageFile> files_;
  std::uint64_t unpacked_ = 0;
};

}  // namespace

std::vector<PackageFile> collect_files(const fs::path& folder) {
  auto files = Walk(folder).run();
  if (files.empty()) {
    fail(folder.string() + " holds no file to pack", {"put the function's code there, or check its .kilnignore"});
  }
  return files;
}

}  // namespace kiln::cli
