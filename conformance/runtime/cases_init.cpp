// SPDX-License-Identifier: Apache-2.0
// The init phase: the first request, and handlers that cannot be loaded.
#include <nlohmann/json.hpp>

#include "conformance/finding.hpp"
#include "conformance/runtime/cases.hpp"
#include "conformance/sources.hpp"
#include "runtime-api/protocol/environment.hpp"
#include "runtime-api/protocol/headers.hpp"
#include "runtime-api/protocol/routes.hpp"

namespace kiln::conformance {
namespace {

using namespace std::chrono_literals;

/// A name that no handler has.
constexpr const char* missing_handler = "kiln_conformance_missing.handler";
/// Tells the test handler to fail while it is loaded.
constexpr const char* failing_init = "CONFORMANCE_FAIL_INIT";

void first_request(RuntimeBench& bench) {
  Instance instance = bench.start();
  const Request first = instance.request("a first request");
  expect(first.is_poll(), "GET " + std::string(routes::next), first.line());
  expect(first.message.start_line.ends_with(" HTTP/1.1"), "HTTP/1.1", first.message.start_line);
  expect(first.message.field("Host").has_value(), "a Host field (RFC 9112, 3.2)", "none");
  expect(first.message.body.empty(), "a poll without a body", shown(first.message.body));
}

/// The post to init/error of an instance that cannot load its handler.
Request init_error_of(Instance& instance) {
  Request first = instance.request("a post to " + std::string(routes::init_error));
  if (first.is_poll())
    throw NotOffered{"the runtime loads no handler by name: it polls although _HANDLER names nothing"};
  expect(first.line() == "POST " + std::string(routes::init_error), "POST " + std::string(routes::init_error),
         first.line());
  return first;
}

void check_error_body(const std::string& body) {
  const auto json = nlohmann::json::parse(body, nullptr, false);
  const bool complete = json.is_object() && json.value("errorMessage", nlohmann::json()).is_string() &&
                        json.value("errorType", nlohmann::json()).is_string();
  expect(complete, "a JSON object with the strings errorMessage and errorType", shown(body));
}

void missing_handler_ends(RuntimeBench& bench) {
  Instance instance = bench.start({.set = {{environment::handler, missing_handler}}});
  const auto first = instance.aftermath();
  if (first == Instance::Aftermath::polled) {
    throw NotOffered{"the runtime loads no handler by name: it polls although _HANDLER names nothing"};
  }
  if (first == Instance::Aftermath::posted) instance.answer(instance.request("a post"), accepted());
  const auto ending = instance.ending(instance.patience());
  expect(ending.has_value(), "the end of the process", "it lives on");
  expect(!ending->clean(), "an end with a status other than 0", ending->text());
}

void missing_handler_posted(RuntimeBench& bench) {
  Instance instance = bench.start({.set = {{environment::handler, missing_handler}}});
  const Request posted = init_error_of(instance);
  check_error_body(posted.message.body);
  const auto type = posted.message.field(headers::error_type);
  expect(type && !type->empty(), "the header " + std::string(headers::error_type), type ? "an empty one" : "none");
}

void init_failure_posted(RuntimeBench& bench) {
  Instance instance = bench.start({.set = {{failing_init, "1"}}});
  const Request posted = instance.request("a post to " + std::string(routes::init_error));
  expect(posted.line() == "POST " + std::string(routes::init_error), "POST " + std::string(routes::init_error),
         posted.line());
  check_error_body(posted.message.body);
  instance.answer(posted, accepted());
  const auto ending = instance.ending(instance.patience());
  expect(ending && !ending->clean(), "an end with a status other than 0", ending ? ending->text() : "it lives on");
}

void init_error_once(RuntimeBench& bench) {
  Instance instance = bench.start({.set = {{environment::handler, missing_handler}}});
  instance.answer(init_error_of(instance), accepted());
  const auto what = instance.aftermath();
  expect(what != Instance::Aftermath::posted, "nothing more after init/error", "another post");
  expect(what != Instance::Aftermath::polled, "nothing more after init/error", "a poll for an event");
}

void init_error_refused(RuntimeBench& bench) {
  Instance instance = bench.start({.set = {{environment::handler, missing_handler}}});
  instance.answer(init_error_of(instance), refused(403, "InvalidStateTransition"));
  const auto ending = instance.ending(instance.patience());
  expect(ending && !ending->clean(), "an end with a status other than 0", ending ? ending->text() : "it lives on");
}

void nobody_listens(RuntimeBench& bench) {
  Instance instance = bench.start({.listen = false});
  const auto ending = instance.ending(instance.patience());
  expect(ending.has_value(), "the end of the process, since nobody listens at AWS_LAMBDA_RUNTIME_API", "it lives on");
  expect(!ending->clean(), "an end with a status other than 0", ending->text());
}

void no_address(RuntimeBench& bench) {
  Instance instance = bench.start({.unset = {environment::runtime_api}});
  const auto ending = instance.ending(instance.patience());
  expect(ending.has_value(), "the end of the process, since AWS_LAMBDA_RUNTIME_API is not set", "it lives on");
  expect(ending->code && *ending->code != 0, "an exit with a status other than 0", ending->text());
  expect(!instance.printed().empty(), "a word about the cause on standard error", "nothing printed");
}

}  // namespace

RuntimeCases init_cases() {
  return {
      {{"init.first-request", Level::must, "The first request is a poll for an event",
        "Starts the runtime and reads its first request.", sources::next},
       first_request},
      {{"init.missing-handler-ends", Level::must, "A runtime that cannot load its handler ends with a failure",
        "Starts the runtime with a _HANDLER that names nothing; accepts a post to init/error, if one comes.",
        sources::custom},
       missing_handler_ends},
      {{"init.missing-handler-posted", Level::should, "A handler that cannot be loaded is told to init/error",
        "Starts the runtime with a _HANDLER that names nothing, and looks at what is posted: JSON, and the error type "
        "in "
        "a header.",
        sources::init_error},
       missing_handler_posted},
      {{"init.failure-posted", Level::should,
        "A handler that fails while it is loaded is told to init/error, then the end",
        "Starts the runtime with CONFORMANCE_FAIL_INIT=1, at which the test handler fails while it is loaded.",
        sources::init_error, "init-failure"},
       init_failure_posted},
      {{"init.error-once", Level::must, "After init/error nothing more is asked or posted",
        "Starts the runtime with a _HANDLER that names nothing, accepts init/error, and waits for the end.",
        sources::emulator},
       init_error_once},
      {{"init.error-refused", Level::should, "A refused init/error ends the process all the same",
        "Answers init/error with 403.", sources::clients},
       init_error_refused},
      {{"init.nobody-listens", Level::should, "A runtime whose platform is not there ends with a failure",
        "Starts the runtime with an address at which nobody listens.", sources::clients},
       nobody_listens},
      {{"init.no-address", Level::should, "Without AWS_LAMBDA_RUNTIME_API the runtime says so and ends",
        "Starts the runtime without the variable, and waits for a status other than 0 and a word on standard error.",
        sources::environment},
       no_address},
  };
}

}  // namespace kiln::conformance
