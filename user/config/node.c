/* SPDX-License-Identifier: Apache-2.0 */
#include "config/node.h"

#include "config/config.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	KEYS_MAX = 64, /* of a mapping */
	KEY_MAX = 40,  /* letters of a key that is compared */
	NEAR = 2,
	SHORT = 4,        /* letters; of a key that has fewer, two other ones make another word */
	WHAT_SIZE = 1000, /* of what is wrong: all keys that a mapping can have go in */
};

#define MORE "and more" /* the last line, when there is no room for all mistakes */

static unsigned int line_of(const yaml_node_t *node)
{
	return (unsigned int)node->start_mark.line + 1;
}

/* libyaml keeps all nodes of a document in one array. Most often it is the document of the node before. */
static struct walk_document *document_of(struct walk *w, const yaml_node_t *node)
{
	for (size_t i = 0; i < w->count; i++) {
		size_t d = (w->at + i) % w->count;
		const yaml_document_t *yaml = &w->documents[d].yaml;

		if (node >= yaml->nodes.start && node < yaml->nodes.top) {
			w->at = d;
			return &w->documents[d];
		}
	}
	abort();
}

const yaml_node_t *walk_node(struct walk *w, const yaml_node_t *parent, int index)
{
	return yaml_document_get_node(&document_of(w, parent)->yaml, index);
}

const char *walk_place(struct walk *w, const yaml_node_t *node, const yaml_node_t *other,
	char text[WALK_PLACE_SIZE])
{
	const struct walk_document *theirs = document_of(w, other);

	if (theirs == document_of(w, node))
		snprintf(text, WALK_PLACE_SIZE, "line %u", line_of(other));
	else
		snprintf(text, WALK_PLACE_SIZE, "%.140s:%u", theirs->name, line_of(other));
	return text;
}

/* Adds a line, as long as there is room. */
static void note_at(struct walk *w, const char *name, size_t line_number, const char *what)
{
	size_t at = strlen(w->error), room = CONFIG_ERROR_SIZE - at;
	char line[WHAT_SIZE + 400];

	if (w->full)
		return;
	snprintf(line, sizeof(line), "%.140s:%zu: %s%s%s", name, line_number, w->where,
		w->where[0] ? ": " : "", what);
	/* Each follows the end of a line, MORE too. */
	w->full = 1 + strlen(line) + 1 + sizeof(MORE) > room;
	snprintf(w->error + at, room, "%s%s", at ? "\n" : "", w->full ? MORE : line);
}

static void note(struct walk *w, const yaml_node_t *node, const char *what)
{
	note_at(w, document_of(w, node)->name, line_of(node), what);
}

bool walk_refuse(struct walk *w, const char *name, size_t line, const char *what)
{
	w->values_bad = true;
	note_at(w, name, line, what);
	return false;
}

