/* SPDX-License-Identifier: Apache-2.0 */
/* Declared owners of prefixes: which location a prefix, or the one it lies in, belongs to. */
#ifndef SLUICE_BGP_CLAIMS_H
#define SLUICE_BGP_CLAIMS_H

#include "base/addr.h"

#include <stddef.h>

struct claim {
	struct ip_prefix prefix;
	uint32_t group;
};

/* Sorted once, then only read. */
struct claims {
	struct claim *items;
	size_t count, size;
	bool has_len[2][129]; /* IPv4, IPv6: lengths that occur */
};

/* Begin with claims_clear(), add them all, then sort: only then they may be looked for. fini frees. */
void claims_clear(struct claims *c);
void claims_add(struct claims *c, const struct ip_prefix *prefix, uint32_t group);
void claims_sort(struct claims *c);
void claims_fini(struct claims *c);

/* After claims_sort: of claims of one prefix, one is left. */
void claims_unite(struct claims *c);

/* Whether both, sorted, have the same prefixes. */
bool claims_same_prefixes(const struct claims *a, const struct claims *b);

/* Whether a claim is of the prefix, or of one within it. */
bool claims_lie_within(const struct claims *c, const struct ip_prefix *prefix);

/* The longest claim that covers the prefix, or NULL. */
const struct claim *claims_find(const struct claims *c, const struct ip_prefix *prefix);

#endif
