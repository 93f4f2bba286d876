/* SPDX-License-Identifier: Apache-2.0 */
/* Why packets are dropped, by the names that reports, metrics and maps give the reasons. */
#ifndef SLUICE_TOOLS_DROPS_H
#define SLUICE_TOOLS_DROPS_H

struct drop_reason {
	const char *name, *sentence, *advice; /* "": there is nothing to do */
};

/* Ends with a NULL name. */
extern const struct drop_reason drop_reasons[];

#endif
