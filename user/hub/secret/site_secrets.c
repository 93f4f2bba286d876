/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys and certificates of single tunnels that cannot be read at the start. The tunnel waits for them and says
 * so; all others are there.
 */
#include "hub/secret/secret.h"

#include "base/log.h"
#include "hub/secret/certificates.h"
#include "hub/secret/certificates_internal.h"

#include <stdio.h>

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
		snprintf(state->ike.detail, sizeof(state->ike.detail), "%.150s",
			ready ? tunnel_awaits(&site->conf.tunnels[t]) : why);
	state->no_secret = !ready;
	return ready;
}
