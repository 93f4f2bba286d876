/* SPDX-License-Identifier: Apache-2.0 */
/* What a peer is told: RFC 4271 9.2, with MRAI 0; changes of one event-loop turn go out together. */
#ifndef SLUICE_BGP_ADJOUT_H
#define SLUICE_BGP_ADJOUT_H

#include "bgp/policy.h"
#include "bgp/rib.h"

/* Bytes that any one message may need. */
#define ADJOUT_ROOM MESSAGE_MAX

/*
 * A short list of the prefixes of a family that one round of decisions has changed, made once for all peers. Most
 * changes do not concern most peers; with the list a peer sees that without looking at the prefixes themselves.
 */
#define ADJOUT_NEWS_MAX 1024

struct adjout_news {
	uint32_t count;
	struct adjout_item {
		uint32_t number; /* of the prefix in the pool of its table */
		uint16_t site,
			group; /* the site that it comes from and its group: they are not told */
		uint16_t told; /* the one slot that was told of it, or one of ADJOUT_TOLD_... */
		bool wanted;   /* the others are to be told of it */
	} items[ADJOUT_NEWS_MAX];
};

struct adjout {
	struct rib *rib;
	const struct policy *policy;
	struct rib_peer *peer;
	bool four_octet_as;
	bool more_follows; /* decisions wait for others (RFC 4724 4.1): no End-of-RIB yet */
};

/* Fills the list with the prefixes behind the `recent` cursor of the family: what the latest decisions changed. */
void adjout_collect_news(struct rib *rib, const struct policy *policy, enum bgp_family family,
	struct adjout_news *news);

/* After all peers have been told: frees those prefixes of the list of which nothing is known any more. */
void adjout_clean_news(struct rib *rib, enum bgp_family family, const struct adjout_news *news);

/*
 * Writes UPDATEs of a family until the peer knows everything or w has less than ADJOUT_ROOM bytes
 * left; ends the first round with End-of-RIB. True when nothing is left to tell.
 */
bool adjout_fill(const struct adjout *o, enum bgp_family family, struct wr *w);

/* Whether the peer knows everything but what the list has: then adjout_fill_news() is enough for it. */
bool adjout_knows_the_rest(const struct adjout *o, enum bgp_family family);
/* Writes what the list has for such a peer. True when nothing is left to tell. */
bool adjout_fill_news(const struct adjout *o, enum bgp_family family,
	const struct adjout_news *news, struct wr *w);

#endif
