/* SPDX-License-Identifier: Apache-2.0 */
#include "store/tree.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct reading {
	yaml_document_t *yaml;
	unsigned int nodes;
	bool nulls;
};

static json_t *read_node(struct reading *r, const yaml_node_t *node, unsigned int depth);

static json_t *read_mapping(struct reading *r, const yaml_node_t *node, unsigned int depth)
{
	json_t *o = json_object();

	for (const yaml_node_pair_t *p = node->data.mapping.pairs.start;
		p < node->data.mapping.pairs.top; p++) {
		const yaml_node_t *key = yaml_document_get_node(r->yaml, p->key);
		const char *text =
			key->type == YAML_SCALAR_NODE ? (const char *)key->data.scalar.value : NULL;
		json_t *value = NULL;

		if (text && !json_object_get(o, text))
			value = read_node(r, yaml_document_get_node(r->yaml, p->value), depth + 1);
		if (!value || json_object_set_new(o, text, value)) {
			json_decref(o);
			return NULL;
		}
	}
	return o;
}

static json_t *read_sequence(struct reading *r, const yaml_node_t *node, unsigned int depth)
{
	json_t *list = json_array();

	for (const yaml_node_item_t *i = node->data.sequence.items.start;
		i < node->data.sequence.items.top; i++) {
		json_t *value = read_node(r, yaml_document_get_node(r->yaml, *i), depth + 1);

		if (!value || json_array_append_new(list, value)) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static bool is_null(const yaml_node_t *node)
{
	static const char *const words[] = {"", "~", "null", "Null", "NULL"};
	const char *text = (const char *)node->data.scalar.value;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!strcmp(text, words[i]))
			return node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	}
	return false;
}

static json_t *read_node(struct reading *r, const yaml_node_t *node, unsigned int depth)
{
	if (depth > TREE_DEPTH_MAX || r->nodes++ == TREE_NODES_MAX)
		return NULL;
	switch (node->type) {
	case YAML_MAPPING_NODE:
		return read_mapping(r, node, depth);
	case YAML_SEQUENCE_NODE:
		return read_sequence(r, node, depth);
	default: /* NULL where it is not text */
		if (r->nulls && is_null(node))
			return json_null();
		return json_stringn(
			(const char *)node->data.scalar.value, node->data.scalar.length);
	}
}

json_t *tree_of_node(yaml_document_t *yaml, const yaml_node_t *node)
{
	struct reading r = {.yaml = yaml};

	return read_node(&r, node, 0);
}

json_t *tree_of_node_with_nulls(yaml_document_t *yaml, const yaml_node_t *node)
{
	struct reading r = {.yaml = yaml, .nulls = true};

	return read_node(&r, node, 0);
}

json_t *tree_read(const char *text, size_t len)
{
	const yaml_node_t *root;
	yaml_document_t yaml;
	yaml_parser_t parser;
	json_t *tree = NULL;
	bool ends;

	if (!yaml_parser_initialize(&parser))
		abort();
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	if (yaml_parser_load(&parser, &yaml)) {
		root = yaml_document_get_root_node(&yaml);
		tree = root ? tree_of_node(&yaml, root) : NULL;
		yaml_document_delete(&yaml);
	}
	ends = tree && yaml_parser_load(&parser, &yaml);
	if (ends) {
		ends = !yaml_document_get_root_node(&yaml);
		yaml_document_delete(&yaml);
	}
	yaml_parser_delete(&parser);
	if (ends)
		return tree;
	json_decref(tree); /* something follows, which need be no YAML */
	return NULL;
}

bool tree_is_blank(const char *text, size_t len)
{
	yaml_document_t yaml;
	yaml_parser_t parser;
	bool blank = false;

	if (!yaml_parser_initialize(&parser))
		abort();
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	if (yaml_parser_load(&parser, &yaml)) {
		blank = !yaml_document_get_root_node(&yaml);
		yaml_document_delete(&yaml);
	}
	yaml_parser_delete(&parser);
	return blank;
}

/* ---- paths ---- */

/* The number that a part of a path is; -1: it is none. */
static int place_of(const char *part)
{
	return isdigit((unsigned char)part[0]) && strlen(part) < 5 ? atoi(part) : -1;
}

/* The first part of a path into `part`; what follows, or NULL at its end. */
static const char *next_part(const char *path, char part[64])
{
	size_t len = strcspn(path, ".");

	snprintf(part, 64, "%.*s", len < 64 ? (int)len : 63, path);
	return path[len] ? path + len + 1 : NULL;
}

static json_t *member(const json_t *tree, const char *part)
{
	int place = place_of(part);

	if (json_is_array(tree))
		return place < 0 ? NULL : json_array_get(tree, (size_t)place);
	return json_object_get(tree, part);
}

