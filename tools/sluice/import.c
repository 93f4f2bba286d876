/* SPDX-License-Identifier: Apache-2.0 */
#include "import.h"

#include "flat.h"
#include "format.h"
#include "show_site.h"
#include "values.h"

#include "base/utf8.h"
#include "store/csv.h"
#include "store/inside.h"
#include "store/tree.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_SIZE = 4 << 20, NAME_SIZE = 160 };

struct import {
	const char *path;
	json_t *sites;
	json_t *used; /* columns that the template names */
	unsigned int mistakes;
};

static json_t *template; /* {path: text or list}, or NULL */

__attribute__((format(printf, 3, 4))) static void say(
	struct import *m, unsigned int line, const char *format, ...)
{
	char what[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	utf8_clean(what); /* the file is of somebody else */
	fprintf(stderr, "sluice: %s:%u: %s\n", m->path, line, what);
	m->mistakes++;
}

/* ---- templates ---- */

bool import_template(const char *word)
{
	json_t *values = strchr(word, '=') ? json_object() : values_of_file(word);

	if (values && strchr(word, '=') && !values_add(values, "", word)) {
		fprintf(stderr, "sluice: KEY=VALUE or a file is expected, not '%s'\n", word);
		json_decref(values);
		return false;
	}
	if (!values)
		return false;
	if (!template)
		template = json_object();
	flat_add(template, values);
	json_decref(values);
	return true;
}

/* What stands in "${...}" at *at, which becomes where it ends; NULL: there is no more. */
static const char *next_variable(const char **at, char name[NAME_SIZE], const char **end)
{
	const char *begin = strstr(*at, "${"), *close = begin ? strchr(begin, '}') : NULL;

	if (!close || close - begin - 2 >= NAME_SIZE)
		return NULL;
	snprintf(name, NAME_SIZE, "%.*s", (int)(close - begin - 2), begin + 2);
	*end = close + 1;
	return begin;
}

static json_t *fill_in(struct import *m, unsigned int line, const char *text, const json_t *cells)
{
	char name[NAME_SIZE], *made = NULL;
	const char *end, *begin, *value;
	size_t len;
	json_t *o;
	FILE *f = open_memstream(&made, &len);

	if (!f)
		abort();
	while ((begin = next_variable(&text, name, &end))) {
		value = json_string_value(json_object_get(cells, name));
		if (!value || !*value)
			say(m, line, "column %s: the template wants a value of it", name);
		fwrite(text, 1, (size_t)(begin - text), f);
		fputs(value ? value : "", f);
		text = end;
	}
	fputs(text, f);
	fclose(f);
	o = json_string(made);
	free(made);
	return o;
}

static void add_template(struct import *m, unsigned int line, json_t *values, const json_t *cells)
{
	const char *path;
	json_t *value, *text, *list;
	size_t i;

	json_object_foreach(template, path, value) {
		if (json_is_string(value)) {
			json_object_set_new(
				values, path, fill_in(m, line, json_string_value(value), cells));
			continue;
		}
		if (!json_is_array(value)) {
			json_object_set(values, path, value);
			continue;
		}
		list = json_array();
		json_array_foreach(value, i, text)
			json_array_append_new(
				list, json_is_string(text)
					      ? fill_in(m, line, json_string_value(text), cells)
					      : json_incref(text));
		json_object_set_new(values, path, list);
	}
}

static void note_used(struct import *m, const json_t *value)
{
	const char *text = json_string_value(value), *end;
	char name[NAME_SIZE];
	json_t *below;
	size_t i;

	json_array_foreach(value, i, below)
		note_used(m, below);
	while (text && next_variable(&text, name, &end)) {
		json_object_set_new(m->used, name, json_true());
		text = end;
	}
}

static void note_all_used(struct import *m)
{
	const char *path;
	json_t *value;

	m->used = json_object();
	json_object_foreach(template, path, value)
		note_used(m, value);
}

/* ---- CSV ---- */

static bool is_name(const char *column)
{
	return !strcmp(column, "name") || !strcmp(column, "site");
}

/* False: no column has the names. */
static bool judge_head(struct import *m, const json_t *head, unsigned int line)
{
	bool named = false;
	json_t *cell;
	size_t i;

	json_array_foreach(head, i, cell) {
		const char *column = json_string_value(cell);
		bool twice = false, is = is_name(column);

		for (size_t k = 0; k < i; k++)
			twice = twice || json_equal(json_array_get(head, k), cell);
		if (twice)
			say(m, line, "column %zu: '%s' stands twice", i + 1, column);
		if (is && named && !twice)
			say(m, line, "column %zu: '%s' is the name, as a column before it is",
				i + 1, column);
		named = named || is;
		if (!is && !flat_is_key(column) && !flat_is_tunnel(column) &&
			!json_object_get(m->used, column))
			say(m, line, "column %zu: '%s' is no key of a site%s", i + 1, column,
				template ? ", and the template does not use it" : "");
	}
	if (!named)
		say(m, line, "no column is called 'name'");
	return named;
}

static void add_cell(
	struct import *m, unsigned int line, json_t *values, const char *column, const char *text)
{
	json_t *value = flat_is_tunnel(column) ? !strcmp(text, "none") ? json_null() : NULL
			: (text[0] == '[' || text[0] == '{') && !flat_is_text(column)
				? tree_read(text, strlen(text))
				: json_string(text);

