/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/facts.h"

#include "base/clock.h"
#include "hub/secret/certificates.h"
#include "hub/secret/exec_keep.h"
#include "hub/secret/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * The print of a secret; one that cannot be had is noted, the first of a tunnel. What a program tells is not known before an
 * apply has asked it: *asked is false then.
 */
static uint64_t look_at(struct tunnel_facts *f, const char *what, const char *ref, bool *asked)
{
	const char *why;
	uint64_t print = ref[0] ? secret_ref_print(ref, &why) : 0;

	*asked = print || !exec_is_ref(ref);
	if (ref[0] && !print && *asked && !f->missing[0])
		snprintf(f->missing, sizeof(f->missing), "%s %.150s: %s", what, ref, why);
	return print;
}

static void look_at_secrets(struct tunnel_facts *f, const struct site_conf *site, unsigned int t,
	const struct site_tunnel *state)
{
	const struct tunnel_conf *conf = &site->tunnels[t];
	char previous[CONFIG_SECRET_REF_SIZE];
	bool asked = true, asked_before, any;
	uint64_t now = 0, before;

	if (conf->options.auth == AUTH_PSK)
		now = look_at(f, "psk", conf->psk, &asked);
	before = look_at(f, "psk_previous", secret_previous(conf, previous), &asked_before);
	(void)look_at(f, "ppk", conf->ppk, &any);
	(void)look_at(f, "bgp_password", site->bgp_password, &any);
	f->key_fits = !state || !state->psk_print || !asked || !asked_before ||
		      state->psk_print == now || state->psk_print == before;
}

static void add_end(void *context, const char *what, int64_t warn_from, int64_t at)
{
	struct facts *f = context;
	struct known_end *end = &f->ends[f->known.end_count];

	if (f->known.end_count == KNOWN_ENDS_MAX)
		return;
	f->known.end_count++;
	*end = (struct known_end){.warn_from = warn_from, .at = at};
	snprintf(end->what, sizeof(end->what), "%s", what);
}

struct facts *facts_look(struct hub *h, const struct config *candidate)
{
	struct facts *f = calloc(1, sizeof(*f));
	char why[CONFIG_ERROR_SIZE];
	struct certificates *all = certificates_load(candidate, true, why);

	if (!f)
		abort();
	f->known = (struct plan_known){.model = &h->model,
		.candidate = candidate,
		.facts = f->tunnels,
		.ends = f->ends,
		.wall_ns = clock_wall()};
	if (all)
		certificates_ends(all, add_end, f);
	for (uint32_t i = 0; i < candidate->site_count; i++) {
		const struct site_conf *site = &candidate->sites[i];

		for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
			const struct site_tunnel *state = known_tunnel(&f->known, site, t);

			if (!site->tunnels[t].configured)
				continue;
			look_at_secrets(&f->tunnels[i][t], site, t, state);
			f->tunnels[i][t].cert_fits = !all || !state || !state->cert ||
						     certificates_trust(all, &state->cert->chain);
		}
	}
	certificates_free(all);
	return f;
}