static bool put(json_t *tree, const char *part, json_t *own_value)
{
	size_t place = (size_t)place_of(part);

	if (json_is_object(tree))
		return !json_object_set_new(tree, part, own_value);
	if (json_is_array(tree) && place == json_array_size(tree))
		return !json_array_append_new(tree, own_value);
	return !json_array_set_new(tree, place, own_value); /* gives it back where there is none */
}

static void take_away(json_t *tree, const char *part)
{
	int place = place_of(part);

	if (json_is_array(tree) && place >= 0)
		(void)json_array_remove(tree, (size_t)place);
	else
		(void)json_object_del(tree, part);
}

bool tree_set(json_t *tree, const char *path, json_t *own_value)
{
	char part[64], next[64];
	const char *rest = next_part(path, part);
	json_t *below;

	while (rest) {
		below = member(tree, part);
		if (!json_is_object(below) && !json_is_array(below)) {
			if (!own_value)
				return true;
			(void)next_part(rest, next);
			below = place_of(next) == 0 ? json_array() : json_object();
			if (!put(tree, part, below)) {
				json_decref(own_value);
				return false;
			}
		}
		tree = below;
		rest = next_part(rest, part);
	}
	if (own_value)
		return put(tree, part, own_value);
	take_away(tree, part);
	return true;
}

json_t *tree_get(const json_t *tree, const char *path)
{
	json_t *at = NULL;
	char part[64];

	while (path) {
		path = next_part(path, part);
		at = member(tree, part);
		tree = at;
	}
	return at;
}

/* ---- writing ---- */

/* What YAML takes for text of one value as it stands, in a list or a mapping too. */
static bool is_plain(const char *text)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._/@+-";
	static const char *const references[] = {"file:", "cred:", "secret:"};

	/* They read better so, and the ':' is within a word. */
	for (size_t i = 0; i < sizeof(references) / sizeof(references[0]); i++) {
		size_t len = strlen(references[i]);

		if (!strncmp(text, references[i], len) && text[len])
			return !text[len + strspn(text + len, letters)];
	}
	return isalnum((unsigned char)text[0]) && !text[strspn(text, letters)];
}

static void write_scalar(FILE *f, const char *text)
{
	if (is_plain(text)) {
		fputs(text, f);
		return;
	}
	putc('\'', f);
	for (; *text; text++)
		fprintf(f, "%s%c", *text == '\'' ? "'" : "", *text);
	putc('\'', f);
}

void tree_write_flow(FILE *f, const json_t *value)
{
	const char *key, *between = "";
	json_t *below;
	size_t i;

	if (json_is_string(value)) {
		write_scalar(f, json_string_value(value));
	} else if (json_is_array(value)) {
		putc('[', f);
		json_array_foreach(value, i, below) {
			fputs(i ? ", " : "", f);
			tree_write_flow(f, below);
		}
		putc(']', f);
	} else {
		putc('{', f);
		json_object_foreach((json_t *)value, key, below) {
			fprintf(f, "%s ", between);
			write_scalar(f, key);
			fputs(": ", f);
			tree_write_flow(f, below);
			between = ",";
		}
		fputs(*between ? " }" : "}", f);
	}
}

static bool has_mappings(const json_t *value)
{
	return json_is_object(json_array_get(value, 0));
}

static void write_items(FILE *f, const json_t *list)
{
	const char *key;
	json_t *item, *value;
	size_t i;

	json_array_foreach(list, i, item) {
		const char *before = "  - ";

		if (!json_is_object(item) || !json_object_size(item)) {
			fputs(before, f);
			tree_write_flow(f, item);
			putc('\n', f);
			continue;
		}
		json_object_foreach(item, key, value) {
			fputs(before, f);
			write_scalar(f, key);
			fputs(": ", f);
			tree_write_flow(f, value);
			putc('\n', f);
			before = "    ";
		}
	}
}

void tree_write(FILE *f, const json_t *tree)
{
	const char *key;
	json_t *value;

	if (!json_is_object(tree) || !json_object_size(tree)) {
		tree_write_flow(f, tree);
		putc('\n', f);
		return;
	}
	json_object_foreach((json_t *)tree, key, value) {
		write_scalar(f, key);
		if (has_mappings(value)) {
			fputs(":\n", f);
			write_items(f, value);
			continue;
		}
		fputs(": ", f);
		tree_write_flow(f, value);
		putc('\n', f);
	}
}

char *tree_text(const json_t *tree, size_t *len)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, len);

	if (!f)
		abort();
	tree_write(f, tree);
	fclose(f);
	return text;
}
