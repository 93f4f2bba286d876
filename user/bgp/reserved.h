/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What no site may announce, whatever it is configured for. Hub knows the facts (addresses, connected
 * networks) and gives them to bgp, and both ask the same function: what hub would refuse is neither used
 * by bgp nor told to other sites.
 */
#ifndef SLUICE_BGP_RESERVED_H
#define SLUICE_BGP_RESERVED_H

#include "bgp/claims.h"

#include <stdbool.h>
#include <stdint.h>

#define RESERVED_MAX 4096 /* facts of one list */

enum reserved_kind {
	RESERVED_NONE,
	RESERVED_OUTSIDE,   /* an outside address of the hub or of a site: nothing may cover it */
	RESERVED_CONNECTED, /* a network or a next hop of the hub: nothing may lie within it */
	RESERVED_MARTIAN,   /* never forwarded; known to everybody, in no list */
	RESERVED_KINDS,
};

struct reserved_fact {
	struct ip_prefix prefix; /* of an outside address: the host */
	uint8_t kind;
};

/* Filled, sorted once, then only read. */
struct reserved {
	struct claims outside, connected; /* the groups mean nothing */
};

/* Empties the list, to be filled again. */
void reserved_clear(struct reserved *r);
/* False: RESERVED_MAX is reached, or it is no fact (kind, prefix); then nothing is added. */
bool reserved_add(struct reserved *r, enum reserved_kind kind, const struct ip_prefix *prefix);
/* Afterwards every fact stands once. */
void reserved_sort(struct reserved *r);
void reserved_fini(struct reserved *r);

/* How many facts it has. */
size_t reserved_count(const struct reserved *r);
/* The facts in a fixed order: equal lists have equal ones. */
struct reserved_fact reserved_at(const struct reserved *r, size_t i);
bool reserved_equal(const struct reserved *a, const struct reserved *b);

/* Why the prefix may not be announced. A default route covers everything, and is judged elsewhere. */
enum reserved_kind reserved_find(const struct reserved *r, const struct ip_prefix *prefix);

/* "such addresses are never forwarded" */
const char *reserved_reason(enum reserved_kind kind);

/* Loopback, multicast, what stays on a link and the like: RFC 6890, RFC 3927 2.6.2, RFC 1112 4. */
const struct ip_prefix *reserved_martians(size_t *count);

#endif
