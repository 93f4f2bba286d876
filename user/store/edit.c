/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text is parsed, and compared with what it is to say; each difference becomes a cut: a part of the text that
 * another one takes the place of. What comes of the cuts is parsed again, and taken only if it says what it should.
 */
#include "store/edit.h"

#include <stdlib.h>
#include <string.h>

#define CUTS_MAX 1024

struct cut {
	size_t from, to; /* bytes */
	char *text;
	size_t len;
};

struct edit {
	const char *text;
	size_t len;
	yaml_document_t yaml;
	struct cut cuts[CUTS_MAX];
	size_t count;
	const yaml_node_t *bad; /* the first that cannot be changed */
	const char *why;
};

static bool change(struct edit *e, const yaml_node_t *node, size_t after, const json_t *is);

static bool give_up(struct edit *e, const yaml_node_t *node, const char *why)
{
	if (!e->bad) {
		e->bad = node;
		e->why = why;
	}
	return false;
}

static const yaml_node_t *node_at(struct edit *e, int index)
{
	return yaml_document_get_node(&e->yaml, index);
}

/* ---- places in the text ---- */

/* libyaml counts characters. */
static size_t byte_of(const struct edit *e, const yaml_mark_t *mark)
{
	size_t at = 0;

	for (size_t n = mark->index; n && at < e->len; n--) {
		at++;
		while (at < e->len && ((unsigned char)e->text[at] & 0xc0) == 0x80)
			at++;
	}
	return at;
}

static bool is_block(const yaml_node_t *node)
{
	return (node->type == YAML_MAPPING_NODE &&
		       node->data.mapping.style != YAML_FLOW_MAPPING_STYLE) ||
	       (node->type == YAML_SEQUENCE_NODE &&
		       node->data.sequence.style != YAML_FLOW_SEQUENCE_STYLE);
}

static const yaml_node_t *last_of(struct edit *e, const yaml_node_t *node)
{
	if (node->type == YAML_MAPPING_NODE)
		return node->data.mapping.pairs.top > node->data.mapping.pairs.start
			       ? node_at(e, node->data.mapping.pairs.top[-1].value)
			       : NULL;
	return node->data.sequence.items.top > node->data.sequence.items.start
		       ? node_at(e, node->data.sequence.items.top[-1])
		       : NULL;
}

/* For libyaml a block reaches up to what follows it, comments included. */
static size_t end_of(struct edit *e, const yaml_node_t *node)
{
	size_t at;

	while (is_block(node) && last_of(e, node))
		node = last_of(e, node);
	at = byte_of(e, &node->end_mark);
	while (at && at > byte_of(e, &node->start_mark) && e->text[at - 1] == '\n')
		at--;
	return at;
}

static size_t start_of(const struct edit *e, const yaml_node_t *node)
{
	return byte_of(e, &node->start_mark);
}

static size_t line_start(const struct edit *e, size_t at)
{
	while (at && e->text[at - 1] != '\n')
		at--;
	return at;
}

/* Behind the line's end. */
static size_t line_end(const struct edit *e, size_t at)
{
	while (at < e->len && e->text[at] != '\n')
		at++;
	return at < e->len ? at + 1 : at;
}

/* Whether nothing but blanks stand before it in its line. */
static bool is_first(const struct edit *e, size_t at)
{
	size_t start = line_start(e, at);

	return start + strspn(e->text + start, " ") >= at;
}

/* Whether it is part of a text that is quoted, or of a block behind its '|' or '>', whose line may have a comment. */
static bool is_in_text(const struct edit *e, size_t at)
{
	size_t index = 0, line = 0;

	for (size_t i = 0; i < at; i++) {
		index += ((unsigned char)e->text[i] & 0xc0) != 0x80;
		line += e->text[i] == '\n';
	}
	for (const yaml_node_t *n = e->yaml.nodes.start; n < e->yaml.nodes.top; n++) {
		yaml_scalar_style_t style = n->data.scalar.style;

		if (n->type == YAML_SCALAR_NODE && style != YAML_PLAIN_SCALAR_STYLE &&
			index > n->start_mark.index && index < n->end_mark.index &&
			(style == YAML_SINGLE_QUOTED_SCALAR_STYLE ||
				style == YAML_DOUBLE_QUOTED_SCALAR_STYLE ||
				line > n->start_mark.line))
			return true;
	}
	return false;
}

