/* SPDX-License-Identifier: Apache-2.0 */
/* Documents of sites. */
#include "format.h"
#include "show_site.h"
#include "table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIELDS_MAX = 16, FIELD_SIZE = 80 };

/* What a line of the list may show, and be chosen by; "label.KEY" beside. */
static const struct field {
	const char *name;
	struct table_column column;
} fields[] = {
	{"site", {"SITE", 0, 0, 0}},
	{"state", {"STATE", 0, 0, 0}},
	{"as", {"AS", 1, 0, 0}},
	{"class", {"CLASS", 0, 0, 3}},
	{"group", {"GROUP", 0, 0, 4}},
	{"rate", {"RATE", 1, 0, 0}},
	{"labels", {"LABELS", 0, 1, 0}},
	{"revision", {"REVISION", 1, 0, 2}},
	{"pending", {"EDITED", 0, 0, 0}},
	{"since", {"DELETED", 0, 0, 0}},
	{"file", {"DOCUMENT", 0, 0, 1}},
};

static const char usual[] = "site,state,as,rate,labels,pending,file";

static struct {
	const char *where, *columns, *sort;
} chosen;

void site_list_choose(const char *where, const char *columns, const char *sort)
{
	chosen.where = where;
	chosen.columns = columns;
	chosen.sort = sort;
}

static const struct field *field_of(const char *name)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (!strcmp(fields[i].name, name))
			return &fields[i];
	}
	return NULL;
}

bool site_list_has(const char *names)
{
	char *copy = names ? strdup(names) : NULL, *rest = copy;
	bool ok = true;
	size_t n = 0;

	for (char *name; (name = strsep(&rest, ","));) {
		name[strcspn(name, "=")] = '\0';
		ok = ok && ++n <= FIELDS_MAX &&
		     (field_of(name) || (!strncmp(name, "label.", 6) && name[6]));
	}
	free(copy);
	return ok;
}

static void add_labels(const json_t *labels, char text[FIELD_SIZE * 4])
{
	const char *key;
	json_t *value;
	size_t n = 0;

	json_object_foreach((json_t *)labels, key, value) {
		if (n < FIELD_SIZE * 4)
			n += (size_t)snprintf(text + n, FIELD_SIZE * 4 - n, "%s%s=%s", n ? " " : "",
				key, json_string_value(value));
	}
}

/* In a word: what it is, and when it is there for good, whether it is up. */
static const char *state_of(const json_t *site)
{
	const char *life = field_text(site, "lifecycle");

	return strcmp(life, "available") ? life : field_text(site, "state");
}

static void text_of(const json_t *site, const char *name, char text[FIELD_SIZE * 4])
{
	const char *own = NULL;
	char rate[FORMAT_SIZE];

	text[0] = '\0';
	/* Of what has no document, there is this. */
	if (!json_object_get(site, "state") && strcmp(name, "site") && strcmp(name, "state") &&
		strcmp(name, "since")) {
		strcpy(text, "-");
		return;
	}
	if (!strncmp(name, "label.", 6))
		own = json_string_value(json_object_get(json_object_get(site, "labels"), name + 6));
	else if (!strcmp(name, "labels"))
		add_labels(json_object_get(site, "labels"), text);
	else if (!strcmp(name, "as"))
		snprintf(text, FIELD_SIZE, "%lld", (long long)field_number(site, "asn"));
	else if (!strcmp(name, "revision"))
		snprintf(text, FIELD_SIZE, "%lld", (long long)field_number(site, "etag"));
	else if (!strcmp(name, "rate"))
		own = format_quantity(field_number(site, "rate_bps"), "bit/s", rate);
	else if (!strcmp(name, "pending"))
		own = json_is_true(json_object_get(site, "pending")) ? "yes" : "no";
	else if (!strcmp(name, "state"))
		own = state_of(site);
	else if (field_of(name))
		own = field_text(site, field_of(name)->name);
	if (own)
		snprintf(text, FIELD_SIZE * 4, "%s", own);
	if (!strcmp(name, "file") && json_object_get(site, "line"))
		snprintf(text + strlen(text), FIELD_SIZE * 4 - strlen(text), ":%lld",
			(long long)field_number(site, "line"));
}

