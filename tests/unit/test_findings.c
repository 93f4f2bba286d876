/* SPDX-License-Identifier: Apache-2.0 */
/* Findings of a plan: each rule with something that it finds, and without. */
#include "plan/findings.h"
#include "plan/rules.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define WALL_S 1796472000

static struct {
	struct model model;
	struct site a, b;
	struct config *was, *is;
	struct tunnel_facts facts[CONFIG_SITES_MAX][TUNNELS_PER_SITE];
	struct known_end end;
	struct plan_known then, now;
	struct findings *found;
} lab;

#define TEXT                                                                                       \
	"concentrator:\n"                                                                          \
	"  name: hub\n"                                                                            \
	"  networks: [10.0.0.0/16]\n"                                                              \
	"  aggregate_rate: 1G\n"                                                                   \
	"  endpoints: [{ device: wan0, addresses: [198.51.100.1] },\n"                             \
	"    { device: wan1, addresses: [198.51.101.1] }]\n"                                       \
	"sites:\n"                                                                                 \
	"  - { name: a, asn: 65001, tunnels: [\n"                                                  \
	"    { inside: 169.254.10.0/30, identity: a.example, psk: 'file:/k' },\n"                  \
	"    { inside: 169.254.10.4/30, identity: a2.example, psk: 'file:/k' } ] }\n"              \
	"  - { name: b, asn: 65002, tunnels: [\n"                                                  \
	"    { inside: 169.254.10.8/30, identity: b.example, psk: 'file:/k' },\n"                  \
	"    { inside: 169.254.10.12/30, identity: b2.example, psk: 'file:/k' } ] }\n"

static struct config *parse(void)
{
	char error[CONFIG_ERROR_SIZE];
	struct config *c = config_parse("t", TEXT, strlen(TEXT), error);

	if (!c)
		fail_msg("%s", error);
	return c;
}

/* Both tunnels of both sites are up, and there is nothing to find. */
static int setup(void **state)
{
	struct site *sites[] = {&lab.a, &lab.b};

	(void)state;
	memset(&lab, 0, sizeof(lab));
	lab.was = parse();
	lab.is = parse();
	for (int i = 0; i < 2; i++) {
		sites[i]->slot = (uint32_t)i;
		sites[i]->conf = lab.was->sites[i];
		lab.model.sites[i] = sites[i];
		for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
			struct site_tunnel *state_of = &sites[i]->tunnels[t];

			lab.facts[i][t] = (struct tunnel_facts){.cert_fits = true};
			state_of->open = true;
			state_of->since_wall_ns = (WALL_S - 7200) * CLOCK_SECOND;
			state_of->ike = (struct tunnel_ike){.phase = TUNNEL_UP,
				.ike_version = 2,
				.suite = {
					.encryption = 20, .key_bits = 256, .prf = 6, .group = 20}};
			state_of->bgp.state = BGP_ESTABLISHED;
		}
	}
	lab.now = (struct plan_known){.model = &lab.model,
		.candidate = lab.was,
		.facts = lab.facts,
		.wall_ns = WALL_S * CLOCK_SECOND};
	lab.then = lab.now;
	lab.then.candidate = lab.is;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	findings_free(lab.found);
	config_free(lab.was);
	config_free(lab.is);
	return 0;
}

static void look(void)
{
	findings_free(lab.found);
	lab.found = findings_make(
		&(struct findings_of){lab.was, &lab.now}, &(struct findings_of){lab.is, &lab.then});
}

static void nothing(void)
{
	look();
	if (lab.found->count)
		fail_msg("found: %s", lab.found->list[0].text);
}

/* That alone; `sites` are one letter each. */
static void only(const char *kind, enum finding_severity severity, bool fresh, const char *sites,
	const char *text)
{
	const struct finding *f;

	look();
	if (lab.found->count != 1)
		fail_msg("%s: %zu findings", kind, lab.found->count);
	f = lab.found->list;
	assert_string_equal(f->kind, kind);
	assert_int_equal(f->severity, severity);
	assert_int_equal(f->fresh, fresh);
	assert_int_equal(f->site_count, strlen(sites));
	for (uint32_t i = 0; i < f->site_count; i++) {
		assert_int_equal(f->sites[i][0], sites[i]);
		assert_int_equal(f->sites[i][1], '\0');
	}
	if (!strstr(f->text, text))
		fail_msg("%s: \"%s\" is not in \"%s\"", kind, text, f->text);
}

