/* SPDX-License-Identifier: Apache-2.0 */
/* What of a configuration uses a sealed secret. */
#ifndef SLUICE_HUB_API_SECRET_USERS_H
#define SLUICE_HUB_API_SECRET_USERS_H

#include "hub/hub.h"

enum secret_use {
	SECRET_AS_PSK,
	SECRET_AS_PSK_PREVIOUS, /* named so by the configuration */
	SECRET_AS_PPK,
	SECRET_AS_BGP_PASSWORD,
	SECRET_IN_OVERLAP, /* NAME.previous, of a tunnel whose psk is NAME */
	SECRET_USES
};

struct secret_user {
	const struct site_conf *site;
	unsigned int tunnel;
	enum secret_use use;
};

typedef void secret_user_told(void *context, const struct secret_user *user);
void secret_users_each(
	const struct config *c, const char *name, secret_user_told *tell, void *context);

/* As it is called in a configuration. */
const char *secret_use_name(enum secret_use use);

/* Which key the device of a tunnel in force has shown; TUNNEL_KEY_NONE: it is not up. */
enum tunnel_key secret_shown_by(const struct hub *h, const struct secret_user *user);

/*
 * Whether some configuration cannot do without the secret: the one in force, the one that it goes back to if it is not
 * confirmed, and the one of the next start; also one of these that cannot be read. `text` says which tunnel of which.
 */
bool secret_is_needed(struct hub *h, const char *name, char *text, size_t size);

/* The same of several secrets, for which each configuration is read once; within one turn of the loop. */
struct secret_needs;
struct secret_needs *secret_needs_new(struct hub *h);
void secret_needs_free(struct secret_needs *own_needs);
bool secret_needs(struct secret_needs *n, const char *name, char *text, size_t size);

#endif
