// SPDX-License-Identifier: Apache-2.0
#include "runtimes/cpp/cpp_runtime.hpp"

#include <dlfcn.h>
#include <unwind.h>

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <utility>

#include "kiln/failure.hpp"
#include "runtime-api/protocol/error_types.hpp"
#include "runtime-api/protocol/json_text.hpp"
#include "runtimes/cpp/handler_name.hpp"

namespace kiln {
namespace {

kiln_text text_of(std::string_view text) { return {text.data(), text.size()}; }
std::string_view view_of(kiln_text text) { return {text.data, text.size}; }

/// The context of the C ABI, and behind it what its functions need.
struct InvocationContext {
  kiln_context abi{};  // first: the function hands us back its address
  Deadline deadline;
  LogFormat log_format = LogFormat::text;
};
static_assert(offsetof(InvocationContext, abi) == 0);

/// The result of the C ABI, and behind it what the function said.
struct InvocationAnswer {
  kiln_result abi{};
  std::string body;
  std::string content_type;
  std::string error_type;
  bool failed = false;
  ResponseSink* stream = nullptr;
  std::string stream_failure;
};
static_assert(offsetof(InvocationAnswer, abi) == 0);

extern "C" {

std::int64_t kiln_remaining_time(const kiln_context* self) {
  const auto* context = reinterpret_cast<const InvocationContext*>(self);
  return std::chrono::duration_cast<std::chrono::milliseconds>(context->deadline.remaining()).count();
}

void kiln_log(const kiln_context* self, kiln_text message) {
  const auto* context = reinterpret_cast<const InvocationContext*>(self);
  write_log_line(context->log_format, "", view_of(self->request_id), view_of(message));
}

void kiln_respond(kiln_result* self, kiln_text body, kiln_text content_type) {
  auto* answer = reinterpret_cast<InvocationAnswer*>(self);
  answer->failed = false;
  if (answer->body.capacity() < body.size) answer->body = answer->stream->body_buffer();
  answer->body.assign(view_of(body));
  answer->content_type.assign(view_of(content_type));
}

void kiln_fail(kiln_result* self, kiln_text type, kiln_text message) {
  auto* answer = reinterpret_cast<InvocationAnswer*>(self);
  answer->failed = true;
  answer->body.assign(view_of(message));
  answer->error_type.assign(view_of(type));
}

void kiln_stream_as(kiln_result* self, kiln_text content_type) {
  auto* answer = reinterpret_cast<InvocationAnswer*>(self);
  if (!answer->stream->is_open()) answer->content_type.assign(view_of(content_type));
}

kiln_text kiln_write(kiln_result* self, kiln_text bytes) {
  auto* answer = reinterpret_cast<InvocationAnswer*>(self);
  if (!answer->content_type.empty()) answer->stream->open(answer->content_type);
  if (auto failure = answer->stream->write(view_of(bytes))) answer->stream_failure = *std::move(failure);
  return text_of(answer->stream_failure);
}

}  // extern "C"

/// Makes ready to catch what a function throws whose libgcc is another one than ours (both are linked statically): what it has
/// unwound is handed over to our copy, whose tables are made when it first unwinds itself.
void prepare_to_catch() {
  _Unwind_Backtrace([](_Unwind_Context*, void*) { return _URC_END_OF_STACK; }, nullptr);
}

/// Error body in the key order of the Python runtime.
std::string error_body(std::string_view type, std::string_view message, std::string_view request_id) {
  std::string body = R"({"errorMessage": )";
  append_json_string(body, message);
  body += R"(, "errorType": )";
  append_json_string(body, type);
  body += R"(, "requestId": )";
  append_json_string(body, request_id);
  body += R"(, "stackTrace": []})";
  return body;
}

std::string xray_cause(std::string_view type, std::string_view message, std::string_view working_directory) {
  std::string cause = R"({"working_directory":)";
  append_json_string(cause, working_directory);
  cause += R"(,"exceptions":[{"message":)";
  append_json_string(cause, message);
  cause += R"(,"type":)";
  append_json_string(cause, type);
  cause += R"(,"stack":[]}],"paths":[]})";
  return cause;
}

std::string last_loader_error() {
  const char* text = ::dlerror();  // NOLINT(concurrency-mt-unsafe): glibc keeps one a thread
  return text != nullptr ? text : "unknown loader error";
}

}  // namespace

FunctionError CppRuntime::function_error(std::string_view type, std::string_view message,
                                         std::string_view request_id) const {
  std::string line(type);
  line.append(": ").append(message);
  write_log_line(log_format_, "ERROR", request_id, line);
  FunctionError error;
  error.type = type;
  error.body = error_body(type, message, request_id);
  error.xray_cause = xray_cause(type, message, environment_.task_root);
  return error;
}

std::optional<FunctionError> CppRuntime::load(const FunctionEnvironment& environment) {
  environment_ = environment;
  log_format_ = environment.log_format == "JSON" ? LogFormat::json : LogFormat::text;
  const std::string& memory = environment.memory_mb;
  std::from_chars(memory.data(), memory.data() + memory.size(), memory_limit_mb_);
  // Into a pipe stdio would hold lines back until its buffer is full, and a log line belongs to its own invocation.
  std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
  std::setvbuf(stderr, nullptr, _IOLBF, BUFSIZ);

  const auto name = parse_handler_name(environment.handler);
  if (!name) {
    return function_error(
        error_types::malformed_handler_name,
        "Bad handler '" + environment.handler + "': it is not of the form module.function, as in index.handler", {});
  }
  return find_handler(module_path(environment.task_root, name->module), name->module, name->symbol);
}

std::optional<FunctionError> CppRuntime::find_handler(const std::string& path, const std::string& module,
                                                      const std::string& symbol) {
  // All symbols now: one that is missing is an init error with a name, not a crash in the middle of an invocation.
  void* object = nullptr;
  // Declared as one that throws nothing, so that compilers leave out what would catch it; of this one they cannot know.
  void* (*volatile open_object)(const char*, int) = ::dlopen;
  prepare_to_catch();
  try {
    object = open_object(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  } catch (...) {
    // Of the function's static objects. The loader was cut off in the middle, and is not to be asked again: the process ends now.
    InvocationAnswer answer;
    answer.abi.fail = kiln_fail;
    detail::fail_with_current_exception(&answer.abi);
    return function_error(answer.error_type, answer.body, {});
  }
  if (object == nullptr) {
    return function_error(error_types::import_module_error,
                          "Unable to import module '" + module + "': " + last_loader_error(), {});
  }
  const auto* version = static_cast<const std::uint32_t*>(::dlsym(object, "kiln_function_abi_version"));
  if (version == nullptr || *version != KILN_FUNCTION_ABI_VERSION) {
    const std::string theirs = version == nullptr ? "no" : "the version " + std::to_string(*version) + " of the";
    return function_error(
        error_types::abi_mismatch,
        "Module '" + module + "' was built with " + theirs + " kiln function ABI, this runtime has version " +
            std::to_string(KILN_FUNCTION_ABI_VERSION) + ": build it anew with this kiln's kiln/function.h",
        {});
  }
  void* found = ::dlsym(object, symbol.c_str());
  if (found == nullptr) {
    return function_error(
        error_types::handler_not_found,
        "Handler '" + symbol + "' missing on module '" + module + "': export it with KILN_HANDLER(" + symbol + ")", {});
  }
  handler_ = reinterpret_cast<kiln_handler>(found);
  return std::nullopt;
}

InvocationResult CppRuntime::invoke(const Invocation& invocation, ResponseSink& response) {
  InvocationContext context;
  context.deadline = invocation.deadline;
  context.log_format = log_format_;
  context.abi = kiln_context{sizeof(kiln_context),
                             text_of(invocation.request_id),
                             text_of(invocation.function_arn),
                             text_of(environment_.function_name),
                             text_of(environment_.function_version),
                             text_of(environment_.log_group),
                             text_of(environment_.log_stream),
                             text_of(invocation.trace_id),
                             text_of(invocation.client_context),
                             text_of(invocation.cognito_identity),
                             text_of(invocation.tenant_id),
                             text_of(invocation.content_type),
                             memory_limit_mb_,
                             kiln_remaining_time,
                             kiln_log};
  InvocationAnswer answer;
  answer.abi = kiln_result{sizeof(kiln_result), kiln_respond, kiln_fail, kiln_stream_as, kiln_write};
  answer.stream = &response;
  handler_(&context.abi, text_of(invocation.payload), &answer.abi);
  // What the function printed without a line end belongs to this invocation's log, not to the next one's.
  std::fflush(stdout);
  std::fflush(stderr);
  if (answer.failed) return function_error(answer.error_type, answer.body, invocation.request_id);
  Success success;
  if (response.is_open()) return success;
  if (!answer.content_type.empty()) success.content_type = std::move(answer.content_type);
  success.body = std::move(answer.body);
  return success;
}

void CppRuntime::shutdown() {
  std::fflush(stdout);
  std::fflush(stderr);
}

}  // namespace kiln
