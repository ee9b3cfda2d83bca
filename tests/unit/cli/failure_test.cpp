// SPDX-License-Identifier: Apache-2.0
#include "cli/failure.hpp"
#include "cli/api_client.hpp"
#include "tests/support/catch.hpp"

#include <nlohmann/json.hpp>

#include <fstream>
#include <set>
#include <sstream>

using namespace kiln::cli;

namespace {

ApiAnswer answer(int status, const std::string& type, const std::string& body) {
  ApiAnswer given{.status = status, .headers = {{"X-Amzn-RequestId", "id-1"}}, .body = body};
  if (!type.empty()) {
    given.headers.emplace_back("x-amzn-errortype", type);
  }
  return given;
}

const Endpoint endpoint = parse_endpoint("http://127.0.0.1:9080");

}  // namespace

TEST_CASE("a failure names cause and way out, each on a line of its own") {
  const Failure failure{.code = ExitCode::unreachable, .message = "no server", .advice = {"start one", "or not"}};
  CHECK(render_text(failure, false) == "kiln: no server\n  start one\n  or not\n");
  CHECK(render_text(failure, true) == "\x1b[31mkiln:\x1b[0m no server\n  start one\n  or not\n");
}

TEST_CASE("a failure as JSON is one line with kind, exit code and advice") {
  const Failure failure{.code = ExitCode::not_found,
                        .message = "gone \xff\n",
                        .advice = {"kiln list"},
                        .type = "ResourceNotFoundException",
                        .request_id = "id-1"};
  const auto text = render_json(failure);
  CHECK(text.find('\n') == text.size() - 1);
  const auto error = nlohmann::json::parse(text).at("Error");
  CHECK(error.at("ExitCode") == 4);
  CHECK(error.at("Kind") == "not-found");
  CHECK(error.at("Advice") == nlohmann::json{"kiln list"});
  CHECK(error.at("Type") == "ResourceNotFoundException");
  CHECK(error.at("RequestId") == "id-1");
}

TEST_CASE("the status of an answer decides the exit code, its body the message") {
  struct Row {
    int status;
    ExitCode code;
  };
  for (const auto& row : {Row{400, ExitCode::refused}, Row{404, ExitCode::not_found}, Row{409, ExitCode::refused},
                          Row{413, ExitCode::refused}, Row{429, ExitCode::throttled}, Row{500, ExitCode::server_failed},
                          Row{503, ExitCode::server_failed}, Row{302, ExitCode::server_failed}}) {
    CAPTURE(row.status);
    const auto failure =
        failure_from(answer(row.status, "SomeException:http://x", R"({"Type":"User","message":"because"})"), endpoint);
    CHECK(failure.code == row.code);
    CHECK(failure.message == "because");
    CHECK(failure.type == "SomeException");
    CHECK(failure.request_id == "id-1");
  }
  const auto capital =
      failure_from(answer(404, "ResourceNotFoundException", R"({"Message":"Function not found: x"})"), endpoint);
  CHECK(capital.message == "Function not found: x");
  CHECK(capital.advice == std::vector<std::string>{"see what there is:  kiln list"});
}

TEST_CASE("an answer that is not kiln's says which address it came from") {
  for (const auto* body : {"<html>nginx</html>", "", "[]", "{}"}) {
    CAPTURE(body);
    const auto failure = failure_from(answer(404, "", body), endpoint);
    CHECK(failure.code == ExitCode::server_failed);
    CHECK(failure.message.find("http://127.0.0.1:9080") != std::string::npos);
    CHECK_FALSE(failure.advice.empty());
  }
}

TEST_CASE("every exit code has one row, one kind, and stands in the documentation") {
  std::ifstream file(std::string(KILN_SOURCE_DIR) + "/docs/cli.md");
  std::ostringstream text;
  text << file.rdbuf();
  std::set<int> codes;
  std::set<std::string_view> kinds;
  for (const auto& row : exit_code_table) {
    CHECK(codes.insert(static_cast<int>(row.code)).second);
    CHECK(kinds.insert(row.kind).second);
    CHECK(&meaning_of(row.code) == &row);
    const auto line = "| " + std::to_string(static_cast<int>(row.code)) + " | `" + std::string(row.kind) + "` | " +
                      std::string(row.meaning) + " |";
    CAPTURE(line);
    CHECK(text.str().find(line) != std::string::npos);
  }
}
