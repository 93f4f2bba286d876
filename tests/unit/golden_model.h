/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hub of which something is to be told everywhere: every state, every reason, every kind of row. Its documents are
 * the files in tests/golden. The clock stands still.
 */
#ifndef TESTS_UNIT_GOLDEN_MODEL_H
#define TESTS_UNIT_GOLDEN_MODEL_H

#include "base/clock.h"
#include "bgp/bfd/packet.h"
#include "bgp/decide.h"
#include "bgp/policy.h"
#include "hub/child/child.h"
#include "hub/event/event.h"
#include "hub/event/eventlog.h"
#include "hub/secret/certificates_internal.h"
#include "ike/effect.h"
#include "ipc/msg_bgp.h"
#include "ipc/msg_ike.h"
#include "view/view.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define NOW             (864000 * CLOCK_SECOND)     /* ten days after the machine's start */
#define WALL            (1796472000 * CLOCK_SECOND) /* 2026-12-05T12:00:00Z */
#define SITES           6
#define GATEWAY         2
#define BEFORE(seconds) (WALL - (seconds)*CLOCK_SECOND)

/* In place of base/clock.c. */
uint64_t clock_now(void)
{
	return NOW;
}

uint64_t clock_wall(void)
{
	return WALL;
}

static struct {
	struct hub hub;
	struct config config;
	struct site sites[SITES];
	struct route_table *routes;
	struct fair fair[SLUICE_DIRECTIONS];
	struct certificates certificates;
} golden;

static struct ip_prefix prefix(const char *text)
{
	struct ip_prefix p;

	assert_true(prefix_parse(text, &p));
	return p;
}

static struct ip_addr address(const char *text)
{
	struct ip_addr a;

	assert_true(addr_parse(text, &a));
	return a;
}

static struct site_tunnel *tunnel(uint32_t number)
{
	return &golden.sites[number / 2].tunnels[number % 2];
}

/* ---- the configuration ---- */

static void configure(void)
{
	struct concentrator_conf *c = &golden.config.concentrator;

	snprintf(c->name, sizeof(c->name), "hub-1");
	c->asn = 64512;
	c->site_rate = 100000000;
	c->aggregate_rate = 5000000000;
	c->endpoint_count = 2;
	for (int e = 0; e < 2; e++) {
		snprintf(c->endpoints[e].device, sizeof(c->endpoints[e].device), "eth%d", e);
		c->endpoints[e].address_count = 2;
		c->endpoints[e].addresses[0] = address(e ? "198.51.101.1" : "198.51.100.1");
		c->endpoints[e].addresses[1] = address(e ? "2001:db8:2::1" : "2001:db8:1::1");
	}
	c->networks = (struct networks_conf){.count = 1, .prefixes = {prefix("10.0.0.0/16")}};
	golden.config.site_count = SITES;
}

static void add_site(uint32_t i, const char *name, uint32_t asn)
{
	struct site *s = &golden.sites[i];
	char text[32];

	s->slot = s->group = i;
	snprintf(s->conf.name, sizeof(s->conf.name), "%s", name);
	s->conf.asn = asn;
	s->conf.rate = 100000000;
	s->conf.outer_family = i == 1 ? AF_INET6 : AF_INET;
	s->conf.bgp_family = AF_INET;
	s->conf.routing = i == GATEWAY ? ROUTING_STATIC : ROUTING_BGP;
	s->conf.site_class = i == GATEWAY ? SITE_GATEWAY : SITE_CONCENTRATOR;
	s->conf.max_prefixes_in = 100;
	s->conf.max_prefixes_out = 1000;
	s->history = history_new(NOW - 90000 * CLOCK_SECOND);
	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
		struct tunnel_conf *conf = &s->conf.tunnels[t];

		conf->configured = true;
		conf->activity_log = conf->bgp_log = LOG_FORM_JSON;
		snprintf(text, sizeof(text), "169.254.%u.%u/30", 100 + i, 4 * t);
		conf->inside = prefix(text);
		s->tunnels[t].since_wall_ns = s->tunnels[t].turned_wall_ns =
			BEFORE(3600 * (i + 1) + 60 * t);
	}
	golden.hub.model.sites[i] = s;
}

