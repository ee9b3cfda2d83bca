/* SPDX-License-Identifier: Apache-2.0 */
/* The C ABI between kiln's C++ runtime and a function: one shared object that exports its handler. C++ functions are
 * better written against kiln/function.hpp, which is built on this header alone.
 *
 * A handler is a function of type kiln_handler, exported under the name behind the last dot of the function's handler
 * setting: `handler` in index.so for index.handler. It is called on the process's main thread, once at a time.
 */
#ifndef KILN_FUNCTION_H
#define KILN_FUNCTION_H

#include <stddef.h>
#include <stdint.h>

/* Grows when a structure below changes in a way that older functions cannot stand. Members are only ever added at the
 * end; a function asks struct_size before it uses one that is newer than version 1. */
#define KILN_FUNCTION_ABI_VERSION 1u

#ifdef __cplusplus
extern "C" {
#define KILN_NOEXCEPT noexcept
#else
#define KILN_NOEXCEPT
#endif

#define KILN_EXPORT __attribute__((visibility("default")))

/* C names for a C header. NOLINTBEGIN(readability-identifier-naming) */

/* Bytes that need not end in a zero. Where there is none, size is 0 and data may be null. */
typedef struct kiln_text {
  const char* data;
  size_t size;
} kiln_text;

/* What a function may know of the running invocation. Everything in it belongs to the runtime and lives until the
 * handler returns. */
typedef struct kiln_context {
  size_t struct_size;
  kiln_text request_id;
  kiln_text invoked_function_arn;
  kiln_text function_name;
  kiln_text function_version;
  kiln_text log_group_name;
  kiln_text log_stream_name;
  kiln_text trace_id;         /* X-Amzn-Trace-Id; may be empty */
  kiln_text client_context;   /* JSON; may be empty */
  kiln_text cognito_identity; /* JSON; may be empty */
  kiln_text tenant_id;        /* may be empty */
  kiln_text event_content_type;
  int32_t memory_limit_in_mb; /* 0 where the platform did not say */
  /* Milliseconds until the platform ends the invocation; never negative. */
  int64_t (*remaining_time_in_millis)(const struct kiln_context* self);
  /* Writes one line to the function's log, with the request id where the log format has one. */
  void (*log)(const struct kiln_context* self, kiln_text message);
} kiln_context;

/* Takes what became of the invocation. The last call counts; a handler that makes none has answered with nothing. The
 * texts are copied. */
typedef struct kiln_result {
  size_t struct_size;
  /* The answer's bytes; an empty content type means application/json. */
  void (*respond)(struct kiln_result* self, kiln_text body, kiln_text content_type);
  /* A function error. The runtime makes the invoker's JSON of it. */
  void (*fail)(struct kiln_result* self, kiln_text type, kiln_text message);
} kiln_result;

/* Must not throw: an exception that leaves it ends the process. */
typedef void (*kiln_handler)(const kiln_context* context, kiln_text event, kiln_result* result);

/* Every object that includes this header says which version it was built with; the linker keeps one. */
#ifdef __cplusplus
extern
#endif
    /* NOLINTNEXTLINE(misc-definitions-in-headers): weak, one for the whole object */
    KILN_EXPORT const uint32_t kiln_function_abi_version __attribute__((weak, used)) = KILN_FUNCTION_ABI_VERSION;

/* NOLINTEND(readability-identifier-naming) */

#ifdef __cplusplus
}
#endif

#endif /* KILN_FUNCTION_H */
