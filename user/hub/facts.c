/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/facts.h"

#include "base/clock.h"
#include "hub/host/host.h"
#include "hub/secret/certificates.h"
#include "hub/secret/exec_keep.h"
#include "hub/secret/rotation.h"
#include "hub/secret/secret.h"
#include "ike/identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is looked at, and with what. */
struct looking {
	struct hub *h;
	enum plan_order order;
	const struct certificates *certificates; /* as they would be; NULL: they cannot be had */
	bool anew;                               /* all certificates would be read */
	const json_t *coming;                    /* files of keys that the order would make */
};

#define SEALED     "secret:"
#define SEALED_LEN (sizeof(SEALED) - 1)

/* The sealed secret that would take the place of this one; "": none would. */
static const char *waiting(
	const struct looking *l, const char *ref, char next[CONFIG_SECRET_REF_SIZE])
{
	snprintf(next, CONFIG_SECRET_REF_SIZE, "%.200s" VAULT_NEXT, ref);
	if (l->order != PLAN_OF_FILES || strncmp(ref, SEALED, SEALED_LEN) ||
		!vault_has(next + SEALED_LEN))
		next[0] = '\0';
	return next;
}

static bool is_coming(const struct looking *l, const char *ref)
{
	const json_t *path;
	size_t i;

	json_array_foreach(l->coming, i, path) {
		if (!strncmp(ref, "file:", 5) && !strcmp(ref + 5, json_string_value(path)))
			return true;
	}
	return false;
}

/*
 * Whether a reference names what the tunnel has, by its print (0: nothing). One that cannot be had is noted, and so is one
 * that a program would be asked for; the first of a tunnel each.
 */
static enum known_fit look_at(const struct looking *l, struct tunnel_facts *f, const char *what,
	const char *ref, uint64_t has)
{
	const char *why = "";
	uint64_t print;

	if (!ref[0])
		return has ? KNOWN_OTHER : KNOWN_FITS;
	print = secret_ref_print(ref, &why);
	if (exec_is_ref(ref) && (!print || l->order != PLAN_OF_SOME)) {
		if (!f->unasked[0])
			snprintf(f->unasked, sizeof(f->unasked), "%s %.150s", what, ref);
		return KNOWN_UNASKED;
	}
	if (!print && !f->missing[0] && !is_coming(l, ref))
		snprintf(f->missing, sizeof(f->missing), "%s %.150s: %s", what, ref, why);
	/* Before it can be had it is not in force. */
	return !print || print == has ? KNOWN_FITS : KNOWN_OTHER;
}

static enum known_fit look_at_new(const struct looking *l, struct tunnel_facts *f, const char *what,
	const char *ref, uint64_t has)
{
	char next[CONFIG_SECRET_REF_SIZE];

	return look_at(l, f, what, waiting(l, ref, next)[0] ? next : ref, has);
}

/* Either of two keys may be the one that it has; one that is replaced is the one before then. */
static enum known_fit look_at_key(const struct looking *l, struct tunnel_facts *f,
	const struct tunnel_conf *conf, uint64_t has)
{
	bool psk = conf->options.auth == AUTH_PSK;
	char ref[CONFIG_SECRET_REF_SIZE];
	enum known_fit now, before;

	now = psk ? look_at_new(l, f, "psk", conf->psk, has) : KNOWN_FITS;
	if (psk && !conf->psk_previous[0] && waiting(l, conf->psk, ref)[0])
		before = look_at(l, f, "psk_previous", conf->psk, has);
	else
		before = look_at_new(l, f, "psk_previous", secret_previous(conf, ref), has);
	return before < now ? before : now;
}

/* That of ike, and the one that the device has shown: see user/ike/change.c. */
static enum known_fit look_at_keys(const struct looking *l, struct tunnel_facts *f,
	const struct tunnel_conf *conf, const struct site_tunnel *state)
{
	enum known_fit fit = look_at_key(l, f, conf, state->psk_print), shown = KNOWN_FITS;

	if (state->ike.key == TUNNEL_KEY_PREVIOUS)
		shown = look_at_key(l, f, conf, state->previous_print);
	if (!state->psk_print) /* ike has none */
		return KNOWN_FITS;
	return shown > fit ? shown : fit;
}

