/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics of the hub as a whole: its processes, its limits, and packets that belong to no site. */
#include "view/view.h"

#include "base/clock.h"
#include "base/version.h"
#include "state/stats_fields.h"

#include <inttypes.h>
#include <stdio.h>

static void head(FILE *f, const char *name, const char *type, const char *help)
{
	fprintf(f, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void one(FILE *f, const char *name, const char *type, const char *help, uint64_t value)
{
	head(f, name, type, help);
	fprintf(f, "%s %" PRIu64 "\n", name, value);
}

/* ---- processes ---- */

static uint64_t process_up(const struct model_process *p)
{
	return p->pid != 0;
}

static uint64_t process_silent(const struct model_process *p)
{
	return p->silent_s;
}

static uint64_t process_restarts(const struct model_process *p)
{
	return p->restarts;
}

static uint64_t process_hangs(const struct model_process *p)
{
	return p->hangs;
}

static uint64_t process_memory(const struct model_process *p)
{
	return p->rss_kb * 1024;
}

static void write_processes(FILE *f, const struct model *m)
{
	static const struct {
		const char *name, *type, *help;
		uint64_t (*value)(const struct model_process *p);
		bool hub_too;
	} rows[] = {
		{"sluice_process_up", "gauge", "1: the process runs.", process_up, true},
		{"sluice_process_silent_seconds", "gauge",
			"How long a process has not answered hub.", process_silent, false},
		{"sluice_process_restarts_total", "counter",
			"How often hub has started it again since hub itself has begun.",
			process_restarts, false},
		{"sluice_process_hangs_total", "counter",
			"How often hub has ended it because it did not answer.", process_hangs,
			false},
		{"sluice_process_resident_memory_bytes", "gauge", "Memory that it has.",
			process_memory, true},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		head(f, rows[i].name, rows[i].type, rows[i].help);
		for (int p = rows[i].hub_too ? 0 : 1; p < MODEL_PROCESSES; p++) {
			if (m->plane.processes[p].name)
				fprintf(f, "%s{process=\"%s\"} %" PRIu64 "\n", rows[i].name,
					m->plane.processes[p].name,
					rows[i].value(&m->plane.processes[p]));
		}
	}
}

void view_metrics_common(FILE *f, const struct model *m)
{
	write_processes(f, m);
}

/* ---- of all sites ---- */

/* Gateways, too: they use the same lines. */
static uint64_t delivered_bps(const struct model *m, enum sluice_direction d)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < SITE_SLOTS; i++)
		sum += m->sites[i] ? site_rates_now(m->sites[i], d).delivered_bps : 0;
	return sum;
}

static uint64_t is_short(const struct model *m, enum sluice_direction d)
{
	return fair_short(m->fair[d]);
}

static void write_sums(FILE *f, const struct model *m)
{
	static const char *const directions[] = {[SLUICE_IN] = "in", [SLUICE_OUT] = "out"};
	static const struct {
		const char *name, *help;
		uint64_t (*value)(const struct model *m, enum sluice_direction d);
	} rows[] = {
		{"sluice_concentrator_bandwidth_bps",
			"Bits a second delivered to or from all sites together.", delivered_bps},
		{"sluice_concentrator_aggregate_short",
			"1: sites want more together than the aggregate rate, and share it.",
			is_short},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		head(f, rows[i].name, "gauge", rows[i].help);
		for (int d = 0; d < SLUICE_DIRECTIONS; d++)
			fprintf(f, "%s{concentrator=\"%s\",direction=\"%s\"} %" PRIu64 "\n",
				rows[i].name, m->config->concentrator.name, directions[d],
				rows[i].value(m, (enum sluice_direction)d));
	}
}

/* ---- of no site ---- */

static void write_stats(
	FILE *f, const char *where, const void *stats, const struct stats_field *fields)
{
	for (const struct stats_field *field = fields; field->name; field++)
		fprintf(f, "sluice_hub_packets_total{where=\"%s\",reason=\"%s\"} %" PRIu64 "\n",
			where, field->name, (uint64_t)stats_field_of(stats, field)->packets);
}

void view_metrics_hub(FILE *f, const struct model *m)
{
	const struct concentrator_conf *c = &m->config->concentrator;

	write_sums(f, m);
	head(f, "sluice_build_info", "gauge", "What runs; always 1.");
	fprintf(f,
		"sluice_build_info{version=\"" SLUICE_VERSION
		"\",concentrator=\"%s\",asn=\"%u\"} 1\n",
		c->name, c->asn);
	one(f, "sluice_start_time_seconds", "gauge", "When the daemon has begun, since 1970.",
		m->started_wall_ns / CLOCK_SECOND);
	one(f, "sluice_aggregate_rate_bps", "gauge",
		"What sites may have together by the configuration; 0: no limit.",
		c->aggregate_rate);
	one(f, "sluice_configuration_refused_total", "counter",
		"Configurations that were to be applied and were not.", m->refused);
	one(f, "sluice_log_events_lost_total", "counter",
		"Events of tunnels that could not be written into the files of log_directory.",
		m->events_lost);
	one(f, "sluice_closed_prefixes", "gauge",
		"Prefixes that nothing is sent to, so that it does not leave in clear.",
		m->plane.closed_count);
	one(f, "sluice_routes_mended_total", "counter",
		"Routes in the kernel's table that somebody else had taken away or changed.",
		m->plane.routes_mended);
	head(f, "sluice_hub_packets_total", "counter",
		"Packets that are of no site, at the outside and the inside devices, by what "
		"became "
		"of them.");
	write_stats(f, "outside", &m->plane.outside, outside_fields);
	write_stats(f, "inside", &m->plane.inside, inside_fields);
}
