/* SPDX-License-Identifier: Apache-2.0 */
/* How far moving from one site to another is, and what each step would do. */
#include "view/view.h"

static json_t *side(const struct site *site, uint32_t carries, uint32_t prefixes)
{
	struct site_rates in = site_rates_now(site, SLUICE_IN),
			  out = site_rates_now(site, SLUICE_OUT);
	int tunnels = 0;

	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++)
		tunnels += site->conf.tunnels[t].configured;
	return json_pack("{s:s, s:i, s:i, s:i, s:o, s:o}", "site", site->conf.name, "tunnels",
		tunnels, "carrying", (int)carries, "prefixes", (int)prefixes, "in_bps",
		view_number(in.offered_bps), "out_bps", view_number(out.offered_bps));
}

/* The tunnels that end by it; the others interrupt nothing. */
static json_t *ends_by(const struct migration *g, enum migration_step step)
{
	json_t *list = json_array();

	for (unsigned int t = 0; step == MIGRATION_FINISH && t < TUNNELS_PER_SITE; t++) {
		if (g->old->conf.tunnels[t].configured)
			json_array_append_new(list, json_pack("{s:s, s:i}", "site",
							    g->old->conf.name, "tunnel", (int)t));
	}
	return list;
}

static const char *what(const struct migration *g, enum migration_step step)
{
	switch (step) {
	case MIGRATION_PREPARE:
		return "the new site may have what the old one has, and stands back";
	case MIGRATION_SHIFT:
		return "what both have goes by the new site, and by the old one when that has none";
	case MIGRATION_FINISH:
		return "the old site ends, and its document is removed";
	default:
		return g->state == MIGRATION_SHIFTED ? "what both have goes by the old site again"
						     : "the new site is a site like any other";
	}
}

json_t *view_migration(const struct migration *g)
{
	json_t *steps = json_array(), *left = json_array();
	char why[MIGRATION_WHY_SIZE], text[PREFIX_STR_SIZE];

	for (int i = 0; i < MIGRATION_STEPS; i++) {
		enum migration_step step = (enum migration_step)i;
		const char *refusal = migration_refusal(g, step, false, why);
		json_t *o = json_pack("{s:s, s:s, s:b, s:o}", "step", migration_steps[i], "does",
			what(g, step), "possible", !refusal, "ends", ends_by(g, step));

		if (refusal)
			json_object_set_new(o, "why", json_string(refusal));
		json_array_append_new(steps, o);
	}
	for (uint32_t i = 0; i < g->left_count; i++)
		json_array_append_new(left, json_string(prefix_format(&g->left[i], text)));
	return json_pack("{s:s, s:o, s:o, s:o, s:o}", "state", migration_states[g->state], "old",
		side(g->old, g->carries_old, g->prefixes_old), "new",
		side(g->new, g->carries_new, g->prefixes_new), "left", left, "steps", steps);
}
