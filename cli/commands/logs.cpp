// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/logs.hpp"

#include "cli/failure.hpp"

#include <CLI/CLI.hpp>

#include <ostream>

namespace kiln::cli {
namespace {

constexpr const char* footer = R"(Examples:
  kiln logs hello --tail 20
  kiln logs hello --follow                     new lines as they come; Ctrl-C ends it
  kiln logs hello --request-id 8f5e…           one invocation only
  kiln logs hello --json | jq -r .Line         a JSON object a line)";

// Splits a stream into lines and prints each as a JSON object.
class JsonLines {
 public:
  explicit JsonLines(std::ostream& out) : out_(out) {}
  void take(std::string_view bytes) {
    pending_ += bytes;
    std::size_t start = 0;
    for (auto end = pending_.find('\n'); end != std::string::npos; end = pending_.find('\n', start)) {
      print(pending_.substr(start, end - start));
      start = end + 1;
    }
    pending_.erase(0, start);
    out_.flush();
  }
  void finish() {
    if (!pending_.empty()) {
      print(pending_);
    }
  }

 private:
  void print(const std::string& line) {
    const Json object = {{"Line", line}};
    out_ << object.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
  }
  std::ostream& out_;
  std::string pending_;
};

}  // namespace

CLI::App* add_logs(CLI::App& app, LogsOptions& options, CommonOptions& common) {
  auto* command = app.add_subcommand("logs", "Show the log of a function");
  command->add_option("function", options.function, "Name of the function")->required()->type_name("NAME");
  command->add_flag("-f,--follow", options.follow, "Go on with new lines as they come");
  command->add_option("--request-id", options.request_id, "Lines of this invocation only")->type_name("ID");
  command->add_option("--tail", options.tail, "The last N lines only")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber.description(""));
  add_common_options(*command, common);
  command->footer(footer);
  return command;
}

ExitCode run_logs(const LogsOptions& options, Session& session) {
  const LogQuery query{
      .function = options.function, .request_id = options.request_id, .tail = options.tail, .follow = options.follow};
  auto& out = session.terminal.out;
  if (session.options.json) {
    JsonLines lines(out);
    session.api.logs(query, [&lines](std::string_view bytes) { lines.take(bytes); });
    lines.finish();
  } else {
    session.api.logs(query, [&out](std::string_view bytes) { out << bytes << std::flush; });
  }
  if (options.follow) {
    session.terminal.err << "the server has ended the log" << std::endl;
  }
  return ExitCode::success;
}

}  // namespace kiln::cli
