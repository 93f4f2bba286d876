/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/known.h"

#include "config/node.h"
#include "ike/allowed.h"

#include <string.h>

const struct site_tunnel *known_tunnel(
	const struct plan_known *k, const struct site_conf *site, unsigned int t)
{
	const struct site *s = k ? site_find(k->model, site->name) : NULL;

	return s ? &s->tunnels[t] : NULL;
}

const struct tunnel_facts *known_facts(
	const struct plan_known *k, const struct site_conf *site, unsigned int t)
{
	return k && k->facts ? &k->facts[site - k->candidate->sites][t] : NULL;
}

/* See user/ike/change.c. */
static bool options_fit(const struct site_tunnel *state, const struct tunnel_conf *was,
	const struct tunnel_conf *is)
{
	struct negotiated_ike n = {.version = state->ike.ike_version,
		.peer = state->ike.peer.addr,
		.suite = state->ike.suite};
	const struct tunnel_sa *in_use = tunnel_sa_in_use(state);

	/* Who has no name is known by its address. */
	if (is->identity.type == IKE_ID_NONE && !addr_equal(&was->address, &is->address))
		return false;
	n.udp_encap = in_use && in_use->udp_encap;
	if (!ike_options_allow(&is->options, &is->address, &n))
		return false;
	for (uint32_t i = 0; i < state->sa_count; i++) {
		if (!ike_options_allow_pair(&is->options, n.version, &state->sas[i].suite))
			return false;
	}
	return true;
}

static bool is_up(const struct site_tunnel *state)
{
	return state && state->ike.phase == TUNNEL_UP;
}

bool known_cert_ends(const struct plan_known *k, const struct site_conf *is, unsigned int t)
{
	const struct tunnel_facts *facts = known_facts(k, is, t);

	return is_up(known_tunnel(k, is, t)) && facts && !facts->cert_fits;
}

bool known_tunnel_ends(const struct plan_known *k, const struct site_conf *was,
	const struct site_conf *is, unsigned int t)
{
	const struct site_tunnel *state = known_tunnel(k, is, t);
	const struct tunnel_facts *facts = known_facts(k, is, t);
	const struct tunnel_conf *conf = &is->tunnels[t];

	if (!is_up(state))
		return false;
	if (!options_fit(state, &was->tunnels[t], conf))
		return true;
	return facts && !(conf->options.auth == AUTH_CERT ? facts->cert_fits : facts->key_fits);
}

bool known_option_ends(const struct plan_known *k, const struct walk_field *field,
	const struct site_conf *was, const struct site_conf *is, unsigned int t)
{
	const struct site_tunnel *state = known_tunnel(k, is, t);
	const struct tunnel_facts *facts = known_facts(k, is, t);
	struct tunnel_conf alone;

	if (!is_up(state))
		return false;
	if (field->offset == offsetof(struct tunnel_conf, psk) ||
		field->offset == offsetof(struct tunnel_conf, psk_previous))
		return facts && is->tunnels[t].options.auth == AUTH_PSK && !facts->key_fits;
	memcpy(&alone, &was->tunnels[t], sizeof(alone));
	memcpy((char *)&alone + field->offset, (const char *)&is->tunnels[t] + field->offset,
		field->size);
	return !options_fit(state, &was->tunnels[t], &alone);
}

bool known_prefixes_over(const struct plan_known *k, const struct site_conf *is, unsigned int t)
{
	const struct site_tunnel *state = known_tunnel(k, is, t);
	const struct tunnel_bgp *b = state ? &state->bgp : NULL;

	return b && is->routing == ROUTING_BGP && b->state == BGP_ESTABLISHED &&
	       (b->prefixes_in6 > is->max_prefixes_in ||
		       b->prefixes_in - b->prefixes_in6 > is->max_prefixes_in);
}
