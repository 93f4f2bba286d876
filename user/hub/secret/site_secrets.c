/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys and certificates of single tunnels that cannot be read at the start. The tunnel waits for them and says
 * so; all others are there.
 */
#include "hub/secret/secret.h"

#include "base/log.h"
#include "hub/secret/certificates.h"
#include "hub/secret/certificates_internal.h"

#include "ike/reason.h"

#include <stdio.h>
#include <string.h>

bool hub_tunnel_secrets_readable(
	const struct hub *h, const struct site *site, unsigned int t, char why[CONFIG_ERROR_SIZE])
{
	const struct tunnel_conf *conf = &site->conf.tunnels[t];

	if (conf->options.auth == AUTH_CERT &&
		!certificates_find(h->certificates, &conf->certificate)) {
		snprintf(why, CONFIG_ERROR_SIZE,
			"site '%s' tunnel %u: certificate %.200s or its key", site->conf.name, t,
			conf->certificate.chain);
		return false;
	}
	why[0] = '\0';
	return tunnel_secrets_check(&site->conf, t, NULL, why);
}

/* What a tunnel that ike does not know of says; `why` NULL: ike is about to hear of it. */
static void show(
	const struct site *site, unsigned int t, struct site_tunnel *state, const char *why)
{
	char about[SITE_NAME_SIZE + 32];
	size_t len =
		(size_t)snprintf(about, sizeof(about), "site '%s' tunnel %u: ", site->conf.name, t);

	if (!why) {
		state->ike.reason[0] = '\0';
		snprintf(state->ike.detail, sizeof(state->ike.detail), "%s",
			tunnel_awaits(&site->conf.tunnels[t]));
		return;
	}
	/* It is shown with the tunnel's name; and the first mistake is enough. */
	if (!strncmp(why, about, len))
		why += len;
	snprintf(state->ike.reason, sizeof(state->ike.reason), "%s", reason_code(REASON_NO_SECRET));
	snprintf(state->ike.detail, sizeof(state->ike.detail), "%s: %.*s",
		reason_sentence(REASON_NO_SECRET), (int)strcspn(why, "\n"), why);
}

bool hub_tunnel_secrets(struct hub *h, const struct site *site, unsigned int t)
{
	struct site_tunnel *state = site_tunnel_find(&h->model, tunnel_number(site, t));
	char why[CONFIG_ERROR_SIZE];
	bool ready = hub_tunnel_secrets_readable(h, site, t, why);

	if (ready && state->no_secret)
		log_info("site %s tunnel %u: its keys can be read now", site->conf.name, t);
	if (!ready && !state->no_secret)
		log_error("%s; the tunnel waits until it can be read", why);
	if (!ready || state->no_secret)
		show(site, t, state, ready ? NULL : why);
	state->no_secret = !ready;
	return ready;
}
