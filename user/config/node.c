/* SPDX-License-Identifier: Apache-2.0 */
#include "config/node.h"

#include "config/config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { KEYS_MAX = 64 };

unsigned int walk_line(const yaml_node_t *node)
{
	return (unsigned int)node->start_mark.line + 1;
}

bool walk_fail(struct walk *w, const yaml_node_t *node, const char *format, ...)
{
	char what[300];
	va_list args;

	if (w->error[0])
		return false;
	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	snprintf(w->error, CONFIG_ERROR_SIZE, "%.100s:%u: %s%s%.190s", w->name, walk_line(node),
		w->where, w->where[0] ? ": " : "", what);
	return false;
}

const char *walk_scalar(struct walk *w, const yaml_node_t *node)
{
	if (node->type != YAML_SCALAR_NODE) {
		walk_fail(w, node, "one value expected, not a list or a mapping");
		return NULL;
	}

	const char *text = (const char *)node->data.scalar.value;

	if (strlen(text) != node->data.scalar.length) {
		walk_fail(w, node, "the value contains a zero byte");
		return NULL;
	}
	return text;
}

static void say_known_keys(
	struct walk *w, const yaml_node_t *node, const char *key, const struct walk_field *fields)
{
	char known[220] = "";
	size_t n = 0;

	for (const struct walk_field *f = fields; f->key && n < sizeof(known); f++)
		n += (size_t)snprintf(known + n, sizeof(known) - n, "%s%s", n ? ", " : "", f->key);
	walk_fail(w, node, "unknown key '%.40s'; known here: %s", key, known);
}

static const struct walk_field *find_field(const struct walk_field *fields, const char *key)
{
	for (const struct walk_field *f = fields; f->key; f++) {
		if (!strcmp(f->key, key))
			return f;
	}
	return NULL;
}

bool walk_mapping(
	struct walk *w, const yaml_node_t *node, const struct walk_field *fields, void *to)
{
	bool seen[KEYS_MAX] = {false};
	size_t depth = strlen(w->where);

	if (node->type != YAML_MAPPING_NODE)
		return walk_fail(w, node, "a mapping (key: value) expected");
	for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
		pair < node->data.mapping.pairs.top; pair++) {
		const yaml_node_t *key = yaml_document_get_node(w->document, pair->key);
		const yaml_node_t *value = yaml_document_get_node(w->document, pair->value);
		const char *text = walk_scalar(w, key);

		if (!text)
			return false;

		const struct walk_field *f = find_field(fields, text);

		if (!f) {
			say_known_keys(w, key, text, fields);
			return false;
		}
		if (seen[f - fields])
			return walk_fail(w, key, "key '%s' stands twice", text);
		seen[f - fields] = true;
		snprintf(
			w->where + depth, sizeof(w->where) - depth, "%s%s", depth ? "." : "", text);

		bool ok = f->read(w, value, (char *)to + f->offset);

		w->where[depth] = '\0';
		if (!ok)
			return false;
	}
	for (const struct walk_field *f = fields; f->key; f++) {
		if (f->required && !seen[f - fields])
			return walk_fail(w, node, "key '%s' is missing", f->key);
	}
	return true;
}

bool walk_sequence(struct walk *w, const yaml_node_t *node, unsigned int max,
	bool (*item)(struct walk *w, const yaml_node_t *node, unsigned int index, void *to),
	void *to)
{
	size_t depth = strlen(w->where);
	unsigned int i = 0;

	if (node->type != YAML_SEQUENCE_NODE)
		return walk_fail(w, node, "a list expected");
	for (const yaml_node_item_t *it = node->data.sequence.items.start;
		it < node->data.sequence.items.top; it++, i++) {
		const yaml_node_t *value = yaml_document_get_node(w->document, *it);

		snprintf(w->where + depth, sizeof(w->where) - depth, "[%u]", i);
		if (i >= max)
			return walk_fail(w, value, "more than %u entries", max);

		bool ok = item(w, value, i, to);

		w->where[depth] = '\0';
		if (!ok)
			return false;
	}
	return true;
}

const yaml_node_t *walk_find(struct walk *w, const yaml_node_t *node, const char *key)
{
	if (node->type != YAML_MAPPING_NODE)
		return NULL;
	for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
		pair < node->data.mapping.pairs.top; pair++) {
		const yaml_node_t *k = yaml_document_get_node(w->document, pair->key);

		if (k->type == YAML_SCALAR_NODE && !strcmp((const char *)k->data.scalar.value, key))
			return yaml_document_get_node(w->document, pair->value);
	}
	return NULL;
}
