/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands that change one object: the candidate is what is in force with another document of one site. It is planned as
 * any other, and applied as any other.
 */
#include "hub/api/site_change.h"

#include "config/options.h"
#include "config/values.h"
#include "hub/api/api.h"
#include "hub/api/site_files.h"
#include "hub/apply.h"
#include "hub/revision.h"
#include "hub/route/rules.h"
#include "hub/secret/psk_new.h"
#include "ipc/rows.h"
#include "ipc/verbs.h"
#include "plan/plan.h"
#include "store/edit.h"
#include "store/fill.h"
#include "store/inside.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ALLOWED_USUALLY "rekey"

/* A change on its way to an order; whoever gives up answers with `refusal`. */
struct site_change {
	struct hub *h;
	const struct imsg_api_request *r;
	struct documents *files;    /* as they are now */
	const struct document *was; /* in force; NULL: there is none of its own */
	json_t *before, *tree;      /* what the document says, and is to say */
	json_t *keys;               /* files that were made for it */
	json_t *more;               /* of the answer */
	json_t *refusal;
};

__attribute__((format(printf, 3, 4))) static bool refuse(
	struct site_change *c, enum problem problem, const char *format, ...)
{
	char text[CONFIG_ERROR_SIZE + 256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	c->refusal = api_refused(problem, text);
	return false;
}

/* The line of sluice.yaml, as it is in force, where the site stands; 0: it does not. */
static unsigned int line_in_main(const struct hub *h, const char *site)
{
	const struct document *d = documents_find(revision_documents(h), "");
	unsigned int line = 0;

	json_decref(d ? inside_read(d->text, d->len, site, &line) : NULL);
	return line;
}

/* ---- what it is changed from ---- */

static bool has_edits(struct site_change *c)
{
	char error[CONFIG_ERROR_SIZE];

	c->files = documents_load(revision_path(c->h), false, error);
	if (!c->files)
		return !refuse(c, PROBLEM_INVALID, "%s", error);
	if (!document_is_pending(c->was, documents_find(c->files, c->r->site)))
		return false;
	return !refuse(c, PROBLEM_PENDING,
		"sites/%s.yaml has edits that are not in force; `sluice plan` shows them, `sluice "
		"apply` takes them",
		c->r->site);
}

/* What it said at that revision is what it says now; else what is different. */
static bool is_as_expected(struct site_change *c)
{
	uint64_t since = revision_since(c->h, c->r->site);
	char error[CONFIG_ERROR_SIZE];
	json_t *diff;

	if (!c->r->if_match)
		return true;
	if (c->was && (c->r->if_match == since || c->r->if_match == API_MATCH_ANY))
		return true;
	if (!c->was)
		return refuse(c, PROBLEM_CHANGED, "site '%s' has no document", c->r->site);
	(void)refuse(c, PROBLEM_CHANGED,
		"the document of site '%s' was changed in revision %llu; that of revision %llu is "
		"expected",
		c->r->site, (unsigned long long)since, (unsigned long long)c->r->if_match);
	diff = hub_diff_site(c->h, c->r->site, c->r->if_match, error);
	if (diff)
		json_object_set_new(c->refusal, "plan", diff);
	return false;
}

static bool begin(struct site_change *c, bool new)
{
	const char *site = c->r->site;
	unsigned int line;

	if (!name_is_valid(site))
		return refuse(c, PROBLEM_BAD_REQUEST,
			"a site cannot have this name: 1 to 31 letters, digits, '-', '_', '.'");
	/* Else the files that it has written would be taken for a person's edits. */
	if (c->h->applying)
		return refuse(c, PROBLEM_BUSY, "another configuration is being applied; try again");
	c->was = documents_find(revision_documents(c->h), site);
	line = c->was ? 0 : line_in_main(c->h, site);
	if (new && (c->was || line))
		return refuse(c, PROBLEM_EXISTS, "there is a site '%s' already", site);
	if (line)
		return refuse(c, PROBLEM_IN_MAIN_FILE,
			"site '%s' stands in %s:%u, which no command changes; move it into "
			"sites/%s.yaml first",
			site, revision_path(c->h), line, site);
	if (c->was)
		c->before = tree_read(c->was->text, c->was->len);
	return !has_edits(c) && is_as_expected(c);
}

/* ---- what it is changed to ---- */

static const struct walk_field *option_of(const char *path)
{
	const struct walk_field *f = options_site;
	const char *key = path;

	if (!strncmp(path, "tunnels.", 8) && strchr(path + 8, '.')) {
		f = options_tunnel;
		key = strchr(path + 8, '.') + 1;
	}
	while (f->key && (strncmp(f->key, key, strlen(f->key)) != 0 ||
				 (key[strlen(f->key)] && key[strlen(f->key)] != '.')))
		f++;
	return f->key ? f : NULL;
}

/* One that hub keeps, which whoever may change sites may use; it is never shown. */
static bool is_kept_secret(const struct row *row)
{
	return row->kind == ROW_TEXT && !strncmp(row->text, "secret:", 7) &&
	       name_is_valid(row->text + 7);
}

/* Who may not read files as root has no file of root read by naming it here. */
static bool may_set(struct site_change *c, const struct row *row)
{
	const struct asker *who = access_asker(c->h);
	const struct walk_field *f = option_of(row->path);
	const json_t *was = tree_get(c->before, row->path);

	if ((who->who.uid == 0 && !who->by_token) || row->kind == ROW_NOTHING || !f ||
		!option_names_file(f) || is_kept_secret(row) ||
		(was && row->kind == ROW_TEXT && !strcmp(json_string_value(was), row->text)))
		return true;
	return refuse(c, PROBLEM_FOR_ROOT, "%s names a file, which only root may say", row->path);
}

static json_t *value_of(const struct row *row)
{
	switch (row->kind) {
	case ROW_TEXT:
		return json_string(row->text);
	case ROW_LIST:
		return json_array();
	case ROW_MAPPING:
		return json_object();
	case ROW_NOTHING:
		break;
	}
	return NULL;
}

static bool take_rows(struct site_change *c)
{
	const char *at = (const char *)(c->r + 1), *end = at + c->r->rows;
	struct row row;

	while (rows_next(&at, end, &row)) {
		if (!may_set(c, &row))
			return false;
		if (!tree_set(c->tree, row.path, value_of(&row)))
			return refuse(c, PROBLEM_BAD_REQUEST,
				"%s: a list has no such place; the one behind its last is the "
				"next",
				row.path);
	}
	return at == end || refuse(c, PROBLEM_BAD_REQUEST, "the values are not understood");
}

static bool wants_key(const struct site_change *c, const json_t *tunnel)
{
	const char *own = json_string_value(json_object_get(tunnel, "auth"));
	bool cert = own ? !strcmp(own, "cert") : c->h->config->tunnel_auth == AUTH_CERT;

	return json_is_object(tunnel) && !cert && !json_object_get(tunnel, "psk");
}

static bool add_keys(struct site_change *c)
{
	char directory[PATH_MAX], name[SITE_NAME_SIZE + 8], path[CONFIG_SECRET_REF_SIZE - 8];
	json_t *tunnel;
	size_t t;

	site_file(c->h, "psk", directory);
	json_array_foreach(json_object_get(c->tree, "tunnels"), t, tunnel) {
		if (!wants_key(c, tunnel))
			continue;
		snprintf(name, sizeof(name), "%s.%u", c->r->site, (unsigned int)t & 1);
		if (!psk_new(directory, name, !c->r->dry_run, path, sizeof(path)))
			return refuse(c, PROBLEM_FAILED, "no key could be made: %.200s: %s",
				directory, strerror(errno));
		json_array_append_new(c->keys, json_string(path));
		json_object_set_new(tunnel, "psk", json_sprintf("file:%s", path));
	}
	return true;
}

static bool fill(struct site_change *c)
{
	struct fill f = {.in_force = c->h->config};
	char error[CONFIG_ERROR_SIZE], why[FILL_WHY_SIZE];
	struct config *edited = documents_config(c->files, error);
	bool ok;

	f.edited = edited;
	f.connected = hub_connected(c->h, &f.connected_count);
	ok = fill_site(c->tree, c->r->site, &f, why);
	config_free(edited);
	return ok ? add_keys(c) : refuse(c, PROBLEM_REFUSED, "%s", why);
}

/* ---- the order ---- */

static void on_changed(struct hub *h, uint64_t of, enum problem problem, const char *summary,
	const json_t *warnings, const json_t *more)
{
	json_t *document = problem == PROBLEM_NONE ? json_pack("{s:s}", "ok", summary)
						   : api_refused(problem, summary);
	const char *site = json_string_value(json_object_get(more, "site"));

	if (problem == PROBLEM_NONE) {
		json_object_set_new(
			document, "revision", json_integer((json_int_t)revision_number(h)));
		/* What is gone has none. */
		if (site && documents_find(revision_documents(h), site))
			json_object_set_new(document, "etag",
				json_integer((json_int_t)revision_since(h, site)));
		json_object_update(document, (json_t *)more);
	}
	if (json_array_size(warnings))
		json_object_set(document, "warnings", (json_t *)warnings);
	status_reply(h, (uint32_t)of, document);
}

/* The answer is the plan, with what was chosen, unless the change cannot be made; what a plan refuses it says itself. */
static void try_it(struct site_change *c, const struct documents *candidate, json_t *own_plan)
{
	static const char *const chosen[] = {"document", "needs"};
	char why[CONFIG_ERROR_SIZE];
	enum problem problem = hub_try(c->h, documents_copy(candidate), c->keys, why);

	if (problem != PROBLEM_NONE && problem != PROBLEM_REFUSED) {
		json_decref(own_plan);
		(void)refuse(c, problem, "%s", why);
		return;
	}
	if (problem == PROBLEM_REFUSED)
		json_object_set_new(own_plan, "refused", json_string(why));
	for (size_t i = 0; i < sizeof(chosen) / sizeof(chosen[0]); i++) {
		json_t *value = json_object_get(c->more, chosen[i]);

		if (value)
			json_object_set(own_plan, chosen[i], value);
	}
	c->refusal = own_plan;
}

/* False: the plan is what there is to say, as an answer or as a refusal. */
static bool may_go_on(struct site_change *c, const struct documents *candidate)
{
	const char *allow = c->r->allow[0] ? c->r->allow : ALLOWED_USUALLY, *effect;
	enum change_effect most, is;
	char error[CONFIG_ERROR_SIZE];
	json_t *plan;

	if (!plan_effect_named(allow, &most))
		return refuse(c, PROBLEM_BAD_REQUEST, "allow: '%s' is no effect of a plan", allow);
	plan = hub_plan(c->h, documents_copy(candidate), error);
	if (!plan)
		return refuse(c, PROBLEM_INVALID, "%s", error);
	if (c->r->dry_run) {
		try_it(c, candidate, plan);
		return false;
	}
	effect = json_string_value(json_object_get(plan, "effect"));
	if (!plan_effect_named(effect, &is) || is <= most) {
		json_decref(plan);
		return true; /* what is refused in any case is so when it is applied */
	}
	(void)refuse(c, PROBLEM_EXCEEDS,
		"the effect would be '%s', and up to '%s' is allowed; `--allow %s` lets it be",
		effect, allow, effect);
	json_object_set_new(c->refusal, "plan", plan);
	return false;
}

/* own_text NULL: the document goes. */
static void give_order(struct site_change *c, char *own_text, size_t len)
{
	struct documents *candidate = documents_copy(revision_documents(c->h));
	char why[128], verb[VERB_NAME_SIZE];
	json_t *who;

	documents_stand(candidate, revision_path(c->h));
	documents_put(candidate, c->r->site, own_text, len);
	documents_stand(candidate, revision_path(c->h));
	if (!may_go_on(c, candidate)) {
		documents_free(candidate);
		return;
	}
	snprintf(why, sizeof(why), "%s %s", verb_name(&verbs[c->r->verb], verb), c->r->site);
	who = asker_json(access_asker(c->h));
	hub_apply(c->h, &(struct apply_order){.documents = candidate,
				.writes = json_pack("[s]", c->r->site),
				.keys = json_incref(c->keys),
				.more = json_incref(c->more),
				.who = who,
				.why = why,
				.done = on_changed,
				.of = c->r->id});
	json_decref(who);
}

/* The document says what the tree says: as it is written, where there is one. */
static void write_tree(struct site_change *c)
{
	char why[EDIT_WHY_SIZE], *text;
	unsigned int line;
	size_t len;

	text = c->was ? edit_text(c->was->text, c->was->len, c->tree, &len, &line, why)
		      : tree_text(c->tree, &len);
	if (text)
		give_order(c, text, len);
	else
		(void)refuse(c, PROBLEM_REFUSED,
			"sites/%s.yaml:%u: %s; edit the file, and `sluice apply`", c->r->site, line,
			why);
}

/* NULL: the answer comes later. */
static json_t *finish(struct site_change *c)
{
	const json_t *path;
	size_t i;

	/* An order has them now, or has removed them. */
	json_array_foreach(c->keys, i, path) {
		if (c->refusal && !c->r->dry_run)
			(void)unlink(json_string_value(path));
	}
	documents_free(c->files);
	json_decref(c->before);
	json_decref(c->tree);
	json_decref(c->keys);
	json_decref(c->more);
	return c->refusal;
}

static struct site_change change_of(struct hub *h, const struct imsg_api_request *r)
{
	struct site_change c = {.h = h, .r = r, .keys = json_array()};
	char path[PATH_MAX];

