// SPDX-License-Identifier: Apache-2.0
// Functions in C++:
//
//   #include <kiln/function.hpp>
//   nlohmann::json handler(const nlohmann::json& event, kiln::Context& context) { return "Hello Serverless"; }
//   KILN_HANDLER(handler)
//
// The event may be nlohmann::json, any type nlohmann can read (NLOHMANN_DEFINE_TYPE_…), or kiln::Bytes for the bytes as
// they came (std::string_view: the same without a copy); the result likewise, or void. A handler that returns void may
// take a kiln::ResponseStream& between event and context, and send its answer while it makes it. Parameters may be left
// out from the right. Header only.
#pragma once

#if !__has_include(<nlohmann/json.hpp>)
#error "kiln/function.hpp needs nlohmann/json (Debian: apt-get install nlohmann-json3-dev)"
#endif

#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include "kiln/failure.hpp"
#include "kiln/function.h"

namespace kiln {

/// Bytes as they are on the wire. As a result, an empty content type means application/json.
struct Bytes {
  std::string data;
  std::string content_type = {};
};

/// The running invocation. Valid until the handler returns; not to be used from other threads, except `log` and
/// `remaining_time`.
class Context {
 public:
  explicit Context(const kiln_context& context) : context_(context) {}
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  std::string_view request_id() const { return text(context_.request_id); }
  std::string_view invoked_function_arn() const { return text(context_.invoked_function_arn); }
  std::string_view function_name() const { return text(context_.function_name); }
  std::string_view function_version() const { return text(context_.function_version); }
  std::string_view log_group_name() const { return text(context_.log_group_name); }
  std::string_view log_stream_name() const { return text(context_.log_stream_name); }
  /// X-Amzn-Trace-Id; empty where there is none.
  std::string_view trace_id() const { return text(context_.trace_id); }
  /// JSON as the invoker sent it; empty where there is none.
  std::string_view client_context() const { return text(context_.client_context); }
  /// JSON; empty where there is none.
  std::string_view cognito_identity() const { return text(context_.cognito_identity); }
  std::string_view tenant_id() const { return text(context_.tenant_id); }
  std::string_view event_content_type() const { return text(context_.event_content_type); }
  /// 0 where the platform did not say.
  int memory_limit_in_mb() const { return context_.memory_limit_in_mb; }
  /// Until the platform ends the invocation; never negative.
  std::chrono::milliseconds remaining_time() const {
    return std::chrono::milliseconds(context_.remaining_time_in_millis(&context_));
  }
  /// Writes one line to the function's log.
  void log(std::string_view message) const { context_.log(&context_, {message.data(), message.size()}); }

 private:
  static std::string_view text(const kiln_text& given) { return {given.data, given.size}; }

  const kiln_context& context_;
};

/// Thrown by ResponseStream::write when nobody takes the rest of the answer: the invoker has gone away, or the platform has
/// refused it. Nothing can be sent any more, whether it is caught or not.
class StreamClosed : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The answer of a handler that sends it while it makes it. Used by one thread at a time. Until the first write an
/// exception is reported as for any other handler; later ones end the stream, and the invoker gets them behind what was
/// sent. A handler that has written nothing has answered with nothing.
class ResponseStream {
 public:
  /// Throws HandlerError where the kiln that runs the function is too old for streams.
  explicit ResponseStream(kiln_result& result) : result_(result) {
    if (result.struct_size < offsetof(kiln_result, write) + sizeof(result.write)) {
      throw HandlerError("Runtime.StreamingUnsupported", "the kiln that runs this function cannot stream responses");
    }
  }
  ResponseStream(const ResponseStream&) = delete;
  ResponseStream& operator=(const ResponseStream&) = delete;

  /// Before the first write; application/octet-stream otherwise.
  void content_type(std::string_view type) { result_.stream_as(&result_, {type.data(), type.size()}); }

