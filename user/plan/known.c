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

static enum change_effect effect_of(enum known_fit fit)
{
	static const enum change_effect effects[] = {[KNOWN_FITS] = CHANGE_UNSAID,
		[KNOWN_UNASKED] = CHANGE_JUDGED,
		[KNOWN_OTHER] = CHANGE_ANEW};

	return effects[fit];
}

static enum change_effect stronger(enum change_effect a, enum change_effect b)
{
	return a > b ? a : b;
}

enum change_effect known_tunnel_effect(const struct plan_known *k, const struct site_conf *was,
	const struct site_conf *is, unsigned int t)
{
	const struct site_tunnel *state = known_tunnel(k, is, t);
	const struct tunnel_facts *facts = known_facts(k, is, t);
	enum change_effect effect = CHANGE_UNSAID;
	bool cert = is->tunnels[t].options.auth == AUTH_CERT;

	if (state && facts && facts->password != KNOWN_FITS && is->routing == ROUTING_BGP &&
		state->bgp.state == BGP_ESTABLISHED)
		effect = CHANGE_SESSION;
	if (!is_up(state))
		return effect;
	if (!options_fit(state, &was->tunnels[t], &is->tunnels[t]))
		return CHANGE_ANEW;
	if (!facts)
		return effect;
	if (facts->other_local_id || (cert && !facts->cert_fits))
		return CHANGE_ANEW;
	if (!cert)
		effect = stronger(effect, effect_of(facts->key));
	return stronger(effect, effect_of(facts->ppk));
}

static bool is_at(const struct walk_field *field, size_t offset)
{
	return field->offset == offset;
}

enum change_effect known_option_effect(const struct plan_known *k, const struct walk_field *field,
	const struct site_conf *was, const struct site_conf *is, unsigned int t)
{
	const struct site_tunnel *state = known_tunnel(k, is, t);
	const struct tunnel_facts *facts = known_facts(k, is, t);
	struct tunnel_conf alone;

	if (!is_up(state))
		return CHANGE_NEXT;
	if (is_at(field, offsetof(struct tunnel_conf, psk)) ||
		is_at(field, offsetof(struct tunnel_conf, psk_previous)))
		return stronger(CHANGE_NEXT, facts && is->tunnels[t].options.auth == AUTH_PSK
						     ? effect_of(facts->key)
						     : CHANGE_NEXT);
	if (is_at(field, offsetof(struct tunnel_conf, certificate.chain)) && facts &&
		facts->other_local_id)
		return CHANGE_ANEW;
	memcpy(&alone, &was->tunnels[t], sizeof(alone));
	memcpy((char *)&alone + field->offset, (const char *)&is->tunnels[t] + field->offset,
		field->size);
	return options_fit(state, &was->tunnels[t], &alone) ? CHANGE_NEXT : CHANGE_ANEW;
}

bool known_prefixes_over(const struct plan_known *k, const struct site_conf *is, unsigned int t)
{
	const struct site_tunnel *state = known_tunnel(k, is, t);
	const struct tunnel_bgp *b = state ? &state->bgp : NULL;

	return b && is->routing == ROUTING_BGP && b->state == BGP_ESTABLISHED &&
	       (b->prefixes_in6 > is->max_prefixes_in ||
		       b->prefixes_in - b->prefixes_in6 > is->max_prefixes_in);
}
