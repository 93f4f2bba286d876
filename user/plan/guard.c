/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/guard.h"

#include "config/node.h"
#include "config/options.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { RULES_MAX = 128, VALUES_MAX = 64, VALUE_SIZE = 320, TEXT_SIZE = 16384 };

enum kind { ALLOW, DENY, MIN, MAX, KINDS };

static const char *const kinds[KINDS] = {"allow", "deny", "min", "max"};

static const struct level {
	const char *name; /* before the '.' of a key */
	const struct walk_field *fields;
	size_t size; /* of what the fields are in */
} levels[] = {
	{"hub", options_concentrator, sizeof(struct concentrator_conf)},
	{"site", options_site, sizeof(struct site_conf)},
	{"tunnel", options_tunnel, sizeof(struct tunnel_conf)},
};

enum { HUB, SITE, TUNNEL, LEVELS };

struct rule {
	enum kind kind;
	unsigned int level, line;
	const struct walk_field *f;
	size_t count;
	char values[VALUES_MAX][VALUE_SIZE]; /* as walk_write() has them; "": not set */
};

struct guard {
	char name[CONFIG_PATH_SIZE];
	size_t count;
	struct rule rules[RULES_MAX];
};

/* ---- texts ---- */

struct mistakes {
	const char *name;
	char *error;
	bool any;
};

__attribute__((format(printf, 3, 4))) static void say(
	struct mistakes *m, unsigned int line, const char *format, ...)
{
	size_t n = strlen(m->error);
	char what[300];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	m->any = true;
	if (n + sizeof(what) + CONFIG_PATH_SIZE < CONFIG_ERROR_SIZE)
		snprintf(m->error + n, CONFIG_ERROR_SIZE - n, "%s%s:%u: %s", n ? "\n" : "", m->name,
			line, what);
}

/* What walk_write() has written, value by value. */
struct items {
	const char *at; /* NULL: there is no more */
	bool list;
};

static struct items items_of(const char *text)
{
	struct items i = {text, text[0] == '['};

	if (i.list)
		i.at++;
	if (!strcmp(i.at, i.list ? "]" : "{}"))
		i = (struct items){"", false};
	return i;
}

/*
 * The values of "[a, {b: c, d: e}]", or the one of "a", one by one into `item`; an option that is not set has one,
 * "". False: there is no more. One that is too long fills `item`, as none of a rule does.
 */
static bool next_item(struct items *i, char item[VALUE_SIZE])
{
	size_t n = 0;
	unsigned int depth = 0;
	bool quoted = false;
	const char *at = i->at;

	if (!at)
		return false;
	for (; *at && !(i->list && !quoted && !depth && strchr(",]", *at)); at++) {
		quoted = quoted != (*at == '\'');
		if (!quoted && strchr("[{", *at))
			depth++;
		else if (!quoted && depth && strchr("]}", *at))
			depth--;
		if (n + 1 < VALUE_SIZE)
			item[n++] = *at;
	}
	item[n] = '\0';
	i->at = *at == ',' ? at + 1 + strspn(at + 1, " ") : NULL;
	return true;
}

/* A value as the schema writes it, whether its option has one or a list. Sites of either class may have it. */
static bool as_written(const struct level *l, const struct walk_field *f, const char *text,
	char written[VALUE_SIZE], uint64_t *number)
{
	char list[VALUE_SIZE + 4], whole[VALUE_SIZE + 4], more[VALUE_SIZE];
	bool ok = false;

	snprintf(list, sizeof(list), "[%s]", text);
	for (uint8_t c = SITE_CONCENTRATOR; c <= SITE_GATEWAY && !ok; c++) {
		void *to = calloc(1, l->size);
		struct items i;

		if (!to)
			abort();
		if (l == &levels[SITE])
			((struct site_conf *)to)->site_class = c;
		ok = (walk_text(f, text, to) || walk_text(f, list, to)) &&
		     walk_write(f, to, whole, sizeof(whole));
		i = items_of(whole);
		ok = ok && next_item(&i, written) && !next_item(&i, more) && written[0] &&
		     strlen(written) < VALUE_SIZE - 1;
		if (ok && number && f->size <= sizeof(*number) && !f->whole) {
			*number = 0; /* of the byte order of all machines that this runs on */
			memcpy(number, (const char *)to + f->offset, f->size);
		}
		free(to);
	}
	return ok;
}