/* Whether a part of the text may have a comment. */
static bool has_comment(const struct edit *e, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		if (e->text[i] == '#' && (!i || strchr(" \t\n", e->text[i - 1])) &&
			!is_in_text(e, i))
			return true;
	}
	return false;
}

/* ---- cuts ---- */

static bool cut(struct edit *e, const yaml_node_t *node, size_t from, size_t to, char *own_text)
{
	if (!own_text)
		abort();
	if (has_comment(e, from, to) || e->count == CUTS_MAX || from > to) {
		free(own_text);
		return give_up(e, node, "a comment stands within what is to be changed");
	}
	e->cuts[e->count++] = (struct cut){from, to, own_text, strlen(own_text)};
	return true;
}

/* BEFORE, the key unless NULL, the value in one line, AFTER. */
static char *in_one_line(
	const char *before, const char *key, const json_t *value, const char *after)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	json_t *word = key ? json_string(key) : NULL;

	if (!f)
		abort();
	fputs(before, f);
	if (word) {
		tree_write_flow(f, word);
		fputs(": ", f);
	}
	tree_write_flow(f, value);
	fputs(after, f);
	fclose(f);
	json_decref(word);
	return text;
}

/* Whole lines; a comment at the end of the last one stays, in a line of its own. */
static bool cut_lines(struct edit *e, const yaml_node_t *node, size_t from, size_t to)
{
	size_t end = line_end(e, to), rest = to + strspn(e->text + to, " \t");

	if (rest < end && e->text[rest] == '#')
		return cut(e, node, from, rest, strdup(""));
	if (rest < end && e->text[rest] != '\n' && e->text[rest] != '\r')
		return give_up(e, node, "something else stands in the same line");
	return cut(e, node, line_start(e, from), end, strdup(""));
}

/* Another value in the place of a node; `after`: behind its ':' or its '-', where that is known. */
static bool replace(struct edit *e, const yaml_node_t *node, size_t after, const json_t *is)
{
	size_t from = is_block(node) && after ? after : start_of(e, node), to = end_of(e, node);
	bool blank = from && (e->text[from - 1] == ':' || e->text[from - 1] == '-');

	return cut(e, node, from, to, in_one_line(blank ? " " : "", NULL, is, ""));
}

/* ---- mappings ---- */

static const char *key_text(struct edit *e, const yaml_node_pair_t *p)
{
	return (const char *)node_at(e, p->key)->data.scalar.value;
}

static bool remove_pair(struct edit *e, const yaml_node_t *node, const yaml_node_pair_t *p)
{
	const yaml_node_t *key = node_at(e, p->key), *value = node_at(e, p->value);
	size_t from = start_of(e, key), to = end_of(e, value);

	if (is_block(node) && is_first(e, from))
		return cut_lines(e, key, from, to);
	if (p + 1 < node->data.mapping.pairs.top)
		return cut(e, key, from, start_of(e, node_at(e, p[1].key)), strdup(""));
	if (p > node->data.mapping.pairs.start && !is_block(node))
		from = end_of(e, node_at(e, p[-1].value));
	return cut(e, key, from, to, strdup(""));
}

static bool insert_pair(
	struct edit *e, const yaml_node_t *node, const char *key, const json_t *value)
{
	const yaml_node_t *last = last_of(e, node);
	char indent[64];
	size_t at;

	if (!is_block(node)) {
		at = last ? end_of(e, last) : byte_of(e, &node->end_mark) - 1;
		return cut(e, node, at, at,
			in_one_line(last ? ", " : " ", key, value, last ? "" : " "));
	}
	if (!last)
		return give_up(e, node, "it is empty");
	at = line_end(e, end_of(e, last));
	snprintf(indent, sizeof(indent), "%s%*s", at && e->text[at - 1] != '\n' ? "\n" : "",
		(int)(node->start_mark.column < 40 ? node->start_mark.column : 40), "");
	return cut(e, node, at, at, in_one_line(indent, key, value, "\n"));
}

