/* SPDX-License-Identifier: Apache-2.0 */
/* What a change of the configuration would do. */
#include "view/view.h"

#include "base/utf8.h"
#include "config/options.h"

#include <stdio.h>

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

/* Adds the tunnels of a site that become another one's, and remembers the strongest effect. */
static void add_tunnels(json_t *list, const struct concentrator_conf *hub_was,
	const struct concentrator_conf *hub_is, const struct site_conf *was,
	const struct site_conf *is, enum change_effect *most)
{
	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
		enum change_effect effect = plan_tunnel_effect(was, is, t);
		enum change_effect all = plan_hub_effect(hub_was, hub_is, is, t);

		if (all > effect && all < CHANGE_SITE && is->tunnels[t].configured)
			effect = all;
		/* What begins interrupts nothing. */
		if (!was->tunnels[t].configured || effect == CHANGE_UNSAID)
			continue;
		if (effect > *most)
			*most = effect;
		json_array_append_new(
			list, json_pack("{s:s, s:i, s:s}", "site", was->name, "tunnel", (int)t,
				      "effect", plan_effects[effect]));
	}
}

static void add_finding(void *context, const char *text)
{
	char clean[CONFIG_DOUBT_SIZE];

	snprintf(clean, sizeof(clean), "%s", text);
	utf8_clean(clean);
	json_array_append_new(context, json_string(clean));
}

json_t *view_plan(const struct plan *plan, const struct config *was, const struct config *is,
	json_t *own_files)
{
	static const struct site_conf none;
	json_t *changes = json_array(), *tunnels = json_array(), *findings = json_array(), *o;
	enum change_effect most = CHANGE_UNSAID;
	char refusal[CONFIG_ERROR_SIZE];

	for (size_t i = 0; i < plan->count; i++) {
		json_array_append_new(changes, change_json(&plan->changes[i]));
		if (plan->changes[i].effect > most && plan->changes[i].kind == CHANGE_OF_OPTION)
			most = plan->changes[i].effect;
	}
	for (uint32_t i = 0; i < was->site_count; i++) {
		const struct site_conf *next = config_site(is, was->sites[i].name);

		add_tunnels(tunnels, &was->concentrator, &is->concentrator, &was->sites[i],
			next ? next : &none, &most);
	}
	config_doubts(is, add_finding, findings);
	o = json_pack("{s:s, s:o, s:o, s:o, s:o}", "effect", plan_effects[most], "changes", changes,
		"files", own_files, "tunnels", tunnels, "findings", findings);
	if (plan_refusal(plan, false, refusal, sizeof(refusal)))
		json_object_set_new(o, "refused", json_string(refusal));
	return o;
}

json_t *view_history(uint64_t in_force, json_t *own_revisions)
{
	return json_pack(
		"{s:o, s:o}", "revision", view_number(in_force), "revisions", own_revisions);
}