static struct ip_prefix prefix(const char *text)
{
	struct ip_prefix p;

	assert_true(prefix_parse(text, &p));
	return p;
}

static void secret_missing(void **state)
{
	(void)state;
	nothing();
	strcpy(lab.facts[1][1].missing, "psk file:/k: No such file or directory");
	only("secret-missing", FINDING_ERROR, false, "b",
		"site 'b' tunnel 1: psk file:/k: No such file");
}

static void secret_unasked(void **state)
{
	(void)state;
	strcpy(lab.facts[1][1].unasked, "psk exec:/k");
	only("secret-unasked", FINDING_WARNING, false, "b",
		"site 'b' tunnel 1: psk exec:/k is not known before its program is asked");
	lab.b.tunnels[1].ike.phase = TUNNEL_DOWN;
	nothing();
}

static void prefixes_over(void **state)
{
	(void)state;
	lab.a.tunnels[1].bgp.prefixes_in = 30;
	lab.a.tunnels[1].bgp.prefixes_in6 = 10;
	nothing();
	lab.is->sites[0].max_prefixes_in = 19;
	look();
	assert_int_equal(lab.found->count, 2); /* it is near as well */
	assert_string_equal(lab.found->list[0].kind, "prefixes-over");
	assert_non_null(strstr(lab.found->list[0].text,
		"site 'a' announces 20 IPv4 prefixes over tunnel 1 and may have 19"));
	assert_true(lab.found->list[0].fresh);
	assert_string_equal(lab.found->list[1].kind, "quota-near");
	lab.a.tunnels[1].bgp.state = BGP_IDLE;
	nothing();
}

static void keys_end(void **state)
{
	(void)state;
	strcpy(lab.a.tunnels[0].ike.reason, "TWO_DEVICES");
	nothing();
	strcpy(lab.a.tunnels[0].ike.reason, "IKE_NO_PROPOSAL");
	strcpy(lab.a.tunnels[0].ike.detail, "without one the tunnel ends at 12:00");
	only("keys-end", FINDING_ERROR, false, "a", "site 'a' tunnel 0: without one the tunnel");
	lab.a.tunnels[0].ike.phase = TUNNEL_DOWN;
	nothing();
}

static void certificate_ends(void **state)
{
	struct site_cert *cert = calloc(1, sizeof(*cert));
	static struct known_end ends[26];

	(void)state;
	cert->facts.not_before = WALL_S - 360 * 86400;
	cert->facts.not_after = WALL_S + 5 * 86400;
	lab.b.tunnels[0].cert = cert;
	nothing(); /* it has another way to say who it is */
	lab.is->sites[1].tunnels[0].options.auth = AUTH_CERT;
	only("certificate-ends", FINDING_WARNING, true, "b",
		"the certificate of site 'b' tunnel 0 ends at 2026-12-10T12:00:00Z");
	cert->facts.not_after = WALL_S - 1;
	only("certificate-ends", FINDING_ERROR, true, "b", "has ended at");
	cert->facts.not_after = WALL_S + 200 * 86400;
	nothing();
	lab.then.ends = lab.now.ends = &lab.end;
	lab.then.end_count = lab.now.end_count = 1;
	lab.end = (struct known_end){"the revocation list of x", WALL_S, WALL_S};
	only("certificate-ends", FINDING_ERROR, false, "", "the revocation list of x has ended");
	lab.end.warn_from = WALL_S + 1;
	nothing();
	/* What has ended, however often, hides nothing that is about to. */
	for (size_t i = 0; i < 26; i++) {
		snprintf(ends[i].what, sizeof(ends[i].what), "the certificate of x%zu", i);
		ends[i].warn_from = WALL_S - 100;
		ends[i].at = i == 13 ? WALL_S + 100 : WALL_S - 1;
	}
	lab.then.ends = lab.now.ends = ends;
	lab.then.end_count = lab.now.end_count = 26;
	look();
	assert_int_equal(lab.found->count, 22);
	assert_string_equal(lab.found->list[20].text, "5 more of this kind");
	assert_non_null(strstr(lab.found->list[21].text, "the certificate of x13 ends at"));
	lab.then.end_count = lab.now.end_count = 0;
	free(cert);
}