static bool has_an_order(const struct walk_field *f, const char *written)
{
	return !f->words && !f->whole &&
	       (f->size == 1 || f->size == 2 || f->size == 4 || f->size == 8) &&
	       isdigit((unsigned char)written[0]);
}

/* ---- reading ---- */

/* Appends up to the size, which ends what holds itself, too. */
static void append(char text[VALUE_SIZE], const char *what)
{
	strncat(text, what, VALUE_SIZE - 1 - strlen(text));
}

/* The value of a rule in a line, with all texts in quotes. */
static void append_node(char text[VALUE_SIZE], yaml_document_t *yaml, const yaml_node_t *node)
{
	if (strlen(text) == VALUE_SIZE - 1)
		return;
	if (node->type == YAML_SCALAR_NODE) {
		append(text, "'");
		for (const char *c = (const char *)node->data.scalar.value; *c; c++)
			append(text, *c == '\'' ? "''" : (char[]){*c, '\0'});
		append(text, "'");
	} else if (node->type == YAML_SEQUENCE_NODE) {
		append(text, "[");
		for (const yaml_node_item_t *i = node->data.sequence.items.start;
			i < node->data.sequence.items.top; i++) {
			append(text, i == node->data.sequence.items.start ? "" : ", ");
			append_node(text, yaml, yaml_document_get_node(yaml, *i));
		}
		append(text, "]");
	} else {
		append(text, "{");
		for (const yaml_node_pair_t *p = node->data.mapping.pairs.start;
			p < node->data.mapping.pairs.top; p++) {
			append(text, p == node->data.mapping.pairs.start ? "" : ", ");
			append_node(text, yaml, yaml_document_get_node(yaml, p->key));
			append(text, ": ");
			append_node(text, yaml, yaml_document_get_node(yaml, p->value));
		}
		append(text, "}");
	}
}

/* '', [] or {}: that an option is not set. A key without a value does not say so. */
static bool is_nothing(const yaml_node_t *node, const char *text)
{
	return !strcmp(text, "[]") || !strcmp(text, "{}") ||
	       (!strcmp(text, "''") && node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE);
}

static void add_value(
	struct mistakes *m, struct rule *r, yaml_document_t *yaml, const yaml_node_t *node)
{
	unsigned int line = (unsigned int)node->start_mark.line + 1;
	bool bound = r->kind == MIN || r->kind == MAX;
	char text[VALUE_SIZE] = "", *value;

	if (r->count == VALUES_MAX) {
		say(m, line, "%s: more than %d values", r->f->key, VALUES_MAX);
		return;
	}
	append_node(text, yaml, node);
	value = r->values[r->count];
	value[0] = '\0';
	if (!is_nothing(node, text) &&
		(strlen(text) == VALUE_SIZE - 1 ||
			!as_written(&levels[r->level], r->f, text, value, NULL)))
		say(m, line, "%s: %.60s is no value of it", r->f->key, text);
	else if (bound && !has_an_order(r->f, value))
		say(m, line, "%s: it is no number, and has no %s", r->f->key, kinds[r->kind]);
	else
		r->count++;
}

/* A rule of before with the same key. */
static bool stands_twice(const struct guard *g, const struct rule *r)
{
	for (size_t i = 0; i < g->count; i++) {
		if (g->rules[i].kind == r->kind && g->rules[i].f == r->f)
			return true;
	}
	return false;
}