/* ---- tunnels ---- */

static void come_up(uint32_t number, const char *peer, uint16_t port)
{
	struct site_tunnel *t = tunnel(number);

	t->open = true;
	t->ike.phase = TUNNEL_UP;
	t->ike.peer = (struct ip_endpoint){.addr = address(peer), .port = port};
	t->ike.ike_version = 2;
	t->ike.nat_detected = port == 4500;
	snprintf(t->ike.ike_proposal, sizeof(t->ike.ike_proposal), "aes256gcm16-prfsha384-ecp384");
	t->sas[t->sa_count++] = (struct tunnel_sa){.spi_in = 0xc0ffee00 + number,
		.spi_out = 0x0badca00 + number,
		.proposal = "aes128gcm16-esn",
		.local_ts = "10.0.0.0/8, 169.254.0.0/16",
		.remote_ts = "0.0.0.0/0, ::/0",
		.created_wall_ns = BEFORE(61),
		.rekey_in_s = 3061,
		.expires_in_s = 90061,
		.inner_mtu = 1422,
		.udp_encap = t->ike.nat_detected,
		.in_use = true};
}

static void session(uint32_t number, enum bgp_state state, uint32_t prefixes_in)
{
	struct tunnel_bgp *b = &tunnel(number)->bgp;

	b->state = state;
	b->prefixes_in = prefixes_in;
	if (state != BGP_ESTABLISHED)
		return;
	b->established_wall_ns = BEFORE(3500);
	b->prefixes_out = 7;
}

/* A pair that was replaced and takes what is still on its way. */
static void add_old_pair(uint32_t number)
{
	struct site_tunnel *t = tunnel(number);

	t->sas[t->sa_count] = t->sas[0];
	t->sas[t->sa_count].spi_in += 0x1000;
	t->sas[t->sa_count].spi_out += 0x1000;
	t->sas[t->sa_count].created_wall_ns = BEFORE(3700);
	t->sas[t->sa_count++].in_use = false;
}

