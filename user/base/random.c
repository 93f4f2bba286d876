/* SPDX-License-Identifier: Apache-2.0 */
#include "base/random.h"

#include <stdlib.h>
#include <sys/random.h>

uint64_t random_u64(void)
{
	uint64_t drawn;

	if (getrandom(&drawn, sizeof(drawn), 0) != sizeof(drawn))
		abort();
	return drawn;
}
