/* SPDX-License-Identifier: Apache-2.0 */
/* Many sites at once: created and changed in one revision, or none of them; and all of them told, as that takes them. */
#include "hub/api/access.h"
#include "hub/api/site_change.h"

#include "config/values.h"
#include "hub/api/change.h"
#include "hub/api/site_files.h"
#include "hub/revision.h"
#include "hub/route/rules.h"
#include "ipc/rows.h"
#include "store/fill.h"
#include "store/inside.h"
#include "store/tree.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct imported {
	const char *name, *place; /* in the rows */
	unsigned int line;        /* of sluice.yaml, where it stands there; else 0 */
	json_t *before, *tree;    /* before NULL: it is new */
};

struct import {
	struct document_change c;
	struct imported sites[CONFIG_SITES_MAX + 1];
	size_t count;
	json_t *in_main; /* as inside_all() has it */
	char mistakes[CONFIG_ERROR_SIZE];
	bool full;
	enum problem problem; /* of all of them; PROBLEM_NONE: there is none */
};

/* A line, as long as there is room. */
static void add_line(struct import *m, const char *place, const char *name, const char *what)
{
	static const char more[] = "\nand more";
	size_t at = strlen(m->mistakes), room = sizeof(m->mistakes) - sizeof(more);
	char line[1400];

	if (m->full)
		return;
	snprintf(line, sizeof(line), "%s%.120s%s%.40s%s%.1100s", at ? "\n" : "", place,
		*name ? ": site '" : "", name, *name ? "': " : "", what);
	m->full = at + strlen(line) > room;
	strcpy(m->mistakes + at, m->full ? more : line);
}

__attribute__((format(printf, 4, 5))) static void mistake(
	struct import *m, const struct imported *of, enum problem problem, const char *format, ...)
{
	char what[1100];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	if (m->problem != PROBLEM_NONE && m->problem != problem)
		problem = PROBLEM_INVALID;
	m->problem = problem;
	add_line(m, of->place, of->name, what);
}

/* What a part that is shared with commands about one site has refused. */
static void take_over_refusal(struct import *m, const struct imported *of)
{
	mistake(m, of, m->c.problem, "%s",
		json_string_value(json_object_get(m->c.refusal, "detail")));
	json_decref(m->c.refusal);
	m->c.refusal = NULL;
}

/* ---- what is wanted ---- */

static void judge_site(struct import *m, struct imported *s)
{
	if (!name_is_valid(s->name))
		mistake(m, s, PROBLEM_INVALID,
			"a site cannot have this name: 1 to 31 letters, digits, '-', '_', '.'");
	else if (s->line && !json_equal(s->before, s->tree))
		mistake(m, s, PROBLEM_IN_MAIN_FILE,
			"it stands in %s:%u, which no command changes; `sluice site adopt %s` "
			"moves "
			"it out",
			revision_path(m->c.h), s->line, s->name);
	else if (!s->line && !json_equal(s->before, s->tree) &&
		 !change_has_no_edits(&m->c, s->name))
		take_over_refusal(m, s);
	for (struct imported *other = m->sites; other < s; other++) {
		if (!strcmp(other->name, s->name))
			mistake(m, s, PROBLEM_INVALID, "it stands twice: also in %s", other->place);
	}
}

/* A new one has as many tunnels as it can; they stand behind its other keys. */
static json_t *new_tree(const struct import *m)
{
	json_t *tunnels = json_array();

	for (uint32_t i = 0; i < m->c.h->config->concentrator.endpoint_count; i++)
		json_array_append_new(tunnels, json_object());
	return json_pack("{s:o}", "tunnels", tunnels);
}

static void end_tunnels(struct imported *s)
{
	json_t *tunnels = json_incref(json_object_get(s->tree, "tunnels"));

	json_object_del(s->tree, "tunnels");
	if (tunnels)
		json_object_set_new(s->tree, "tunnels", tunnels);
}

