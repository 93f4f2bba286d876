/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an outage would do to what carries now: the hub, an endpoint of it, all of a site, or one tunnel. No I/O.
 */
#ifndef SLUICE_PLAN_FAILURE_H
#define SLUICE_PLAN_FAILURE_H

#include "state/model.h"

enum failure_kind {
	FAILURE_HUB,
	FAILURE_ENDPOINT,
	FAILURE_SITE,
	FAILURE_TUNNEL,
};

struct failure {
	enum failure_kind kind;
	unsigned int number; /* of the endpoint or the tunnel */
	char site[SITE_NAME_SIZE];
	bool both; /* endpoints are addresses of one device, which fails with either; of failure_of() */
};

/* "hub", "endpoint:0", "site:NAME", "tunnel:NAME/1". False: it is none of these. */
bool failure_read(const char *text, struct failure *f);

/* What becomes of a site that uses what fails. */
enum failure_outcome {
	FAILURE_SPARE, /* nothing goes over it now; what takes over for another tunnel is gone */
	FAILURE_MOVES, /* to the other tunnel, or to another site of its group, all of it */
	FAILURE_PARTS, /* so; but some prefixes have no other way */
	FAILURE_ALL,   /* nothing leads to it any more */
	FAILURE_OUTCOMES,
};

extern const char *const failure_outcomes[FAILURE_OUTCOMES];

/* Bits per second, from the site and to it. */
struct failure_rates {
	uint64_t bps[SLUICE_DIRECTIONS];
};

struct failure_site {
	const struct site *site;
	bool ends[TUNNELS_PER_SITE]; /* carries now, and would not */
	enum failure_outcome outcome;
	uint32_t routes_moved, routes_lost; /* that lead to the site now */
	struct failure_rates moved, lost;
	struct failure_rates over; /* of a gateway: more than the other tunnel may carry */
	uint32_t noticed_ms;       /* at the latest; 0: at once */
};

struct failure_endpoint {
	struct failure_rates now, then;
	uint64_t speed_bps; /* of its device; 0: not known */
	bool holds;         /* what would go over that device then, as far as the speed is known */
};

struct failure_effect {
	struct failure what;
	size_t count; /* sites that carry something over it, in the order of slots */
	struct failure_site sites[CONFIG_SITES_MAX];
	unsigned int untouched; /* sites that carry, and do not over it */
	struct failure_endpoint endpoints[CONFIG_ENDPOINTS];
};

/* For free(). NULL: there is no such site, tunnel or endpoint. */
struct failure_effect *failure_of(const struct model *m, const struct failure *f);

#endif
