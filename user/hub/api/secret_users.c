/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/api/secret_users.h"

#include "hub/revision.h"
#include "hub/secret/rotation.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_ref(const char *ref, const char *name)
{
	return !strncmp(ref, "secret:", 7) && !strcmp(ref + 7, name);
}

void secret_users_each(
	const struct config *c, const char *name, secret_user_told *tell, void *context)
{
	char base[SITE_NAME_SIZE];
	bool previous = rotation_base(name, VAULT_PREVIOUS, base);

	for (uint32_t s = 0; s < c->site_count; s++) {
		const struct site_conf *site = &c->sites[s];

		for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
			const struct tunnel_conf *conf = &site->tunnels[t];
			bool psk = conf->options.auth == AUTH_PSK;
			const bool uses[SECRET_USES] = {
				[SECRET_AS_PSK] = psk && is_ref(conf->psk, name),
				[SECRET_AS_PSK_PREVIOUS] = is_ref(conf->psk_previous, name),
				[SECRET_AS_PPK] = is_ref(conf->ppk, name),
				[SECRET_AS_BGP_PASSWORD] = is_ref(site->bgp_password, name),
				[SECRET_IN_OVERLAP] = psk && previous && !conf->psk_previous[0] &&
						      is_ref(conf->psk, base),
			};

			for (int use = 0; conf->configured && use < SECRET_USES; use++) {
				if (uses[use])
					tell(context, &(struct secret_user){
							      site, t, (enum secret_use)use});
			}
		}
	}
}

const char *secret_use_name(enum secret_use use)
{
	static const char *const names[SECRET_USES] = {
		[SECRET_AS_PSK] = "psk",
		[SECRET_AS_PSK_PREVIOUS] = "psk_previous",
		[SECRET_AS_PPK] = "ppk",
		[SECRET_AS_BGP_PASSWORD] = "bgp_password",
		[SECRET_IN_OVERLAP] = "psk_previous",
	};

	return names[use];
}

enum tunnel_key secret_shown_by(const struct hub *h, const struct secret_user *user)
{
	const struct site *site = site_find(&h->model, user->site->name);
	const struct site_tunnel *t = site ? &site->tunnels[user->tunnel] : NULL;

	return t && t->ike.phase == TUNNEL_UP ? t->ike.key : TUNNEL_KEY_NONE;
}

/* ---- who cannot do without ---- */

struct need {
	const struct hub *h;
	const char *name, *of; /* of the secret, and which configuration */
	char *text;
	size_t size;
	bool found;
};

/* A configuration that may be in force one day. */
struct other {
	bool there;
	char of[80];
	struct config *config; /* NULL: it cannot be read */
	char why[160];
};

struct secret_needs {
	struct hub *h;
	bool read; /* the others, which takes its time, when the first has need of them */
	struct other others[2];
};

static void look(void *context, const struct secret_user *user)
{
	struct need *n = context;

	/* Whoever has shown the present key needs no other. */
	if (n->found || (user->use == SECRET_IN_OVERLAP &&
				secret_shown_by(n->h, user) == TUNNEL_KEY_PRESENT))
		return;
	n->found = true;
	snprintf(n->text, n->size, "site '%s' tunnel %u has %s as %s in the configuration %s",
		user->site->name, user->tunnel, n->name, secret_use_name(user->use), n->of);
}

static void read_other(struct other *o, struct documents *own_documents, const char *error)
{
	char why[CONFIG_ERROR_SIZE];

	o->there = true;
	o->config = own_documents ? documents_config(own_documents, why) : NULL;
	if (!o->config)
		snprintf(o->why, sizeof(o->why), "%.150s", own_documents ? why : error);
	documents_free(own_documents);
}

static void read_others(struct secret_needs *n)
{
	uint64_t newest = revision_newest(n->h);
	char error[CONFIG_ERROR_SIZE];

	n->read = true;
	snprintf(n->others[0].of, sizeof(n->others[0].of),
		"that comes back if nobody confirms, revision %" PRIu64, revision_before(n->h));
	if (revision_waits(n->h))
		read_other(&n->others[0], revision_documents_before(n->h, error), error);
	snprintf(n->others[1].of, sizeof(n->others[1].of), "of the next start, revision %" PRIu64,
		newest);
	if (newest && newest != revision_number(n->h))
		read_other(&n->others[1], revision_get(n->h, newest, error), error);
}

struct secret_needs *secret_needs_new(struct hub *h)
{
	struct secret_needs *n = calloc(1, sizeof(*n));

	if (!n)
		abort();
	n->h = h;
	return n;
}

void secret_needs_free(struct secret_needs *n)
{
	for (size_t i = 0; i < 2; i++)
		config_free(n->others[i].config);
	free(n);
}

bool secret_needs(struct secret_needs *all, const char *name, char *text, size_t size)
{
	struct need n = {.h = all->h, .text = text, .size = size, .name = name, .of = "in force"};

	secret_users_each(all->h->config, name, look, &n);
	if (!n.found && !all->read)
		read_others(all);
	for (size_t i = 0; i < 2 && !n.found; i++) {
		const struct other *o = &all->others[i];

		n.of = o->of;
		if (o->config) {
			secret_users_each(o->config, name, look, &n);
		} else if (o->there) { /* what cannot be read may need it */
			n.found = true;
			snprintf(text, size,
				"the configuration %s cannot be read, and may need it: %.100s",
				o->of, o->why);
		}
	}
	return n.found;
}

bool secret_is_needed(struct hub *h, const char *name, char *text, size_t size)
{
	struct secret_needs *n = secret_needs_new(h);
	bool needed = secret_needs(n, name, text, size);

	secret_needs_free(n);
	return needed;
}
