/* SPDX-License-Identifier: Apache-2.0 */
/* The document of `sluice doctor`. */
#include "view/view.h"

static void add_tunnels(json_t *list, json_t *counts, const struct doctor_report *r,
	const struct site *site, int tunnel)
{
	for (int t = 0; t < TUNNELS_PER_SITE; t++) {
		enum doctor_verdict v = r->verdicts[site->slot][t];
		const char *word = doctor_verdicts[v];
		uint64_t since = site->tunnels[t].turned_wall_ns;

		if (v == VERDICT_NONE || (tunnel >= 0 && t != tunnel))
			continue;
		json_object_set_new(counts, word,
			json_integer(json_integer_value(json_object_get(counts, word)) + 1));
		json_array_append_new(list,
			json_pack("{s:s, s:i, s:s, s:o}", "site", site->conf.name, "tunnel", t,
				"verdict", word, "since", since ? view_time(since) : json_null()));
	}
}

static void set_text(json_t *o, const char *name, const char *text)
{
	if (text[0])
		json_object_set_new(o, name, json_string(text));
}

static void set_time(json_t *o, const char *name, uint64_t wall_ns)
{
	if (wall_ns)
		json_object_set_new(o, name, view_time(wall_ns));
}

static json_t *finding(const struct model *m, const struct doctor_finding *f)
{
	json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:[], s:[], s:i}", "id", f->id, "rung",
		doctor_rungs[f->rung], "severity", doctor_severities[f->severity], "text", f->text,
		"tunnels", "others", "tunnels_lost", (int)f->tunnels_lost);

	set_text(o, "site", f->site);
	for (int t = 0; t < TUNNELS_PER_SITE; t++) {
		if (f->tunnels & 1u << t)
			json_array_append_new(json_object_get(o, "tunnels"), json_integer(t));
	}
	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		if (m->sites[i] && doctor_names(f, i))
			json_array_append_new(
				json_object_get(o, "others"), json_string(m->sites[i]->conf.name));
	}
	set_time(o, "since", f->since_wall_ns);
	set_time(o, "last", f->last_wall_ns);
	if (f->count)
		json_object_set_new(o, "count", view_number(f->count));
	set_text(o, "evidence", f->evidence);
	set_text(o, "hub", f->hub);
	set_text(o, "device", f->device);
	return o;
}

json_t *view_doctor(
	const struct model *m, const struct doctor_report *r, const struct site *site, int tunnel)
{
	json_t *tunnels = json_array(), *counts = json_object(), *findings = json_array();
	unsigned int notes = 0;

	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		if (m->sites[i] && (!site || site == m->sites[i]))
			add_tunnels(tunnels, counts, r, m->sites[i], tunnel);
	}
	for (size_t i = 0; i < r->count; i++) {
		const struct doctor_finding *f = &r->list[i];

		if (site && !doctor_concerns(f, site, tunnel))
			continue;
		/* Of all sites together only what somebody may have to do something about. */
		notes += f->severity == DOCTOR_NOTE;
		if (site || f->severity != DOCTOR_NOTE)
			json_array_append_new(findings, finding(m, f));
	}
	return json_pack("{s:o, s:o, s:o, s:i}", "verdicts", counts, "tunnels", tunnels, "findings",
		findings, "notes", (int)notes);
}