  /// Status, headers and cookies of the HTTP answer that an HTTP trigger makes of this stream; before the first write.
  /// Sent at once. An invoker that is no HTTP trigger gets them as JSON and eight NULs in front of the stream.
  void http(int status, const std::map<std::string, std::string>& headers = {},
            const std::vector<std::string>& cookies = {}) {
    if (begun_) throw std::logic_error("kiln::ResponseStream::http comes before the first write");
    nlohmann::json prelude = {{"statusCode", status}, {"headers", headers}};
    if (!cookies.empty()) prelude["cookies"] = cookies;
    content_type("application/vnd.awslambda.http-integration-response");
    write(prelude.dump() + std::string(8, '\0'));
  }

  /// Sends the bytes at once, and waits while the invoker takes none. Throws StreamClosed.
  void write(std::string_view bytes) {
    begun_ = true;
    const kiln_text why = result_.write(&result_, {bytes.data(), bytes.size()});
    if (why.size > 0) throw StreamClosed(std::string(why.data, why.size));
  }

 private:
  kiln_result& result_;
  bool begun_ = false;
};

namespace detail {

template <typename Callable>
struct Signature : Signature<decltype(&Callable::operator())> {};
template <typename Result, typename... Arguments>
struct Signature<Result (*)(Arguments...)> {
  using Event = void;
  static_assert(sizeof...(Arguments) <= 3,
                "a handler takes (event, stream, context), (event, context), (event) or nothing");
};
template <typename Result, typename First>
struct Signature<Result (*)(First)> {
  using Event = std::remove_cv_t<std::remove_reference_t<First>>;
};
template <typename Result, typename First, typename Second>
struct Signature<Result (*)(First, Second)> {
  using Event = std::remove_cv_t<std::remove_reference_t<First>>;
  static_assert(std::is_invocable_v<Result (*)(First, Second), First, Context&> ||
                    std::is_invocable_v<Result (*)(First, Second), First, ResponseStream&>,
                "a handler's second parameter is kiln::Context& or kiln::ResponseStream&");
};
template <typename Result, typename First, typename Second, typename Third>
struct Signature<Result (*)(First, Second, Third)> {
  using Event = std::remove_cv_t<std::remove_reference_t<First>>;
  static_assert(std::is_invocable_v<Result (*)(First, Second, Third), First, ResponseStream&, Context&>,
                "a handler with three parameters takes (event, kiln::ResponseStream&, kiln::Context&)");
};
template <typename Result, typename... Arguments>
struct Signature<Result (*)(Arguments...) noexcept> : Signature<Result (*)(Arguments...)> {};
template <typename Result, typename Class, typename... Arguments>
struct Signature<Result (Class::*)(Arguments...)> : Signature<Result (*)(Arguments...)> {};
template <typename Result, typename Class, typename... Arguments>
struct Signature<Result (Class::*)(Arguments...) const> : Signature<Result (*)(Arguments...)> {};

/// The event as the handler wants it; nothing where it cannot be had (then the error is set).
template <typename Event>
std::optional<Event> read_event(const kiln_context& context, kiln_text event, kiln_result* result) {
  if constexpr (std::is_same_v<Event, std::string_view>) {
    return std::string_view(event.data, event.size);
  } else if constexpr (std::is_same_v<Event, Bytes>) {
    const kiln_text type = context.event_content_type;
    return Bytes{std::string(event.data, event.size), std::string(type.data, type.size)};
  } else {
    try {
      nlohmann::json parsed = nlohmann::json::parse(event.data, event.data + event.size);
      if constexpr (std::is_same_v<Event, nlohmann::json>) {
        return parsed;
      } else {
        return parsed.template get<Event>();
      }
    } catch (const std::exception& error) {
      fail(result, "Runtime.UnmarshalError", std::string("Unable to unmarshal input: ") + error.what());
      return std::nullopt;
    }
  }
}

template <typename Value>
void write_result(kiln_result* result, const Value& value) {
  if constexpr (std::is_same_v<Value, Bytes>) {
    result->respond(result, {value.data.data(), value.data.size()},
                    {value.content_type.data(), value.content_type.size()});
  } else {
    std::string body;
    try {
      if constexpr (std::is_same_v<Value, nlohmann::json>) {
        body = value.dump();
      } else {
        body = nlohmann::json(value).dump();
      }
    } catch (const std::exception& error) {
      fail(result, "Runtime.MarshalError", std::string("Unable to marshal response: ") + error.what());
      return;
    }
    result->respond(result, {body.data(), body.size()}, {nullptr, 0});
  }
}

template <typename Call>
void answer_with(kiln_result* result, Call&& call) {
  if constexpr (std::is_void_v<decltype(call())>) {
    call();
    write_result(result, nlohmann::json());
  } else {
    write_result(result, call());
  }
}

template <typename Handler, typename Event>
inline constexpr bool takes = std::is_invocable_v<Handler, Event> || std::is_invocable_v<Handler, Event, Context&> ||
                              std::is_invocable_v<Handler, Event, ResponseStream&> ||
                              std::is_invocable_v<Handler, Event, ResponseStream&, Context&>;

/// Lends the handler a stream. The call is `handler(stream)`.
template <typename Call>
void stream_with(kiln_result* result, Call&& call) {
  ResponseStream stream(*result);
  static_assert(std::is_void_v<decltype(call(stream))>, "a handler with a kiln::ResponseStream& returns void");
  call(stream);
  stream.write({});
}

/// Calls the handler with as many of its parameters as it takes.
template <typename Handler, typename Event>
void call(Handler& handler, Event&& event, Context& context, kiln_result* result) {
  const auto with = [&](auto&... more) { return handler(std::forward<Event>(event), more...); };
  if constexpr (std::is_invocable_v<Handler, Event, ResponseStream&, Context&>) {
    stream_with(result, [&](ResponseStream& stream) { return with(stream, context); });
  } else if constexpr (std::is_invocable_v<Handler, Event, ResponseStream&>) {
    stream_with(result, [&](ResponseStream& stream) { return with(stream); });
  } else if constexpr (std::is_invocable_v<Handler, Event, Context&>) {
    answer_with(result, [&] { return with(context); });
  } else {
    answer_with(result, [&] { return with(); });
  }
}

}  // namespace detail

/// Runs `handler` behind the C ABI: reads the event, calls, writes the result or the error. Lets no exception out.
template <typename Handler>
void run_handler(Handler&& handler, const kiln_context* raw_context, kiln_text event, kiln_result* result) noexcept {
  using Event = typename detail::Signature<std::decay_t<Handler>>::Event;
  Context context(*raw_context);
  try {
    if constexpr (std::is_void_v<Event>) {
      detail::answer_with(result, [&] { return handler(); });
    } else {
      std::optional<Event> read = detail::read_event<Event>(*raw_context, event, result);
      if (!read) return;
      // A handler that takes its event by value has it moved; one that wants to change it in place gets it as it stands.
      if constexpr (detail::takes<Handler, Event&&>) {
        detail::call(handler, std::move(*read), context, result);
      } else {
        detail::call(handler, *read, context, result);
      }
    }
  } catch (...) {
    detail::fail_with_current_exception(result);
  }
}

}  // namespace kiln

/// Exports the function or lambda behind `symbol` as the handler of that name. Outside any namespace, once for each
/// handler. (Variadic, as a lambda may have commas.)
#define KILN_HANDLER_AS(symbol, ...)                                                                                   \
  extern "C" KILN_EXPORT void kiln_exported_##symbol(const kiln_context*, kiln_text,                                   \
                                                     kiln_result*) noexcept __asm__(#symbol);                          \
  extern "C" void kiln_exported_##symbol(const kiln_context* context, kiln_text event, kiln_result* result) noexcept { \
    ::kiln::run_handler(__VA_ARGS__, context, event, result);                                                          \
  }

/// Exports the function under its own name, so that `KILN_HANDLER(handler)` in index.so is `index.handler`.
#define KILN_HANDLER(function) KILN_HANDLER_AS(function, function)