static void set_tunnels(void)
{
	struct site_tunnel *t;

	/* Site 0: up; IPv6 outside of one tunnel as BIRD has it, behind a NAT the other. */
	come_up(0, "203.0.113.7", 4500);
	come_up(1, "203.0.113.8", 500);
	session(0, BGP_ESTABLISHED, 3);
	session(1, BGP_ESTABLISHED, 3);
	add_old_pair(0);
	tunnel(0)->bgp.prefixes_in6 = 1;
	tunnel(0)->bgp.prefixes_out6 = 2;
	tunnel(0)->bgp.counts =
		(struct bgp_counts){.denied = 4, .discarded = 3, .as_withdraw = 2, .refused = 1};
	tunnel(0)->counted = (struct tunnel_stats){.in = {1000, 1500000},
		.out = {10, 999},
		.control_in = {5, 500},
		.control_out = {6, 600},
		.waiting = {7, 7000}};
	tunnel(0)->bfd = (struct tunnel_bfd){.present = true,
		.state = BFD_UP,
		.remote_state = BFD_UP,
		.interval_us = 300000,
		.detection_us = 900000,
		.packets_in = 12000,
		.packets_out = 12001,
		.packets_refused = 1,
		.expirations = 2};
	golden.sites[0].conf.rate = 200000000;
	tunnel(0)->wrong_source = address("192.0.2.7");
	tunnel(0)->wrong_source_ns = NOW - 60 * CLOCK_SECOND;
	golden.sites[0].routes = 3;
	golden.sites[0].routes_refused = 2;
	/* Site 1: down, one tunnel by what the device offers, one by the hub's own end. */
	t = tunnel(2);
	t->ike.phase = TUNNEL_NEGOTIATING;
	t->ike.peer = (struct ip_endpoint){.addr = address("2001:db8::7"), .port = 500};
	snprintf(t->ike.reason, sizeof(t->ike.reason), "%s", reason_code(REASON_NO_IKE_PROPOSAL));
	snprintf(t->ike.detail, sizeof(t->ike.detail),
		"no proposal matched: device offered DH 2; allowed 14-24");
	t->refusals = 12;
	golden.hub.model.endpoints[1][1] =
		(struct endpoint){.fault = ENDPOINT_NO_CARRIER, .since_wall_ns = BEFORE(300)};
	golden.hub.model.endpoints[0][1].no_way = true;
	/* Site 2: a gateway with static routes, which share their flows. */
	come_up(4, "203.0.113.20", 500);
	come_up(5, "203.0.113.21", 500);
	golden.sites[GATEWAY].conf.ecmp = true;
	/* Site 3: one tunnel switched off, the other one drained, whose session was closed before. */
	tunnel(6)->admin_down = true;
	session(6, BGP_ACTIVE, 0);
	come_up(7, "203.0.113.30", 500);
	tunnel(7)->draining = true;
	session(7, BGP_ESTABLISHED, 100);
	tunnel(7)->bgp.out_limited = true;
	tunnel(7)->bgp.error_code = 6;
	tunnel(7)->bgp.error_subcode = 2;
	tunnel(7)->bgp.error_at_ns = NOW - 4000 * CLOCK_SECOND;
	snprintf(tunnel(7)->bgp.detail, sizeof(tunnel(7)->bgp.detail),
		"more prefixes than the site may be told of");
	/* Site 4: keys on both ends, and nothing comes through one of the tunnels. */
	come_up(8, "203.0.113.40", 4500);
	session(8, BGP_CONNECT, 0);
	snprintf(tunnel(8)->silent_text, sizeof(tunnel(8)->silent_text),
		"nothing comes through the tunnel, though IKE works: 9 packets sent in the 20 s");
	come_up(9, "203.0.113.41", 500);
	session(9, BGP_OPENSENT, 0);
	snprintf(tunnel(9)->ends_text, sizeof(tunnel(9)->ends_text),
		"the device's inside address is 169.254.104.9, 169.254.104.6 is configured");
	/* Site 5: on its way up. */
	come_up(10, "203.0.113.50", 500);
	session(10, BGP_OPENCONFIRM, 0);
	tunnel(10)->bfd = (struct tunnel_bfd){
		.present = true, .state = BFD_DOWN, .remote_state = BFD_DOWN, .packets_out = 9};
	/* Down, and at the address where its device was last, which is not the tunnel's, somebody is refused. */
	golden.sites[5].conf.tunnels[1].address = address("203.0.113.78");
	tunnel(11)->ike.phase = TUNNEL_DOWN;
	tunnel(11)->last_peer = (struct ip_endpoint){.addr = address("203.0.113.77"), .port = 4500};
	snprintf(tunnel(11)->ike.reason, sizeof(t->ike.reason), "%s",
		reason_code(REASON_PEER_DELETED_IKE));
	snprintf(tunnel(11)->ike.detail, sizeof(t->ike.detail), "%s",
		reason_sentence(REASON_PEER_DELETED_IKE));
	session(11, BGP_IDLE, 0);
}

/* ---- routes ---- */

static void add_route(const char *text, uint32_t number, uint8_t other, uint32_t med)
{
	struct imsg_route r = {.prefix = prefix(text),
		.tunnel = number,
		.source = (uint8_t)(number / 2 == GATEWAY ? SOURCE_STATIC : SOURCE_BGP),
		.other = other,
		.med = med,
		.candidates = {.all = 2, .second = 1, .site = 2},
		.as_path_len = number / 2 == GATEWAY ? 0 : 2,
		.as_path = {65010, 4200000102}};
	struct route_entry *e = route_table_get(golden.routes, &r.prefix);
	uint16_t share = 0;

	if (number / 2 == GATEWAY) {
		struct route_shares both = {.count = 2, .tunnels = {4, 5}};

		share = shares_add(route_table_shares(golden.routes), &both);
	}
	e->tunnel = (uint16_t)number;
	e->installed = true;
	e->mtu = 1422;
	e->moves = 1;
	route_table_set_facts(golden.routes, e, &r, share);
}

