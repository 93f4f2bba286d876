/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a stranger may cost: RFC 7296 2.6. Whoever begins a negotiation takes a place, which belongs to
 * where it came from: a configured address has places of its own, all others share those of their
 * prefix, and those of all prefixes together are limited. So nobody keeps a configured site out, and who
 * comes from elsewhere loses places only to prefixes that have fewer. Included by user/ike only.
 */
#ifndef SLUICE_IKE_ADMISSION_H
#define SLUICE_IKE_ADMISSION_H

#include "ike/internal.h"

#define HALF_OPEN_BUSY_LIFE                                                                        \
	(5 * CLOCK_SECOND)    /* a place is left to others after this, when they need it */
#define STRANGER_BITS_V4   24 /* of an address: what one stranger can have all of */
#define STRANGER_BITS_V6   56
#define STRANGER_SHARE     4 /* a prefix has at most this part of all places */
#define V1_HALF_OPEN_SHARE 2 /* half of them may be of IKEv1: it has no cookies */
#define V1_BUSY_PER_SOURCE 2 /* places of an address for it once cookies are due for IKEv2 */

/* Where negotiations came from that are unfinished. Exists while there are any. */
struct place {
	LIST_ENTRY(place) bucket;
	struct ip_addr source; /* the address, or its prefix */
	bool known;            /* a configured address */
	unsigned int count;
	TAILQ_HEAD(, ike_sa) sas; /* the oldest first; linked by in_place */
};

/*
 * Nothing is computed for whoever did not return a cookie: as many negotiations are unfinished, or as many
 * messages were refused of late, as limits.cookie_threshold says.
 */
bool admission_busy(const struct engine *e, uint64_t now);

/* The same for this message: also where it comes from there is no place left. */
bool admission_wants_cookie(const struct engine *e, const struct message *m);

/*
 * Is there a place for a negotiation that begins with m, if need be that of another which did not go on?
 * False: refused. In both cases it is noted that somebody lost his.
 */
bool admission_room(struct engine *e, const struct message *m, const struct ike_version *version);

/* The half-open responder SA that a copy of a first message belongs to; NULL: none. */
struct ike_sa *ike_sa_find_half_open(const struct engine *e, uint64_t spi_i,
	const struct ip_endpoint *local, const struct ip_endpoint *remote);

/*
 * A new responder SA takes its place, until it is established or dropped. `proven`: the peer gets what is
 * sent to its address.
 */
void admission_enter(struct engine *e, struct ike_sa *sa, bool proven, uint64_t now);
void admission_leave(struct engine *e, struct ike_sa *sa);

#endif
