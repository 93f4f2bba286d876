/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers of the kernel, for keys of hash tables and the like. */
#ifndef SLUICE_BASE_RANDOM_H
#define SLUICE_BASE_RANDOM_H

#include <stdint.h>

/* Not to be guessed. */
uint64_t random_u64(void);

#endif
