/* SPDX-License-Identifier: Apache-2.0 */
/* A function in C that tries from inside an instance, by bare system calls, what docs/security.md says cannot be done.
 * Event: a JSON text of blank-separated words, the probe's name first. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kiln/function.h>

#include "answer.h"

static const struct {
  const char* name;
  void (*run)(struct answer*, const struct words*);
} probes[] = {
    {"processes", probe_processes},
    {"networks", probe_networks},
    {"files", probe_files},
    {"kernel", probe_kernel},
    {"descriptors", probe_descriptors},
    {"take-processes", take_processes},
    {"take-memory", take_memory},
    {"take-shared-memory", take_shared_memory},
    {"fill", fill_folder},
    {"flood", flood_log},
    {"daemon", leave_daemon},
    {"end", end_at_once},
};

static void add(struct answer* answer, const char* value, const char* name, va_list arguments) {
  char text[512];
  vsnprintf(text, sizeof text, name, arguments);
  const int n = snprintf(answer->text + answer->size, sizeof answer->text - answer->size, "%s\"%s\": %s",
                         answer->size > 1 ? ", " : "", text, value);
  /* One brace is still to come. */
  if (n < 0 || answer->size + (size_t)n + 2 > sizeof answer->text) abort();
  answer->size += (size_t)n;
}

static void add_number(struct answer* answer, long value, const char* name, va_list arguments) {
  char text[32];
  snprintf(text, sizeof text, "%ld", value);
  add(answer, text, name, arguments);
}

void tried(struct answer* answer, long made, const char* name, ...) {
  const int error = errno;
  va_list arguments;
  va_start(arguments, name);
  add_number(answer, made < 0 ? error : 0, name, arguments);
  va_end(arguments);
}

void found(struct answer* answer, long value, const char* name, ...) {
  va_list arguments;
  va_start(arguments, name);
  add_number(answer, value, name, arguments);
  va_end(arguments);
}

void noted(struct answer* answer, const char* text, const char* name, ...) {
  char quoted[1024];
  va_list arguments;
  snprintf(quoted, sizeof quoted, "\"%s\"", text);
  va_start(arguments, name);
  add(answer, quoted, name, arguments);
  va_end(arguments);
}

static void split(struct words* words, kiln_text event) {
  static char nothing[1];
  for (int i = 0; i < max_words; ++i) words->word[i] = nothing;
  snprintf(words->text, sizeof words->text, "%.*s", (int)event.size, event.data);
  char* place = NULL;
  for (char* word = strtok_r(words->text, " \"\n", &place); word != NULL && words->count < max_words;
       word = strtok_r(NULL, " \"\n", &place)) {
    words->word[words->count++] = word;
  }
}

KILN_EXPORT void handler(const kiln_context* context, kiln_text event, kiln_result* result) {
  static struct answer answer;
  struct words words = {0};
  const kiln_text type = {NULL, 0};
  (void)context;
  split(&words, event);
  answer.size = 1;
  answer.text[0] = '{';
  for (size_t i = 0; i < sizeof probes / sizeof probes[0]; ++i) {
    if (strcmp(words.word[0], probes[i].name) != 0) continue;
    probes[i].run(&answer, &words);
    const char* const stream = getenv("AWS_LAMBDA_LOG_STREAM_NAME");
    noted(&answer, stream != NULL ? stream : "", "instance");
    answer.text[answer.size++] = '}';
    const kiln_text body = {answer.text, answer.size};
    result->respond(result, body, type);
    return;
  }
  const kiln_text what = {"NoSuchProbe", strlen("NoSuchProbe")};
  const kiln_text name = {words.word[0], strlen(words.word[0])};
  result->fail(result, what, name);
}
