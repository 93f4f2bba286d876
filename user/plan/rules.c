/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of findings: what each looks at, and the sentence it makes of that. */
#include "plan/rules.h"

#include "base/clock.h"
#include "base/date.h"
#include "crypto/cert.h"
#include "plan/lost.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEAR_PERCENT 80
#define LONG_DOWN_S  600
#define NAMED_MAX    5 /* sites, in one sentence */
#define RATE_SIZE    32

static uint64_t share(uint64_t part, uint64_t whole)
{
	return whole ? part * 100 / whole : 0;
}

static const char *rate(uint64_t bps, char text[RATE_SIZE])
{
	static const char *const suffixes[] = {"", "k", "M", "G"};
	uint64_t unit = 1, tenths;
	int i = 0;

	for (; i < 3 && bps >= unit * 1000; i++)
		unit *= 1000;
	tenths = bps % unit * 10 / unit;
	if (tenths)
		snprintf(text, RATE_SIZE, "%" PRIu64 ".%" PRIu64 "%s", bps / unit, tenths,
			suffixes[i]);
	else
		snprintf(text, RATE_SIZE, "%" PRIu64 "%s", bps / unit, suffixes[i]);
	return text;
}

/* " 'a', 'b'", and how many more. */
static void name_sites(struct finding *f)
{
	for (uint32_t i = 0; i < f->site_count && i < NAMED_MAX; i++)
		finding_text(f, "%s '%s'", i ? "," : "", f->sites[i]);
	if (f->site_count > NAMED_MAX)
		finding_text(f, " and %u more", f->site_count - NAMED_MAX);
}

static void each_tunnel(struct finding_scope *s,
	void (*visit)(struct finding_scope *s, const struct site_conf *site, unsigned int t,
		const struct site_tunnel *state))
{
	for (uint32_t i = 0; i < s->config->site_count; i++) {
		const struct site_conf *site = &s->config->sites[i];

		for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
			const struct site_tunnel *state = known_tunnel(s->known, site, t);

			if (site->tunnels[t].configured)
				visit(s, site, t, state);
		}
	}
}

static const char *tunnel_name(unsigned int t)
{
	return t ? "tunnel 1" : "tunnel 0";
}

/* ---- what does not work, or will not ---- */

static void secret_of(struct finding_scope *s, const struct site_conf *site, unsigned int t,
	const struct site_tunnel *state)
{
	const struct tunnel_facts *facts = known_facts(s->known, site, t);

	(void)state;
	if (facts && facts->missing[0])
		finding_is_of(finding_add(s, tunnel_name(t), "site '%s' tunnel %u: %s", site->name,
				      t, facts->missing),
			site->name);
}

static void secrets_missing(struct finding_scope *s)
{
	each_tunnel(s, secret_of);
}

static void unasked_of(struct finding_scope *s, const struct site_conf *site, unsigned int t,
	const struct site_tunnel *state)
{
	const struct tunnel_facts *facts = known_facts(s->known, site, t);

	if (facts && facts->unasked[0] && state && state->ike.phase == TUNNEL_UP)
		finding_is_of(finding_add(s, tunnel_name(t),
				      "site '%s' tunnel %u: %s is not known before its program is "
				      "asked, and if it tells another one, what uses it is set up "
				      "anew",
				      site->name, t, facts->unasked),
			site->name);
}

static void secrets_unasked(struct finding_scope *s)
{
	each_tunnel(s, unasked_of);
}

static void prefixes_of(struct finding_scope *s, const struct site_conf *site, unsigned int t,
	const struct site_tunnel *state)
{
	uint32_t six = state ? state->bgp.prefixes_in6 : 0, count;
	bool is_six;

	if (!known_prefixes_over(s->known, site, t))
		return;
	is_six = six > site->max_prefixes_in;
	count = is_six ? six : state->bgp.prefixes_in - six;
	finding_is_of(
		finding_add(s, tunnel_name(t),
			"site '%s' announces %u %s prefixes over tunnel %u and may have %u "
			"(max_prefixes): its BGP session ends",
			site->name, count, is_six ? "IPv6" : "IPv4", t, site->max_prefixes_in),
		site->name);
}

static void prefixes_over(struct finding_scope *s)
{
	each_tunnel(s, prefixes_of);
}

