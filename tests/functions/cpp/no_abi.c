/* SPDX-License-Identifier: Apache-2.0 */
/* A shared object that has a handler, but knows nothing of kiln. */
void handler(void);
void handler(void) {}
