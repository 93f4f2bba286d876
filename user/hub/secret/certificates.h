/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates of the configuration: read and checked whole before anything of it is applied, given
 * to ike as descriptors, shown, and watched for their end. hub reads the private key only to
 * see that it belongs to the certificate.
 */
#ifndef SLUICE_HUB_SECRET_CERTIFICATES_H
#define SLUICE_HUB_SECRET_CERTIFICATES_H

#include "hub/hub.h"

#include <jansson.h>
#include <stdio.h>

struct certificates;

/*
 * Reads all files that a configuration names. NULL with a sentence that names the one at fault; with
 * `lenient`, what single tunnels have for themselves may be missing, and is left out.
 */
struct certificates *certificates_load(
	const struct config *c, bool lenient, char error[CONFIG_ERROR_SIZE]);
void certificates_free(struct certificates *all);

/* Whether what was read for `was` is all that another configuration needs. */
bool certificates_suffice(const struct certificates *all, const struct concentrator_conf *was,
	const struct config *c);
/* Whether they are of the identities that it wants; a sentence why not. */
bool certificates_fit(
	const struct certificates *all, const struct config *c, char error[CONFIG_ERROR_SIZE]);

/* The same for a look only; logs what ends soon. */
bool certificates_check(const struct config *c, char error[CONFIG_ERROR_SIZE]);

/* Sends what holds for all tunnels to ike; and the own certificate of one tunnel, or that it has none. */
void certificates_send(struct hub *h);
void certificates_send_tunnel(struct hub *h, uint32_t tunnel, const struct tunnel_conf *conf);

/* An identity of the configuration as IKE has it: names encoded, the address where there is none. */
struct ike_identity certificates_identity(
	const struct ike_identity *id, const struct ip_addr *address);

/* Whether a subject of the configuration is that of a certificate, as cert_facts() has it. */
bool certificates_same_subject(const char *configured, const char *subject);

/*
 * Our identity for a tunnel: what is configured, or the address; with a certificate that does not
 * have the address, its first name.
 */
struct ike_identity certificates_local_id(const struct certificates *all,
	const struct tunnel_conf *conf, const struct ip_addr *address);

/* Whether a device would be trusted that comes with this chain now. */
bool certificates_trust(const struct certificates *all, const struct cert_chain *chain);

/* When what is not a site's ends, and from when on that is near: seconds since the epoch. */
void certificates_ends(const struct certificates *all,
	void (*tell)(void *context, const char *what, int64_t warn_from, int64_t at),
	void *context);

/* When the first one ends, of whomever it is: seconds since the epoch. False: there is none. */
bool certificates_first_end(struct hub *h, int64_t *at);

/* Logs what ends soon, each once a day. */
void certificates_warn(struct hub *h);

/* The document of `sluice show certificates`, and the metric. */
json_t *certificates_show(struct hub *h);
void certificates_metrics(FILE *f, struct hub *h);

#endif
