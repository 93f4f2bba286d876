/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/api/secret_users.h"

#include "hub/revision.h"
#include "hub/secret/rotation.h"

#include <inttypes.h>
#include <stdio.h>
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

/* What cannot be read may need it. */
static bool is_needed_by(struct need *n, struct documents *own_documents, const char *error)
{
	char why[CONFIG_ERROR_SIZE];
	struct config *c = own_documents ? documents_config(own_documents, why) : NULL;

	if (c) {
		secret_users_each(c, n->name, look, n);
	} else {
		n->found = true;
		snprintf(n->text, n->size,
			"the configuration %s cannot be read, and may need it: %.100s", n->of,
			own_documents ? why : error);
	}
	config_free(c);
	documents_free(own_documents);
	return n->found;
}

bool secret_is_needed(struct hub *h, const char *name, char *text, size_t size)
{
	uint64_t newest = revision_newest(h);
	char of[80], error[CONFIG_ERROR_SIZE];
	struct need n = {.h = h, .text = text, .size = size, .name = name, .of = "in force"};

	secret_users_each(h->config, name, look, &n);
	if (n.found)
		return true;
	n.of = of;
	snprintf(of, sizeof(of), "that comes back if nobody confirms, revision %" PRIu64,
		revision_before(h));
	if (revision_waits(h) && is_needed_by(&n, revision_documents_before(h, error), error))
		return true;
	snprintf(of, sizeof(of), "of the next start, revision %" PRIu64, newest);
	return newest && newest != revision_number(h) &&
	       is_needed_by(&n, revision_get(h, newest, error), error);
}
