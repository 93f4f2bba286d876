/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets that could not be read when they were wanted are looked for again. */
#include "hub/site/site.h"

#include "hub/secret/certificates.h"
#include "hub/secret/exec_keep.h"
#include "hub/secret/secret.h"

void hub_secrets_again(struct hub *h)
{
	char why[CONFIG_ERROR_SIZE];
	bool read = false;

	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		for (unsigned int t = 0; h->model.sites[i] && t < TUNNELS_PER_SITE; t++) {
			struct certificates *again;

			if (!h->model.sites[i]->tunnels[t].no_secret)
				continue;
			again = read ? NULL : certificates_load(h->config, true, why);
			if (again) {
				certificates_free(h->certificates);
				h->certificates = again;
			}
			read = true;
			if (hub_tunnel_secrets_readable(h, h->model.sites[i], t, why))
				hub_tunnel_send(h, h->model.sites[i], t);
		}
	}
}

static bool uses_new(const struct site_conf *site, unsigned int t)
{
	const struct tunnel_conf *conf = &site->tunnels[t];

	return conf->configured &&
	       (exec_is_new(conf->psk) || exec_is_new(conf->psk_previous) ||
		       exec_is_new(conf->ppk) || exec_is_new(site->bgp_password));
}

static void on_told(void *context)
{
	struct hub *h = context;

	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		for (unsigned int t = 0; h->model.sites[i] && t < TUNNELS_PER_SITE; t++) {
			const struct site *site = h->model.sites[i];

			/* Who waits further shows the reason of now. */
			if (uses_new(&site->conf, t) || site->tunnels[t].no_secret)
				hub_tunnel_send(h, site, t);
		}
	}
}

void hub_programs_ask(struct hub *h, bool all)
{
	exec_ask(h->base, h->config, all, on_told, h);
}