bool walk_fail(struct walk *w, const yaml_node_t *node, const char *format, ...)
{
	char what[WHAT_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	w->values_bad = true;
	note(w, node, what);
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

static bool refuse_unit(struct walk *w, const yaml_node_t *node, const char *text, const char *unit,
	const struct walk_unit *units)
{
	char known[40] = "";
	size_t n = 0;

	for (const struct walk_unit *u = units; u->suffix && n < sizeof(known); u++)
		n += (size_t)snprintf(
			known + n, sizeof(known) - n, "%s%s", n ? ", " : "", u->suffix);
	return walk_fail(
		w, node, "'%.40s': unknown unit '%.20s'; units here: %s", text, unit, known);
}

bool walk_number(struct walk *w, const yaml_node_t *node, const struct walk_unit *units, double min,
	double max, double *value)
{
	const char *text = walk_scalar(w, node);
	char *end;

	if (!text)
		return false;
	errno = 0;
	if (!isdigit((unsigned char)text[0]) || (text[0] == '0' && tolower(text[1]) == 'x'))
		return walk_fail(w, node, "'%.40s' is not a number", text);
	*value = strtod(text, &end);
	if (*end && !units)
		return walk_fail(w, node, "'%.40s' is not a number", text);
	if (*end) {
		const struct walk_unit *u = units;

		while (u->suffix && strcmp(u->suffix, end))
			u++;
		if (!u->suffix)
			return refuse_unit(w, node, text, end, units);
		*value *= u->factor;
	}
	if (!(*value >= min && *value <= max))
		return walk_fail(w, node, "%.40s is out of range: %.0f to %.0f", text, min, max);
	return true;
}

bool walk_u32(struct walk *w, const yaml_node_t *node, uint32_t min, uint32_t max, uint32_t *to)
{
	double value;

	if (!walk_number(w, node, NULL, min, max, &value))
		return false;
	if (value != (uint32_t)value)
		return walk_fail(w, node, "a whole number expected");
	*to = (uint32_t)value;
	return true;
}

bool walk_choice(struct walk *w, const yaml_node_t *node, const char *const *words, uint8_t *to)
{
	const char *text = walk_scalar(w, node);
	char known[120] = "";

	if (!text)
		return false;
	for (uint8_t i = 0; words[i]; i++) {
		if (!strcmp(words[i], text)) {
			*to = i;
			return true;
		}
		strncat(known, i ? ", " : "", sizeof(known) - strlen(known) - 1);
		strncat(known, words[i], sizeof(known) - strlen(known) - 1);
	}
	return walk_fail(w, node, "'%.40s' is not one of: %s", text, known);
}

static bool read_value(
	struct walk *w, const yaml_node_t *node, const struct walk_field *f, void *to)
{
	void *member = (char *)to + f->offset;
	uint32_t number = 0;

	if (f->read)
		return f->read(w, node, f->whole ? to : member);
	if (f->words)
		return walk_choice(w, node, f->words, member);
	if (!walk_u32(w, node, f->min, f->max, &number))
		return false;
	if (f->size == sizeof(uint32_t))
		*(uint32_t *)member = number;
	else if (f->size == sizeof(uint16_t))
		*(uint16_t *)member = (uint16_t)number;
	else
		*(uint8_t *)member = (uint8_t)number;
	return true;
}

/* How many letters must be changed, added, left out, or swapped with the next, to make one of the other. */
static size_t distance(const char *a, const char *b)
{
	/* Of the first i letters of a, of one less and of two less; to the first k of b (optimal string alignment). */
	size_t row[KEY_MAX + 1], one[KEY_MAX + 1], two[KEY_MAX + 1] = {0}, n = strlen(b);

	if (n > KEY_MAX || strlen(a) > KEY_MAX)
		return KEY_MAX;
	for (size_t k = 0; k <= n; k++)
		one[k] = k;
	for (size_t i = 0; a[i]; i++) {
		row[0] = i + 1;
		for (size_t k = 0; k < n; k++) {
			size_t best = one[k] + (a[i] != b[k]);

			best = row[k] + 1 < best ? row[k] + 1 : best;
			best = one[k + 1] + 1 < best ? one[k + 1] + 1 : best;
			if (i && k && a[i] == b[k - 1] && a[i - 1] == b[k] && two[k - 1] + 1 < best)
				best = two[k - 1] + 1;
			row[k + 1] = best;
		}
		memcpy(two, one, sizeof(two));
		memcpy(one, row, sizeof(one));
	}
	return one[n];
}

/* A key that nobody knows: the one that was meant, if one is near; else all there are. */
static void say_known_keys(
	struct walk *w, const yaml_node_t *node, const char *key, const struct walk_field *fields)
{
	const struct walk_field *nearest = NULL;
	size_t near = strlen(key) < SHORT ? 1 : NEAR;
	char known[WHAT_SIZE - 100] = "", what[WHAT_SIZE];
	size_t n = 0;

	for (const struct walk_field *f = fields; f->key; f++) {
		if (n < sizeof(known))
			n += (size_t)snprintf(
				known + n, sizeof(known) - n, "%s%s", n ? ", " : "", f->key);
		if (distance(key, f->key) <= near &&
			(!nearest || distance(key, f->key) < distance(key, nearest->key)))
			nearest = f;
	}
	if (nearest)
		snprintf(what, sizeof(what), "unknown key '%.40s'; did you mean '%s'?", key,
			nearest->key);
	else
		snprintf(what, sizeof(what), "unknown key '%.40s'; known here: %s", key, known);
	note(w, node, what);
}

static const struct walk_field *find_field(const struct walk_field *fields, const char *key)
{
	for (const struct walk_field *f = fields; f->key; f++) {
		if (!strcmp(f->key, key))
			return f;
	}
	return NULL;
}

/* A key of before: of this mapping, or of another one that is read into the same. */
static bool refuse_again(struct walk *w, const yaml_node_t *mapping, const yaml_node_t *key,
	const yaml_node_t *before)
{
	const char *text = (const char *)key->data.scalar.value;
	char place[WALK_PLACE_SIZE];

	if (document_of(w, before) == document_of(w, mapping))
		return walk_fail(w, key, "key '%s' stands twice", text);
	return walk_fail(w, key, "key '%s' stands in %s as well, and can stand in one only", text,
		walk_place(w, key, before, place));
}

/* seen: the keys of each field so far */
static bool read_mapping(struct walk *w, const yaml_node_t *node, const struct walk_field *fields,
	void *to, const yaml_node_t *seen[KEYS_MAX])
{
	size_t depth = strlen(w->where);
	bool all_read = true;

	if (node->type != YAML_MAPPING_NODE)
		return walk_fail(w, node, "a mapping (key: value) expected");
	for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
		pair < node->data.mapping.pairs.top; pair++) {
		const yaml_node_t *key = walk_node(w, node, pair->key);
		const yaml_node_t *value = walk_node(w, node, pair->value);
		const char *text = walk_scalar(w, key);

		const struct walk_field *f = text ? find_field(fields, text) : NULL;

		if (!f || seen[f - fields]) {
			if (f)
				refuse_again(w, node, key, seen[f - fields]);
			else if (text)
				say_known_keys(w, key, text, fields);
			all_read = false;
			continue;
		}
		seen[f - fields] = key;
		snprintf(
			w->where + depth, sizeof(w->where) - depth, "%s%s", depth ? "." : "", text);
		all_read &= read_value(w, value, f, to);
		w->where[depth] = '\0';
	}
	return all_read;
}

bool walk_mappings(struct walk *w, const yaml_node_t *const *nodes, size_t count,
	const struct walk_field *fields, void *to)
{
	const yaml_node_t *seen[KEYS_MAX] = {NULL};
	bool all_read = true;

	for (size_t i = 0; i < count; i++)
		all_read &= read_mapping(w, nodes[i], fields, to, seen);
	for (const struct walk_field *f = fields; count && f->key; f++) {
		if (f->required && !seen[f - fields] && nodes[0]->type == YAML_MAPPING_NODE)
			all_read = walk_fail(w, nodes[0], "key '%s' is missing", f->key);
	}
	return all_read;
}

bool walk_mapping(
	struct walk *w, const yaml_node_t *node, const struct walk_field *fields, void *to)
{
	return walk_mappings(w, &node, 1, fields, to);
}

bool walk_key(struct walk *w, const yaml_node_t *node, const struct walk_field *fields,
	const char *key, void *to)
{
	const yaml_node_t *value = walk_find(w, node, key);

	return !value || read_value(w, value, find_field(fields, key), to);
}

bool walk_sequence(struct walk *w, const yaml_node_t *node, unsigned int max,
	bool (*item)(struct walk *w, const yaml_node_t *node, unsigned int index, void *to),
	void *to)
{
	size_t depth = strlen(w->where);
	unsigned int i = 0;
	bool all_read = true;

	if (node->type != YAML_SEQUENCE_NODE)
		return walk_fail(w, node, "a list expected");
	for (const yaml_node_item_t *it = node->data.sequence.items.start;
		it < node->data.sequence.items.top; it++, i++) {
		const yaml_node_t *value = walk_node(w, node, *it);

		snprintf(w->where + depth, sizeof(w->where) - depth, "[%u]", i);
		all_read &= i < max ? item(w, value, i, to)
				    : walk_fail(w, value, "more than %u entries", max);
		w->where[depth] = '\0';
		if (i >= max)
			break;
	}
	return all_read;
}

const yaml_node_t *walk_find(struct walk *w, const yaml_node_t *node, const char *key)
{
	if (node->type != YAML_MAPPING_NODE)
		return NULL;
	for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
		pair < node->data.mapping.pairs.top; pair++) {
		const yaml_node_t *k = walk_node(w, node, pair->key);

		if (k->type == YAML_SCALAR_NODE && !strcmp((const char *)k->data.scalar.value, key))
			return walk_node(w, node, pair->value);
	}
	return NULL;
}