/* More than are told; what is new comes first, however many there were before. */
static void many_overlap(void)
{
	struct networks_conf *in = &lab.is->sites[1].prefixes;

	lab.is->sites[0].prefixes = (struct networks_conf){1, {prefix("10.8.0.0/14")}};
	in->count = 26;
	for (uint32_t i = 0; i < in->count; i++) {
		in->prefixes[i] = prefix("10.8.0.0/24");
		in->prefixes[i].addr.bytes[2] = (uint8_t)i;
	}
	lab.was->sites[0].prefixes = lab.is->sites[0].prefixes;
	lab.was->sites[1].prefixes = *in;
	lab.was->sites[1].prefixes.count--;
	look();
	assert_int_equal(lab.found->count, 21);
	assert_true(lab.found->list[0].fresh);
	assert_non_null(strstr(lab.found->list[0].text, "10.8.25.0/24"));
	assert_string_equal(lab.found->list[20].text, "6 more of this kind");
	lab.was->sites[0].prefixes.count = lab.was->sites[1].prefixes.count = 0;
}

static void overlap(void **state)
{
	struct site_conf *a = &lab.is->sites[0], *b = &lab.is->sites[1];
	struct imsg_route r = {.prefix = prefix("10.7.1.0/24"), .tunnel = 1};
	struct route_table *t = route_table_new(1);

	(void)state;
	a->prefixes = (struct networks_conf){2, {prefix("10.7.0.0/16"), prefix("fd00:7::/32")}};
	b->prefixes = (struct networks_conf){1, {prefix("10.8.0.0/16")}};
	nothing();
	b->prefixes.prefixes[0] = prefix("10.7.128.0/17");
	only("overlap", FINDING_WARNING, true, "ba",
		"site 'b' declares 10.7.128.0/17, and site 'a' declares 10.7.0.0/16");
	/* Of one place they may. */
	strcpy(a->group, "town");
	strcpy(b->group, "town");
	nothing();
	b->group[0] = '\0';
	b->prefixes.prefixes[0] = prefix("10.0.8.0/24");
	only("overlap", FINDING_WARNING, true, "b",
		"site 'b' declares 10.0.8.0/24, and 10.0.0.0/16 is a network of the hub");
	b->prefixes.prefixes[0] = prefix("0.0.0.0/0");
	nothing();
	/* What is announced now stands already, where the declaration does. */
	lab.model.routes = t;
	(void)route_table_get(t, &r.prefix);
	route_table_find(t, &r.prefix)->tunnel = 2;
	only("overlap", FINDING_WARNING, true, "ba",
		"site 'b' announces 10.7.1.0/24, and site 'a'");
	lab.was->sites[0].prefixes = a->prefixes;
	only("overlap", FINDING_WARNING, false, "ba", "");
	/* And hides nothing that is new. */
	b->prefixes.prefixes[0] = prefix("10.7.128.0/17");
	look();
	assert_int_equal(lab.found->count, 2);
	assert_true(lab.found->list[0].fresh);
	assert_non_null(strstr(lab.found->list[0].text, "site 'b' declares 10.7.128.0/17"));
	assert_false(lab.found->list[1].fresh);
	b->prefixes.count = 0;
	route_table_find(t, &r.prefix)->tunnel = 1;
	nothing();
	route_table_free(t);
	lab.model.routes = NULL;
	many_overlap();
}

static void route(struct route_table *t, const char *text, uint16_t tunnel)
{
	struct ip_prefix p = prefix(text);
	struct route_entry *e = route_table_get(t, &p);

	e->tunnel = tunnel;
	e->installed = true;
}

/* The worst of all, and new: there may be overlaps as well. */
static void lost(const char *text)
{
	const struct finding *f;

	look();
	assert_true(lab.found->count);
	f = lab.found->list;
	assert_string_equal(f->kind, "routes-lost");
	assert_true(f->fresh);
	assert_int_equal(f->site_count, 1);
	assert_string_equal(f->sites[0], "b");
	if (!strstr(f->text, text))
		fail_msg("\"%s\" is not in \"%s\"", text, f->text);
}

