/* SPDX-License-Identifier: Apache-2.0 */
/* Between certificates.c, which loads, and certificates_show.c, which shows. */
#ifndef SLUICE_HUB_SECRET_CERTIFICATES_INTERNAL_H
#define SLUICE_HUB_SECRET_CERTIFICATES_INTERNAL_H

#include "crypto/trust.h"
#include "hub/secret/certificates.h"

/* A certificate of the hub: the common one, that of its API, and those of tunnels with their own. */
struct certificate_entry {
	struct certificate_conf conf;
	struct credential *credential;
	struct cert_facts facts;
	int64_t warned_s;
};

struct certificates {
	size_t own_count;
	struct certificate_entry own[2 + CONFIG_SITES_MAX * TUNNELS_PER_SITE];
	struct trust *trust, *clients; /* of devices of sites, of clients of the API */
	int64_t ca_warned_s[TRUST_CAS_MAX];
	int64_t crl_warned_s[2 * TRUST_CRLS_MAX];
};

/* What certificates_warn() says of those that are not a site's. */
void certificates_warn_own(struct certificates *all);

/* NULL when it is not loaded. */
struct certificate_entry *certificates_find(
	const struct certificates *all, const struct certificate_conf *conf);

#endif