static void add_rule(struct mistakes *m, struct guard *g, enum kind kind, yaml_document_t *yaml,
	const yaml_node_pair_t *pair)
{
	const yaml_node_t *key = yaml_document_get_node(yaml, pair->key);
	const yaml_node_t *value = yaml_document_get_node(yaml, pair->value);
	const char *text =
		key->type == YAML_SCALAR_NODE ? (const char *)key->data.scalar.value : "";
	const char *dot = strchr(text, '.');
	struct rule *r = &g->rules[g->count];

	if (g->count == RULES_MAX) {
		say(m, (unsigned int)key->start_mark.line + 1, "more than %d rules", RULES_MAX);
		return;
	}
	*r = (struct rule){.kind = kind, .line = (unsigned int)key->start_mark.line + 1};
	for (unsigned int i = 0; dot && i < LEVELS; i++) {
		const struct walk_field *f = levels[i].fields;

		if (strncmp(text, levels[i].name, (size_t)(dot - text)) ||
			levels[i].name[dot - text])
			continue;
		while (f->key && strcmp(f->key, dot + 1) != 0)
			f++;
		r->level = i;
		r->f = f->key && (f->write || f->words || f->max) ? f : NULL;
	}
	if (!r->f) {
		say(m, r->line, "'%.60s' is no key: hub.KEY, site.KEY or tunnel.KEY is expected",
			text);
		return;
	}
	if (stands_twice(g, r)) {
		say(m, r->line, "'%.60s' stands twice", text);
		return;
	}
	if (value->type == YAML_SEQUENCE_NODE && kind != MIN && kind != MAX &&
		value->data.sequence.items.start < value->data.sequence.items.top) {
		for (const yaml_node_item_t *i = value->data.sequence.items.start;
			i < value->data.sequence.items.top; i++)
			add_value(m, r, yaml, yaml_document_get_node(yaml, *i));
	} else {
		add_value(m, r, yaml, value);
	}
	g->count++;
}

static void read_root(struct mistakes *m, struct guard *g, yaml_document_t *yaml)
{
	const yaml_node_t *root = yaml_document_get_root_node(yaml);
	bool seen[KINDS] = {false};

	if (!root)
		return; /* comments alone are no rule */
	if (root->type != YAML_MAPPING_NODE) {
		say(m, 1, "a mapping of allow, deny, min and max is expected");
		return;
	}
	for (const yaml_node_pair_t *p = root->data.mapping.pairs.start;
		p < root->data.mapping.pairs.top; p++) {
		const yaml_node_t *key = yaml_document_get_node(yaml, p->key);
		const yaml_node_t *rules = yaml_document_get_node(yaml, p->value);
		unsigned int line = (unsigned int)key->start_mark.line + 1;
		enum kind kind = 0;

		while (kind < KINDS &&
			(key->type != YAML_SCALAR_NODE ||
				strcmp((const char *)key->data.scalar.value, kinds[kind]) != 0))
			kind++;
		if (kind == KINDS || rules->type != YAML_MAPPING_NODE) {
			say(m, line, "allow, deny, min or max is expected, each with KEY: VALUES");
			continue;
		}
		if (seen[kind])
			say(m, line, "'%s' stands twice", kinds[kind]);
		seen[kind] = true;
		for (const yaml_node_pair_t *r = rules->data.mapping.pairs.start;
			r < rules->data.mapping.pairs.top; r++)
			add_rule(m, g, kind, yaml, r);
	}
}

/* Rules of a second document would be overlooked. */
static void read_end(struct mistakes *m, yaml_parser_t *parser)
{
	yaml_document_t next;

	if (!yaml_parser_load(parser, &next)) {
		say(m, (unsigned int)parser->problem_mark.line + 1, "not YAML");
		return;
	}
	if (yaml_document_get_root_node(&next))
		say(m, (unsigned int)next.start_mark.line + 1,
			"a second document begins here; a file has one");
	yaml_document_delete(&next);
}

struct guard *guard_read(
	const char *name, const char *text, size_t len, char error[CONFIG_ERROR_SIZE])
{
	struct guard *g = calloc(1, sizeof(*g));
	struct mistakes m = {.name = name, .error = error};
	yaml_document_t yaml;
	yaml_parser_t parser;

	error[0] = '\0';
	if (!g || !yaml_parser_initialize(&parser))
		abort();
	snprintf(g->name, sizeof(g->name), "%s", name);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	if (yaml_parser_load(&parser, &yaml)) {
		read_root(&m, g, &yaml);
		yaml_document_delete(&yaml);
		read_end(&m, &parser);
	} else {
		say(&m, (unsigned int)parser.problem_mark.line + 1, "not YAML");
	}
	yaml_parser_delete(&parser);
	if (!m.any)
		return g;
	guard_free(g);
	return NULL;
}

void guard_free(struct guard *g)
{
	free(g);
}

/* ---- checking ---- */