static void set_routes(void)
{
	struct ip_prefix stale = prefix("10.1.0.0/24");

	golden.routes = route_table_new(1);
	golden.hub.model.routes = golden.routes;
	add_route("10.1.0.0/24", 1, PATH_MED, 50);
	add_route("10.1.1.0/24", 1, PATH_MED, 0);
	add_route("fd00:1::/64", 1, PATH_MED, 0);
	add_route("10.3.0.0/16", 7, PATH_BEST, 0);
	add_route("10.9.0.0/24", 4, PATH_BEST, 0);
	route_table_find(golden.routes, &stale)->stale = true;
}

/* ---- counters ---- */

static void set_counters(void)
{
	struct site *s = &golden.sites[0];
	struct site_stats *in = &s->latest.stats[SLUICE_IN], *out = &s->latest.stats[SLUICE_OUT];
	struct site_stats none = {0};

	golden.hub.model.sampled_ns[1] = NOW - CLOCK_SECOND;
	golden.hub.model.sampled_ns[0] = NOW;
	for (int i = 0; i < SITES; i++) {
		golden.sites[i].before.at_ns = NOW - CLOCK_SECOND;
		golden.sites[i].latest.at_ns = NOW;
	}
	/* 150 Mbit/s came, 100 passed. */
	in->offered = (struct traffic){12505, 18750000};
	in->delivered = (struct traffic){8335, 12500000};
	in->site_rate = (struct traffic){4169, 6249900};
	in->mtu = (struct traffic){1, 100};
	out->offered = out->delivered = (struct traffic){8333, 12500000};
	history_add(s->history, SLUICE_IN, &none, NOW - 3601 * CLOCK_SECOND, in,
		NOW - 3600 * CLOCK_SECOND);
	fair_aggregate_set(&golden.fair[SLUICE_IN], 5000000000);
	fair_aggregate_set(&golden.fair[SLUICE_OUT], 5000000000);
	golden.fair[SLUICE_IN].level = 80000000; /* short */
	for (int i = 0; i < SITES; i++) {
		for (int d = 0; d < SLUICE_DIRECTIONS && i != GATEWAY; d++)
			fair_site_set(&golden.fair[d], (uint32_t)i, golden.sites[i].conf.rate, 0);
	}
	golden.hub.model.fair[SLUICE_IN] = &golden.fair[SLUICE_IN];
	golden.hub.model.fair[SLUICE_OUT] = &golden.fair[SLUICE_OUT];
}