	if (!value && flat_is_tunnel(column))
		say(m, line, "column %s: 'none' is expected, or nothing", column);
	else if (!value)
		say(m, line, "column %s: '%.60s' is no list and no mapping", column, text);
	else
		json_object_set_new(values, column, value);
}

static void add_record(struct import *m, const json_t *head, const json_t *record)
{
	unsigned int line = (unsigned int)json_integer_value(json_object_get(record, "line"));
	const json_t *list = json_object_get(record, "cells");
	json_t *cells = json_object(), *values = json_object(), *cell;
	const char *site = "";
	size_t i;

	if (json_array_size(list) > json_array_size(head))
		say(m, line, "there are more cells than columns");
	if (json_array_size(list) < json_array_size(head)) /* the file is cut off, perhaps */
		say(m, line, "there are fewer cells than columns");
	json_array_foreach(list, i, cell) {
		const char *column = json_string_value(json_array_get(head, i));

		if (column)
			json_object_set(cells, is_name(column) ? "name" : column, cell);
		if (column && is_name(column))
			site = json_string_value(cell);
	}
	if (!*site)
		say(m, line, "column name: the site has none");
	add_template(m, line, values, cells);
	json_array_foreach(list, i, cell) {
		const char *column = json_string_value(json_array_get(head, i));

		if (column && json_string_length(cell) && !is_name(column) &&
			(flat_is_key(column) || flat_is_tunnel(column)))
			add_cell(m, line, values, column, json_string_value(cell));
	}
	json_array_append_new(
		m->sites, json_pack("{s:s, s:o, s:o}", "site", site, "at",
				  json_sprintf("%.80s:%u", m->path, line), "values", values));
	json_decref(cells);
}

static void read_csv(struct import *m, const char *text, size_t len)
{
	char why[CSV_WHY_SIZE];
	unsigned int line;
	json_t *records = csv_read(text, len, &line, why), *record, *head;
	size_t i;

	if (!records) {
		say(m, line, "%s", why);
		return;
	}
	head = json_object_get(json_array_get(records, 0), "cells");
	if (judge_head(m, head, 1)) {
		json_array_foreach(records, i, record) {
			if (i)
				add_record(m, head, record);
		}
	}
	json_decref(records);
}

/* ---- YAML, of which JSON is a part ---- */

static void read_yaml(struct import *m, const char *text, size_t len)
{
	json_t *list = inside_list_with_nulls(text, len), *o;
	char why[INSIDE_WHY_SIZE];
	unsigned int at;
	size_t i;

	if (!inside_sites_only(text, len, &at, why))
		say(m, at, "%s", why);
	else if (!json_array_size(list))
		say(m, 1,
			"it is no YAML or JSON with a list of sites, {\"sites\": [{\"name\": "
			"...}]}");
	json_array_foreach(list, i, o) {
		unsigned int line = (unsigned int)json_integer_value(json_object_get(o, "line"));
		const char *site = json_string_value(json_object_get(o, "name"));
		json_t *cells = json_object(), *values = json_object();

		json_object_set_new(cells, "name", json_string(site));
		if (!*site)
			say(m, line, "the site has no name");
		else if (!json_is_object(json_object_get(o, "tree")))
			say(m, line, "it cannot be read");
		add_template(m, line, values, cells);
		flat_add(values, json_object_get(o, "tree"));
		flat_add_missing(values, json_object_get(o, "tree"), json_null());
		json_object_del(values, "name");
		json_array_append_new(m->sites,
			json_pack("{s:s, s:o, s:o}", "site", site, "at",
				json_sprintf("%.80s:%u", m->path, line), "values", values));
		json_decref(cells);
	}
	json_decref(list);
}

/* ---- files ---- */

static const char *format;

bool import_format(const char *name)
{
	format = name;
	return !strcmp(name, "csv") || !strcmp(name, "json") || !strcmp(name, "yaml");
}

static bool is_csv(const char *path)
{
	const char *dot = strrchr(path, '.');

	return format ? !strcmp(format, "csv") : dot && !strcasecmp(dot, ".csv");
}

static char *read_all(const char *path, size_t *len)
{
	FILE *f = strcmp(path, "-") ? fopen(path, "re") : stdin;
	char *text = malloc(FILE_SIZE);

	if (!text)
		abort();
	*len = f ? fread(text, 1, FILE_SIZE, f) : 0;
	if (!f || ferror(f) || *len == FILE_SIZE) {
		fprintf(stderr, "sluice: %s: %s\n", path,
			*len == FILE_SIZE ? "larger than 4 MiB" : strerror(errno));
		free(text);
		text = NULL;
	}
	if (f && f != stdin)
		fclose(f);
	return text;
}

json_t *import_read(const char *path)
{
	struct import m = {.path = strcmp(path, "-") ? path : "input", .sites = json_array()};
	size_t len;
	char *text = read_all(path, &len);

	note_all_used(&m);
	if (text && is_csv(path))
		read_csv(&m, text, len);
	else if (text)
		read_yaml(&m, text, len);
	if (text && !m.mistakes && !json_array_size(m.sites))
		say(&m, 1, "there is no site in it");
	free(text);
	json_decref(m.used);
	if (text && !m.mistakes)
		return m.sites;
	json_decref(m.sites);
	return NULL;
}

/* ---- the answers ---- */

static json_t *list_of_site;

void export_choose(json_t *own_list)
{
	list_of_site = own_list;
}

void export_keep_chosen(json_t *document)
{
	json_t *sites = json_array(), *o;
	size_t i;

	json_array_foreach(json_object_get(document, "sites"), i, o) {
		if (!list_of_site || site_list_is_chosen(list_of_site, field_text(o, "site")))
			json_array_append(sites, o);
	}
	json_object_set_new(document, "sites", sites);
}

/* As a list of sites has them. */
static json_t *named_sites(const json_t *document)
{
	json_t *sites = json_array(), *o, *site;
	size_t i;

	json_array_foreach(json_object_get(document, "sites"), i, o) {
		site = json_pack("{s:s}", "name", field_text(o, "site"));
		json_object_update(site, json_object_get(o, "values"));
		json_array_append_new(sites, site);
	}
	return sites;
}

static void print_cell(const json_t *value)
{
	char *text = NULL;
	size_t len;
	FILE *f;

	if (json_is_string(value)) {
		csv_write_cell(stdout, json_string_value(value));
		return;
	}
	f = open_memstream(&text, &len);
	if (!f)
		abort();
	if (value)
		tree_write_flow(f, value);
	fclose(f);
	csv_write_cell(stdout, text);
	free(text);
}

/* A column for each key that one of them has. */
static void print_csv(const json_t *sites)
{
	json_t *columns = json_object(), *rows = json_array(), *none = json_string("none");
	json_t *site, *row, *unused;
	const char *column;
	size_t i;

	json_array_foreach(sites, i, site) {
		row = json_object();
		flat_add(row, site);
		flat_add_missing(row, site, none);
		json_object_update_missing(columns, row);
		json_array_append_new(rows, row);
	}
	i = 0;
	json_object_foreach(columns, column, unused) {
		printf("%s", i++ ? "," : "");
		csv_write_cell(stdout, column);
	}
	putchar('\n');
	json_array_foreach(rows, i, row) {
		size_t k = 0;

		json_object_foreach(columns, column, unused) {
			printf("%s", k++ ? "," : "");
			print_cell(json_object_get(row, column));
		}
		putchar('\n');
	}
	json_decref(none);
	json_decref(rows);
	json_decref(columns);
}

void print_export(const json_t *document)
{
	json_t *sites = named_sites(document), *all = json_pack("{s:O}", "sites", sites);

	if (format && !strcmp(format, "csv")) {
		print_csv(sites);
	} else if (format && !strcmp(format, "json")) {
		json_dumpf(all, stdout, JSON_INDENT(2));
		putchar('\n');
	} else {
		tree_write(stdout, all);
	}
	json_decref(all);
	json_decref(sites);
}

void print_imported(const json_t *document)
{
	printf("created %zu, changed %zu, unchanged %llu\n",
		json_array_size(json_object_get(document, "created")),
		json_array_size(json_object_get(document, "changed")),
		(unsigned long long)field_number(document, "unchanged"));
}