/* Behind the ':' of a key. */
static size_t after_key(const struct edit *e, const yaml_node_t *key)
{
	size_t at = byte_of(e, &key->end_mark);

	at += strspn(e->text + at, " ");
	return e->text[at] == ':' ? at + 1 : 0;
}

static bool change_mapping(
	struct edit *e, const yaml_node_t *node, const json_t *was, const json_t *is)
{
	const char *key;
	json_t *value;
	bool ok = true;

	for (const yaml_node_pair_t *p = node->data.mapping.pairs.start;
		ok && p < node->data.mapping.pairs.top; p++) {
		const json_t *next = json_object_get(is, key_text(e, p));

		if (next)
			ok = change(
				e, node_at(e, p->value), after_key(e, node_at(e, p->key)), next);
		else
			ok = remove_pair(e, node, p);
	}
	json_object_foreach((json_t *)is, key, value)
		ok = ok && (json_object_get(was, key) || insert_pair(e, node, key, value));
	return ok;
}

/* ---- lists ---- */

static bool remove_item(struct edit *e, const yaml_node_t *node, size_t i)
{
	const yaml_node_item_t *items = node->data.sequence.items.start;
	size_t count = (size_t)(node->data.sequence.items.top - items);
	const yaml_node_t *item = node_at(e, items[i]);
	size_t from = start_of(e, item), to = end_of(e, item);

	if (is_block(node))
		return cut_lines(e, item, line_start(e, from), to);
	if (i + 1 < count)
		to = start_of(e, node_at(e, items[i + 1]));
	else if (i)
		from = end_of(e, node_at(e, items[i - 1]));
	return cut(e, item, from, to, strdup(""));
}

/* Behind item i. */
static bool insert_item(struct edit *e, const yaml_node_t *node, size_t i, const json_t *value)
{
	size_t at = end_of(e, node_at(e, node->data.sequence.items.start[i]));
	char indent[64];

	if (!is_block(node))
		return cut(e, node, at, at, in_one_line(", ", NULL, value, ""));
	at = line_end(e, at);
	snprintf(indent, sizeof(indent), "%s%*s- ", at && e->text[at - 1] != '\n' ? "\n" : "",
		(int)(node->start_mark.column < 40 ? node->start_mark.column : 40), "");
	return cut(e, node, at, at, in_one_line(indent, NULL, value, "\n"));
}

/* What is alike at both ends stays. */
static bool change_list(
	struct edit *e, const yaml_node_t *node, size_t after, const json_t *was, const json_t *is)
{
	size_t n = json_array_size(was), m = json_array_size(is), most = n < m ? n : m;
	size_t head = 0, tail = 0;
	bool ok = true;

	while (head < most && json_equal(json_array_get(was, head), json_array_get(is, head)))
		head++;
	while (tail < most - head &&
		json_equal(json_array_get(was, n - 1 - tail), json_array_get(is, m - 1 - tail)))
		tail++;
	if (n == m) {
		for (size_t i = head; ok && i < n - tail; i++)
			ok = change(e, node_at(e, node->data.sequence.items.start[i]), 0,
				json_array_get(is, i));
	} else if (head + tail == n && head) {
		for (size_t i = head; ok && i < m - tail; i++)
			ok = insert_item(e, node, head - 1, json_array_get(is, i));
	} else if (head + tail == m && m) {
		for (size_t i = head; ok && i < n - tail; i++)
			ok = remove_item(e, node, i);
	} else {
		ok = replace(e, node, after, is);
	}
	return ok;
}

static bool change(struct edit *e, const yaml_node_t *node, size_t after, const json_t *is)
{
	json_t *was = tree_of_node(&e->yaml, node);
	bool ok;

	if (!was)
		return give_up(e, node, "it is nested too deeply");
	if (json_equal(was, is))
		ok = true;
	else if (json_is_object(was) && json_is_object(is) &&
		 (json_object_size(is) || !is_block(node)))
		ok = change_mapping(e, node, was, is);
	else if (json_is_array(was) && json_is_array(is))
		ok = change_list(e, node, after, was, is);
	else
		ok = replace(e, node, after, is);
	json_decref(was);
	return ok;
}

