/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The metrics: a table with a row for each name. The text exposition format wants all lines of one
 * metric together, after what it is and means. Names of sites need no escaping: the configuration
 * admits letters, digits and "-_." only.
 */
#include "view/view.h"

#include "base/clock.h"
#include "state/stats_fields.h"

#include <stdio.h>

struct metric {
	const char *name, *type, *help;
	/* Writes the lines of one site; `offset` is that of a counter in site_stats or tunnel_stats. */
	void (*site)(
		FILE *f, const struct model *m, const struct metric *row, const struct site *site);
	uint64_t (*tunnel)(const struct site *site, unsigned int t);
	size_t offset;
};

static const char *const direction_names[] = {[SLUICE_IN] = "in", [SLUICE_OUT] = "out"};

#define NO_VALUE UINT64_MAX /* there is no such thing: the line is left out */

/* NAME{concentrator="...",site="..." and then whatever else tells it from others. */
static void begin_site(FILE *f, const struct model *m, const char *name, const struct site *site)
{
	fprintf(f, "%s{concentrator=\"%s\",site=\"%s\"", name, m->config->concentrator.name,
		site->conf.name);
}

static const struct traffic *counter(const void *stats, size_t offset)
{
	return (const struct traffic *)((const char *)stats + offset);
}

static void write_site_bytes(
	FILE *f, const struct model *m, const struct metric *row, const struct site *site)
{
	(void)m;
	for (int d = 0; d < SLUICE_DIRECTIONS; d++) {
		struct site_stats s = site_counted(site, (enum sluice_direction)d);

		begin_site(f, m, row->name, site);
		fprintf(f, ",direction=\"%s\"} %llu\n", direction_names[d],
			(unsigned long long)counter(&s, row->offset)->bytes);
	}
}

static void write_site_drops(
	FILE *f, const struct model *m, const struct metric *row, const struct site *site)
{
	(void)m;
	for (int d = 0; d < SLUICE_DIRECTIONS; d++) {
		struct site_stats s = site_counted(site, (enum sluice_direction)d);

		for (const struct stats_field *field = site_drop_fields; field->name; field++) {
			begin_site(f, m, row->name, site);
			fprintf(f, ",direction=\"%s\",reason=\"%s\"} %llu\n", direction_names[d],
				field->name,
				(unsigned long long)stats_field_of(&s, field)->packets);
		}
	}
}

static void write_site_limit(
	FILE *f, const struct model *m, const struct metric *row, const struct site *site)
{
	for (int d = 0; d < SLUICE_DIRECTIONS; d++) {
		begin_site(f, m, row->name, site);
		fprintf(f, ",direction=\"%s\"} %llu\n", direction_names[d],
			(unsigned long long)rate_limit(m, (enum sluice_direction)d, site->slot));
	}
}

/* The mean of the tunnels' states. */
static void write_site_state(
	FILE *f, const struct model *m, const struct metric *row, const struct site *site)
{
	unsigned int up = 0, all = 0;

	(void)m;
	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
		if (!site->conf.tunnels[t].configured)
			continue;
		all++;
		up += tunnel_is_routed(site, t);
	}
	begin_site(f, m, row->name, site);
	fprintf(f, "} %.2g\n", all ? (double)up / all : 0.0);
}

/* What it is, for queries that choose by it; the value says nothing. */
static void write_site_info(
	FILE *f, const struct model *m, const struct metric *row, const struct site *site)
{
	begin_site(f, m, row->name, site);
	fprintf(f, ",group=\"%s\",class=\"%s\",routing=\"%s\"} 1\n", site->conf.group,
		site->conf.site_class == SITE_GATEWAY ? "gateway" : "concentrator",
		site->conf.routing == ROUTING_STATIC ? "static" : "bgp");
}

static void write_site_cap(
	FILE *f, const struct model *m, const struct metric *row, const struct site *site)
{
	begin_site(f, m, row->name, site);
	fprintf(f, "} %llu\n", (unsigned long long)site_cap(site));
}

static void write_site_routes(
	FILE *f, const struct model *m, const struct metric *row, const struct site *site)
{
	begin_site(f, m, row->name, site);
	fprintf(f, "} %u\n", site->routes);
}

/* How many prefixes of each family it may announce, and be told of. */
static void write_site_prefix_limits(
	FILE *f, const struct model *m, const struct metric *row, const struct site *site)
{
	const uint32_t limits[] = {site->conf.max_prefixes_in, site->conf.max_prefixes_out};

	for (int d = 0; d < SLUICE_DIRECTIONS && site->conf.routing == ROUTING_BGP; d++) {
		begin_site(f, m, row->name, site);
		fprintf(f, ",direction=\"%s\"} %u\n", direction_names[d], limits[d]);
	}
}

