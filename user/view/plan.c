/* SPDX-License-Identifier: Apache-2.0 */
/* What a change of the configuration would do. */
#include "view/view.h"

#include "base/utf8.h"
#include "config/options.h"

#include <stdio.h>
#include <string.h>

static json_t *text_json(const char *text)
{
	char clean[CHANGE_TEXT_SIZE];

	snprintf(clean, sizeof(clean), "%s", text);
	utf8_clean(clean);
	return json_string(clean);
}

static json_t *change_json(const struct change *c)
{
	static const char *const kinds[] = {[CHANGE_OF_OPTION] = "changed",
		[CHANGE_ADDED] = "added",
		[CHANGE_REMOVED] = "removed"};
	json_t *o =
		json_pack("{s:s, s:s}", "what", kinds[c->kind], "effect", plan_effects[c->effect]);

	if (c->site[0])
		json_object_set_new(o, "site", json_string(c->site));
	if (c->tunnel >= 0)
		json_object_set_new(o, "tunnel", json_integer(c->tunnel));
	if (!c->option)
		return o;
	json_object_set_new(o, "key", json_string(c->option->key));
	json_object_set_new(o, "was", text_json(c->was));
	json_object_set_new(o, "is", text_json(c->is));
	return o;
}

static json_t *finding_json(const struct finding *f)
{
	char clean[FINDING_TEXT_SIZE];
	json_t *sites = json_array();

	memcpy(clean, f->text, sizeof(clean));
	utf8_clean(clean);
	for (uint32_t i = 0; i < f->site_count; i++)
		json_array_append_new(sites, json_string(f->sites[i]));
	return json_pack("{s:s, s:s, s:b, s:o, s:s}", "kind", f->kind, "severity",
		finding_severities[f->severity], "new", f->fresh, "sites", sites, "text", clean);
}

json_t *view_plan(const struct plan *plan, const struct findings *found, json_t *own_files)
{
	json_t *changes = json_array(), *tunnels = json_array(), *findings = json_array(), *o;
	char refusal[CONFIG_ERROR_SIZE];

	for (size_t i = 0; i < plan->count; i++)
		json_array_append_new(changes, change_json(&plan->changes[i]));
	for (size_t i = 0; i < plan->tunnel_count; i++) {
		const struct tunnel_effect *t = &plan->tunnels[i];

		json_array_append_new(
			tunnels, json_pack("{s:s, s:i, s:s}", "site", t->site, "tunnel",
					 (int)t->tunnel, "effect", plan_effects[t->effect]));
	}
	for (size_t i = 0; i < found->count; i++)
		json_array_append_new(findings, finding_json(&found->list[i]));
	o = json_pack("{s:s, s:o, s:o, s:o, s:o}", "effect", plan_effects[plan->most], "changes",
		changes, "files", own_files, "tunnels", tunnels, "findings", findings);
	if (plan_refusal(plan, false, refusal, sizeof(refusal)))
		json_object_set_new(o, "refused", json_string(refusal));
	return o;
}

json_t *view_history(uint64_t in_force, json_t *own_revisions, const char *damaged)
{
	json_t *o = json_pack(
		"{s:o, s:o}", "revision", view_number(in_force), "revisions", own_revisions);
	char clean[CONFIG_ERROR_SIZE];

	snprintf(clean, sizeof(clean), "%s", damaged);
	utf8_clean(clean);
	if (damaged[0])
		json_object_set_new(o, "damaged", json_string(clean));
	return o;
}
