/* SPDX-License-Identifier: Apache-2.0 */
/* What a probe has found: a JSON object of what was tried and the errno it came to, 0 where it was done. */
#ifndef KILN_TEST_PROBE_ANSWER_H
#define KILN_TEST_PROBE_ANSWER_H

#include <stddef.h>

enum { max_words = 32, max_answer = 128 * 1024 };

struct answer {
  char text[max_answer];
  size_t size;
};

/* The words of the event: its name, and what belongs to it. Missing ones are empty. */
struct words {
  char text[4096];
  char* word[max_words];
  int count;
};

/* Adds one entry under a name made as printf makes it. `made` is what a system call returned. */
__attribute__((format(printf, 3, 4))) void tried(struct answer* answer, long made, const char* name, ...);
/* A number or a text instead. */
__attribute__((format(printf, 3, 4))) void found(struct answer* answer, long value, const char* name, ...);
__attribute__((format(printf, 3, 4))) void noted(struct answer* answer, const char* text, const char* name, ...);

/* The probes, one a promise. */
void probe_processes(struct answer* answer, const struct words* words);
void probe_networks(struct answer* answer, const struct words* words);
void probe_files(struct answer* answer, const struct words* words);
void probe_kernel(struct answer* answer, const struct words* words);
void probe_descriptors(struct answer* answer, const struct words* words);
/* What takes too much, or stays behind. */
void take_processes(struct answer* answer, const struct words* words);
void take_memory(struct answer* answer, const struct words* words);
void take_shared_memory(struct answer* answer, const struct words* words);
void fill_folder(struct answer* answer, const struct words* words);
void flood_log(struct answer* answer, const struct words* words);
void leave_daemon(struct answer* answer, const struct words* words);
void end_at_once(struct answer* answer, const struct words* words);

#endif
