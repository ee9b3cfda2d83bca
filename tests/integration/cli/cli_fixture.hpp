// SPDX-License-Identifier: Apache-2.0
// The vocabulary of the command line's tests: run the real `kiln` against a scripted server.
#pragma once

#include "tests/integration/cli/fake_control_server.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/program.hpp"
#include "tests/support/temporary_folder.hpp"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace kiln::test {

using Json = nlohmann::json;

inline const std::string kiln_program = std::string(KILN_BINARY_DIR) + "/bin/kiln";

/// A server, and `kiln` calls that find it by KILN_ENDPOINT.
class CliFixture {
 public:
  FakeControlServer server;
  TemporaryFolder folder;

  std::vector<std::string> command(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), kiln_program);
    return arguments;
  }
  Program::Options options(std::string input = "") const {
    return {.environment = {{"KILN_ENDPOINT", server.url()}, {"CMAKE_GENERATOR", ""}}, .input = std::move(input)};
  }
  ProgramResult kiln(const std::vector<std::string>& arguments, std::string input = "") const {
    return run_program(command(arguments), options(std::move(input)));
  }
};

inline bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace kiln::test
