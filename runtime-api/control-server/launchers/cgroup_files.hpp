// SPDX-License-Identifier: Apache-2.0
// The files of control groups, as both versions have them. Any thread.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace kiln::cgroup_files {

/// Throws std::system_error that names the file.
void write_value(const std::filesystem::path& file, std::string_view value);
void write_number(const std::filesystem::path& file, long long value);

/// What is in it, from its beginning; nothing where it cannot be read. Figures are a few hundred bytes.
std::string read_open(int fd);
std::string read_file(const std::filesystem::path& file);

/// The number behind `key` and a blank in a file of such lines; 0 where there is none.
long field(const std::string& text, std::string_view key);

/// Makes a group; one that is there already will do. Throws std::system_error that names it.
void make_folder(const std::filesystem::path& folder);
/// Removes one. True where there is none, and for no path.
bool remove_folder(const std::filesystem::path& folder);

/// Kills those who are in it now, but for a process 1.
void kill_in(const std::filesystem::path& folder);

}  // namespace kiln::cgroup_files
