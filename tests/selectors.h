/* SPDX-License-Identifier: Apache-2.0 */
/* The selectors of a route-based tunnel, 0.0.0.0/0 and ::/0, for tests and benchmarks. */
#ifndef SLUICE_TESTS_SELECTORS_H
#define SLUICE_TESTS_SELECTORS_H

#include "base/types.h"

#include <string.h>

static inline struct selector_set everything(void)
{
	struct selector_set s = {.count = 2};

	s.selectors[0] = (struct selector){.last_port = 0xffff};
	s.selectors[0].first.family = s.selectors[0].last.family = AF_INET;
	memset(s.selectors[0].last.bytes, 0xff, 4);
	s.selectors[1] = (struct selector){.last_port = 0xffff};
	s.selectors[1].first.family = s.selectors[1].last.family = AF_INET6;
	memset(s.selectors[1].last.bytes, 0xff, 16);
	return s;
}

#endif