/* Of whatever site, and why. */
static void routes_lost(void **state)
{
	struct route_table *t = route_table_new(1);
	struct site_conf *a = &lab.is->sites[0], *b = &lab.is->sites[1];

	(void)state;
	lab.model.config = lab.was;
	lab.model.routes = t;
	route(t, "172.16.1.0/24", 2);
	route(t, "172.16.2.0/24", 3);
	nothing();
	b->accept.count = 1;
	b->accept.rules[0] = (struct prefix_rule){prefix("172.16.1.0/24"), 24};
	lost("1 route of site 'b' in force now would not be: 172.16.2.0/24, because accept");
	b->accept.count = 0;
	lab.is->concentrator.networks.count = 2;
	lab.is->concentrator.networks.prefixes[1] = prefix("172.16.0.0/12");
	lost("2 routes of site 'b' in force now");
	lab.is->concentrator.networks.count = 1;
	a->prefixes.count = 1;
	a->prefixes.prefixes[0] = prefix("172.16.2.0/24");
	lost("because site 'a' declares 172.16.2.0/24 then");
	for (int i = 0; i < 2; i++) {
		strcpy(lab.was->sites[i].group, "town");
		strcpy(lab.is->sites[i].group, "town");
	}
	nothing();
	for (int i = 0; i < 2; i++)
		lab.was->sites[i].group[0] = lab.is->sites[i].group[0] = '\0';
	strcpy(b->takes_over, "a"); /* by then it is where that one is */
	nothing();
	b->takes_over[0] = '\0';
	/* What else it is judged by is as it is in force: what follows has to be seen by itself. */
	memset(&lab.is->concentrator.networks.prefixes[1], 0, sizeof(struct ip_prefix));
	memset(&a->prefixes, 0, sizeof(a->prefixes));
	memset(&b->accept, 0, sizeof(b->accept));
	route(t, "0.0.0.0/0", 2);
	lab.was->sites[1].allow_default = lab.b.conf.allow_default = true;
	lost("because allow_default");
	b->allow_default = true;
	nothing();
	b->propagate = false;
	lost("3 routes of site 'b' in force now would not be");
	b->propagate = true;
	lab.is->concentrator.site_to_site = false;
	lost("2 routes of site 'b' would not be told to site 'a' any more");
	lab.is->concentrator.site_to_site = true;
	lab.was->sites[1].share_default = true;
	lost("1 route of site 'b' would not be told to site 'a' any more");
	lab.was->sites[1].share_default = false;
	/* Who has the same AS, or belongs to the same place, hears nothing of it. */
	strcpy(a->group, "town");
	strcpy(b->group, "town");
	lost("2 routes of site 'b' would not be told to site 'a' any more");
	a->group[0] = b->group[0] = '\0';
	a->asn = b->asn = lab.was->sites[0].asn = 65002;
	lab.was->sites[0].as_override = lab.was->sites[1].as_override = true;
	b->as_override = true;
	lost("2 routes of site 'b' would not be told to site 'a' any more");
	a->asn = lab.was->sites[0].asn = 65001;
	b->as_override = false;
	nothing();
	lab.a.conf.routing = lab.b.conf.routing = ROUTING_STATIC;
	a->routing = b->routing = ROUTING_STATIC;
	b->statics.count = 2;
	b->statics.prefixes[0] = prefix("172.16.1.0/24");
	b->statics.prefixes[1] = prefix("0.0.0.0/0");
	lost("172.16.2.0/24, because it is no static route of the site then");
	route_table_free(t);
}

/* What the hub announces of its own, unless what it announces then covers it. */
static void networks_unheard(void **state)
{
	struct networks_conf *n = &lab.is->concentrator.networks;
	struct route_table *t = route_table_new(1);

	(void)state;
	lab.model.config = lab.was;
	lab.model.routes = t;
	n->prefixes[0] = prefix("10.99.0.0/16");
	only("routes-lost", FINDING_WARNING, true, "ab",
		"1 network of the hub (networks) would not be announced any more: 10.0.0.0/16, to "
		"'a', 'b'");
	n->count = 0;
	only("routes-lost", FINDING_WARNING, true, "ab", "10.0.0.0/16, to 'a', 'b'");
	n->count = 2;
	n->prefixes[0] = prefix("10.0.0.0/17");
	n->prefixes[1] = prefix("10.0.128.0/17");
	nothing();
	n->prefixes[1] = prefix("10.0.192.0/18");
	only("routes-lost", FINDING_WARNING, true, "ab", "10.0.0.0/16");
	n->count = 1;
	n->prefixes[0] = prefix("10.0.0.0/8");
	nothing();
	/* Who has no session, or none at all, hears of nothing now. */
	n->prefixes[0] = prefix("10.99.0.0/16");
	lab.a.tunnels[0].bgp.state = lab.a.tunnels[1].bgp.state = BGP_IDLE;
	only("routes-lost", FINDING_WARNING, true, "b", "to 'b'");
	route_table_free(t);
}

