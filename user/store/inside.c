/* SPDX-License-Identifier: Apache-2.0 */
#include "store/inside.h"

#include <stdlib.h>
#include <string.h>

static const yaml_node_t *value_of(yaml_document_t *yaml, const yaml_node_t *node, const char *key)
{
	if (!node || node->type != YAML_MAPPING_NODE)
		return NULL;
	for (const yaml_node_pair_t *p = node->data.mapping.pairs.start;
		p < node->data.mapping.pairs.top; p++) {
		const yaml_node_t *k = yaml_document_get_node(yaml, p->key);

		if (k->type == YAML_SCALAR_NODE && !strcmp((const char *)k->data.scalar.value, key))
			return yaml_document_get_node(yaml, p->value);
	}
	return NULL;
}

/* Calls `each` for every site until that returns false; one without a name is called "". */
static void walk_sites(const char *text, size_t len,
	bool (*each)(
		void *context, yaml_document_t *yaml, const yaml_node_t *item, const char *name),
	void *context)
{
	const yaml_node_t *sites, *name;
	yaml_document_t yaml;
	yaml_parser_t parser;

	if (!yaml_parser_initialize(&parser))
		abort();
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	if (yaml_parser_load(&parser, &yaml)) {
		sites = value_of(&yaml, yaml_document_get_root_node(&yaml), "sites");
		for (size_t i = 0; sites && sites->type == YAML_SEQUENCE_NODE; i++) {
			const yaml_node_item_t *at = sites->data.sequence.items.start + i;
			const yaml_node_t *item;
			bool named;

			if (at == sites->data.sequence.items.top)
				break;
			item = yaml_document_get_node(&yaml, *at);
			name = value_of(&yaml, item, "name");
			named = name && name->type == YAML_SCALAR_NODE;
			if (!each(context, &yaml, item,
				    named ? (const char *)name->data.scalar.value : ""))
				break;
		}
		yaml_document_delete(&yaml);
	}
	yaml_parser_delete(&parser);
}

struct finding {
	const char *site;
	json_t *tree;
	unsigned int line;
};

static bool find_one(
	void *context, yaml_document_t *yaml, const yaml_node_t *item, const char *name)
{
	struct finding *f = context;

	if (strcmp(name, f->site) != 0)
		return true;
	f->tree = tree_of_node(yaml, item);
	f->line = (unsigned int)item->start_mark.line + 1;
	return false;
}

json_t *inside_read(const char *text, size_t len, const char *site, unsigned int *line)
{
	struct finding f = {.site = site};

	walk_sites(text, len, find_one, &f);
	if (f.line)
		*line = f.line;
	return f.tree;
}

static bool note(json_t *list, const yaml_node_t *item, const char *name, json_t *own_tree)
{
	json_array_append_new(list, json_pack("{s:s, s:I, s:o}", "name", name, "line",
					    (json_int_t)item->start_mark.line + 1, "tree",
					    own_tree ? own_tree : json_null()));
	return true;
}

static bool note_one(
	void *context, yaml_document_t *yaml, const yaml_node_t *item, const char *name)
{
	return note(context, item, name, tree_of_node(yaml, item));
}

static bool note_one_with_nulls(
	void *context, yaml_document_t *yaml, const yaml_node_t *item, const char *name)
{
	return note(context, item, name, tree_of_node_with_nulls(yaml, item));
}

static json_t *inside_list(const char *text, size_t len)
{
	json_t *list = json_array();

	walk_sites(text, len, note_one, list);
	return list;
}

json_t *inside_list_with_nulls(const char *text, size_t len)
{
	json_t *list = json_array();

	walk_sites(text, len, note_one_with_nulls, list);
	return list;
}

json_t *inside_all(const char *text, size_t len)
{
	json_t *list = inside_list(text, len), *sites = json_object(), *o;
	size_t i;

	json_array_foreach(list, i, o)
		json_object_set(sites, json_string_value(json_object_get(o, "name")), o);
	json_decref(list);
	return sites;
}

