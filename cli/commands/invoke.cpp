// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/invoke.hpp"

#include "cli/failure.hpp"
#include "cli/package.hpp"
#include "cli/server_timing.hpp"
#include "cli/triggers.hpp"
#include "runtime-api/protocol/base64.hpp"
#include "runtime-api/protocol/headers.hpp"
#include "runtime-api/protocol/limits.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <fstream>
#include <iostream>
#include <ostream>

namespace kiln::cli {
namespace {

constexpr const char* footer = R"(The result goes to standard output, the log (--tail) and errors to standard error.
Where the function itself fails, the exit status is 1.

Examples:
  kiln invoke hello --payload '{"name": "Ada"}'
  kiln invoke hello --payload @event.json --tail
  cat event.json | kiln invoke hello --payload - | jq .
  kiln invoke hello --verbose            cold or warm, and how long each phase took)";

std::string read_standard_input() {
  std::string content;
  std::array<char, 65'536> buffer{};
  while (std::cin.read(buffer.data(), buffer.size()) || std::cin.gcount() > 0) {
    content.append(buffer.data(), static_cast<std::size_t>(std::cin.gcount()));
  }
  return content;
}

// One byte more than the service takes is still read, so that the service says what it says about it.
std::string read_payload(const InvokeOptions& options) {
  constexpr auto limit = limits::max_code_packed;
  if (!options.payload_file.empty()) {
    return options.payload_file == "-" ? read_standard_input() : read_file(options.payload_file, limit);
  }
  if (options.payload == "-") {
    return read_standard_input();
  }
  if (options.payload.starts_with('@')) {
    return read_file(options.payload.substr(1), limit);
  }
  return options.payload;
}

bool is_cold_phase(const std::string& name) {
  constexpr std::array names{"fetch", "prepare", "launch", "init"};
  return std::any_of(names.begin(), names.end(), [&](const char* cold) { return name == cold; });
}

void write_result(const ApiAnswer& answer, const InvokeOptions& options, const Session& session) {
  if (!options.output_file.empty()) {
    std::ofstream file(options.output_file, std::ios::binary);
    file << answer.body;
    file.close();
    if (!file) {
      throw CommandFailure(
          {.code = ExitCode::local_input, .message = "cannot write the result to " + options.output_file});
    }
    return;
  }
  auto& out = session.terminal.out;
  out << answer.body;
  // A prompt should not stick to the result; --output keeps it byte for byte.
  if (!answer.body.empty() && answer.body.back() != '\n') {
    out << '\n';
  }
  out.flush();
}

Json timing_json(const std::string& header) {
  Json phases = Json::array();
  for (const auto& phase : parse_server_timing(header)) {
    Json entry = {{"Name", phase.name}};
    if (phase.milliseconds >= 0) {
      entry["Milliseconds"] = phase.milliseconds;
    }
    if (!phase.description.empty()) {
      entry["Description"] = phase.description;
    }
    phases.push_back(std::move(entry));
  }
  return phases;
}

Json answer_json(const ApiAnswer& answer, const std::string& log) {
  Json document = {{"StatusCode", answer.status}, {"RequestId", answer.header(headers::amzn_request_id)}};
  const auto add_header = [&](const char* member, std::string_view header) {
    if (auto value = answer.header(header); !value.empty()) {
      document[member] = std::move(value);
    }
  };
  add_header("FunctionError", headers::amz_function_error);
  add_header("ExecutedVersion", headers::amz_executed_version);
  if (auto payload = Json::parse(answer.body, nullptr, false); !payload.is_discarded()) {
    document["Payload"] = std::move(payload);
  } else if (!answer.body.empty()) {
    document["PayloadBase64"] = base64_encode(answer.body);
  }
  if (!log.empty()) {
    document["LogTail"] = log;
  }
  if (const auto timing = answer.header(headers::server_timing); !timing.empty()) {
    document["Timing"] = timing_json(timing);
  }
  return document;
}

void print_log(const std::string& log, const Terminal& terminal) {
  terminal.err << log;
  if (!log.empty() && log.back() != '\n') {
    terminal.err << '\n';
  }
  terminal.err.flush();
}

void print_function_error(const ApiAnswer& answer, const InvokeOptions& options, const Session& session) {
  const auto& terminal = session.terminal;
  const auto id = answer.header(headers::amzn_request_id);
  terminal.err << terminal.err_style(Style::red, "function " + options.function + " failed: ")
               << function_error_text(answer.body);
  if (!id.empty() && !options.tail) {
    terminal.err << "  its log:  kiln logs " << options.function << " --request-id " << id
                 << session.endpoint_argument() << '\n';
  }
  terminal.err.flush();
}

}  // namespace

