/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The metrics: a table with a row for each name. The text exposition format wants all lines of one
 * metric together, after what it is and means. Names of sites need no escaping: the configuration
 * admits letters, digits and "-_." only.
 */
#include "view/view.h"

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

		fprintf(f, "%s{site=\"%s\",direction=\"%s\"} %llu\n", row->name, site->conf.name,
			direction_names[d], (unsigned long long)counter(&s, row->offset)->bytes);
	}
}

static void write_site_drops(
	FILE *f, const struct model *m, const struct metric *row, const struct site *site)
{
	(void)m;
	for (int d = 0; d < SLUICE_DIRECTIONS; d++) {
		struct site_stats s = site_counted(site, (enum sluice_direction)d);

		for (const struct stats_field *field = site_drop_fields; field->name; field++)
			fprintf(f, "%s{site=\"%s\",direction=\"%s\",reason=\"%s\"} %llu\n",
				row->name, site->conf.name, direction_names[d], field->name,
				(unsigned long long)stats_field_of(&s, field)->packets);
	}
}

static void write_site_limit(
	FILE *f, const struct model *m, const struct metric *row, const struct site *site)
{
	for (int d = 0; d < SLUICE_DIRECTIONS; d++)
		fprintf(f, "%s{site=\"%s\",direction=\"%s\"} %llu\n", row->name, site->conf.name,
			direction_names[d],
			(unsigned long long)rate_limit(m, (enum sluice_direction)d, site->slot));
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
	fprintf(f, "%s{site=\"%s\"} %.2g\n", row->name, site->conf.name,
		all ? (double)up / all : 0.0);
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
		fprintf(f, "%s{site=\"%s\",tunnel=\"%u\",outside_ip=\"%s\"} %llu\n", row->name,
			site->conf.name, t, addr_format(&local, text), (unsigned long long)value);
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
	{"sluice_site_state", "gauge", "Mean of sluice_tunnel_state over the site's tunnels.",
		write_site_state, NULL, 0},
	{"sluice_tunnel_up", "gauge", "1: the tunnel has an SA pair.", write_tunnels, tunnel_open,
		0},
	{"sluice_tunnel_state", "gauge",
		"1: routes may lead there: its BGP session is established, or it has static routes "
		"and is up.",
		write_tunnels, tunnel_state, 0},
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
	static const char bandwidth[] = "sluice_concentrator_bandwidth_bps",
			  silent[] = "sluice_process_silent_seconds";

	write_head(f, bandwidth, "gauge", "Bits a second delivered to or from all sites together.");
	for (int d = 0; d < SLUICE_DIRECTIONS; d++) {
		struct site_rates r = sum_rates_now(m, (enum sluice_direction)d);

		fprintf(f, "%s{direction=\"%s\"} %llu\n", bandwidth, direction_names[d],
			(unsigned long long)r.delivered_bps);
	}
	write_head(f, "sluice_log_events_lost_total", "counter",
		"Events of tunnels that could not be written into the files of log_directory.");
	fprintf(f, "sluice_log_events_lost_total %llu\n", (unsigned long long)m->events_lost);
	write_head(f, silent, "gauge", "How long a process has not answered hub.");
	for (int i = 1; i < MODEL_PROCESSES && m->plane.processes[i].name; i++)
		fprintf(f, "%s{process=\"%s\"} %u\n", silent, m->plane.processes[i].name,
			m->plane.processes[i].silent_s);
	for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++) {
		write_head(f, metrics[i].name, metrics[i].type, metrics[i].help);
		for (uint32_t s = 0; s < SITE_SLOTS; s++) {
			if (m->sites[s])
				metrics[i].site(f, m, &metrics[i], m->sites[s]);
		}
	}
}