bool walk_text(const struct walk_field *f, const char *text, void *to)
{
	char error[CONFIG_ERROR_SIZE] = "";
	struct walk_document document = {.name = f->key};
	yaml_parser_t parser;
	struct walk w = {.documents = &document, .count = 1, .error = error};
	const yaml_node_t *root;
	bool ok = false;

	if (!yaml_parser_initialize(&parser))
		abort();
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, strlen(text));
	if (yaml_parser_load(&parser, &document.yaml)) {
		root = yaml_document_get_root_node(&document.yaml);
		ok = root && read_value(&w, root, f, to);
		yaml_document_delete(&document.yaml);
	}
	yaml_parser_delete(&parser);
	return ok;
}

void walk_initials(const struct walk_field *fields, void *to)
{
	for (const struct walk_field *f = fields; f->key; f++) {
		if (f->initial && !walk_text(f, f->initial, to))
			abort(); /* a row that its own reader refuses */
	}
}

bool walk_write(const struct walk_field *f, const void *from, char *text, size_t size)
{
	const void *member = (const char *)from + f->offset;

	text[0] = '\0';
	if (f->write)
		f->write(f->whole ? from : member, text, size);
	else if (f->words)
		snprintf(text, size, "%s", f->words[*(const uint8_t *)member]);
	else if (f->max)
		snprintf(text, size, "%u",
			f->size == sizeof(uint32_t)   ? *(const uint32_t *)member
			: f->size == sizeof(uint16_t) ? *(const uint16_t *)member
						      : *(const uint8_t *)member);
	return f->write || f->words || f->max;
}