static bool is_chosen(const json_t *site)
{
	char *copy = chosen.where ? strdup(chosen.where) : NULL, *rest = copy;
	char text[FIELD_SIZE * 4];
	bool ok = true;

	for (char *name; (name = strsep(&rest, ","));) {
		char *value = strchr(name, '=');

		if (value)
			*value++ = '\0';
		text_of(site, name, text);
		ok = ok && !strcmp(text, value ? value : "yes");
	}
	free(copy);
	return ok;
}

bool site_list_is_chosen(const json_t *list, const char *site)
{
	const json_t *o;
	size_t i;

	json_array_foreach(json_object_get(list, "sites"), i, o) {
		if (!strcmp(field_text(o, "site"), site))
			return is_chosen(o);
	}
	return false;
}

static int by_chosen(const void *a, const void *b)
{
	const json_t *const *x = a, *const *y = b;
	char left[FIELD_SIZE * 4], right[FIELD_SIZE * 4];

	text_of(*x, chosen.sort, left);
	text_of(*y, chosen.sort, right);
	return strverscmp(left, right);
}

/* The sites that are shown, in their order; malloc'ed. */
static const json_t **choose(const json_t *list, const json_t *others, size_t *count)
{
	const json_t **sites =
		calloc(json_array_size(list) + json_array_size(others) + 1, sizeof(json_t *));
	json_t *site;
	size_t i;

	if (!sites)
		abort();
	*count = 0;
	json_array_foreach(list, i, site) {
		if (is_chosen(site))
			sites[(*count)++] = site;
	}
	json_array_foreach(others, i, site) {
		if (is_chosen(site))
			sites[(*count)++] = site;
	}
	if (chosen.sort)
		qsort(sites, *count, sizeof(json_t *), by_chosen);
	return sites;
}

static void keep_chosen(json_t *document, const char *list)
{
	json_t *whole = json_object_get(document, list), *kept;
	const json_t **sites;
	size_t count;

	if (!whole)
		return;
	kept = json_array();
	sites = choose(whole, NULL, &count);
	for (size_t i = 0; i < count; i++)
		json_array_append(kept, (json_t *)sites[i]);
	free(sites);
	json_object_set_new(document, list, kept);
}

void site_list_keep_chosen(json_t *document)
{
	keep_chosen(document, "sites");
	keep_chosen(document, "others");
}

void print_site_list(const json_t *document)
{
	struct table_column columns[FIELDS_MAX + 1] = {0};
	char *copy = strdup(chosen.columns ? chosen.columns : usual), *rest = copy;
	const char *names[FIELDS_MAX];
	char text[FIELD_SIZE * 4];
	size_t count = 0, sites_count;
	const json_t **sites = choose(json_object_get(document, "sites"),
		json_object_get(document, "others"), &sites_count);
	struct table t;

	for (char *name; count < FIELDS_MAX && (name = strsep(&rest, ","));) {
		const struct field *f = field_of(name);

		columns[count] = f ? f->column : (struct table_column){.name = name};
		names[count++] = name;
	}
	table_init(&t, columns);
	for (size_t i = 0; i < sites_count; i++) {
		table_row(&t);
		for (size_t k = 0; k < count; k++) {
			text_of(sites[i], names[k], text);
			table_text(&t, text);
		}
	}
	table_print(&t, "no site is so");
	free(sites);
	free(copy);
}

void print_site_document(const json_t *document)
{
	const char *text = field_text(document, "text");

	fputs(text, stdout);
	if (text[0] && text[strlen(text) - 1] != '\n')
		putchar('\n');
	print_device(document, "# "); /* it is still YAML, and may become the file of `site put` */
}

void print_site_changed(const json_t *document)
{
	const json_t *need;
	size_t i;

	puts(field_text(document, "ok"));
	print_device(document, "");
	json_array_foreach(json_object_get(document, "needs"), i, need)
		printf("%s\n", json_string_value(need));
}