static void selectors_closed(void **state)
{
	struct selector_set *s = &lab.is->sites[0].tunnels[1].remote_ts;

	(void)state;
	s->count = 1;
	s->selectors[0].first = prefix("10.0.0.0/8").addr;
	s->selectors[0].last = prefix("10.255.255.255/32").addr;
	only("selectors-closed", FINDING_WARNING, true, "a",
		"site 'a' tunnel 1: site_cidrs leaves out");
}

static void same_as(void **state)
{
	(void)state;
	lab.is->sites[1].asn = 65001;
	only("same-as", FINDING_WARNING, true, "ab", "2 sites have AS 65001");
}

static void tunnel_down(void **state)
{
	(void)state;
	lab.a.tunnels[1].open = false;
	lab.a.tunnels[1].since_wall_ns = (WALL_S - 599) * CLOCK_SECOND;
	nothing();
	lab.a.tunnels[1].since_wall_ns = (WALL_S - 660) * CLOCK_SECOND;
	only("tunnel-down", FINDING_WARNING, false, "a",
		"site 'a' tunnel 1 is down for 11 minutes");
	lab.a.tunnels[1].admin_down = true;
	only("tunnel-down", FINDING_WARNING, false, "a", "tunnel 1 is switched off");
	lab.a.tunnels[0].open = false; /* that is told elsewhere */
	nothing();
}

/* So many bits in the last second. */
static void offer(struct site *s, enum sluice_direction d, uint64_t bits)
{
	s->before.at_ns = CLOCK_SECOND;
	s->latest.at_ns = 2 * CLOCK_SECOND;
	s->latest.stats[d].offered.bytes = s->before.stats[d].offered.bytes + bits / 8;
}

static void rate_below_use(void **state)
{
	(void)state;
	offer(&lab.a, SLUICE_OUT, 80000000);
	nothing();
	lab.is->sites[0].rate = 50000000;
	only("rate-below-use", FINDING_WARNING, true, "a",
		"80M bit/s are offered to site 'a' now, and its rate is 50M");
}

static void aggregate_near(void **state)
{
	(void)state;
	lab.is->sites[0].rate = lab.is->sites[1].rate = 400000000;
	lab.was->sites[0].rate = lab.was->sites[1].rate = 400000000;
	offer(&lab.a, SLUICE_IN, 400000000);
	offer(&lab.b, SLUICE_IN, 392000000);
	nothing();
	offer(&lab.b, SLUICE_IN, 400000000);
	only("aggregate-near", FINDING_WARNING, false, "",
		"800M bit/s are offered from all sites now, and aggregate_rate is 1G");
}

static void quota_near(void **state)
{
	(void)state;
	lab.is->sites[1].max_prefixes_out = 50;
	lab.b.tunnels[0].bgp.prefixes_out = 45;
	lab.b.tunnels[0].bgp.prefixes_out6 = 6;
	nothing();
	lab.b.tunnels[0].bgp.prefixes_out6 = 5;
	only("quota-near", FINDING_WARNING, true, "b", "site 'b': 40 of 50 IPv4 prefixes");
	lab.b.tunnels[0].bgp.prefixes_out = 0;
	lab.b.tunnels[0].bgp.prefixes_out6 = 0;
	lab.a.tunnels[0].bgp.prefixes_in = lab.a.tunnels[0].bgp.prefixes_in6 = 79;
	lab.was->sites[0].max_prefixes_in = lab.is->sites[0].max_prefixes_in = 100;
	nothing();
	lab.a.tunnels[0].bgp.prefixes_in = lab.a.tunnels[0].bgp.prefixes_in6 = 80;
	only("quota-near", FINDING_WARNING, false, "a", "site 'a': 80 of 100 IPv6 prefixes");
	lab.a.tunnels[0].bgp.prefixes_in = lab.a.tunnels[0].bgp.prefixes_in6 = 0;
	lab.is->sites[0].statics.count = 80;
	only("quota-near", FINDING_WARNING, true, "a", "80 of 100 static routes");
	lab.is->sites[0].statics.count = 0;
	for (uint32_t i = 2; i < 80; i++) {
		memcpy(&lab.is->sites[i], &lab.is->sites[1], sizeof(lab.is->sites[1]));
		snprintf(lab.is->sites[i].name, SITE_NAME_SIZE, "x%u", i);
		lab.is->sites[i].asn += i;
		lab.is->sites[i].rate = 1000;
		lab.facts[i][0] = lab.facts[i][1] = lab.facts[1][0];
	}
	lab.is->site_count = 79;
	nothing();
	lab.is->site_count = 80;
	only("quota-near", FINDING_WARNING, true, "", "80 of 100 sites of the class concentrator");
}

