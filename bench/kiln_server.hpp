// SPDX-License-Identifier: Apache-2.0
// A real `kiln serve` on free ports, its data in a temporary folder, for as long as this object lives.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/child.hpp"
#include "bench/sockets.hpp"

namespace kiln::bench {

class KilnServer {
 public:
  /// `kiln`: path of the program. `options`: further arguments of `serve`. `isolation`: of its instances. Returns once it
  /// serves; throws std::runtime_error with its log where it does not within 20 s.
  explicit KilnServer(std::string kiln, const std::vector<std::string>& options = {},
                      const std::string& isolation = "process");
  ~KilnServer();
  KilnServer(const KilnServer&) = delete;
  KilnServer& operator=(const KilnServer&) = delete;

  std::uint16_t port() const { return port_; }
  pid_t pid() const { return process_.pid(); }

  /// Deploys a folder as the user would, with `kiln deploy`. `options`: further arguments.
  void deploy(const std::string& folder, const std::string& name, const std::string& runtime,
              const std::vector<std::string>& options = {});

  /// The Invoke request of a function with `payload`, as HttpInvoker takes it.
  static std::string invoke_request(const std::string& name, const std::string& payload);

  /// Waits until no instance of the function is left. Throws std::runtime_error after 10 s.
  void wait_for_no_instance(const std::string& name);
  /// Waits until forks of the function's snapshot stand ready; it must have been called once. Throws likewise.
  void wait_for_forks(const std::string& name);
  /// The end of the server's log, for messages.
  std::string log_tail() const;

 private:
  /// Asks what there is of a function until the answer `is_so`.
  void wait_for_view(const std::string& name, const std::function<bool(std::string_view)>& is_so,
                     const char* else_text);

  std::string kiln_;
  std::string folder_;
  std::uint16_t port_ = 0;
  Socket stdout_;
  Child process_;
};

}  // namespace kiln::bench
