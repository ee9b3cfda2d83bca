/* SPDX-License-Identifier: Apache-2.0 */
/* What takes more than there is, or stays behind. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "answer.h"

enum { mib = 1 << 20 };

/* Words: `bomb`: every process makes others, without an end. Else: as many as it gets, which are gone afterwards. */
void take_processes(struct answer* answer, const struct words* words) {
  if (strcmp(words->word[1], "bomb") == 0) {
    for (;;) fork();
  }
  static pid_t children[8192];
  int made = 0;
  int error = 0;
  while (made < 8192 && error == 0) {
    const pid_t child = fork();
    if (child == 0) {
      for (;;) pause();
    }
    if (child > 0) {
      children[made++] = child;
    } else {
      error = errno;
    }
  }
  for (int i = 0; i < made; ++i) {
    kill(children[i], SIGKILL);
    waitpid(children[i], NULL, 0);
  }
  found(answer, made, "made");
  found(answer, error, "error");
}

/* Words: how many MiB; without an end where it is no number. Answers with what malloc gave. */
void take_memory(struct answer* answer, const struct words* words) {
  const long wanted = atol(words->word[1]);
  long taken = 0;
  for (; wanted == 0 || taken < wanted; ++taken) {
    char* const block = malloc(mib);
    if (block == NULL) break;
    memset(block, 'x', mib);
  }
  found(answer, taken, "taken");
}

/* Words: how many MiB of memory that several processes could share, which is no file anywhere; `keep`: it does not answer. */
void take_shared_memory(struct answer* answer, const struct words* words) {
  const long wanted = atol(words->word[1]);
  long taken = 0;
  for (; taken < wanted; ++taken) {
    char* const block = mmap(NULL, mib, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED) break;
    memset(block, 'x', mib);
  }
  while (strcmp(words->word[2], "keep") == 0) pause();
  found(answer, taken, "taken");
}

/* Words: a folder; `crash`: and then it ends by a signal. Else it answers with how much and why no more, and removes it. */
void fill_folder(struct answer* answer, const struct words* words) {
  static char block[mib];
  char path[256];
  long written = 0;
  ssize_t n = 0;
  snprintf(path, sizeof path, "%s/filled", words->word[1]);
  const int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  while (file >= 0 && (n = write(file, block, sizeof block)) > 0) written += n;
  tried(answer, n < 0 || file < 0 ? -1 : 0, "error");
  if (strcmp(words->word[2], "crash") == 0) abort();
  unlink(path);
  close(file);
  found(answer, written / mib, "written");
}

/* Words: how many lines of 1 KiB. */
void flood_log(struct answer* answer, const struct words* words) {
  static char line[1024];
  const long lines = atol(words->word[1]);
  memset(line, 'y', sizeof line);
  line[sizeof line - 1] = '\n';
  long written = 0;
  for (long i = 0; i < lines; ++i) written += write(STDOUT_FILENO, line, sizeof line) == (ssize_t)sizeof line;
  found(answer, written, "written");
}

/* Words: an argument by which the process that stays can be found. */
void leave_daemon(struct answer* answer, const struct words* words) {
  const pid_t child = fork();
  if (child == 0) {
    setsid();
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    if (fork() != 0) _exit(0);
    execl("/bin/sleep", "sleep", words->word[1], (char*)NULL);
    _exit(127);
  }
  int status = -1;
  tried(answer, waitpid(child, &status, 0), "left");
}

void end_at_once(struct answer* answer, const struct words* words) {
  (void)answer;
  if (strcmp(words->word[1], "abort") == 0) abort();
  _exit(atoi(words->word[1]));
}