static bool begin_site(struct import *m, const char *name)
{
	const struct document *was = documents_find(revision_documents(m->c.h), name);
	const json_t *inside = json_object_get(m->in_main, name);
	struct imported *s = &m->sites[m->count];

	if (m->count++ == CONFIG_SITES_MAX)
		return change_refuse(
			&m->c, PROBLEM_INVALID, "more sites than a concentrator can have");
	s->name = name;
	s->place = "import";
	s->line = (unsigned int)json_integer_value(json_object_get(inside, "line"));
	s->before = was ? tree_read(was->text, was->len)
			: json_deep_copy(json_object_get(inside, "tree"));
	s->tree = s->before ? json_deep_copy(s->before) : new_tree(m);
	return true;
}

static bool read_rows(struct import *m)
{
	const struct imsg_api_request *r = m->c.r;
	const char *at = (const char *)(r + 1), *end = at + r->rows;
	struct imported *s = NULL;
	struct row row;

	while (rows_next(&at, end, &row)) {
		if (row.kind == ROW_SITE) {
			s = &m->sites[m->count];
			if (!begin_site(m, row.text))
				return false;
		} else if (!s) {
			return change_refuse(&m->c, PROBLEM_BAD_REQUEST, "no site is named");
		} else if (row.kind == ROW_PLACE) {
			s->place = row.text;
		} else if (!change_take_row(&m->c, s->tree, s->before, &row, change_site_option)) {
			take_over_refusal(m, s);
		}
	}
	if (at != end)
		return change_refuse(&m->c, PROBLEM_BAD_REQUEST, "the sites are not understood");
	for (size_t i = 0; i < m->count; i++)
		judge_site(m, &m->sites[i]);
	return true;
}

/* ---- what nobody has said ---- */

struct filling {
	struct fill f;
	struct ip_prefix *taken;
	uint32_t *asns;
};

/* What it says, nobody else of these gets. */
static void claim(struct filling *f, const json_t *tree)
{
	static const char *const keys[] = {"inside", "inside6"};
	const char *asn = json_string_value(json_object_get(tree, "asn"));
	json_t *tunnel;
	size_t i;

	if (asn)
		f->asns[f->f.asns_count++] = (uint32_t)strtoul(asn, NULL, 10);
	json_array_foreach(json_object_get(tree, "tunnels"), i, tunnel) {
		for (size_t k = 0; k < 2 && i < TUNNELS_PER_SITE; k++) {
			const char *text = json_string_value(json_object_get(tunnel, keys[k]));

			if (text && prefix_parse(text, &f->taken[f->f.taken_count]))
				f->f.taken_count++;
		}
	}
}

static void fill_new(struct import *m, struct filling *f, struct imported *s)
{
	char why[FILL_WHY_SIZE];

	end_tunnels(s);
	if (!fill_site(s->tree, s->name, &f->f, why)) {
		mistake(m, s, PROBLEM_REFUSED, "%s", why);
		return;
	}
	claim(f, s->tree);
	if (!change_add_keys(&m->c, s->name, s->tree))
		take_over_refusal(m, s);
}

static void fill_all(struct import *m)
{
	struct filling f = {.f.in_force = m->c.h->config};
	size_t connected, each = 2 * TUNNELS_PER_SITE;
	const struct ip_prefix *of_host = hub_connected(m->c.h, &connected);
	char error[CONFIG_ERROR_SIZE];
	struct config *edited = documents_config(m->c.files, error);

	f.taken = calloc(connected + 2 * m->count * each + 1, sizeof(*f.taken));
	f.asns = calloc(2 * m->count + 1, sizeof(*f.asns));
	if (!f.taken || !f.asns)
		abort();
	memcpy(f.taken, of_host, connected * sizeof(*f.taken));
	f.f.tunnels_are_said = true; /* new_tree() has them all, but for those that are none */
	f.f.edited = edited;
	f.f.taken = f.taken;
	f.f.taken_count = connected;
	f.f.asns = f.asns;
	for (size_t i = 0; i < m->count; i++)
		claim(&f, m->sites[i].tree);
	for (size_t i = 0; i < m->count; i++) {
		if (!m->sites[i].before)
			fill_new(m, &f, &m->sites[i]);
	}
	config_free(edited);
	free(f.taken);
	free(f.asns);
}

/* ---- the whole ---- */

