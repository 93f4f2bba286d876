/* SPDX-License-Identifier: Apache-2.0 */
/* What the concentrator is, and where that is said. */
#include "view/view.h"

#include "config/options.h"
#include "config/values.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VALUE_SIZE = 4096 };

/* null: nothing, or it follows from others. */
static json_t *as_default(const struct walk_field *f, const void *conf)
{
	char text[VALUE_SIZE] = "";
	json_t *o;

	if (conf)
		(void)walk_write(f, conf, text, sizeof(text));
	if (!text[0] && f->initial)
		snprintf(text, sizeof(text), "%s", f->initial);
	o = text[0] ? json_string(text) : json_null();
	return o ? o : json_null();
}

/* conf: what holds without the key, too. */
static void add_values(json_t *list, const struct hub_view *v, const struct walk_field *fields,
	const char *before, const void *conf)
{
	char key[128];

	for (const struct walk_field *f = fields; f->key; f++) {
		json_t *o = json_object(), *at = NULL;
		const char *file = NULL;

		snprintf(key, sizeof(key), "%s%s", before, f->key);
		for (size_t i = 0; i < 2 && !at; i++) {
			at = json_object_get(v->sources[i].keys, key);
			file = v->sources[i].file;
		}
		json_object_set_new(o, "key", json_string(key));
		json_object_set_new(o, "value",
			at ? json_incref(json_object_get(at, "value")) : as_default(f, conf));
		json_object_set_new(o, "default", json_boolean(!at));
		if (at) {
			json_object_set_new(o, "file", json_string(file));
			json_object_set(o, "line", json_object_get(at, "line"));
		}
		json_array_append_new(list, o);
	}
}

static const char *said_of(const struct hub_view *v, const char *key)
{
	const json_t *at = NULL;

	for (size_t i = 0; i < 2 && !at; i++)
		at = json_object_get(v->sources[i].keys, key);
	return json_string_value(json_object_get(at, "value"));
}

/* What a tunnel has of which nothing is said: sets of algorithms are those of the profile, in the order that is said. */
static void default_tunnel(const struct hub_view *v, struct tunnel_conf *conf)
{
	char key[128];

	memset(conf, 0, sizeof(*conf));
	walk_initials(options_default_tunnel, conf);
	set_default_algorithms(&conf->options);
	for (const struct walk_field *f = options_default_tunnel; f->key; f++) {
		const char *said;

		snprintf(key, sizeof(key), "defaults.tunnel.%s", f->key);
		said = said_of(v, key);
		if (said && f->read == read_nothing)
			(void)set_algorithms(&conf->options, said);
		else if (said && f->words)
			(void)walk_text(f, said, conf);
	}
	order_algorithms(&conf->options, conf->order);
}

json_t *view_hub(const struct hub_view *v, const struct config *c, json_t *own_tree)
{
	json_t *values = json_array();
	struct tunnel_conf tunnel;

	default_tunnel(v, &tunnel);
	add_values(values, v, options_concentrator, "concentrator.", &c->concentrator);
	add_values(values, v, options_default_tunnel, "defaults.tunnel.", &tunnel);
	return json_pack("{s:s, s:o, s:b, s:o, s:o}", "file", v->file, "etag", view_number(v->etag),
		"pending", (int)v->pending, "document", own_tree ? own_tree : json_object(),
		"values", values);
}