/* Up, and with something that keeps it from making new keys. */
static void keys_of(struct finding_scope *s, const struct site_conf *site, unsigned int t,
	const struct site_tunnel *state)
{
	if (!state || state->ike.phase != TUNNEL_UP || !state->ike.reason[0] ||
		!strcmp(state->ike.reason, "TWO_DEVICES"))
		return;
	finding_is_of(finding_add(s, tunnel_name(t), "site '%s' tunnel %u: %s", site->name, t,
			      state->ike.detail),
		site->name);
}

static void keys_end(struct finding_scope *s)
{
	each_tunnel(s, keys_of);
}

static void tell_end(
	struct finding_scope *s, const char *what, int64_t warn_from, int64_t at, const char *site)
{
	int64_t now = (int64_t)(s->known->wall_ns / CLOCK_SECOND);
	char date[DATE_TEXT_SIZE];
	struct finding *f;

	if (now < warn_from)
		return;
	f = finding_add(s, what, "%s %s %s", what, now < at ? "ends at" : "has ended at",
		date_format(at, date));
	if (now >= at)
		f->severity = FINDING_ERROR;
	if (site)
		finding_is_of(f, site);
}

static void certificate_of(struct finding_scope *s, const struct site_conf *site, unsigned int t,
	const struct site_tunnel *state)
{
	const struct cert_facts *f = state && state->cert ? &state->cert->facts : NULL;
	char what[REASON_TEXT_SIZE];

	if (!f || site->tunnels[t].options.auth != AUTH_CERT)
		return;
	snprintf(what, sizeof(what), "the certificate of site '%s' tunnel %u", site->name, t);
	tell_end(s, what, cert_warn_from(f->not_before, f->not_after), f->not_after, site->name);
}

static void certificates_end(struct finding_scope *s)
{
	for (size_t i = 0; s->known && i < s->known->end_count; i++) {
		const struct known_end *e = &s->known->ends[i];

		tell_end(s, e->what, e->warn_from, e->at, NULL);
	}
	each_tunnel(s, certificate_of);
}

/* ---- what may be meant ---- */

static void add_doubt(struct finding_scope *s, enum config_doubt_kind kind,
	const struct site_conf *site, const char *text)
{
	struct finding *f = finding_add(s, text, "%s", text);

	for (uint32_t i = 0; i < s->config->site_count; i++) {
		const struct site_conf *other = &s->config->sites[i];

		if (other == site || (kind == DOUBT_SAME_AS && other->routing == ROUTING_BGP &&
					     other->asn == site->asn))
			finding_is_of(f, other->name);
	}
}

static void take_selectors(
	void *context, enum config_doubt_kind kind, const struct site_conf *site, const char *text)
{
	if (kind == DOUBT_SELECTORS)
		add_doubt(context, kind, site, text);
}

static void selectors_closed(struct finding_scope *s)
{
	config_doubts(s->config, take_selectors, s);
}

static void take_same_as(
	void *context, enum config_doubt_kind kind, const struct site_conf *site, const char *text)
{
	if (kind == DOUBT_SAME_AS)
		add_doubt(context, kind, site, text);
}

static void same_as(struct finding_scope *s)
{
	config_doubts(s->config, take_same_as, s);
}

static const char *routes_text(uint32_t count)
{
	return count == 1 ? "route" : "routes";
}

static void routes_untold(
	struct finding_scope *s, const struct site_conf *site, const struct lost_routes *l)
{
	struct finding *f = finding_add(s, "untold", "%u %s of site '%s' would not be told to ",
		l->untold, routes_text(l->untold), site->name);

	finding_is_of(f, site->name);
	if (l->untold_to == 1)
		finding_text(f, "site '%s' any more", s->config->sites[l->first_untold].name);
	else
		finding_text(f, "%u other sites any more", l->untold_to);
}