static void weak_algorithm(void **state)
{
	(void)state;
	lab.a.tunnels[0].ike.suite.group = 2;
	lab.b.tunnels[0].ike.suite.group = 2;
	lab.b.tunnels[1].ike.suite.group = 2;
	only("weak-algorithm", FINDING_WARNING, false, "ab",
		"DH group 2 (1024 bits) is in force; without it 3 tunnels would end of 'a', 'b'");
	lab.a.tunnels[0].ike.suite.group = 20;
	lab.b.tunnels[1].ike.suite.group = lab.b.tunnels[0].ike.suite.group = 20;
	nothing();
	lab.a.tunnels[1].sa_count = 1;
	lab.a.tunnels[1].sas[0].suite.integrity = 2;
	only("weak-algorithm", FINDING_WARNING, false, "a",
		"SHA-1 is in force; without it 1 tunnel");
	lab.a.tunnels[1].sa_count = 0;
	lab.a.tunnels[1].ike.ike_version = 1;
	only("weak-algorithm", FINDING_WARNING, false, "a", "IKEv1 is in force");
	lab.a.tunnels[1].ike.phase = TUNNEL_DOWN;
	nothing();
}

static void one_tunnel(void **state)
{
	(void)state;
	memset(&lab.was->sites[0].tunnels[1], 0, sizeof(lab.was->sites[0].tunnels[1]));
	nothing();
	memset(&lab.is->sites[0].tunnels[1], 0, sizeof(lab.is->sites[0].tunnels[1]));
	only("one-tunnel", FINDING_NOTE, false, "a",
		"one tunnel is configured, and nothing takes over when it ends: 'a'");
	memset(&lab.is->sites[1].tunnels[1], 0, sizeof(lab.is->sites[1].tunnels[1]));
	only("one-tunnel", FINDING_NOTE, true, "ab", ": 'a', 'b'");
}

static void horizon_shorter(void **state)
{
	(void)state;
	lab.model.config = lab.was;
	lab.was->concentrator.packets.pacing_horizon_us = 25000;
	lab.is->concentrator.packets.pacing_horizon_us = 50000;
	nothing();
	lab.is->concentrator.packets.pacing_horizon_us = 1500;
	look();
	only("horizon-shorter", FINDING_NOTE, true, "",
		"pacing_horizon is 25ms and would be 1500us: what waits still leaves at its rate, "
		"but "
		"where more is sent to a site than that, for up to 23500us all that comes is "
		"dropped "
		"(horizon), once");
}

static void oversubscribed(void **state)
{
	(void)state;
	lab.is->concentrator.aggregate_rate = 200000000;
	nothing();
	lab.is->concentrator.aggregate_rate = 80000000;
	only("oversubscribed", FINDING_NOTE, true, "",
		"2 sites may have 200M together, and aggregate_rate is 80M: 2.5 to 1");
}

