/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice explain`: the catalogue of reasons, why a tunnel fails and why packets are dropped. Needs no daemon. */
#include "explain.h"

#include "drops.h"

#include "ike/reason.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static void print_reason(enum reason r)
{
	const char *advice = reason_advice(r);

	printf("%s\n    %s.\n", reason_code(r), reason_sentence(r));
	if (*advice)
		printf("    %s.\n", advice);
}

static void print_drop(const struct drop_reason *d)
{
	printf("%s\n    Dropped: %s.\n", d->name, d->sentence);
	if (*d->advice)
		printf("    %s.\n", d->advice);
}

bool explain(const char *code)
{
	bool found = false;

	for (int r = REASON_NONE + 1; r < REASONS; r++) {
		if (code && strcasecmp(code, reason_code((enum reason)r)))
			continue;
		print_reason((enum reason)r);
		found = true;
	}
	for (const struct drop_reason *d = drop_reasons; d->name; d++) {
		if (code && strcasecmp(code, d->name))
			continue;
		print_drop(d);
		found = true;
	}
	return found;
}
