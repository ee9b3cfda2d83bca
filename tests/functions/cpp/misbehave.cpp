// SPDX-License-Identifier: Apache-2.0
// One function that does what its event says: {"do": verb, …}. No verb: the event comes back.
#include <kiln/function.hpp>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

using nlohmann::json;

namespace shop {

class OutOfStock : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct Order {
  std::string customer;
  int count = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Order, customer, count)

}  // namespace shop

namespace {

using Verb = json (*)(const json& event, kiln::Context& context);

json everything_of(const kiln::Context& context) {
  return {{"request_id", context.request_id()},
          {"invoked_function_arn", context.invoked_function_arn()},
          {"function_name", context.function_name()},
          {"function_version", context.function_version()},
          {"memory_limit_in_mb", context.memory_limit_in_mb()},
          {"log_group_name", context.log_group_name()},
          {"log_stream_name", context.log_stream_name()},
          {"trace_id", context.trace_id()},
          {"client_context", context.client_context()},
          {"cognito_identity", context.cognito_identity()},
          {"tenant_id", context.tenant_id()},
          {"event_content_type", context.event_content_type()},
          {"remaining_ms", context.remaining_time().count()}};
}

[[noreturn]] json fail_as(const std::string& what) {
  if (what == "class") throw shop::OutOfStock("no \"apples\" left");
  if (what == "named") throw kiln::HandlerError("Order.NotFound", "no such order");
  if (what == "int") throw 42;
  if (what == "text") throw "just text";
  if (what == "string") throw std::string("a string");
  throw shop::Order{};
}

json print(const json& event) {
  const std::string text = event.at("text");
  const std::string where = event.value("to", "printf");
  if (where == "printf") std::printf("%s", text.c_str());
  if (where == "cout") std::cout << text;
  if (where == "cerr") std::cerr << text;
  return nullptr;
}

/// Reads one byte of a fifo: returns once somebody has written one.
void wait_at(const std::string& path) {
  const int gate = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  char byte = 0;
  if (::read(gate, &byte, 1) != 1) throw std::runtime_error("no gate");
  ::close(gate);
}

json use_memory(const json& event) {
  std::string ballast(event.at("mb").get<std::size_t>() << 20, 'm');
  return ballast.size() + static_cast<unsigned char>(ballast.back());
}

const std::map<std::string, Verb>& verbs() {
  static const std::map<std::string, Verb> all = {
      {"context", [](const json&, kiln::Context& context) { return everything_of(context); }},
      {"throw", [](const json& event, kiln::Context&) -> json { fail_as(event.at("what")); }},
      {"exit", [](const json& event, kiln::Context&) -> json { std::exit(event.at("code").get<int>()); }},
      {"abort", [](const json&, kiln::Context&) -> json { std::abort(); }},
      {"segv", [](const json&, kiln::Context&) -> json { return ::raise(SIGSEGV); }},
      {"sleep",
       [](const json& event, kiln::Context&) -> json {
         std::this_thread::sleep_for(std::chrono::milliseconds(event.at("ms").get<int>()));
         return "slept";
       }},
      {"big", [](const json& event, kiln::Context&) -> json { return std::string(event.at("size"), 'x'); }},
      {"print", [](const json& event, kiln::Context&) { return print(event); }},
      {"log",
       [](const json& event, kiln::Context& context) -> json {
         context.log(event.at("text").get<std::string>());
         return nullptr;
       }},
      {"memory", [](const json& event, kiln::Context&) { return use_memory(event); }},
      {"env",
       [](const json& event, kiln::Context&) -> json {
         const char* value = std::getenv(event.at("name").get<std::string>().c_str());
         return value != nullptr ? json(value) : json();
       }},
      {"gate",
       [](const json& event, kiln::Context& context) -> json {
         context.log("at the gate");
         wait_at(event.at("path"));
         return context.request_id();
       }},
      {"pid", [](const json&, kiln::Context&) -> json { return ::getpid(); }},
      {"not-utf8", [](const json&, kiln::Context&) -> json { return "\xFF"; }},
      {"thread",
       [](const json&, kiln::Context&) -> json {
         // An exception that nobody catches, on a thread of the function's own.
         std::thread([] { throw std::runtime_error("on a thread"); }).join();
         return nullptr;
       }},
  };
  return all;
}

json handler(const json& event, kiln::Context& context) {
  const bool told = event.is_object() && event.contains("do");
  return told ? verbs().at(event["do"].get<std::string>())(event, context) : event;
}

}  // namespace

shop::Order twice(const shop::Order& order) { return {order.customer, 2 * order.count}; }
kiln::Bytes bytes(const kiln::Bytes& event) {
  return {std::string(event.data.rbegin(), event.data.rend()), event.content_type};
}
void nothing() {}
std::map<std::string, int> sizes(const std::vector<std::string>& words) noexcept {
  std::map<std::string, int> result;
  for (const auto& word : words) result[word] = static_cast<int>(word.size());
  return result;
}

// {"write": [text…], "as": content type, "http": {"status", "headers", "cookies"}, "throw": what, "gate": path of a fifo to
// wait for before each text, "swallow": whether StreamClosed is caught, "times": how often each text is written}.
void stream(const json& event, kiln::ResponseStream& out, kiln::Context& context) {
  if (event.contains("as")) out.content_type(event["as"].get<std::string>());
  if (event.contains("http")) {
    const json& http = event["http"];
    out.http(http.at("status"), http.value("headers", std::map<std::string, std::string>()),
             http.value("cookies", std::vector<std::string>()));
  }
  try {
    for (const std::string text : event.value("write", json::array())) {
      if (event.contains("gate")) wait_at(event["gate"]);
      for (int i = event.value("times", 1); i > 0; --i) out.write(text);
    }
  } catch (const kiln::StreamClosed& closed) {
    context.log(std::string("closed: ") + closed.what());
    if (!event.value("swallow", false)) throw;
  }
  if (event.contains("throw")) fail_as(event["throw"]);
}
void stream_plain(std::string_view event, kiln::ResponseStream& out) { out.write(event); }
std::string view(std::string_view event) { return std::string(event.substr(0, 4)); }

KILN_HANDLER(stream)
KILN_HANDLER(stream_plain)
KILN_HANDLER(view)
KILN_HANDLER(handler)
KILN_HANDLER(twice)
KILN_HANDLER(bytes)
KILN_HANDLER(nothing)
KILN_HANDLER(sizes)
KILN_HANDLER_AS(lambda, [](const json& event) { return json{{"got", event}}; })
