/* SPDX-License-Identifier: Apache-2.0 */
/* What a site had over a long time, as watch has summed it up. */
#include "view/view.h"

#include "base/clock.h"
#include "state/stats_fields.h"

#include <limits.h>

static uint64_t bps(uint64_t bytes, uint64_t seconds)
{
	return seconds ? (uint64_t)((double)bytes * 8 / (double)seconds) : 0;
}

static json_t *worst_second(const struct sample *s, unsigned int d)
{
	const uint64_t *kbps = &s->v[SAMPLE_WORST + 3 * d];

	if (!s->v[SAMPLE_WORST_AT + d])
		return json_null();
	return json_pack("{s:o, s:o, s:o, s:o}", "time",
		view_time(s->v[SAMPLE_WORST_AT + d] * CLOCK_SECOND), "offered_bps",
		view_number(kbps[1] * 1000), "delivered_bps", view_number(kbps[2] * 1000),
		"dropped_bps", view_number(kbps[0] * 1000));
}

static json_t *worst_sample(const struct imsg_watch_sum *m, unsigned int d)
{
	uint64_t seconds = m->worst[d].covered_s;

	if (!m->worst[d].at_s || seconds > INT_MAX)
		return json_null();
	return json_pack("{s:o, s:i, s:o, s:o, s:o}", "time",
		view_time(m->worst[d].at_s * CLOCK_SECOND), "seconds", (int)seconds, "offered_bps",
		view_number(bps(m->worst[d].offered, seconds)), "delivered_bps",
		view_number(bps(m->worst[d].delivered, seconds)), "dropped_bps",
		view_number(bps(m->worst[d].dropped, seconds)));
}

static json_t *direction_of(const struct site *site, const struct imsg_watch_sum *m, unsigned int d)
{
	const struct sample *s = &m->sum;
	uint64_t offered = s->v[SAMPLE_OFFERED + d], delivered = s->v[SAMPLE_DELIVERED + d];
	uint64_t cap = site_cap(site), rate = bps(delivered, m->covered_s);
	json_t *dropped = json_object();

	for (unsigned int r = 0; r < SAMPLE_REASONS && site_drop_fields[r].name; r++) {
		if (s->v[SAMPLE_OF_REASON(d, r)])
			json_object_set_new(dropped, site_drop_fields[r].name,
				json_pack("{s:o}", "packets",
					view_number(s->v[SAMPLE_OF_REASON(d, r)])));
	}
	return json_pack("{s:o, s:o, s:o, s:f, s:o, s:o, s:o, s:o, s:o, s:{s:o}, s:{s:o}, s:o}",
		"offered_bps", view_number(bps(offered, m->covered_s)), "delivered_bps",
		view_number(rate), "dropped_bps",
		view_number(bps(s->v[SAMPLE_DROPPED + d], m->covered_s)), "share_of_cap_percent",
		cap ? 100.0 * (double)rate / (double)cap : 0.0, "worst_second", worst_second(s, d),
		"worst_sample", worst_sample(m, d), "median_bps",
		view_number(m->kbps[d][WATCH_MEDIAN] * 1000), "p95_bps",
		view_number(m->kbps[d][WATCH_P95] * 1000), "p99_bps",
		view_number(m->kbps[d][WATCH_P99] * 1000), "offered", "bytes", view_number(offered),
		"delivered", "bytes", view_number(delivered), "dropped", dropped);
}

json_t *view_report_sum(const struct site *site, const struct imsg_watch_sum *m)
{
	json_t *up = json_array();

	for (int t = 0; t < TUNNELS_PER_SITE; t++) {
		uint64_t s = m->sum.v[SAMPLE_UP + t];

		json_array_append_new(
			up, json_real(s < m->covered_s ? 100.0 * (double)s / (double)m->covered_s
						       : 100.0));
	}
	return json_pack("{s:s, s:o, s:f, s:o, s:o, s:o}", "name", site->conf.name, "since",
		view_time(m->from_s * CLOCK_SECOND), "seconds", (double)m->covered_s, "up_percent",
		up, "in", direction_of(site, m, SLUICE_IN), "out",
		direction_of(site, m, SLUICE_OUT));
}

static json_t *point_direction(const struct watch_point *p, unsigned int d)
{
	return json_pack("{s:o, s:o, s:o}", "offered_bps",
		view_number(bps(p->offered[d], p->covered_s)), "delivered_bps",
		view_number(bps(p->delivered[d], p->covered_s)), "dropped_bps",
		view_number(bps(p->dropped[d], p->covered_s)));
}

json_t *view_graph_point(uint64_t at_s, const struct watch_point *p)
{
	return json_pack("{s:o, s:i, s:[i, i], s:o, s:o}", "time", view_time(at_s * CLOCK_SECOND),
		"seconds", (int)p->covered_s, "up_s", (int)p->up_s[0], (int)p->up_s[1], "in",
		point_direction(p, SLUICE_IN), "out", point_direction(p, SLUICE_OUT));
}

json_t *view_graph(const char *site, uint64_t from_s, uint64_t to_s, json_t *own_points)
{
	return json_pack("{s:s, s:o, s:o, s:o}", "site", site, "from",
		view_time(from_s * CLOCK_SECOND), "to", view_time(to_s * CLOCK_SECOND), "points",
		own_points);
}
