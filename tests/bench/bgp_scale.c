/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The speaker at its full size, without sockets: SITES sites with two tunnels, PREFIXES prefixes
 * each, announced over both tunnels and told to all other sites up to the limit of 5,000.
 * Prints CPU time and memory. usage: bgp_scale [SITES [PREFIXES]]
 */
#include "base/clock.h"
#include "bgp/open.h"
#include "bgp/speaker.h"
#include "bgp/update.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#define HUB_AS           64512u
#define PREFIXES_PER_MSG 250

static struct {
	struct bgp *bgp;
	uint64_t now;
	uint64_t bytes_out, messages_out, routes, routes_gone, states;
	double started;
} run;

static double cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void phase(const char *name)
{
	double now = cpu_seconds();
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	printf("%-44s %7.3f s CPU  %5ld MB  routes %llu gone %llu  sent %.1f MB in %llu UPDATEs\n",
		name, now - run.started, usage.ru_maxrss / 1024, (unsigned long long)run.routes,
		(unsigned long long)run.routes_gone, (double)run.bytes_out / 1e6,
		(unsigned long long)run.messages_out);
	run.routes = run.routes_gone = run.bytes_out = run.messages_out = 0;
	run.started = cpu_seconds();
}

static void take_effects(void)
{
	struct bgp_effect e;

	while (bgp_next_effect(run.bgp, &e)) {
		run.routes += e.type == BGP_EFFECT_ROUTE && e.route.present;
		run.routes_gone += e.type == BGP_EFFECT_ROUTE && !e.route.present;
	}
}

static void count_messages(const uint8_t *bytes, size_t len)
{
	struct bgp_message m;
	struct bgp_notify error;

	for (; bgp_message_decode(bytes, len, false, &m, &error) == MESSAGE_COMPLETE;
		bytes += m.len, len -= m.len)
		run.messages_out += m.type == MESSAGE_UPDATE;
}

/* Until nothing is left to decide or to send. */
static void work(uint32_t tunnels)
{
	bool busy = true;

	while (busy) {
		busy = bgp_run(run.bgp, run.now);
		take_effects();
		for (uint32_t t = 0; t < tunnels; t++) {
			size_t len;
			const uint8_t *bytes = bgp_output(run.bgp, t, BGP_INCOMING, &len);

			if (!len)
				continue;
			count_messages(bytes, len);
			run.bytes_out += len;
			bgp_sent(run.bgp, t, BGP_INCOMING, len, run.now);
			busy = true;
		}
	}
}

static void add_tunnel(uint32_t tunnel)
{
	struct bgp_neighbor n = {.tunnel = tunnel,
		.local4 = {AF_INET, {169, 254, (uint8_t)(tunnel >> 6), (uint8_t)(tunnel << 2 | 1)}},
		.peer4 = {AF_INET, {169, 254, (uint8_t)(tunnel >> 6), (uint8_t)(tunnel << 2 | 2)}},
		.remote_as = 65000 + tunnel / TUNNELS_PER_SITE,
		.max_prefixes_in = 1000,
		.max_prefixes_out = 5000,
		.med_out = 100,
		.group = tunnel / TUNNELS_PER_SITE};
	struct bgp_open open = {.as = n.remote_as,
		.hold_s = 90,
		.identifier = tunnel / TUNNELS_PER_SITE + 1,
		.family = {true, false},
		.four_octet_as = true};
	uint8_t out[256];
	struct wr w = wr_init(out, sizeof(out));

	snprintf(n.site, sizeof(n.site), "site-%u", tunnel / TUNNELS_PER_SITE);
	if (!bgp_neighbor_set(run.bgp, &n, run.now))
		exit(1);
	bgp_tunnel_set(run.bgp, tunnel, true, run.now);
	bgp_connected(run.bgp, tunnel, BGP_INCOMING, run.now);
	open_encode(&open, &w);
	bgp_message_encode_keepalive(&w);
	bgp_receive(run.bgp, tunnel, BGP_INCOMING, out, wr_len(&w), run.now);
}

static void announce(uint32_t tunnel, unsigned int prefixes)
{
	uint32_t site = tunnel / TUNNELS_PER_SITE;
	struct attr_draft d = {0};
	struct attr_store store;
	struct attr_export x = {.local_as = 65000 + site, .med = 50, .four_octet_as = true};
	struct ip_addr hop = {
		AF_INET, {169, 254, (uint8_t)(tunnel >> 6), (uint8_t)(tunnel << 2 | 2)}};
	struct attrs *a;

	attr_store_init(&store, 1);
	a = attr_intern(&store, &d);
	for (unsigned int i = 0; i < prefixes;) {
		uint8_t nlri[PREFIXES_PER_MSG * 4], out[MESSAGE_MAX];
		struct wr w = wr_init(out, sizeof(out)), p = wr_init(nlri, sizeof(nlri));

		for (int k = 0; k < PREFIXES_PER_MSG && i < prefixes; k++, i++) {
			uint32_t number = site * prefixes + i;
			struct ip_prefix prefix = {
				.addr = {AF_INET, {(uint8_t)(11 + (number >> 16)),
							  (uint8_t)(number >> 8), (uint8_t)number}},
				.len = 24};

			nlri_put(&p, &prefix);
		}
		update_encode_reach(&w, BGP_IPV4, a, &x, &hop, nlri, wr_len(&p));
		bgp_receive(run.bgp, tunnel, BGP_INCOMING, out, wr_len(&w), run.now);
	}
	attr_unref(&store, a);
	attr_store_fini(&store);
}

int main(int argc, char **argv)
{
	unsigned int sites = argc > 1 ? (unsigned int)atoi(argv[1]) : 100;
	unsigned int prefixes = argc > 2 ? (unsigned int)atoi(argv[2]) : 1000;
	uint32_t tunnels = sites * TUNNELS_PER_SITE;
	struct bgp_config config = {
		.local_as = HUB_AS, .router_id = 0xf0000001, .hold_s = 90, .site_to_site = true};

	run.bgp = bgp_new(1);
	run.now = CLOCK_SECOND;
	bgp_configure(run.bgp, &config, run.now);
	run.started = cpu_seconds();
	for (uint32_t t = 0; t < tunnels; t++) {
		add_tunnel(t);
		work(t + 1);
	}
	phase("all sessions established");
	for (uint32_t t = 0; t < tunnels; t++)
		announce(t, prefixes);
	phase("all prefixes received");
	work(tunnels);
	phase("decided, and told to everybody");
	bgp_tunnel_set(run.bgp, 0, false, run.now);
	work(tunnels);
	phase("one tunnel down, routes on the other");
	bgp_tunnel_set(run.bgp, 1, false, run.now);
	work(tunnels);
	phase("its site gone, withdrawn everywhere");
	for (uint32_t t = 2; t < tunnels; t++)
		bgp_tunnel_set(run.bgp, t, false, run.now);
	work(tunnels);
	phase("all tunnels down");
	bgp_free(run.bgp);
	return 0;
}