static void set_plane(void)
{
	static const char *const names[MODEL_PROCESSES] = {
		"hub", "data", "ike", "bgp", "api", "remote", "watch"};
	struct model_plane *p = &golden.hub.model.plane;

	for (int i = 0; i < MODEL_PROCESSES; i++)
		p->processes[i] = (struct model_process){.name = names[i],
			.pid = i == 3 ? 0 : 41 + i,
			.restarts = i == 3 ? 3 : 0,
			.trouble = i == 6 ? "2026-12-05T02:13:00Z: the history could not be used "
					    "(events.db: file is not a database); it is set "
					    "aside, and a new one begins"
					  : NULL,
			.silent_s = i == 4 ? 5 : 0,
			.uptime_s = i == 3 ? 0 : 90,
			.rss_kb = i == 3 ? 0 : 4000};
	p->workers = 2;
	p->inside_mode = "tcx";
	p->bfd_unhurried = 1; /* EPERM */
	p->routes_mended = 1;
	golden.hub.model.events_lost = 20;
	p->closed_count = 3;
	p->outside.esp = (struct traffic){12, 3400};
	p->outside.fragment = (struct traffic){2, 2800};
	p->reassembly.failed = 1;
	snprintf(p->offloads, sizeof(p->offloads), "tso uso");
	snprintf(p->data_mode, sizeof(p->data_mode), "AF_XDP copy");
	golden.hub.model.host.outside_count = 2;
	snprintf(golden.hub.model.host.outside[0].name,
		sizeof(golden.hub.model.host.outside[0].name), "eth0");
	snprintf(golden.hub.model.host.outside[1].name,
		sizeof(golden.hub.model.host.outside[0].name), "eth1");
	golden.hub.model.host.outside_mode[0] = golden.hub.model.host.outside_mode[1] = "native";
	golden.hub.model.host.source[0] = address("10.0.3.1");
	golden.hub.model.host.settings_wrong = true;
	golden.hub.model.host.rp_filter_strict = true;
	golden.hub.model.host.ike_unheard = true;
	golden.hub.model.host.inside_gone = true;
	golden.hub.model.host.metrics_missing = true;
	golden.hub.model.host.api_missing = true;
	golden.hub.model.host.rule_wrong[0] = true;
	snprintf(golden.hub.model.host.inside, sizeof(golden.hub.model.host.inside), "sluice0");
}

/* ---- what children have told ---- */

static void say(enum process_role role, enum imsg_type type, void *payload, size_t len)
{
	struct imsg m = {.type = type, .len = (uint32_t)len, .fd = -1, .payload = payload};

	golden.hub.processes[role].on_message(&golden.hub, &m);
}

static void set_events(void)
{
	struct imsg_tunnel_event e = {.tunnel = 2,
		.phase1 = SA_STATE_NEGOTIATING,
		.phase2 = SA_STATE_DOWN,
		.dpd_enabled = true,
		.refusal = 1,
		.peer = {.addr = address("2001:db8::7"), .port = 500}};
	struct imsg_bgp_event up = {.event = {.status = BGP_EVENT_UP}};
	struct imsg_bgp_event route = {.tunnel = 1,
		.event = {.status = BGP_EVENT_UPDATED,
			.left_out = 2,
			.prefix = prefix("10.1.0.0/24"),
			.next_hop = address("169.254.100.6"),
			.med = 50,
			.as_path_len = 2,
			.as_path = {65010, 4200000102}}};

	snprintf(e.code, sizeof(e.code), "%s", reason_code(REASON_NO_IKE_PROPOSAL));
	snprintf(e.detail, sizeof(e.detail), "device offered DH 2; allowed 14-24");
	for (int again = 0; again < 3; again++)
		say(PROCESS_IKE, IMSG_TUNNEL_EVENT, &e, sizeof(e));
	hub_note(&golden.hub, 3, REASON_ENDPOINT_LOST, false, "endpoint 1, eth1: no carrier");
	say(PROCESS_BGP, IMSG_BGP_EVENT, &up, sizeof(up));
	say(PROCESS_BGP, IMSG_BGP_EVENT, &route, sizeof(route));
	route.event.status = BGP_EVENT_WITHDRAWN;
	say(PROCESS_BGP, IMSG_BGP_EVENT, &route, sizeof(route));
}

static void set_unknown(void)
{
	struct imsg_unknown u = {.place = 0,
		.count = 12,
		.local = address("198.51.100.1"),
		.remote = {.addr = address("203.0.113.77"), .port = 500},
		.proven = true,
		.reason = REASON_NO_IKE_PROPOSAL,
		.detail = "device offered DH 2; allowed 14-24",
		.first_wall_ns = BEFORE(3600),
		.last_wall_ns = BEFORE(60)};

	say(PROCESS_IKE, IMSG_UNKNOWN, &u, sizeof(u));
	u.place = 1;
	u.count = 1;
	u.remote.addr = address("2001:db8::99");
	u.local = address("2001:db8:1::1");
	u.proven = false;
	u.last_wall_ns = u.first_wall_ns;
	snprintf(u.detail, sizeof(u.detail), "%s", reason_sentence(REASON_NO_IKE_PROPOSAL));
	say(PROCESS_IKE, IMSG_UNKNOWN, &u, sizeof(u));
}

