// SPDX-License-Identifier: Apache-2.0
#include "bench/context.hpp"

#include <filesystem>
#include <stdexcept>

namespace kiln::bench {

RawRelay& Context::relay() {
  if (!relay_) relay_ = std::make_unique<RawRelay>(1, 1);
  return *relay_;
}

KilnServer& Context::server() {
  if (!server_) {
    server_ = std::make_unique<KilnServer>(kiln());
    server_->deploy(built("no_op"), "bench-cpp", "cpp");
    server_->deploy(functions_folder() + "/python-echo", "bench-python", python_runtime());
  }
  return *server_;
}

std::string Context::python_runtime() const {
  for (const auto& entry : std::filesystem::directory_iterator(options_.build_folder + "/libexec/kiln")) {
    if (auto name = entry.path().filename().string(); name.starts_with("python")) return name;
  }
  throw std::runtime_error("this build has no Python runtime");
}

std::string small_payload() {
  return R"({"name":"Hello Serverless","padding":"................."})"
         "      ";
}

}  // namespace kiln::bench
