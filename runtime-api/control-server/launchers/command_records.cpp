// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/command_records.hpp"

#include <fstream>
#include <iterator>
#include <stdexcept>

namespace kiln {
namespace {

constexpr std::string_view unfinished = ".new";

}  // namespace

void CommandRecords::keep(const CommandSubject& subject) const {
  if (folder_.empty()) return;
  std::filesystem::create_directories(folder_);
  const std::filesystem::path file = folder_ / subject.instance_id;
  const std::filesystem::path written = file.string() + std::string(unfinished);
  std::ofstream out(written, std::ios::trunc);
  out << wait_request(subject);
  out.close();
  if (!out) throw std::runtime_error("cannot write " + written.string());
  std::filesystem::rename(written, file);
}

void CommandRecords::remove(const std::string& instance_id) const noexcept {
  if (folder_.empty()) return;
  std::error_code ignored;
  std::filesystem::remove(folder_ / instance_id, ignored);
}

std::vector<CommandSubject> CommandRecords::all() const {
  std::vector<CommandSubject> found;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, ignored)) {
    if (entry.path().extension() == unfinished) {
      std::filesystem::remove(entry.path(), ignored);
      continue;
    }
    std::ifstream in(entry.path());
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    CommandSubject subject = read_subject(text);
    subject.instance_id = entry.path().filename().string();
    found.push_back(std::move(subject));
  }
  return found;
}

}  // namespace kiln