/* The same for all that hear of them. */
static void networks_unheard(struct finding_scope *s, const struct lost_routes *lost)
{
	struct finding *f = NULL;
	char text[PREFIX_STR_SIZE];

	for (uint32_t i = 0; i < s->config->site_count; i++) {
		if (!lost[i].unheard)
			continue;
		if (!f)
			f = finding_add(s, "networks",
				"%u %s of the hub (networks) would not be announced any more: "
				"%s%s, to",
				lost[i].unheard, lost[i].unheard == 1 ? "network" : "networks",
				lost[i].unheard > 1 ? "for one, " : "",
				prefix_format(&lost[i].unheard_example, text));
		finding_is_of(f, s->config->sites[i].name);
	}
	if (f)
		name_sites(f);
}

static void routes_lost(struct finding_scope *s)
{
	struct lost_routes *lost = lost_find(s->known);
	char text[PREFIX_STR_SIZE];

	for (uint32_t i = 0; lost && i < s->config->site_count; i++) {
		const struct lost_routes *l = &lost[i];
		const char *name = s->config->sites[i].name;

		if (l->count)
			finding_is_of(finding_add(s, "lost",
					      "%u %s of site '%s' in force now would not be: %s%s, "
					      "because %s",
					      l->count, routes_text(l->count), name,
					      l->count > 1 ? "for one, " : "",
					      prefix_format(&l->example, text), l->why),
				name);
		if (l->untold)
			routes_untold(s, &s->config->sites[i], l);
	}
	if (lost)
		networks_unheard(s, lost);
	free(lost);
}

/* ---- what has no second way ---- */

static void one_tunnel(struct finding_scope *s)
{
	struct finding *f = NULL;

	for (uint32_t i = 0; i < s->config->site_count; i++) {
		const struct site_conf *site = &s->config->sites[i];

		if (site->tunnels[0].configured && site->tunnels[1].configured)
			continue;
		if (!f)
			f = finding_add(s, "configured",
				"one tunnel is configured, and nothing takes over when it ends:");
		finding_is_of(f, site->name);
	}
	if (f)
		name_sites(f);
}

static void down_of(struct finding_scope *s, const struct site_conf *site, unsigned int t,
	const struct site_tunnel *state)
{
	const struct site_tunnel *other = known_tunnel(s->known, site, !t);
	uint64_t for_s;

	if (!state || !other || state->open || !other->open || !state->since_wall_ns ||
		s->known->wall_ns < state->since_wall_ns)
		return;
	for_s = (s->known->wall_ns - state->since_wall_ns) / CLOCK_SECOND;
	if (for_s < LONG_DOWN_S)
		return;
	finding_is_of(finding_add(s, tunnel_name(t),
			      "site '%s' tunnel %u %s for %" PRIu64
			      " minutes, and nothing takes over when tunnel %u ends",
			      site->name, t,
			      state->admin_down ? "is switched off, and not up" : "is down",
			      for_s / 60, !t),
		site->name);
}

static void long_down(struct finding_scope *s)
{
	each_tunnel(s, down_of);
}

/* ---- limits ---- */

static void near_limit(struct finding_scope *s, const struct site_conf *site, const char *what,
	uint64_t count, uint64_t limit)
{
	struct finding *f;

	if (share(count, limit) < NEAR_PERCENT)
		return;
	f = finding_add(s, what, "%s%s%s%" PRIu64 " of %" PRIu64 " %s", site ? "site '" : "",
		site ? site->name : "", site ? "': " : "", count, limit, what);
	if (site)
		finding_is_of(f, site->name);
}

static uint32_t most(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static void limits_of_site(struct finding_scope *s, const struct site_conf *site)
{
	uint32_t in4 = 0, in6 = 0, out4 = 0, out6 = 0;

	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
		const struct site_tunnel *state = known_tunnel(s->known, site, t);
		const struct tunnel_bgp *b = state ? &state->bgp : NULL;

		if (!b || b->state != BGP_ESTABLISHED)
			continue;
		in6 = most(in6, b->prefixes_in6);
		in4 = most(in4, b->prefixes_in - b->prefixes_in6);
		out6 = most(out6, b->prefixes_out6);
		out4 = most(out4, b->prefixes_out - b->prefixes_out6);
	}
	near_limit(s, site, "IPv4 prefixes that it may announce (max_prefixes)", in4,
		site->max_prefixes_in);
	near_limit(s, site, "IPv6 prefixes that it may announce (max_prefixes)", in6,
		site->max_prefixes_in);
	near_limit(s, site, "IPv4 prefixes that it is told of (max_prefixes_out)", out4,
		site->max_prefixes_out);
	near_limit(s, site, "IPv6 prefixes that it is told of (max_prefixes_out)", out6,
		site->max_prefixes_out);
	near_limit(s, site, "static routes", site->statics.count, CONFIG_STATICS_MAX);
}