/* ---- the whole ---- */

/* What stood first stays first; of what goes in at one place, what came first. */
static int by_place(const void *a, const void *b)
{
	const struct cut *x = a, *y = b;

	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	if ((x->to == x->from) != (y->to == y->from))
		return x->to == x->from ? -1 : 1;
	return x < y ? -1 : x > y;
}

static char *without_cuts(struct edit *e, size_t *len)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, len);
	size_t at = 0;

	if (!f)
		abort();
	/* Few, and mostly in their order already. */
	for (size_t i = 1; i < e->count; i++) {
		for (size_t k = i; k && by_place(&e->cuts[k - 1], &e->cuts[k]) > 0; k--) {
			struct cut c = e->cuts[k];

			e->cuts[k] = e->cuts[k - 1];
			e->cuts[k - 1] = c;
		}
	}
	for (size_t i = 0; i < e->count; i++) {
		const struct cut *c = &e->cuts[i];

		if (c->from > at)
			fwrite(e->text + at, 1, c->from - at, f);
		fwrite(c->text, 1, c->len, f);
		at = c->to > at ? c->to : at;
	}
	fwrite(e->text + at, 1, e->len - at, f);
	fclose(f);
	return text;
}

static bool says(const char *text, size_t len, const json_t *tree)
{
	json_t *again = tree_read(text, len);
	bool same = again && json_equal(again, tree);

	json_decref(again);
	return same;
}

static char *edit_parsed(struct edit *e, const json_t *tree, size_t *new_len)
{
	const yaml_node_t *root = yaml_document_get_root_node(&e->yaml);
	char *text = NULL;

	if (!root)
		return NULL;
	if (change(e, root, 0, tree))
		text = without_cuts(e, new_len);
	for (size_t i = 0; i < e->count; i++)
		free(e->cuts[i].text);
	if (text && says(text, *new_len, tree))
		return text;
	free(text);
	give_up(e, root, "it is not written as this command could change it");
	return NULL;
}

/* Comments alone: they stay in front of what is said from now on. */
static char *begin_text(
	const char *text, size_t len, const json_t *tree, size_t *new_len, char why[EDIT_WHY_SIZE])
{
	char *made = NULL;
	json_t *is;
	FILE *f = open_memstream(&made, new_len);

	if (!f)
		abort();
	fwrite(text, 1, len, f);
	if (len && text[len - 1] != '\n')
		putc('\n', f);
	tree_write(f, tree);
	fclose(f);
	is = tree_read(made, *new_len);
	if (!json_equal(is, tree)) {
		snprintf(why, EDIT_WHY_SIZE, "no document can say that");
		free(made);
		made = NULL;
	}
	json_decref(is);
	return made;
}

char *edit_text(const char *text, size_t len, const json_t *tree, size_t *new_len,
	unsigned int *line, char why[EDIT_WHY_SIZE])
{
	struct edit *e;
	char *terminated, *made = NULL;
	yaml_parser_t parser;

	*line = 1;
	if (tree_is_blank(text, len))
		return begin_text(text, len, tree, new_len, why);
	e = calloc(1, sizeof(*e));
	terminated = malloc(len + 1);
	if (!e || !terminated || !yaml_parser_initialize(&parser))
		abort();
	memcpy(terminated, text, len);
	terminated[len] = '\0';
	e->text = terminated;
	e->len = len;
	snprintf(why, EDIT_WHY_SIZE, "it is not YAML");
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	if (yaml_parser_load(&parser, &e->yaml)) {
		made = edit_parsed(e, tree, new_len);
		if (!made && e->bad) {
			*line = (unsigned int)e->bad->start_mark.line + 1;
			snprintf(why, EDIT_WHY_SIZE, "%s", e->why);
		}
		yaml_document_delete(&e->yaml);
	}
	yaml_parser_delete(&parser);
	free(terminated);
	free(e);
	return made;
}
