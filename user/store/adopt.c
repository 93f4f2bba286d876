/* SPDX-License-Identifier: Apache-2.0 */
/* Works on lines: libyaml says on which ones an item of the list begins and ends, and they are moved as they are. */
#include "store/adopt.h"

#include "store/edit.h"
#include "store/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct line {
	const char *text;
	size_t len;    /* with its end */
	size_t indent; /* blanks before the first other character */
};

struct adopting {
	const char *site;
	yaml_document_t yaml;
	const yaml_node_t *key, *list, *item; /* `sites`, what it has, and the site in it */
	size_t place;                         /* of the item in the list */
	struct line *lines;
	size_t count;
	unsigned int *line;
	char *why;
};

static bool refuse(struct adopting *a, const yaml_node_t *at, const char *why)
{
	*a->line = (unsigned int)at->start_mark.line + 1;
	snprintf(a->why, ADOPT_WHY_SIZE, "%s", why);
	return false;
}

static const yaml_node_t *node_at(struct adopting *a, int index)
{
	return yaml_document_get_node(&a->yaml, index);
}

/* ---- where it stands ---- */

static bool is_text(const yaml_node_t *node, const char *text)
{
	return node->type == YAML_SCALAR_NODE &&
	       !strcmp((const char *)node->data.scalar.value, text);
}

static const yaml_node_t *find(
	struct adopting *a, const yaml_node_t *mapping, const char *name, const yaml_node_t **key)
{
	if (!mapping || mapping->type != YAML_MAPPING_NODE)
		return NULL;
	for (const yaml_node_pair_t *p = mapping->data.mapping.pairs.start;
		p < mapping->data.mapping.pairs.top; p++) {
		*key = node_at(a, p->key);
		if (is_text(*key, name))
			return node_at(a, p->value);
	}
	return NULL;
}

static bool find_site(struct adopting *a)
{
	const yaml_node_t *key;

	a->list = find(a, yaml_document_get_root_node(&a->yaml), "sites", &a->key);
	if (!a->list || a->list->type != YAML_SEQUENCE_NODE)
		return false;
	for (const yaml_node_item_t *i = a->list->data.sequence.items.start;
		i < a->list->data.sequence.items.top; i++) {
		const yaml_node_t *name = find(a, node_at(a, *i), "name", &key);

		a->item = node_at(a, *i);
		a->place = (size_t)(i - a->list->data.sequence.items.start);
		if (name && is_text(name, a->site))
			return true;
	}
	a->item = NULL;
	return false;
}

/* The line on which its last value ends. */
static size_t last_line(struct adopting *a)
{
	const yaml_node_t *n = a->item;

	while (n->type != YAML_SCALAR_NODE) {
		bool mapping = n->type == YAML_MAPPING_NODE;
		bool flow = mapping ? n->data.mapping.style == YAML_FLOW_MAPPING_STYLE
				    : n->data.sequence.style == YAML_FLOW_SEQUENCE_STYLE;

		if (flow || (mapping ? n->data.mapping.pairs.top == n->data.mapping.pairs.start
				     : n->data.sequence.items.top == n->data.sequence.items.start))
			break;
		n = node_at(a, mapping ? n->data.mapping.pairs.top[-1].value
				       : n->data.sequence.items.top[-1]);
	}
	/* A block of text ends where the next line begins. */
	return n->end_mark.line -
	       (!n->end_mark.column && n->end_mark.line > n->start_mark.line ? 1 : 0);
}

/* ---- lines ---- */

static void split(struct adopting *a, const char *text, size_t len)
{
	const char *end = text + len;

	a->lines = calloc(len + 1, sizeof(*a->lines));
	if (!a->lines)
		abort();
	while (text < end) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));
		struct line *l = &a->lines[a->count++];

		l->text = text;
		l->len = stop ? (size_t)(stop - text) + 1 : (size_t)(end - text);
		while (l->indent < l->len && text[l->indent] == ' ')
			l->indent++;
		text += l->len;
	}
}

static char first_of(const struct line *l)
{
	return l->indent < l->len ? l->text[l->indent] : '\n';
}

static bool is_blank(const struct line *l)
{
	return strchr("\r\n", first_of(l)) != NULL;
}

/* Where its '-' stands: on the line of its first key, or above. */
static bool find_dash(const struct adopting *a, size_t *dash)
{
	size_t column = a->list->start_mark.column;

	for (size_t i = a->item->start_mark.line + 1; i-- > a->list->start_mark.line;) {
		if (i < a->count && a->lines[i].indent == column && first_of(&a->lines[i]) == '-') {
			*dash = i;
			return true;
		}
	}
	return false;
}