/* A tunnel is known by its site, its number and the hub's outside address. */
static void write_tunnels(
	FILE *f, const struct model *m, const struct metric *row, const struct site *site)
{
	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
		struct ip_addr local = config_local_address(m->config, &site->conf, t);
		struct tunnel_stats s;
		char text[ADDR_STR_SIZE];
		uint64_t value;

		if (!site->conf.tunnels[t].configured)
			continue;
		if (row->tunnel) {
			value = row->tunnel(site, t);
		} else {
			s = tunnel_counted(site, t);
			value = counter(&s, row->offset)->bytes;
		}
		if (value == NO_VALUE)
			continue;
		begin_site(f, m, row->name, site);
		fprintf(f, ",tunnel=\"%u\",outside_ip=\"%s\"} %llu\n", t, addr_format(&local, text),
			(unsigned long long)value);
	}
}

static uint64_t tunnel_open(const struct site *site, unsigned int t)
{
	return site->tunnels[t].open;
}

static uint64_t tunnel_state(const struct site *site, unsigned int t)
{
	return tunnel_is_routed(site, t);
}

static uint64_t tunnel_draining(const struct site *site, unsigned int t)
{
	return site->tunnels[t].draining;
}

static uint64_t tunnel_disabled(const struct site *site, unsigned int t)
{
	return site->tunnels[t].admin_down;
}

static uint64_t tunnel_refusals(const struct site *site, unsigned int t)
{
	return site->tunnels[t].refusals;
}

static uint64_t tunnel_since(const struct site *site, unsigned int t)
{
	uint64_t since = site->tunnels[t].since_wall_ns;

	return since ? since / CLOCK_SECOND : NO_VALUE;
}

static uint64_t tunnel_sas(const struct site *site, unsigned int t)
{
	return site->tunnels[t].sa_count;
}

static uint64_t tunnel_path_mtu(const struct site *site, unsigned int t)
{
	const struct tunnel_path *path = &site->tunnels[t].path;

	return path->path_mtu ? path->path_mtu : NO_VALUE;
}

static uint64_t tunnel_inner_mtu(const struct site *site, unsigned int t)
{
	uint32_t mtu = tunnel_mtu(&site->tunnels[t]);

	return mtu ? mtu : NO_VALUE;
}

static uint64_t tunnel_bgp_state(const struct site *site, unsigned int t)
{
	return site->conf.routing == ROUTING_BGP ? site->tunnels[t].bgp.state + 1u : NO_VALUE;
}

static uint64_t tunnel_bgp_denied(const struct site *site, unsigned int t)
{
	return site->conf.routing == ROUTING_BGP ? site->tunnels[t].bgp.counts.denied : NO_VALUE;
}

static uint64_t tunnel_bgp_malformed(const struct site *site, unsigned int t)
{
	const struct bgp_counts *c = &site->tunnels[t].bgp.counts;

	return site->conf.routing == ROUTING_BGP
		       ? (uint64_t)c->discarded + c->as_withdraw + c->refused
		       : NO_VALUE;
}

static uint64_t tunnel_bfd_state(const struct site *site, unsigned int t)
{
	return site->tunnels[t].bfd.present ? site->tunnels[t].bfd.state + 1u : NO_VALUE;
}

static uint64_t tunnel_bfd_expirations(const struct site *site, unsigned int t)
{
	return site->tunnels[t].bfd.present ? site->tunnels[t].bfd.expirations : NO_VALUE;
}

static uint64_t tunnel_prefixes_in6(const struct site *site, unsigned int t)
{
	return site->tunnels[t].bgp.prefixes_in6;
}

static uint64_t tunnel_prefixes_out(const struct site *site, unsigned int t)
{
	return site->tunnels[t].bgp.prefixes_out;
}

static uint64_t tunnel_prefixes_kept_out(const struct site *site, unsigned int t)
{
	return site->tunnels[t].bgp.kept_out;
}

static uint64_t tunnel_prefixes(const struct site *site, unsigned int t)
{
	return site->tunnels[t].bgp.prefixes_in;
}

static uint64_t tunnel_limited(const struct site *site, unsigned int t)
{
	return site->tunnels[t].bgp.out_limited;
}

#define SITE(field)   offsetof(struct site_stats, field)
#define TUNNEL(field) offsetof(struct tunnel_stats, field)