/* ---- certificates ---- */

static struct cert_facts facts(const char *subject, const char *serial, int from_d, int to_d)
{
	int64_t now = WALL / CLOCK_SECOND;
	struct cert_facts f = {.key = "ECDSA-P256",
		.not_before = now + from_d * 86400,
		.not_after = now + to_d * 86400};

	snprintf(f.subject, sizeof(f.subject), "%s", subject);
	snprintf(f.issuer, sizeof(f.issuer), "CN=root");
	snprintf(f.names, sizeof(f.names), "%s.example.net", subject + 3);
	snprintf(f.serial, sizeof(f.serial), "%s", serial);
	snprintf(f.fingerprint, sizeof(f.fingerprint), "%s",
		"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");
	return f;
}

static char *read_file(const char *path, size_t *len)
{
	FILE *f = fopen(path, "re");
	char *text = calloc(1, 1 << 20);

	assert_non_null(text);
	*len = f ? fread(text, 1, (1 << 20) - 1, f) : 0;
	if (f)
		fclose(f);
	return text;
}

static void set_certificates(void)
{
	struct certificates *all = &golden.certificates;
	static struct site_cert of_sites[2];
	char error[200];

	all->trust = trust_new(false);
	for (int crl = 0; crl < 2; crl++) {
		size_t len;
		char *pem = read_file(crl ? GOLDEN "/crl.pem" : GOLDEN "/root.pem", &len);

		assert_true(crl ? trust_add_crl(all->trust, pem, len, error, sizeof(error))
				: trust_add_ca(all->trust, pem, len, error, sizeof(error)));
		free(pem);
	}
	all->own_count = 2;
	for (int i = 0; i < 2; i++)
		snprintf(all->own[i].conf.chain, sizeof(all->own[i].conf.chain),
			"file:/etc/sluice/hub%d.pem", i);
	all->own[0].facts = facts("CN=hub", "4f01", -364, 1);
	all->own[1].facts = facts("CN=next", "4f03", 1, 365);
	of_sites[0].facts = facts("CN=store-1", "4f02", -365, -1);
	for (int t = 0; t < 2; t++)
		golden.sites[0].conf.tunnels[t].options.auth = AUTH_CERT;
	tunnel(1)->cert = &of_sites[0];
	golden.hub.certificates = all;
}

static void golden_begin(void)
{
	golden.hub.config = &golden.config;
	golden.hub.model.config = &golden.config;
	golden.hub.model.started_ns = NOW - 3725 * CLOCK_SECOND;
	golden.hub.model.started_wall_ns = clock_wall() - 3725 * CLOCK_SECOND;
	golden.hub.events = eventlog_new();
	hub_children_init(&golden.hub, false);
	configure();
	add_site(0, "store-1", 65010);
	add_site(1, "store-2", 4200000102);
	add_site(GATEWAY, "dc-1", 0);
	add_site(3, "store-3", 65013);
	add_site(4, "store-4", 65014);
	add_site(5, "store-5", 65015);
	set_tunnels();
	set_routes();
	set_counters();
	set_plane();
	set_events();
	set_unknown();
	set_certificates();
}

static void golden_end(void)
{
	for (int i = 0; i < SITES; i++) {
		for (int t = 0; t < TUNNELS_PER_SITE; t++) {
			for (int k = 0; k < EVENT_KINDS; k++)
				event_ring_clear(&golden.sites[i].events[t][k]);
		}
		history_free(golden.sites[i].history);
	}
	route_table_free(golden.routes);
	eventlog_free(golden.hub.events);
	trust_free(golden.certificates.trust);
}

#endif