/* The worst first; among equals what is new. Too many of a kind are one. */
static void the_order(void **state)
{
	(void)state;
	lab.is->concentrator.aggregate_rate = 80000000;
	lab.a.tunnels[0].ike.suite.group = 2;
	lab.is->sites[1].asn = 65001;
	strcpy(lab.facts[0][0].missing, "psk");
	look();
	assert_int_equal(lab.found->count, 4);
	assert_string_equal(lab.found->list[0].kind, "secret-missing");
	assert_string_equal(lab.found->list[1].kind, "same-as");
	assert_string_equal(lab.found->list[2].kind, "weak-algorithm");
	assert_string_equal(lab.found->list[3].kind, "oversubscribed");
	teardown(NULL);
	setup(NULL);
	for (uint32_t i = 2; i < 60; i++) {
		memcpy(&lab.is->sites[i], &lab.is->sites[1], sizeof(lab.is->sites[1]));
		snprintf(lab.is->sites[i].name, SITE_NAME_SIZE, "x%u", i);
		lab.is->sites[i].asn += i;
		lab.is->sites[i].rate = 1000;
		strcpy(lab.facts[i][0].missing, "psk");
	}
	lab.is->site_count = 60;
	look();
	assert_int_equal(lab.found->count, 21);
	assert_string_equal(lab.found->list[20].text, "38 more of this kind");
}

static void endpoint_device(void **state)
{
	struct known_device devices[CONFIG_ENDPOINTS] = {{""}}, *doubted = &devices[1];

	(void)state;
	lab.then.devices = devices;
	nothing();
	strcpy(doubted->doubt, "it has another XDP program (number 7)");
	only("endpoint-device", FINDING_ERROR, true, "",
		"endpoint 1, wan1: it has another XDP program (number 7); while that is so, it is "
		"closed and its tunnels are down");
	lab.now.devices = devices;
	only("endpoint-device", FINDING_ERROR, false, "", "endpoint 1, wan1: ");
}

static void device_closed(void **state)
{
	struct model_host *host = &lab.model.host;

	(void)state;
	host->outside_count = 2;
	strcpy(host->outside[0].name, "wan0");
	strcpy(host->outside[1].name, "wan1");
	nothing();
	strcpy(lab.is->concentrator.endpoints[1].device, "wan7");
	only("device-closed", FINDING_WARNING, true, "",
		"wan1 is no outside device then, and stays closed for what is in clear until "
		"sluiced starts again or `sluice hub release`");
	lab.is->concentrator.outside_forwarding = true;
	nothing();
	strcpy(lab.is->concentrator.endpoints[1].device, "wan1");
	lab.is->concentrator.outside_forwarding = false;
	host->closed_devices[3] = (struct closed_device){.name = "wan5", .awaited = 1};
	nothing();
	host->closed_devices[3].former = true;
	only("device-closed", FINDING_WARNING, false, "", "wan5 is no outside device then");
}

/* Every rule of the table has a test here. */
static const struct {
	const char *kind;
	void (*test)(void **state);
} rows[] = {
	{"secret-missing", secret_missing},
	{"prefixes-over", prefixes_over},
	{"keys-end", keys_end},
	{"endpoint-device", endpoint_device},
	{"routes-lost", routes_lost},
	{"certificate-ends", certificate_ends},
	{"secret-unasked", secret_unasked},
	{"device-closed", device_closed},
	{"overlap", overlap},
	{"selectors-closed", selectors_closed},
	{"same-as", same_as},
	{"tunnel-down", tunnel_down},
	{"rate-below-use", rate_below_use},
	{"aggregate-near", aggregate_near},
	{"quota-near", quota_near},
	{"weak-algorithm", weak_algorithm},
	{"one-tunnel", one_tunnel},
	{"oversubscribed", oversubscribed},
	{"horizon-shorter", horizon_shorter},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static void every_rule_has_a_test(void **state)
{
	size_t count = 0;

	(void)state;
	for (; finding_rules[count].kind; count++) {
		if (count >= ROWS || strcmp(finding_rules[count].kind, rows[count].kind))
			fail_msg("%s has no test", finding_rules[count].kind);
	}
	assert_int_equal(count, ROWS);
}

int main(void)
{
	struct CMUnitTest tests[ROWS + 3] = {
		[ROWS] = cmocka_unit_test(every_rule_has_a_test),
		[ROWS + 1] = cmocka_unit_test_setup_teardown(the_order, setup, teardown),
		[ROWS + 2] = cmocka_unit_test_setup_teardown(networks_unheard, setup, teardown),
	};

	for (size_t i = 0; i < ROWS; i++)
		tests[i] = (struct CMUnitTest)cmocka_unit_test_setup_teardown(
			rows[i].test, setup, teardown);
	for (size_t i = 0; i < ROWS; i++)
		tests[i].name = rows[i].kind;
	return cmocka_run_group_tests_name("findings", tests, NULL, NULL);
}