/* A number that is not set is written as 0, which may be none that could be set. */
static bool is_one_of(const struct rule *r, const char *item)
{
	char written[VALUE_SIZE];

	if (!strcmp(item, "0") && !as_written(&levels[r->level], r->f, item, written, NULL))
		item = "";
	for (size_t i = 0; i < r->count; i++) {
		if (!strcmp(r->values[i], item))
			return true;
	}
	return false;
}

/* 0 is that of an option that is not set, too. */
static bool number_of(const struct rule *r, const char *item, uint64_t *value)
{
	char written[VALUE_SIZE];

	*value = 0;
	return !strcmp(item, "0") ||
	       (isdigit((unsigned char)item[0]) &&
		       as_written(&levels[r->level], r->f, item, written, value));
}

static bool is_permitted(const struct rule *r, const char *item)
{
	uint64_t value, bound;

	if (r->kind == ALLOW || r->kind == DENY)
		return is_one_of(r, item) == (r->kind == ALLOW);
	return number_of(r, item, &value) && number_of(r, r->values[0], &bound) &&
	       (r->kind == MIN ? value >= bound : value <= bound);
}

static const char *shown(const char *item)
{
	return item[0] ? item : "''";
}

static void list_values(const struct rule *r, char *text, size_t size)
{
	size_t n = 0;

	text[0] = '\0';
	for (size_t i = 0; i < r->count && n < size; i++)
		n += (size_t)snprintf(
			text + n, size - n, "%s%s", i ? ", " : "", shown(r->values[i]));
}

/* `was` NULL: it is new. What it has been already is not refused: other changes must be possible. */
static void check_one(struct mistakes *m, const struct rule *r, const char *whose, const void *was,
	const void *is)
{
	static const char *const says[KINDS] = {[ALLOW] = "allowed are only",
		[DENY] = "not allowed are",
		[MIN] = "the least is",
		[MAX] = "the most is"};
	char before[TEXT_SIZE] = "", after[TEXT_SIZE], item[VALUE_SIZE], values[120];
	struct items items;

	walk_write(r->f, is, after, sizeof(after));
	if (was)
		walk_write(r->f, was, before, sizeof(before));
	if (strlen(after) == sizeof(after) - 1) { /* cut off: the rest of it would be overlooked */
		say(m, r->line, "%s %s.%s: %swould have more than can be looked at", kinds[r->kind],
			levels[r->level].name, r->f->key, whose);
		return;
	}
	if (was && !strcmp(before, after))
		return;
	items = items_of(after);
	while (next_item(&items, item)) {
		if (is_permitted(r, item))
			continue;
		list_values(r, values, sizeof(values));
		say(m, r->line, "%s %s.%s: %swould have %.120s; %s %s", kinds[r->kind],
			levels[r->level].name, r->f->key, whose, shown(item), says[r->kind],
			values);
	}
}

static void check_site(struct mistakes *m, const struct rule *r, const struct site_conf *was,
	const struct site_conf *is)
{
	char whose[SITE_NAME_SIZE + 32];

	if (r->level == SITE) {
		snprintf(whose, sizeof(whose), "site '%s' ", is->name);
		check_one(m, r, whose, was, is);
	}
	for (unsigned int t = 0; r->level == TUNNEL && t < TUNNELS_PER_SITE; t++) {
		const struct tunnel_conf *before =
			was && was->tunnels[t].configured ? &was->tunnels[t] : NULL;

		snprintf(whose, sizeof(whose), "site '%s' tunnel %u ", is->name, t);
		if (is->tunnels[t].configured)
			check_one(m, r, whose, before, &is->tunnels[t]);
	}
}

bool guard_check(const struct guard *g, const struct config *was, const struct config *is,
	char error[CONFIG_ERROR_SIZE])
{
	struct mistakes m = {.name = g->name, .error = error};

	error[0] = '\0';
	for (size_t i = 0; i < g->count; i++) {
		const struct rule *r = &g->rules[i];

		if (r->level == HUB)
			check_one(&m, r, "the hub ", was ? &was->concentrator : NULL,
				&is->concentrator);
		for (uint32_t s = 0; r->level != HUB && s < is->site_count; s++)
			check_site(&m, r, was ? config_site(was, is->sites[s].name) : NULL,
				&is->sites[s]);
	}
	return !m.any;
}
