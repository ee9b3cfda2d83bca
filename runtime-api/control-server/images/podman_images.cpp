// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/images/podman_images.hpp"

#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <exception>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "runtime-api/control-server/images/image_store.hpp"
#include "runtime-api/control-server/images/oci_layout.hpp"
#include "runtime-api/control-server/launchers/descriptor.hpp"
#include "runtime-api/control-server/launchers/process_view.hpp"
#include "runtime-api/control-server/launchers/spawn_process.hpp"

namespace kiln {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::chrono::seconds inspecting{60};
constexpr std::chrono::seconds writing{600};
constexpr std::size_t most_said = 500;

/// In memory: podman is never held up by somebody who does not read.
Descriptor make_sink() {
  Descriptor sink(::memfd_create("podman", MFD_CLOEXEC));
  if (!sink) throw std::system_error(errno, std::generic_category(), "memfd_create");
  return sink;
}

std::string content(const Descriptor& sink) {
  std::string text;
  std::array<char, 65536> part;
  for (off_t at = 0;;) {
    const ssize_t n = ::pread(sink.get(), part.data(), part.size(), at);
    if (n <= 0) return text;
    text.append(part.data(), static_cast<std::size_t>(n));
    at += n;
  }
}

/// One line, and the end of it where it is long: the reason comes last.
std::string as_reason(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  if (text.size() > most_said) text.erase(0, text.size() - most_said);
  for (char& c : text) {
    if (c == '\n') c = ' ';
  }
  return text;
}

}  // namespace

PodmanImages::PodmanImages(fs::path podman, fs::path folder) : podman_(std::move(podman)), folder_(std::move(folder)) {}

std::string PodmanImages::run(std::vector<std::string> arguments, std::chrono::milliseconds limit) {
  const Descriptor output = make_sink();
  const Descriptor errors = make_sink();
  SpawnRequest request;
  request.executable = podman_.string();
  request.arguments = std::move(arguments);
  for (char** variable = ::environ; *variable != nullptr; ++variable) request.environment.emplace_back(*variable);
  request.working_directory = "/";
  request.output = output.get();
  request.errors = errors.get();
  const SpawnResult started = spawn_process(request);
  if (started.error) throw std::runtime_error("cannot run " + podman_.string() + ": " + started.error.message());
  {
    const std::lock_guard lock(running_);
    pid_ = started.pid;
    if (stopped_) ::kill(-pid_, SIGKILL);
  }
  const Descriptor pidfd = open_pidfd(started.pid);
  pollfd ended{pidfd.get(), POLLIN, 0};
  int ready = 0;
  while ((ready = ::poll(&ended, 1, static_cast<int>(limit.count()))) < 0 && errno == EINTR) {
  }
  int how = 0;
  {
    // Once it has been reaped its number is nobody's to be killed.
    const std::lock_guard lock(running_);
    if (ready == 0) ::kill(-pid_, SIGKILL);
    while (::waitpid(pid_, &how, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
  }
  if (ready == 0)
    throw std::runtime_error("podman was not ready within " + std::to_string(limit.count() / 1000) + " s");
  if (how != 0) throw std::runtime_error("podman: " + as_reason(content(errors)));
  return content(output);
}

void PodmanImages::stop() {
  const std::lock_guard lock(running_);
  stopped_ = true;
  if (pid_ > 0) ::kill(-pid_, SIGKILL);
}

void PodmanImages::unpack(const std::string& id, const fs::path& place) {
  fs::path layout = place;
  layout += ".layout";
  fs::remove_all(layout);
  fs::create_directories(folder_);
  try {
    run({"image", "save", "--quiet", "--format", "oci-dir", "--output", layout.string(), id}, writing);
    const OciLayout images(layout);
    unpack_image(images.manifest(images.only()), place, stopped_);
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(layout, ignored);
    throw;
  }
  fs::remove_all(layout);
}

std::variant<UnpackedImage, std::string> PodmanImages::find(const std::string& reference) {
  try {
    const std::string text = run({"image", "inspect", "--format", "json", "--", reference}, inspecting);
    const json found = json::parse(text, nullptr, false);
    if (!found.is_array() || found.size() != 1) throw std::runtime_error("podman's answer on it makes no sense");
    const json& image = found[0];
    const std::string id = image.at("Id").get<std::string>();
    std::vector<std::string> environment;
    if (const json& config = image.at("Config"); config.contains("Env")) {
      environment = config["Env"].get<std::vector<std::string>>();
    }
    const fs::path place = folder_ / id;
    if (!fs::is_directory(place)) unpack(id, place);
    return described(place, std::move(environment));
  } catch (const std::exception& error) {
    return "'" + reference + "': " + error.what();
  }
}

}  // namespace kiln