static bool other_local_id(const struct looking *l, const struct config *c,
	const struct site_conf *site, const struct site_conf *was, unsigned int t)
{
	const struct config *in_force = l->h->config;
	struct ip_addr then = config_local_address(c, site, t), now;
	struct ike_identity is, had;

	if (!l->certificates || !l->h->certificates || !was || !was->tunnels[t].configured)
		return false;
	now = config_local_address(in_force, was, t);
	is = certificates_local_id(l->certificates, &site->tunnels[t], &then);
	had = certificates_local_id(l->h->certificates, &was->tunnels[t], &now);
	return !identity_equal(&is, &had);
}

/* `f` has nothing yet. */
static void look_at_tunnel(const struct looking *l, struct tunnel_facts *f, const struct config *c,
	const struct site_conf *site, unsigned int t)
{
	static const struct site_tunnel none;
	const struct site_conf *was = config_site(l->h->config, site->name);
	const struct tunnel_conf *conf = &site->tunnels[t];
	const struct site *there = site_find(&l->h->model, site->name);
	const struct site_tunnel *state = there ? &there->tunnels[t] : &none;
	bool cert = conf->options.auth == AUTH_CERT;

	f->cert_fits = !l->certificates || !state->cert ||
		       certificates_trust(l->certificates, &state->cert->chain);
	/* What is not told anew is not read. */
	if (l->order == PLAN_OF_SOME && was && !memcmp(was, site, sizeof(*was)) &&
		!(l->anew && cert))
		return;
	f->key = look_at_keys(l, f, conf, state);
	f->ppk = look_at_new(l, f, "ppk", conf->ppk, state->ppk_print);
	f->password = look_at_new(l, f, "bgp_password", site->bgp_password, state->md5_print);
	f->other_local_id = other_local_id(l, c, site, was, t);
}

static void look_at_tunnels(const struct looking *l, struct facts *f, const struct config *c)
{
	for (uint32_t i = 0; i < c->site_count; i++) {
		for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
			if (c->sites[i].tunnels[t].configured)
				look_at_tunnel(l, &f->tunnels[i][t], c, &c->sites[i], t);
		}
	}
}

/* What sites that stay what they are refer to was read for the candidate. */
static void look_at_others(const struct looking *l, struct facts_pair *f, const struct config *c,
	const struct config *candidate)
{
	for (uint32_t i = 0; i < c->site_count; i++) {
		const struct site_conf *site = &c->sites[i];
		const struct site_conf *same = config_site(candidate, site->name);

		if (same && !memcmp(site, same, sizeof(*site))) {
			memcpy(f->was.tunnels[i], f->is.tunnels[same - candidate->sites],
				sizeof(f->was.tunnels[i]));
			continue;
		}
		for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
			if (site->tunnels[t].configured)
				look_at_tunnel(l, &f->was.tunnels[i][t], c, site, t);
		}
	}
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

static void look_at_devices(struct facts *f, const struct hub *h, const struct config *c)
{
	char why[DATAPLANE_ERROR_SIZE];

	for (uint32_t e = 0; e < c->concentrator.endpoint_count; e++) {
		if (hub_outside_doubt(h, c->concentrator.endpoints[e].device, why))
			snprintf(f->devices[e].doubt, sizeof(f->devices[e].doubt), "%s", why);
	}
}

static void begin(struct facts *f, const struct hub *h, const struct config *c,
	const struct certificates *certificates)
{
	f->known = (struct plan_known){.model = &h->model,
		.candidate = c,
		.facts = f->tunnels,
		.ends = f->ends,
		.devices = f->devices,
		.wall_ns = clock_wall()};
	look_at_devices(f, h, c);
	if (certificates)
		certificates_ends(certificates, add_end, f);
}

struct facts_pair *facts_look(
	struct hub *h, const struct config *candidate, enum plan_order order, const json_t *coming)
{
	struct facts_pair *f = calloc(1, sizeof(*f));
	char why[CONFIG_ERROR_SIZE];
	struct certificates *read = NULL;
	struct looking l = {.h = h, .order = order, .coming = coming};

	if (!f)
		abort();
	l.anew = order != PLAN_OF_SOME || !h->certificates ||
		 !certificates_suffice(h->certificates, &h->config->concentrator, candidate);
	if (l.anew)
		read = certificates_load(candidate, true, why);
	l.certificates = l.anew ? read : h->certificates;
	begin(&f->is, h, candidate, l.certificates);
	begin(&f->was, h, h->config, h->certificates);
	look_at_tunnels(&l, &f->is, candidate);
	look_at_others(&l, f, h->config, candidate);
	certificates_free(read);
	return f;
}
