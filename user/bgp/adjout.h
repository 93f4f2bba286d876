/* SPDX-License-Identifier: Apache-2.0 */
/* What a peer is told: RFC 4271 9.2, with MRAI 0; changes of one event-loop turn go out together. */
#ifndef SLUICE_BGP_ADJOUT_H
#define SLUICE_BGP_ADJOUT_H

#include "bgp/policy.h"
#include "bgp/rib.h"

/* Room that a writer must have for any one message. */
#define ADJOUT_ROOM MESSAGE_MAX

/*
 * What one round of decisions changed in a family, in short: most of it does not concern most peers,
 * which then need not look at the prefixes at all.
 */
#define ADJOUT_NEWS_MAX 1024

struct adjout_news {
	uint32_t count;
	struct adjout_item {
		uint32_t number;
		uint16_t site, group; /* who is not told */
		uint16_t told;        /* the one slot that was told, or one of ADJOUT_TOLD_... */
		bool wanted;          /* by all the others */
	} items[ADJOUT_NEWS_MAX];
};

struct adjout {
	struct rib *rib;
	const struct policy *policy;
	struct rib_peer *peer;
	bool four_octet_as;
	bool more_follows; /* decisions wait for others (RFC 4724 4.1): no End-of-RIB yet */
};

/* What stands behind the `recent` cursor of the family: changed by so many decisions at most. */
void adjout_collect_news(struct rib *rib, const struct policy *policy, enum bgp_family family,
	struct adjout_news *news);

/* Forgets prefixes of it that nobody needs any longer. */
void adjout_clean_news(struct rib *rib, enum bgp_family family, const struct adjout_news *news);

/*
 * Writes UPDATEs of a family until the peer knows everything or w has less than ADJOUT_ROOM bytes
 * left; ends the first round with End-of-RIB. True when nothing is left to tell.
 */
bool adjout_fill(const struct adjout *o, enum bgp_family family, struct wr *w);

/* The same, for a peer that knows everything but the news. */
bool adjout_knows_the_rest(const struct adjout *o, enum bgp_family family);
bool adjout_fill_news(const struct adjout *o, enum bgp_family family,
	const struct adjout_news *news, struct wr *w);

#endif
