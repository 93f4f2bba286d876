/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known when a plan is made: of the tunnels as they are, and of what the candidate refers to. Whoever may ask maps
 * and read files has looked beforehand; a plan does neither.
 */
#ifndef SLUICE_PLAN_KNOWN_H
#define SLUICE_PLAN_KNOWN_H

#include "config/config.h"
#include "dataplane/dataplane.h"
#include "state/model.h"

/* Whether what a tunnel has goes on. */
enum known_fit {
	KNOWN_FITS,
	KNOWN_UNASKED, /* a program is asked, and may tell another one */
	KNOWN_OTHER,
};

/* What the files that a tunnel of the candidate refers to say of the device that is there now. */
struct tunnel_facts {
	enum known_fit key, ppk, password; /* the secrets that it would have to have, and has */
	bool cert_fits;                    /* the certificate that it came with would be trusted */
	bool other_local_id;               /* the hub would call itself otherwise */
	char missing[REASON_TEXT_SIZE];    /* which secret cannot be had, and why; "": all can */
	char unasked[REASON_TEXT_SIZE];    /* which one a program is asked for; "": none */
};

/* Something with an end, as a certificate. Seconds since the epoch. */
struct known_end {
	char what[REASON_TEXT_SIZE];
	int64_t warn_from, at;
};

#define KNOWN_ENDS_MAX 512

/* Why the device of an endpoint could not be used now; "": nothing is known that speaks against it. */
struct known_device {
	char doubt[DATAPLANE_ERROR_SIZE];
};

struct plan_known {
	const struct model *model;
	const struct config *candidate;
	const struct tunnel_facts (*facts)[TUNNELS_PER_SITE]; /* in the order of its sites; NULL */
	const struct known_end *ends; /* of the hub's own certificates, authorities and lists */
	size_t end_count;
	const struct known_device *devices; /* of each endpoint of the candidate; NULL */
	uint64_t wall_ns;                   /* now */
};

/* NULL: nothing is known. */
const struct site_tunnel *known_tunnel(
	const struct plan_known *k, const struct site_conf *site, unsigned int t);
const struct tunnel_facts *known_facts(
	const struct plan_known *k, const struct site_conf *site, unsigned int t);

/*
 * What comes of a site's change to a tunnel of the candidate that is there, as far as what it has negotiated, and what its
 * files say, decide: CHANGE_ANEW, CHANGE_JUDGED where that is not known before a program is asked, CHANGE_SESSION, or
 * CHANGE_UNSAID.
 */
enum change_effect known_tunnel_effect(const struct plan_known *k, const struct site_conf *was,
	const struct site_conf *is, unsigned int t);

/*
 * The same for one option alone, of the tunnel `is`, which was `was` before; `field` is where its value stands in them.
 * CHANGE_NEXT: nothing comes of it before the next negotiation.
 */
struct walk_field;
enum change_effect known_option_effect(const struct plan_known *k, const struct walk_field *field,
	const struct site_conf *was, const struct site_conf *is, unsigned int t);

/* It is up, and the certificate of its device would not be trusted. */
bool known_cert_ends(const struct plan_known *k, const struct site_conf *is, unsigned int t);

/* The site announces over tunnel t more than it may by `is`: then its session ends. */
bool known_prefixes_over(const struct plan_known *k, const struct site_conf *is, unsigned int t);

#endif