static const struct metric metrics[] = {
	{"sluice_site_offered_bytes_total", "counter",
		"Inner bytes that came for or from the site.", write_site_bytes, NULL,
		SITE(offered)},
	{"sluice_site_delivered_bytes_total", "counter", "Inner bytes that went on.",
		write_site_bytes, NULL, SITE(delivered)},
	{"sluice_site_dropped_packets_total", "counter", "Packets that did not, by reason.",
		write_site_drops, NULL, 0},
	{"sluice_site_limit_bps", "gauge",
		"What the site may have now: its rate, or its fair share; 0: no limit.",
		write_site_limit, NULL, 0},
	{"sluice_site_info", "gauge", "What the site is; always 1.", write_site_info, NULL, 0},
	{"sluice_site_rate_bps", "gauge",
		"What the site may have in all by its configuration; 0: no limit.", write_site_cap,
		NULL, 0},
	{"sluice_site_routes", "gauge", "Prefixes that lead to the site.", write_site_routes, NULL,
		0},
	{"sluice_site_prefix_limit", "gauge",
		"Prefixes of each family that it may announce (in) and be told of (out).",
		write_site_prefix_limits, NULL, 0},
	{"sluice_site_state", "gauge", "Mean of sluice_tunnel_state over the site's tunnels.",
		write_site_state, NULL, 0},
	{"sluice_tunnel_up", "gauge", "1: the tunnel has an SA pair.", write_tunnels, tunnel_open,
		0},
	{"sluice_tunnel_state", "gauge",
		"1: routes may lead there: its BGP session is established, or it has static routes "
		"and is up.",
		write_tunnels, tunnel_state, 0},
	{"sluice_tunnel_state_change_timestamp_seconds", "gauge",
		"Since when it has been up, down or negotiating, since 1970.", write_tunnels,
		tunnel_since, 0},
	{"sluice_tunnel_sas", "gauge", "SA pairs: more than one while a new one takes over.",
		write_tunnels, tunnel_sas, 0},
	{"sluice_tunnel_path_mtu_bytes", "gauge", "The largest outer packet on its path.",
		write_tunnels, tunnel_path_mtu, 0},
	{"sluice_tunnel_inner_mtu_bytes", "gauge", "The largest packet that fits into it.",
		write_tunnels, tunnel_inner_mtu, 0},
	{"sluice_tunnel_bgp_state", "gauge",
		"As bgpPeerState of RFC 4273: 1 idle, 2 connect, 3 active, 4 opensent, "
		"5 openconfirm, 6 established.",
		write_tunnels, tunnel_bgp_state, 0},
	{"sluice_tunnel_bgp_denied_total", "counter",
		"Routes that came and are not used, of this session and those before.",
		write_tunnels, tunnel_bgp_denied, 0},
	{"sluice_tunnel_bgp_malformed_total", "counter",
		"UPDATEs with errors: attributes left out, routes withdrawn, sessions ended "
		"(RFC 7606).",
		write_tunnels, tunnel_bgp_malformed, 0},
	{"sluice_tunnel_bfd_state", "gauge",
		"As bfdSessState of RFC 7331: 1 adminDown, 2 down, 3 init, 4 up.", write_tunnels,
		tunnel_bfd_state, 0},
	{"sluice_tunnel_bfd_expirations_total", "counter",
		"How often its detection time has passed in silence.", write_tunnels,
		tunnel_bfd_expirations, 0},
	{"sluice_tunnel_draining", "gauge", "1: traffic is moved to the other tunnel.",
		write_tunnels, tunnel_draining, 0},
	{"sluice_tunnel_disabled", "gauge", "1: an operator has taken it down.", write_tunnels,
		tunnel_disabled, 0},
	{"sluice_tunnel_refusals_total", "counter",
		"Attempts that came to nothing before the peer was authenticated, and rekeys "
		"beyond the limit.",
		write_tunnels, tunnel_refusals, 0},
	{"sluice_tunnel_in_bytes_total", "counter", "Bytes from the site, after decryption.",
		write_tunnels, NULL, TUNNEL(in)},
	{"sluice_tunnel_out_bytes_total", "counter", "Bytes to the site, before encryption.",
		write_tunnels, NULL, TUNNEL(out)},
	{"sluice_tunnel_in_control_bytes_total", "counter", "Of these, BGP and BFD from the site.",
		write_tunnels, NULL, TUNNEL(control_in)},
	{"sluice_tunnel_out_control_bytes_total", "counter", "Of these, BGP and BFD to the site.",
		write_tunnels, NULL, TUNNEL(control_out)},
	{"sluice_tunnel_prefixes_in", "gauge", "Prefixes that the site announces over it.",
		write_tunnels, tunnel_prefixes, 0},
	{"sluice_tunnel_prefixes_in_ipv6", "gauge", "Of these, IPv6: limits are of each family.",
		write_tunnels, tunnel_prefixes_in6, 0},
	{"sluice_tunnel_prefixes_out", "gauge", "Prefixes that the site is told of over it.",
		write_tunnels, tunnel_prefixes_out, 0},
	{"sluice_tunnel_prefixes_kept_out", "gauge",
		"Of those that it announces: not used, by a policy or another's right.",
		write_tunnels, tunnel_prefixes_kept_out, 0},
	{"sluice_tunnel_prefixes_out_limited", "gauge",
		"1: there are more prefixes than the site may be told of.", write_tunnels,
		tunnel_limited, 0},
};

static void write_head(FILE *f, const char *name, const char *type, const char *help)
{
	fprintf(f, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void view_metrics(FILE *f, const struct model *m)
{
	for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++) {
		write_head(f, metrics[i].name, metrics[i].type, metrics[i].help);
		for (uint32_t s = 0; s < SITE_SLOTS; s++) {
			if (m->sites[s])
				metrics[i].site(f, m, &metrics[i], m->sites[s]);
		}
	}
}
