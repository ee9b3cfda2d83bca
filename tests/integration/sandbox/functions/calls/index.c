/* SPDX-License-Identifier: Apache-2.0 */
/* A function that makes the system call its event names, as raw numbers, and answers with errno (0: it was made).
 * Event: NUMBER [ARGUMENT…], separated by blanks; an argument is a number or, behind an `@`, a text without blanks. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <kiln/function.h>

KILN_EXPORT void handler(const kiln_context* context, kiln_text event, kiln_result* result) {
  char text[4096];
  char answer[64];
  char* words[8] = {0};
  long arguments[7] = {0};
  int count = 0;
  (void)context;
  snprintf(text, sizeof text, "%.*s", (int)event.size, event.data);
  for (char* word = strtok(text, " \"\n"); word != NULL && count < 7; word = strtok(NULL, " \"\n"))
    words[count++] = word;
  for (int i = 0; i < count; ++i) {
    arguments[i] = words[i][0] == '@' ? (long)(words[i] + 1) : strtol(words[i], NULL, 0);
  }
  errno = 0;
  const long made =
      syscall(arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5], arguments[6]);
  snprintf(answer, sizeof answer, "%d", made < 0 ? errno : 0);
  const kiln_text body = {answer, strlen(answer)};
  const kiln_text type = {"application/json", strlen("application/json")};
  result->respond(result, body, type);
}