static void quota_near(struct finding_scope *s)
{
	uint32_t gateways = 0;

	for (uint32_t i = 0; i < s->config->site_count; i++)
		gateways += s->config->sites[i].site_class == SITE_GATEWAY;
	near_limit(s, NULL, "sites of the class concentrator", s->config->site_count - gateways,
		CONFIG_CONCENTRATED_MAX);
	near_limit(s, NULL, "sites of the class gateway", gateways, CONFIG_GATEWAYS_MAX);
	for (uint32_t i = 0; i < s->config->site_count; i++)
		limits_of_site(s, &s->config->sites[i]);
}

static const char *const directions[SLUICE_DIRECTIONS] = {
	[SLUICE_IN] = "from", [SLUICE_OUT] = "to"};

static void rate_below_use(struct finding_scope *s)
{
	char is[RATE_SIZE], limit[RATE_SIZE];

	for (uint32_t i = 0; s->known && i < s->config->site_count; i++) {
		const struct site_conf *conf = &s->config->sites[i];
		const struct site *site = site_find(s->known->model, conf->name);

		for (int d = 0; site && d < SLUICE_DIRECTIONS; d++) {
			struct site_rates r = site_rates_now(site, (enum sluice_direction)d);

			if (!conf->rate || r.offered_bps <= conf->rate ||
				conf->site_class == SITE_GATEWAY)
				continue;
			finding_is_of(finding_add(s, directions[d],
					      "%s bit/s are offered %s site '%s' now, and its rate "
					      "is %s",
					      rate(r.offered_bps, is), directions[d], conf->name,
					      rate(conf->rate, limit)),
				conf->name);
		}
	}
}

static void aggregate_near(struct finding_scope *s)
{
	uint64_t all = s->config->concentrator.aggregate_rate;
	char is[RATE_SIZE], limit[RATE_SIZE];

	for (int d = 0; s->known && d < SLUICE_DIRECTIONS; d++) {
		struct site_rates r = sum_rates_now(s->known->model, (enum sluice_direction)d);

		if (share(r.offered_bps, all) >= NEAR_PERCENT)
			(void)finding_add(s, directions[d],
				"%s bit/s are offered %s all sites now, and aggregate_rate is %s",
				rate(r.offered_bps, is), directions[d], rate(all, limit));
	}
}

static void oversubscribed(struct finding_scope *s)
{
	uint64_t sum = 0, all = s->config->concentrator.aggregate_rate;
	char is[RATE_SIZE], limit[RATE_SIZE];
	uint32_t count = 0;

	for (uint32_t i = 0; i < s->config->site_count; i++) {
		if (s->config->sites[i].site_class == SITE_GATEWAY)
			continue;
		sum += s->config->sites[i].rate;
		count++;
	}
	if (sum > all && all)
		(void)finding_add(s, "",
			"%u sites may have %s together, and aggregate_rate is %s: %" PRIu64
			".%" PRIu64 " to 1",
			count, rate(sum, is), rate(all, limit), sum / all, sum * 10 / all % 10);
}

/* ---- algorithms ---- */

/* By whose numbers what is in force is looked up; RFC 8247 and 8221 advise against all of these. */
static const struct weakness {
	const char *what;
	uint16_t group, integrity, prf; /* 0: it is not this */
	bool ikev1;
} weaknesses[] = {
	{.what = "DH group 2 (1024 bits)", .group = 2},
	{.what = "DH group 22 (1024 bits)", .group = 22},
	{.what = "DH group 5 (1536 bits)", .group = 5},
	{.what = "DH group 23", .group = 23},
	{.what = "DH group 24", .group = 24},
	{.what = "SHA-1", .integrity = 2, .prf = 2},
	{.what = "IKEv1", .ikev1 = true},
};

static bool uses(const struct suite_numbers *n, const struct weakness *w)
{
	return (w->group && n->group == w->group) ||
	       (w->integrity && n->integrity == w->integrity) || (w->prf && n->prf == w->prf);
}