	site_document_file(h, r->site, path);
	c.more = json_pack("{s:s, s:s}", "site", r->site, "file", path);
	return c;
}

/* ---- what the device has to know ---- */

static void add_needs(struct site_change *c)
{
	json_t *needs = json_array(), *tunnel, *path;
	const char *address = json_string_value(json_object_get(c->tree, "address"));
	size_t t;

	json_array_foreach(json_object_get(c->tree, "tunnels"), t, tunnel) {
		const char *own = json_string_value(json_object_get(tunnel, "address"));

		if (!(own ? own : address))
			json_array_append_new(needs,
				json_sprintf("tunnel %zu is taken from any address, by its "
					     "identity '%s'; `sluice site set %s address=A` says "
					     "from which",
					t, json_string_value(json_object_get(tunnel, "identity")),
					c->r->site));
	}
	json_array_foreach(c->keys, t, path)
		json_array_append_new(needs,
			json_sprintf("the device needs the key of %s", json_string_value(path)));
	json_object_set_new(c->more, "keys", json_incref(c->keys));
	json_object_set_new(c->more, "needs", needs);
	json_object_set_new(c->more, "document", json_deep_copy(c->tree));
}

/* ---- verbs ---- */

json_t *site_create(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	struct site_change c = change_of(h, r);

	(void)site;
	c.tree = json_object();
	if (begin(&c, true) && take_rows(&c) && fill(&c)) {
		add_needs(&c);
		write_tree(&c);
	}
	return finish(&c);
}

json_t *site_set(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	struct site_change c = change_of(h, r);

	(void)site;
	if (begin(&c, false)) {
		c.tree = json_deep_copy(c.before);
		if (!c.tree)
			(void)refuse(&c, PROBLEM_REFUSED, "site '%s' has no document of its own",
				r->site);
		else if (take_rows(&c))
			write_tree(&c);
	}
	return finish(&c);
}

json_t *site_put(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	struct site_change c = change_of(h, r);

	(void)site;
	c.tree = json_object();
	if (begin(&c, false) && take_rows(&c))
		write_tree(&c);
	return finish(&c);
}

json_t *site_delete(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	struct site_change c = change_of(h, r);

	(void)site;
	if (begin(&c, false))
		give_order(&c, NULL, 0);
	return finish(&c);
}