std::string function_error_text(const std::string& body) {
  const auto error = Json::parse(body, nullptr, false);
  if (!error.is_object() || (!error.contains("errorMessage") && !error.contains("errorType"))) {
    return body.empty() ? "it gave no reason\n" : body + (body.back() == '\n' ? "" : "\n");
  }
  const auto type = text_of(error, "errorType");
  const auto message = text_of(error, "errorMessage");
  std::string text = type + (type.empty() || message.empty() ? "" : ": ") + message + "\n";
  const auto trace = error.find("stackTrace");
  if (trace != error.end() && trace->is_array()) {
    for (const auto& frame : *trace) {
      auto line = frame.is_string() ? frame.get<std::string>() : frame.dump();
      while (!line.empty() && line.back() == '\n') {
        line.pop_back();
      }
      text += (line.starts_with(' ') ? "" : "  ") + line + "\n";
    }
  }
  return text;
}

std::string timing_text(const std::string& header) {
  double cold_total = 0;
  std::string cold;
  std::string rest;
  for (const auto& phase : parse_server_timing(header)) {
    // Marks without a time, which the phases beside them say anyway.
    if (phase.name == "cold" || phase.name == "warm") {
      continue;
    }
    auto text = phase.name;
    if (phase.milliseconds >= 0) {
      text += " " + human_duration(phase.milliseconds);
    }
    if (is_cold_phase(phase.name)) {
      cold_total += std::max(0.0, phase.milliseconds);
      cold += (cold.empty() ? "" : ", ") + text;
    } else {
      rest += ", " + text;
    }
  }
  return (cold.empty() ? "warm start" : "cold start " + human_duration(cold_total) + " (" + cold + ")") + rest;
}

CLI::App* add_invoke(CLI::App& app, InvokeOptions& options, CommonOptions& common) {
  auto* command = app.add_subcommand("invoke", "Call a function and print its result");
  command->add_option("function", options.function, "Name of the function")->required()->type_name("NAME");
  command->add_option("-p,--payload", options.payload, "The event: JSON, @FILE, or - for standard input [none]")
      ->type_name("JSON|@FILE|-");
  command->add_option("--payload-file", options.payload_file, "The event from a file, or - for standard input")
      ->type_name("FILE")
      ->excludes("--payload");
  command->add_flag("--tail", options.tail, "Show the last 4 KB of the invocation's log");
  command->add_flag("-v,--verbose", options.verbose, "Show cold or warm, the time of each phase, the request id");
  command->add_option("-o,--output", options.output_file, "Write the result there, byte for byte")->type_name("FILE");
  command->add_option("--client-context", options.client_context, "JSON for the handler's context.client_context")
      ->type_name("JSON");
  add_common_options(*command, common);
  command->footer(footer);
  return command;
}

ExitCode run_invoke(const InvokeOptions& options, Session& session) {
  InvokeRequest request{.function = options.function, .payload = read_payload(options)};
  request.log_tail = options.tail;
  request.client_context = options.client_context;
  const auto start = std::chrono::steady_clock::now();
  const auto answer = session.api.invoke(request);
  const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - start;
  const auto log = base64_decode(answer.header(headers::amz_log_result)).value_or("");
  const bool failed = !answer.header(headers::amz_function_error).empty();
  const auto result = failed ? ExitCode::function_error : ExitCode::success;
  if (session.options.json) {
    session.print_json(answer_json(answer, log));
    return result;
  }
  const auto& terminal = session.terminal;
  print_log(log, terminal);
  if (options.verbose) {
    terminal.err << terminal.err_style(Style::dim, timing_text(answer.header(headers::server_timing)) +
                                                       ", round trip " + human_duration(taken.count()) +
                                                       ", request id " + answer.header(headers::amzn_request_id))
                 << std::endl;
  }
  if (failed) {
    print_function_error(answer, options, session);
  } else {
    write_result(answer, options, session);
  }
  return result;
}

}  // namespace kiln::cli