static bool has_only_sites(
	yaml_document_t *yaml, const yaml_node_t *root, unsigned int *line, char *why)
{
	bool any = false;

	if (!root || root->type != YAML_MAPPING_NODE)
		return true;
	for (const yaml_node_pair_t *p = root->data.mapping.pairs.start;
		p < root->data.mapping.pairs.top; p++) {
		const yaml_node_t *key = yaml_document_get_node(yaml, p->key);
		const char *name =
			key->type == YAML_SCALAR_NODE ? (const char *)key->data.scalar.value : "?";
		bool is = !strcmp(name, "sites");

		*line = (unsigned int)key->start_mark.line + 1;
		if (is && !any) {
			any = true;
			continue;
		}
		if (is)
			snprintf(why, INSIDE_WHY_SIZE, "key 'sites' stands twice");
		else
			snprintf(why, INSIDE_WHY_SIZE,
				"unknown key '%.60s'; an import has 'sites' only", name);
		return false;
	}
	return true;
}

/* What follows without "---" is no YAML any more. */
static bool ends_here(yaml_parser_t *parser, unsigned int *line, char *why)
{
	yaml_document_t next;
	bool more = true;

	if (yaml_parser_load(parser, &next)) {
		more = yaml_document_get_root_node(&next) != NULL;
		*line = (unsigned int)next.start_mark.line + 1;
		yaml_document_delete(&next);
	} else {
		*line = (unsigned int)parser->problem_mark.line + 1;
	}
	if (more)
		snprintf(why, INSIDE_WHY_SIZE, "a second document begins here; a file has one");
	return !more;
}

bool inside_sites_only(const char *text, size_t len, unsigned int *line, char why[INSIDE_WHY_SIZE])
{
	yaml_document_t yaml;
	yaml_parser_t parser;
	bool ok = true;

	if (!yaml_parser_initialize(&parser))
		abort();
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	if (yaml_parser_load(&parser, &yaml)) {
		ok = has_only_sites(&yaml, yaml_document_get_root_node(&yaml), line, why);
		yaml_document_delete(&yaml);
		ok = ok && ends_here(&parser, line, why);
	}
	yaml_parser_delete(&parser);
	return ok;
}

static bool note_line(
	void *context, yaml_document_t *yaml, const yaml_node_t *item, const char *name)
{
	(void)yaml;
	if (*name)
		json_object_set_new(
			context, name, json_integer((json_int_t)item->start_mark.line + 1));
	return true;
}

json_t *inside_lines(const char *text, size_t len)
{
	json_t *lines = json_object();

	walk_sites(text, len, note_line, lines);
	return lines;
}

/* As in one line. */
static json_t *text_of(const json_t *value)
{
	char *text = NULL;
	size_t len;
	json_t *o;
	FILE *f;

	if (json_is_string(value))
		return json_incref((json_t *)value);
	f = open_memstream(&text, &len);
	if (!f)
		abort();
	tree_write_flow(f, value);
	fclose(f);
	o = json_string(text);
	free(text);
	return o;
}

static void add_keys(
	json_t *keys, yaml_document_t *yaml, const yaml_node_t *mapping, const char *before)
{
	char name[128];

	if (!mapping || mapping->type != YAML_MAPPING_NODE)
		return;
	for (const yaml_node_pair_t *p = mapping->data.mapping.pairs.start;
		p < mapping->data.mapping.pairs.top; p++) {
		const yaml_node_t *key = yaml_document_get_node(yaml, p->key);
		json_t *value = tree_of_node(yaml, yaml_document_get_node(yaml, p->value));

		if (!value || key->type != YAML_SCALAR_NODE) {
			json_decref(value);
			continue;
		}
		snprintf(name, sizeof(name), "%s%s", before, (const char *)key->data.scalar.value);
		json_object_set_new(keys, name,
			json_pack("{s:I, s:o}", "line", (json_int_t)key->start_mark.line + 1,
				"value", text_of(value)));
		json_decref(value);
	}
}

json_t *inside_keys(const char *text, size_t len)
{
	json_t *keys = json_object();
	const yaml_node_t *root;
	yaml_document_t yaml;
	yaml_parser_t parser;

	if (!yaml_parser_initialize(&parser))
		abort();
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	if (yaml_parser_load(&parser, &yaml)) {
		root = yaml_document_get_root_node(&yaml);
		add_keys(keys, &yaml, value_of(&yaml, root, "concentrator"), "concentrator.");
		add_keys(keys, &yaml, value_of(&yaml, value_of(&yaml, root, "defaults"), "tunnel"),
			"defaults.tunnel.");
		yaml_document_delete(&yaml);
	}
	yaml_parser_delete(&parser);
	return keys;
}
