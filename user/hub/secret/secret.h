/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets and certificates that a configuration refers to. */
#ifndef SLUICE_HUB_SECRET_SECRET_H
#define SLUICE_HUB_SECRET_SECRET_H

#include "hub/hub.h"
#include "store/documents.h"

/* secrets.c: a descriptor of a secret that the reference names, or -1 with errno set. */
int secret_ref_open(const char *ref);
/* Opens a file that need not be secret, a certificate; else like secret_ref_open(). */
int public_ref_open(const char *ref);

#define SECRET_FILE_MAX 80 /* bytes that are read: more than any secret may have */

/*
 * The reference of the key before, "" where there is none: what the configuration says, else what `sluice secret rotate`
 * has kept.
 */
const char *secret_previous(const struct tunnel_conf *t, char ref[CONFIG_SECRET_REF_SIZE]);

/*
 * Another number for another secret, which says nothing of it, as long as hub runs; never 0. And the same of what a
 * reference names, of which nothing is logged: 0 with a reason when it cannot be had.
 */
uint64_t secret_print(const uint8_t *key, size_t len);
uint64_t secret_ref_print(const char *ref, const char **why);

/* What is wrong with the characters of a pre-shared key of len > 0; NULL: nothing. */
const char *psk_fault(const uint8_t *key, size_t len);
/*
 * False with a line for each secret of a tunnel that cannot be had. Which characters a key may have is a rule for keys
 * that differ from those `in_force` (NULL: all are); others are only warned of.
 */
bool tunnel_secrets_check(const struct site_conf *site, unsigned int t,
	const struct tunnel_conf *in_force, char error[CONFIG_ERROR_SIZE]);
/* The same of all sites; `only_changed`: of those that are not what they are in force. */
bool secrets_check(const struct config *c, const struct config *in_force, bool only_changed,
	char error[CONFIG_ERROR_SIZE]);

/*
 * exposed.c: logs each document that has one of the secrets in its text. Those that are what they were are not looked at;
 * `was` NULL: all are.
 */
void secrets_exposed(
	const struct config *c, const struct documents *in, const struct documents *was);

/*
 * The same of what is about to be in force. False with a line: a document that is in force has no such text yet, and would
 * have one. `only_changed`: the others are not looked at.
 */
bool secrets_stay_hidden(const struct config *c, const struct documents *in,
	const struct documents *in_force, bool only_changed, char error[CONFIG_ERROR_SIZE]);

/* site_secrets.c: whether ike may be told of the tunnel; if not, it is as soon as its files can be read. */
bool hub_tunnel_secrets(struct hub *h, const struct site *site, unsigned int t);
/* Whether they can be read; if not, a sentence. */
bool hub_tunnel_secrets_readable(
	const struct hub *h, const struct site *site, unsigned int t, char why[CONFIG_ERROR_SIZE]);

#endif
