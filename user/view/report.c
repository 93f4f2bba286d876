/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice report`: who was offered, who was delivered, who was limited and why. */
#include "view/view.h"

#include "base/clock.h"
#include "state/stats_fields.h"

#include <stdio.h>
#include <stdlib.h>

static uint64_t per_second(uint64_t bytes, uint64_t interval_ns)
{
	return interval_ns ? (uint64_t)((double)bytes * 8e9 / (double)interval_ns) : 0;
}

static double percent(uint64_t part, uint64_t whole)
{
	return whole ? (double)(part * 1000 / whole) / 10 : 0;
}

static json_t *traffic(const struct traffic *t)
{
	return json_pack(
		"{s:o, s:o}", "packets", view_number(t->packets), "bytes", view_number(t->bytes));
}

static json_t *direction(const struct model *m, const struct site *site, enum sluice_direction d)
{
	struct site_stats total = site_counted(site, d);
	struct site_rates r = site_rates_now(site, d);
	json_t *dropped = json_object();

	for (const struct stats_field *f = site_drop_fields; f->name; f++) {
		const struct traffic *t = stats_field_of(&total, f);

		if (t->packets)
			json_object_set_new(dropped, f->name, traffic(t));
	}
	return json_pack("{s:o, s:o, s:o, s:o, s:f, s:f, s:o, s:o, s:o}", "offered_bps",
		view_number(r.offered_bps), "delivered_bps", view_number(r.delivered_bps),
		"dropped_bps", view_number(r.dropped_bps), "limit_bps",
		view_number(rate_limit(m, d, site->slot)), "share_of_cap_percent",
		percent(r.delivered_bps, site_cap(site)), "share_of_aggregate_percent",
		percent(r.delivered_bps, m->config->concentrator.aggregate_rate), "offered",
		traffic(&total.offered), "delivered", traffic(&total.delivered), "dropped",
		dropped);
}

/* What the counter `source` is of: the last such address of each tunnel. */
static json_t *wrong_sources(const struct site *site)
{
	json_t *list = json_array();

	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
		const struct site_tunnel *state = &site->tunnels[t];
		char text[ADDR_STR_SIZE];

		if (state->wrong_source_ns)
			json_array_append_new(
				list, json_pack("{s:i, s:s, s:o}", "tunnel", (int)t, "address",
					      addr_format(&state->wrong_source, text), "time",
					      view_time(clock_wall() -
							(clock_now() - state->wrong_source_ns))));
	}
	return list;
}

static void add_site(const struct model *m, const struct site *site, json_t *list)
{
	json_array_append_new(
		list, json_pack("{s:s, s:o, s:o, s:o}", "name", site->conf.name, "in",
			      direction(m, site, SLUICE_IN), "out", direction(m, site, SLUICE_OUT),
			      "wrong_sources", wrong_sources(site)));
}

static json_t *aggregate(const struct model *m, enum sluice_direction d)
{
	struct site_rates r = sum_rates_now(m, d);

	return json_pack("{s:o, s:o, s:f, s:o}", "offered_bps", view_number(r.offered_bps),
		"delivered_bps", view_number(r.delivered_bps), "share_percent",
		percent(r.delivered_bps, m->config->concentrator.aggregate_rate), "fair_share_bps",
		fair_short(m->fair[d]) ? view_number(m->fair[d]->level) : json_null());
}

json_t *view_report(const struct model *m, const struct site *site)
{
	json_t *list = json_array();
	uint64_t at = m->sampled_ns[0], before = m->sampled_ns[1];

	view_each_site(m, site, add_site, list);
	return json_pack("{s:o, s:f, s:{s:o, s:o, s:o}, s:o}", "timestamp_ns", view_number(at),
		"interval_s", before ? (double)(at - before) / 1e9 : 0.0, "aggregate", "in",
		aggregate(m, SLUICE_IN), "out", aggregate(m, SLUICE_OUT), "limit_bps",
		view_number(m->config->concentrator.aggregate_rate), "sites", list);
}

static uint64_t bps(uint64_t bytes, const struct history_sum *s)
{
	return per_second(bytes, s->to_ns - s->from_ns);
}

static json_t *worst_second(const struct history_sum *s)
{
	if (!s->worst_ns)
		return json_null();
	return json_pack("{s:o, s:o, s:o, s:o}", "time",
		view_time(clock_wall() - (clock_now() - s->worst_ns)), "offered_bps",
		view_number(s->worst_offered), "delivered_bps", view_number(s->worst_delivered),
		"dropped_bps", view_number(s->worst_dropped));
}

static json_t *direction_since(const struct site *site, const struct history_sum *s)
{
	json_t *dropped = json_object();

	for (unsigned int i = 0; i < HISTORY_REASONS && site_drop_fields[i].name; i++) {
		if (s->drops[i])
			json_object_set_new(dropped, site_drop_fields[i].name,
				json_pack("{s:o}", "packets", view_number(s->drops[i])));
	}
	return json_pack("{s:o, s:o, s:o, s:f, s:o, s:{s:o}, s:{s:o}, s:o}", "offered_bps",
		view_number(bps(s->offered, s)), "delivered_bps", view_number(bps(s->delivered, s)),
		"dropped_bps", view_number(bps(s->dropped, s)), "share_of_cap_percent",
		percent(bps(s->delivered, s), site_cap(site)), "worst_second", worst_second(s),
		"offered", "bytes", view_number(s->offered), "delivered", "bytes",
		view_number(s->delivered), "dropped", dropped);
}

json_t *view_report_since(const struct model *m, const struct site *site, uint32_t seconds)
{
	uint64_t now = clock_now(), span = seconds * CLOCK_SECOND,
		 since = now > span ? now - span : 0;
	json_t *list = json_array();

	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		const struct site *s = m->sites[i];
		struct history_sum in, out;

		if (!s || (site && s != site))
			continue;
		in = history_since(s->history, SLUICE_IN, since, now);
		out = history_since(s->history, SLUICE_OUT, since, now);
		json_array_append_new(
			list, json_pack("{s:s, s:o, s:f, s:o, s:o}", "name", s->conf.name, "since",
				      view_time(clock_wall() - (now - in.from_ns)), "seconds",
				      (double)(now - in.from_ns) / 1e9, "in",
				      direction_since(s, &in), "out", direction_since(s, &out)));
	}
	return json_pack("{s:i, s:o}", "since_s", (int)seconds, "sites", list);
}
