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

/* Calls `each` for every site until that returns false. */
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

			if (at == sites->data.sequence.items.top)
				break;
			item = yaml_document_get_node(&yaml, *at);
			name = value_of(&yaml, item, "name");
			if (name && name->type == YAML_SCALAR_NODE &&
				!each(context, &yaml, item, (const char *)name->data.scalar.value))
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

static bool note_line(
	void *context, yaml_document_t *yaml, const yaml_node_t *item, const char *name)
{
	(void)yaml;
	json_object_set_new(context, name, json_integer((json_int_t)item->start_mark.line + 1));
	return true;
}

json_t *inside_lines(const char *text, size_t len)
{
	json_t *lines = json_object();

	walk_sites(text, len, note_line, lines);
	return lines;
}
