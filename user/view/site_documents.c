/* SPDX-License-Identifier: Apache-2.0 */
/* Documents of sites: where they are, and what they say. */
#include "view/view.h"

#include "base/clock.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

static json_t *labels_json(const struct labels_conf *labels)
{
	json_t *o = json_object();

	for (uint32_t i = 0; i < labels->count; i++)
		json_object_set_new(o, labels->labels[i].key, json_string(labels->labels[i].value));
	return o;
}

static json_t *place_json(const struct document_view *d)
{
	json_t *o = json_pack("{s:s, s:o, s:s, s:b}", "site", d->site, "etag", view_number(d->etag),
		"file", d->file, "pending", (int)d->pending);

	if (d->line)
		json_object_set_new(o, "line", json_integer(d->line));
	return o;
}

/* What has no document that is in force. */
static json_t *others_json(json_t *own_coming, json_t *own_gone)
{
	json_t *others = json_array(), *o;
	const char *name;
	size_t i;

	json_array_foreach(own_coming, i, o)
		json_array_append_new(
			others, json_pack("{s:O, s:s}", "site", o, "lifecycle", "pending"));
	json_object_foreach(own_gone, name, o)
		json_array_append_new(others,
			json_pack("{s:s, s:s, s:o}", "site", name, "lifecycle", "deleted", "since",
				view_time((uint64_t)json_integer_value(o) * CLOCK_SECOND)));
	json_decref(own_coming);
	json_decref(own_gone);
	return others;
}

json_t *view_site_list(const struct model *m, const struct document_view *list, size_t count,
	json_t *own_coming, json_t *own_gone)
{
	static const char *const classes[] = {
		[SITE_CONCENTRATOR] = "concentrator", [SITE_GATEWAY] = "gateway"};
	json_t *shown = view_sites(m, NULL), *site, *sites = json_array();
	size_t i;

	json_array_foreach(json_object_get(shown, "sites"), i, site) {
		const char *name = json_string_value(json_object_get(site, "name"));
		const struct site *of = site_find(m, name);
		const struct site_conf *conf = of ? &of->conf : NULL;
		size_t k = 0;
		json_t *o;

		while (k < count && strcmp(list[k].site, name) != 0)
			k++;
		if (k == count || !conf)
			continue;
		o = place_json(&list[k]);
		json_object_set_new(
			o, "lifecycle", json_string(list[k].deleting ? "deleting" : "available"));
		json_object_set_new(o, "state", json_incref(json_object_get(site, "state")));
		json_object_set_new(o, "asn", view_number(conf->asn));
		json_object_set_new(o, "class", json_string(classes[conf->site_class]));
		json_object_set_new(o, "group", json_string(conf->group));
		json_object_set_new(o, "rate_bps", view_number(conf->rate));
		json_object_set_new(o, "labels", labels_json(&conf->labels));
		json_array_append_new(sites, o);
	}
	json_decref(shown);
	return json_pack("{s:o, s:o}", "sites", sites, "others", others_json(own_coming, own_gone));
}

json_t *view_site_document(
	const struct document_view *d, json_t *own_tree, const char *text, size_t len)
{
	json_t *o = place_json(d);
	char *clean = strndup(text, len);

	if (!clean)
		abort();
	/* Lines stay lines, and what is set in columns stays there. */
	for (char *part = clean, *end; part; part = end ? end + 1 : NULL) {
		end = strpbrk(part, "\n\r\t");

		char kept = end ? *end : '\0';

		if (end)
			*end = '\0';
		utf8_clean(part);
		if (end)
			*end = kept;
	}
	json_object_set_new(o, "document", own_tree);
	json_object_set_new(o, "text", json_string(clean));
	free(clean);
	return o;
}
