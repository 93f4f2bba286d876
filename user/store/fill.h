/* SPDX-License-Identifier: Apache-2.0 */
/* What nobody wants to choose for a new site: an AS, identities, inside addresses. Pure. */
#ifndef SLUICE_STORE_FILL_H
#define SLUICE_STORE_FILL_H

#include "config/config.h"
#include "store/tree.h"

#define FILL_WHY_SIZE 160

/* What a new site must not take. */
struct fill {
	const struct config *in_force;
	const struct config *edited;   /* what the files say; NULL: it cannot be read */
	const struct ip_prefix *taken; /* networks of the host, and blocks of others that are new */
	size_t taken_count;
	const uint32_t *asns; /* of others that are new */
	size_t asns_count;
	bool tunnels_are_said; /* it has as many as are in it, and not one for each endpoint */
};

/* Adds what is missing to the document of a site. False with a sentence: nothing is free. */
bool fill_site(json_t *tree, const char *name, const struct fill *f, char why[FILL_WHY_SIZE]);

#endif
