/* SPDX-License-Identifier: Apache-2.0 */
/* A function of a kiln to come. */
#include <stdint.h>

const uint32_t kiln_function_abi_version = 99;
void handler(void);
void handler(void) {}