static bool is_weak(const struct site_tunnel *state, const struct weakness *w)
{
	if (!state || state->ike.phase != TUNNEL_UP)
		return false;
	if (uses(&state->ike.suite, w) || (w->ikev1 && state->ike.ike_version == 1))
		return true;
	for (uint32_t i = 0; i < state->sa_count; i++) {
		if (uses(&state->sas[i].suite, w))
			return true;
	}
	return false;
}

static void weak_algorithms(struct finding_scope *s)
{
	for (size_t w = 0; w < sizeof(weaknesses) / sizeof(weaknesses[0]); w++) {
		struct finding *f = NULL;
		unsigned int tunnels = 0;

		for (uint32_t i = 0; i < s->config->site_count * TUNNELS_PER_SITE; i++) {
			const struct site_conf *site = &s->config->sites[i / TUNNELS_PER_SITE];
			unsigned int t = i % TUNNELS_PER_SITE;

			if (!site->tunnels[t].configured ||
				!is_weak(known_tunnel(s->known, site, t), &weaknesses[w]))
				continue;
			if (!f)
				f = finding_add(s, weaknesses[w].what, "%s is in force",
					weaknesses[w].what);
			finding_is_of(f, site->name);
			tunnels++;
		}
		if (!f)
			continue;
		finding_text(f, "; without it %u %s would end of", tunnels,
			tunnels == 1 ? "tunnel" : "tunnels");
		name_sites(f);
	}
}

/* ---- the table ---- */

static const char *milliseconds(uint32_t us, char text[RATE_SIZE])
{
	if (us % 1000)
		snprintf(text, RATE_SIZE, "%uus", us);
	else
		snprintf(text, RATE_SIZE, "%ums", us / 1000);
	return text;
}

/* What waits has its time to leave already; who comes next is further behind than it may be (dataplane/pace.h). */
static void horizon_shorter(struct finding_scope *s)
{
	const struct config *in_force = s->known ? s->known->model->config : NULL;
	uint32_t is = s->config->concentrator.packets.pacing_horizon_us, was;
	char old[RATE_SIZE], new[RATE_SIZE], less[RATE_SIZE];

	if (!in_force)
		return;
	was = in_force->concentrator.packets.pacing_horizon_us;
	if (is < was)
		(void)finding_add(s, "",
			"pacing_horizon is %s and would be %s: what waits still leaves at its "
			"rate, "
			"but where more is sent to a site than that, for up to %s all that comes "
			"is "
			"dropped (horizon), once",
			milliseconds(was, old), milliseconds(is, new),
			milliseconds(was - is, less));
}

const struct finding_rule finding_rules[] = {
	{"secret-missing", FINDING_ERROR, secrets_missing},
	{"prefixes-over", FINDING_ERROR, prefixes_over},
	{"keys-end", FINDING_ERROR, keys_end},
	{"endpoint-device", FINDING_ERROR, finding_devices_doubted},
	{"routes-lost", FINDING_WARNING, routes_lost},
	{"certificate-ends", FINDING_WARNING, certificates_end},
	{"secret-unasked", FINDING_WARNING, secrets_unasked},
	{"device-closed", FINDING_WARNING, finding_devices_closed},
	{"overlap", FINDING_WARNING, finding_overlaps},
	{"selectors-closed", FINDING_WARNING, selectors_closed},
	{"same-as", FINDING_WARNING, same_as},
	{"tunnel-down", FINDING_WARNING, long_down},
	{"rate-below-use", FINDING_WARNING, rate_below_use},
	{"aggregate-near", FINDING_WARNING, aggregate_near},
	{"quota-near", FINDING_WARNING, quota_near},
	{"weak-algorithm", FINDING_WARNING, weak_algorithms},
	{"one-tunnel", FINDING_NOTE, one_tunnel},
	{"oversubscribed", FINDING_NOTE, oversubscribed},
	{"horizon-shorter", FINDING_NOTE, horizon_shorter},
	{NULL, FINDING_NOTE, NULL},
};

static_assert(sizeof(finding_rules) / sizeof(finding_rules[0]) <= FINDING_RULES_MAX,
	"each has its number");