static void find_range(struct adopting *a, size_t dash, size_t *from, size_t *to)
{
	size_t column = a->list->start_mark.column, last = last_line(a);

	*from = dash;
	while (*from > a->key->start_mark.line + 1 && a->lines[*from - 1].indent == column &&
		first_of(&a->lines[*from - 1]) == '#')
		--*from;
	while (last > dash && is_blank(&a->lines[last]))
		last--;
	/* Comments at its end that stand within it. */
	*to = last + 1;
	for (size_t i = *to; i < a->count; i++) {
		if (is_blank(&a->lines[i]))
			continue;
		if (first_of(&a->lines[i]) != '#' || a->lines[i].indent <= column)
			break;
		*to = i + 1;
	}
}

/* ---- the two texts ---- */

static FILE *stream(char **text, size_t *len)
{
	FILE *f = open_memstream(text, len);

	if (!f)
		abort();
	return f;
}

static void write_own(struct adopting *a, size_t dash, size_t from, size_t to, struct adopted *made)
{
	size_t column = a->item->start_mark.column;
	FILE *f = stream(&made->own, &made->own_len);

	for (size_t i = from; i < to; i++) {
		const struct line *l = &a->lines[i];
		size_t cut = l->indent < column ? l->indent : column;

		/* What follows the '-', which stands where a blank would. */
		if (i == dash) {
			cut = l->indent + 1;
			cut += strspn(l->text + cut, " ");
		}
		fwrite(l->text + cut, 1, l->len - cut, f);
	}
	if (to && a->lines[to - 1].text[a->lines[to - 1].len - 1] != '\n')
		putc('\n', f);
	fclose(f);
}

/* "sites:" without an item says nothing, which is no list. */
static void write_line_of_key(struct adopting *a, const struct line *l, FILE *f)
{
	const char *colon = memchr(l->text, ':', l->len);
	size_t before = colon ? (size_t)(colon - l->text) + 1 : l->len;

	fwrite(l->text, 1, before, f);
	if (a->list->data.sequence.items.top - a->list->data.sequence.items.start == 1)
		fputs(" []", f);
	fwrite(l->text + before, 1, l->len - before, f);
}

static void write_main(struct adopting *a, size_t from, size_t to, struct adopted *made)
{
	FILE *f = stream(&made->main, &made->main_len);

	for (size_t i = 0; i < a->count; i++) {
		if (i == a->key->start_mark.line)
			write_line_of_key(a, &a->lines[i], f);
		else if (i < from || i >= to)
			fwrite(a->lines[i].text, 1, a->lines[i].len, f);
	}
	fclose(f);
}

/* It says what the site said, and nothing else. */
static bool says_it(struct adopting *a, const struct adopted *made)
{
	json_t *is = tree_of_node(&a->yaml, a->item), *own = tree_read(made->own, made->own_len);
	bool same = is && own && json_equal(is, own);

	json_decref(is);
	json_decref(own);
	return same;
}

static bool move_lines(struct adopting *a, struct adopted *made)
{
	size_t dash, from, to;

	if (a->list->start_mark.line == a->key->start_mark.line || !find_dash(a, &dash))
		return refuse(a, a->item, "it is not written as this command could move it");
	find_range(a, dash, &from, &to);
	write_own(a, dash, from, to, made);
	write_main(a, from, to, made);
	return says_it(a, made) ||
	       refuse(a, a->item, "it is not written as this command could move it");
}

/* Of a list in brackets, lines cannot be moved. */
static bool move_item(struct adopting *a, const char *text, size_t len, struct adopted *made)
{
	json_t *tree = tree_of_node(&a->yaml, yaml_document_get_root_node(&a->yaml));
	json_t *list = json_object_get(tree, "sites"), *item;
	char why[EDIT_WHY_SIZE] = "the file is too large";

	*a->line = (unsigned int)a->item->start_mark.line + 1;
	item = json_incref(json_array_get(list, a->place));
	if (item) {
		json_array_remove(list, a->place);
		made->own = tree_text(item, &made->own_len);
		made->main = edit_text(text, len, tree, &made->main_len, a->line, why);
	}
	if (!made->main)
		snprintf(a->why, ADOPT_WHY_SIZE, "%s", why);
	json_decref(item);
	json_decref(tree);
	return made->main;
}

bool adopt_text(const char *text, size_t len, const char *site, struct adopted *made,
	unsigned int *line, char why[ADOPT_WHY_SIZE])
{
	struct adopting a = {.site = site, .line = line, .why = why};
	yaml_parser_t parser;
	bool ok = false;

	*made = (struct adopted){0};
	*line = 1;
	snprintf(why, ADOPT_WHY_SIZE, "there is no such site");
	if (!yaml_parser_initialize(&parser))
		abort();
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	if (yaml_parser_load(&parser, &a.yaml)) {
		split(&a, text, len);
		if (find_site(&a) && a.list->data.sequence.style != YAML_FLOW_SEQUENCE_STYLE)
			ok = move_lines(&a, made);
		else if (a.item)
			ok = move_item(&a, text, len, made);
		yaml_document_delete(&a.yaml);
	}
	yaml_parser_delete(&parser);
	free(a.lines);
	if (ok)
		return true;
	free(made->main);
	free(made->own);
	*made = (struct adopted){0};
	return false;
}
