/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known when a plan is made: of the tunnels as they are, and of what the candidate refers to. Whoever may ask maps
 * and read files has looked beforehand; a plan does neither.
 */
#ifndef SLUICE_PLAN_KNOWN_H
#define SLUICE_PLAN_KNOWN_H

#include "config/config.h"
#include "state/model.h"

/* What the files that a tunnel of the candidate refers to say of the device that is there now. */
struct tunnel_facts {
	bool key_fits;                  /* it has the key that it would have to have */
	bool cert_fits;                 /* the certificate that it came with would be trusted */
	char missing[REASON_TEXT_SIZE]; /* which secret cannot be had, and why; "": all can */
};

/* Something with an end, as a certificate. Seconds since the epoch. */
struct known_end {
	char what[REASON_TEXT_SIZE];
	int64_t warn_from, at;
};

#define KNOWN_ENDS_MAX 512

struct plan_known {
	const struct model *model;
	const struct config *candidate;
	const struct tunnel_facts (*facts)[TUNNELS_PER_SITE]; /* in the order of its sites; NULL */
	const struct known_end *ends; /* of the hub's own certificates, authorities and lists */
	size_t end_count;
	uint64_t wall_ns; /* now */
};

/* NULL: nothing is known. */
const struct site_tunnel *known_tunnel(
	const struct plan_known *k, const struct site_conf *site, unsigned int t);
const struct tunnel_facts *known_facts(
	const struct plan_known *k, const struct site_conf *site, unsigned int t);

/* A site of the candidate has a tunnel that is up, and what it has negotiated is not what it could negotiate then. */
bool known_tunnel_ends(const struct plan_known *k, const struct site_conf *was,
	const struct site_conf *is, unsigned int t);

/*
 * The same for one option alone, of the tunnel `is`, which was `was` before; `field` is where its value stands in them.
 */
struct walk_field;
bool known_option_ends(const struct plan_known *k, const struct walk_field *field,
	const struct site_conf *was, const struct site_conf *is, unsigned int t);

/* The same of a certificate: that of the device would not be trusted. */
bool known_cert_ends(const struct plan_known *k, const struct site_conf *is, unsigned int t);

/* The site announces over tunnel t more than it may by `is`: then its session ends. */
bool known_prefixes_over(const struct plan_known *k, const struct site_conf *is, unsigned int t);

#endif
