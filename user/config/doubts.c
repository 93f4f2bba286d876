/* SPDX-License-Identifier: Apache-2.0 */
/* What a configuration may say, and what hardly anybody means: it is told and not refused. */
#include "config/config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NAMED_MAX 3 /* sites, in one sentence */

struct telling {
	config_doubt *tell;
	void *context;
};

__attribute__((format(printf, 4, 5))) static void doubt(const struct telling *t,
	enum config_doubt_kind kind, const struct site_conf *site, const char *format, ...)
{
	char text[CONFIG_DOUBT_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	t->tell(t->context, kind, site, text);
}

static bool lets_through(const struct selector_set *set, const struct ip_addr *a)
{
	for (unsigned int i = 0; i < set->count; i++) {
		const struct selector *s = &set->selectors[i];

		if (s->first.family == a->family &&
			memcmp(s->first.bytes, a->bytes, addr_len(a)) <= 0 &&
			memcmp(a->bytes, s->last.bytes, addr_len(a)) <= 0)
			return true;
	}
	return !set->count;
}

/* BGP runs between the inside addresses, through the SAs as all else does. */
static void look_at_selectors(
	const struct telling *t, const struct site_conf *site, unsigned int number)
{
	const struct tunnel_conf *conf = &site->tunnels[number];
	const struct ip_prefix *block =
		site->bgp_family == AF_INET6 ? &conf->inside6 : &conf->inside;
	struct ip_addr ends[] = {config_inside_hub(block), config_inside_site(block)};
	const struct selector_set *sets[] = {&conf->local_ts, &conf->remote_ts};
	char text[ADDR_STR_SIZE];

	for (int i = 0; conf->configured && site->routing == ROUTING_BGP && i < 2; i++) {
		if (!lets_through(sets[i], &ends[i]))
			doubt(t, DOUBT_SELECTORS, site,
				"site '%s' tunnel %u: %s leaves out %s, the %s inside address: no "
				"BGP passes through the tunnel",
				site->name, number, i ? "site_cidrs" : "hub_cidrs",
				addr_format(&ends[i], text), i ? "site's" : "hub's");
	}
}

/*
 * RFC 4271 9.1.2: a device takes a path with its own AS for a loop. Told once of each AS, at the first site that has
 * it.
 */
static void look_at_as(const struct telling *t, const struct config *c, uint32_t s)
{
	uint32_t asn = c->sites[s].asn, all = 0, refusing = 0;
	char names[NAMED_MAX * (SITE_NAME_SIZE + 4)] = "";

	for (uint32_t i = 0; i < c->site_count; i++) {
		const struct site_conf *site = &c->sites[i];
		size_t n = strlen(names);

		if (site->routing != ROUTING_BGP || site->asn != asn)
			continue;
		if (i < s)
			return;
		all++;
		if (!site->as_override && refusing++ < NAMED_MAX)
			snprintf(names + n, sizeof(names) - n, "%s'%s'", n ? ", " : "", site->name);
	}
	if (all > 1 && refusing)
		doubt(t, DOUBT_SAME_AS, &c->sites[s],
			"%u sites have AS %u, and %s%s no as_override: what the others announce "
			"looks like a loop there and is refused",
			all, asn, names,
			refusing > NAMED_MAX ? " and more of them have"
			: refusing > 1       ? " have"
					     : " has");
}

void config_doubts(const struct config *c, config_doubt *tell, void *context)
{
	struct telling t = {tell, context};

	for (uint32_t s = 0; s < c->site_count; s++) {
		for (unsigned int i = 0; i < TUNNELS_PER_SITE; i++)
			look_at_selectors(&t, &c->sites[s], i);
		if (c->concentrator.site_to_site && c->sites[s].routing == ROUTING_BGP)
			look_at_as(&t, c, s);
	}
}