static const struct imported *whose_document(struct import *m, const char *line, size_t *path)
{
	for (size_t i = 0; i < m->count; i++) {
		const struct document *d = documents_find(m->c.candidate, m->sites[i].name);

		*path = d ? strlen(d->path) : 0;
		if (d && !strncmp(line, d->path, *path) && line[*path] == ':')
			return &m->sites[i];
	}
	return NULL;
}

/* "FILE:LINE: KEY: WHAT" about the document of one of them becomes "PLACE: site 'NAME': KEY: WHAT". */
static void name_places(struct import *m, char *error)
{
	for (char *line; (line = strsep(&error, "\n"));) {
		size_t path;
		const struct imported *of = whose_document(m, line, &path);

		if (of)
			mistake(m, of, PROBLEM_INVALID, "%s",
				line + path + strspn(line + path, "0123456789: "));
		else
			add_line(m, line, "", "");
		m->problem = PROBLEM_INVALID;
	}
}

static bool write_all(struct import *m)
{
	json_t *created = json_array(), *changed = json_array();
	size_t unchanged = 0;

	for (size_t i = 0; i < m->count; i++) {
		struct imported *s = &m->sites[i];

		if (s->before && json_equal(s->before, s->tree)) {
			unchanged++;
			continue;
		}
		json_array_append_new(s->before ? changed : created, json_string(s->name));
		if (!change_write(&m->c, s->name, s->tree))
			take_over_refusal(m, s);
	}
	json_object_set_new(m->c.more, "created", created);
	json_object_set_new(m->c.more, "changed", changed);
	json_object_set_new(m->c.more, "unchanged", json_integer((json_int_t)unchanged));
	json_object_set_new(m->c.more, "keys", json_incref(m->c.keys));
	return m->problem == PROBLEM_NONE;
}

static bool is_a_configuration(struct import *m)
{
	char error[CONFIG_ERROR_SIZE];
	struct config *c;

	documents_stand(m->c.candidate, revision_path(m->c.h));
	c = documents_config(m->c.candidate, error);
	config_free(c);
	if (!c)
		name_places(m, error);
	return c;
}

json_t *site_import(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	struct import *m = calloc(1, sizeof(*m));
	const struct document *main = documents_find(revision_documents(h), "");
	json_t *answer;

	(void)site;
	if (!m)
		abort();
	m->in_main = inside_all(main->text, main->len);
	if (change_begin(&m->c, h, r) && read_rows(m)) {
		if (m->problem == PROBLEM_NONE)
			fill_all(m);
		if (m->problem == PROBLEM_NONE && write_all(m) && is_a_configuration(m)) {
			if (json_array_size(m->c.writes) || r->dry_run)
				change_order(&m->c, "site-import");
			else
				m->c.refusal = json_pack("{s:s, s:O, s:O, s:i}", "ok",
					"nothing changes", "created", m->c.writes, "changed",
					m->c.writes, "unchanged", (int)m->count);
		} else if (!m->c.refusal) {
			(void)change_refuse(&m->c, m->problem, "%s", m->mistakes);
		}
	}
	answer = change_end(&m->c);
	for (size_t i = 0; i < m->count; i++) {
		json_decref(m->sites[i].before);
		json_decref(m->sites[i].tree);
	}
	json_decref(m->in_main);
	free(m);
	return answer;
}

/* ---- export ---- */

json_t *site_export(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	const struct document *main = documents_find(revision_documents(h), "");
	json_t *list = json_array(), *in_main = inside_all(main->text, main->len), *tree;

	(void)site, (void)r;
	for (uint32_t i = 0; i < h->config->site_count; i++) {
		const char *name = h->config->sites[i].name;
		const struct document *own = documents_find(revision_documents(h), name);

		if (!site_find(access_seen(h), name))
			continue;
		tree = own ? tree_read(own->text, own->len)
			   : json_deep_copy(
				     json_object_get(json_object_get(in_main, name), "tree"));
		json_object_del(tree, "name");
		if (tree)
			json_array_append_new(
				list, json_pack("{s:s, s:o}", "site", name, "values", tree));
	}
	json_decref(in_main);
	return json_pack("{s:o}", "sites", list);
}
