// SPDX-License-Identifier: Apache-2.0
#include "bench/kiln_server.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <thread>
#include <utility>

#include "bench/http_invoker.hpp"
#include "bench/lines.hpp"
#include "bench/statistics.hpp"

namespace kiln::bench {
namespace {

constexpr std::chrono::seconds start_patience{20};
constexpr std::chrono::seconds stop_patience{10};

std::string make_folder() {
  std::string folder = (std::filesystem::temp_directory_path() / "kiln-bench-XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr) throw std::runtime_error("cannot make a temporary folder " + folder);
  return folder;
}

}  // namespace

KilnServer::KilnServer(std::string kiln, const std::vector<std::string>& options, const std::string& isolation)
    : kiln_(std::move(kiln)), folder_(make_folder()) {
  auto [read_end, write_end] = make_pipe();
  stdout_ = std::move(read_end);
  const Socket log(::open((folder_ + "/serve.log").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  std::vector<std::string> command{
      kiln_,         "serve",       "--data", folder_ + "/data", "--listen", "127.0.0.1:0", "--operations-listen",
      "127.0.0.1:0", "--isolation", isolation};
  command.insert(command.end(), options.begin(), options.end());
  process_ = start_program(command, write_end.fd(), log.fd());
  write_end.close();  // so that the pipe ends with the server

  const std::string start = "ready http://127.0.0.1:";
  const auto line = read_line(stdout_.fd(), start, start_patience);
  if (line.empty()) throw std::runtime_error("kiln serve did not come up: " + log_tail());
  port_ = static_cast<std::uint16_t>(std::stoi(line.substr(start.size())));
}

KilnServer::~KilnServer() {
  process_.stop(stop_patience);
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void KilnServer::deploy(const std::string& folder, const std::string& name, const std::string& runtime,
                        const std::vector<std::string>& options) {
  std::vector<std::string> command{kiln_,       "deploy", folder,      "--name",       name,
                                   "--runtime", runtime,  "--handler", "index.handler"};
  command.insert(command.end(), options.begin(), options.end());
  run_program(command, {"KILN_ENDPOINT=http://127.0.0.1:" + std::to_string(port_)});
}

std::string KilnServer::invoke_request(const std::string& name, const std::string& payload) {
  return HttpInvoker::request("POST", "/2015-03-31/functions/" + name + "/invocations", payload);
}

void KilnServer::wait_for_view(const std::string& name, const std::function<bool(std::string_view)>& is_so,
                               const char* else_text) {
  HttpInvoker invoker(port_);
  const auto request = HttpInvoker::request("GET", "/kiln/v1/functions/" + name + "/instances");
  const auto deadline = Clock::now() + stop_patience;
  for (;;) {
    const auto answer = invoker.call(request);
    if (is_so(answer.body)) return;
    if (Clock::now() > deadline) throw std::runtime_error(else_text + std::string(answer.body));
    // Somebody else's process is to end: there is nothing here to wait on but the server's word.
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

void KilnServer::wait_for_no_instance(const std::string& name) {
  wait_for_view(
      name, [](std::string_view view) { return view.find("\"Id\"") == std::string_view::npos; }, "instances stay: ");
}

void KilnServer::wait_for_forks(const std::string& name) {
  wait_for_view(
      name,
      [](std::string_view view) {
        return view.find("\"Preloaded\"") != std::string_view::npos &&
               view.find("\"Preloaded\":0") == std::string_view::npos;
      },
      "there are no forks: ");
}

std::string KilnServer::log_tail() const {
  std::ifstream log(folder_ + "/serve.log");
  std::string text((std::istreambuf_iterator<char>(log)), {});
  return text.size() > 2000 ? text.substr(text.size() - 2000) : text;
}

}  // namespace kiln::bench
