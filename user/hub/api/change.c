/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/api/change.h"

#include "config/options.h"
#include "config/values.h"
#include "hub/api/api.h"
#include "hub/api/site_change.h"
#include "hub/api/site_files.h"
#include "hub/apply.h"
#include "hub/revision.h"
#include "hub/secret/psk_new.h"
#include "ipc/rows.h"
#include "ipc/verbs.h"
#include "plan/plan.h"
#include "store/edit.h"
#include "store/made.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ALLOWED_USUALLY "rekey"
#define WHY_SIZE        256

bool change_refuse(struct document_change *c, enum problem problem, const char *format, ...)
{
	char text[CONFIG_ERROR_SIZE + 256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	json_decref(c->refusal);
	c->problem = problem;
	c->refusal = api_refused(problem, text);
	return false;
}

bool change_begin(struct document_change *c, struct hub *h, const struct imsg_api_request *r)
{
	char error[CONFIG_ERROR_SIZE];

	*c = (struct document_change){.h = h,
		.r = r,
		.writes = json_array(),
		.keys = json_array(),
		.more = json_object()};
	/* Else the files that it has written would be taken for a person's edits. */
	if (h->applying)
		return change_refuse(
			c, PROBLEM_BUSY, "another configuration is being applied; try again");
	c->files = documents_load(revision_path(h), false, error);
	if (!c->files)
		return change_refuse(c, PROBLEM_INVALID, "%s", error);
	c->candidate = documents_copy(revision_documents(h));
	return true;
}

bool change_has_no_edits(struct document_change *c, const char *name)
{
	char file[DOCUMENT_FILE_SIZE], undo[96] = "";

	if (document_is(
		    documents_find(revision_documents(c->h), name), documents_find(c->files, name)))
		return true;
	if (name[0] && revision_number(c->h)) /* sluice.yaml is not written back */
		snprintf(undo, sizeof(undo), ", `sluice rollback %llu --force` undoes them",
			(unsigned long long)revision_number(c->h));
	return change_refuse(c, PROBLEM_PENDING,
		"%s has edits that are not in force; `sluice plan` shows them, `sluice apply` "
		"takes them%s",
		document_file(name, file), undo);
}

/* ---- what it is changed to ---- */

const struct walk_field *change_option_in(const struct walk_field *table, const char *key)
{
	while (table->key && (strncmp(table->key, key, strlen(table->key)) != 0 ||
				     (key[strlen(table->key)] && key[strlen(table->key)] != '.')))
		table++;
	return table->key ? table : NULL;
}

const struct walk_field *change_site_option(const char *path)
{
	if (!strncmp(path, "tunnels.", 8) && strchr(path + 8, '.'))
		return change_option_in(options_tunnel, strchr(path + 8, '.') + 1);
	return change_option_in(options_site, path);
}

/* One that hub keeps, which whoever may change sites may use; it is never shown. */
static bool is_kept_secret(const struct row *row)
{
	return row->kind == ROW_TEXT && !strncmp(row->text, "secret:", 7) &&
	       name_is_valid(row->text + 7);
}

/* Who may not read files as root has no file of root read by naming it here. */
static bool may_set(struct document_change *c, const json_t *before, const struct row *row,
	change_option *option)
{
	const struct asker *who = access_asker(c->h);
	const struct walk_field *f = option(row->path);
	const json_t *was = tree_get(before, row->path);

	if ((who->who.uid == 0 && !who->by_token) || row->kind == ROW_NOTHING || !f ||
		!option_names_file(f) || is_kept_secret(row) ||
		(json_is_string(was) && row->kind == ROW_TEXT &&
			!strcmp(json_string_value(was), row->text)))
		return true;
	return change_refuse(
		c, PROBLEM_FOR_ROOT, "%s names a file, which only root may say", row->path);
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
	default:
		break;
	}
	return NULL;
}

bool change_take_row(struct document_change *c, json_t *tree, const json_t *before,
	const struct row *row, change_option *option)
{
	if (row->kind == ROW_SITE || row->kind == ROW_PLACE)
		return change_refuse(c, PROBLEM_BAD_REQUEST, "one site is expected");
	if (!may_set(c, before, row, option))
		return false;
	return tree_set(tree, row->path, value_of(row)) ||
	       change_refuse(c, PROBLEM_BAD_REQUEST,
		       "%s: a list has no such place; the one behind its last is the next",
		       row->path);
}

bool change_take_rows(
	struct document_change *c, json_t *tree, const json_t *before, change_option *option)
{
	const char *at = (const char *)(c->r + 1), *end = at + c->r->rows;
	struct row row;

	while (rows_next(&at, end, &row)) {
		if (!change_take_row(c, tree, before, &row, option))
			return false;
	}
	return at == end || change_refuse(c, PROBLEM_BAD_REQUEST, "the values are not understood");
}

void change_put(struct document_change *c, const char *name, char *own_text, size_t len)
{
	documents_put(c->candidate, name, own_text, len);
	documents_keep_owner(c->candidate, c->files, name);
	json_array_append_new(c->writes, json_string(name));
}

bool change_write(struct document_change *c, const char *name, const json_t *tree)
{
	const struct document *was = documents_find(revision_documents(c->h), name);
	char why[EDIT_WHY_SIZE], file[DOCUMENT_FILE_SIZE], *text;
	unsigned int line;
	size_t len;

	text = was ? edit_text(was->text, was->len, tree, &len, &line, why) : tree_text(tree, &len);
	if (!text)
		return change_refuse(c, PROBLEM_REFUSED,
			"%s:%u: %s; edit the file, and `sluice apply`", document_file(name, file),
			line, why);
	change_put(c, name, text, len);
	return true;
}

static bool wants_key(const struct hub *h, const json_t *tunnel)
{
	const char *own = json_string_value(json_object_get(tunnel, "auth"));
	bool cert = own ? !strcmp(own, "cert") : h->config->tunnel_auth == AUTH_CERT;

	return json_is_object(tunnel) && !cert && !json_object_get(tunnel, "psk");
}

bool change_add_keys(struct document_change *c, const char *site, json_t *tree)
{
	const struct revisions store = {.directory = revision_directory(c->h)};
	char directory[PATH_MAX], name[SITE_NAME_SIZE + 8], path[CONFIG_SECRET_REF_SIZE - 8];
	json_t *tunnel;
	size_t t;

	site_file(c->h, "psk", directory);
	json_array_foreach(json_object_get(tree, "tunnels"), t, tunnel) {
		if (!wants_key(c->h, tunnel))
			continue;
		snprintf(name, sizeof(name), "%s.%u", site, (unsigned int)t & 1);
		if (!psk_new(directory, name, c->r->dry_run ? NULL : &store, path, sizeof(path)))
			return change_refuse(c, PROBLEM_FAILED, "no key could be made: %.200s: %s",
				directory, strerror(errno));
		json_array_append_new(c->keys, json_string(path));
		json_object_set_new(tunnel, "psk", json_sprintf("file:%s", path));
	}
	return true;
}

/* ---- the order ---- */

static void add_etag(const struct hub *h, const json_t *more, json_t *document)
{
	const char *site = json_string_value(json_object_get(more, "site"));
	uint64_t etag = 0;

	/* What is gone has none. */
	if (site && documents_find(revision_documents(h), site))
		etag = revision_since(h, site);
	else if (!site && json_object_get(more, "file"))
		etag = hub_document_etag(h);
	if (etag)
		json_object_set_new(document, "etag", json_integer((json_int_t)etag));
}

static void on_changed(struct hub *h, uint64_t of, enum problem problem, const char *summary,
	const json_t *warnings, const json_t *more)
{
	json_t *document = problem == PROBLEM_NONE ? json_pack("{s:s}", "ok", summary)
						   : api_refused(problem, summary);

	if (problem == PROBLEM_NONE) {
		json_object_set_new(
			document, "revision", json_integer((json_int_t)revision_number(h)));
		add_etag(h, more, document);
		json_object_update(document, (json_t *)more);
	}
	if (json_array_size(warnings))
		json_object_set(document, "warnings", (json_t *)warnings);
	status_reply(h, (uint32_t)of, document);
}

/* The answer is the plan, with what was chosen, unless the change cannot be made; what a plan refuses it says itself. */
static void try_it(struct document_change *c, json_t *own_plan)
{
	static const char *const chosen[] = {
		"document", "device", "needs", "created", "changed", "unchanged"};
	char why[CONFIG_ERROR_SIZE];
	enum problem problem = hub_try(c->h,
		&(struct apply_order){.documents = documents_copy(c->candidate),
			.writes = json_incref(c->writes),
			.keys = json_incref(c->keys)},
		why);

	if (problem != PROBLEM_NONE && problem != PROBLEM_REFUSED) {
		json_decref(own_plan);
		(void)change_refuse(c, problem, "%s", why);
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

json_t *change_exceeds(const struct imsg_api_request *r, const char *usually, json_t *own_plan)
{
	const char *allow = r->allow[0] ? r->allow : usually;
	const char *effect = json_string_value(json_object_get(own_plan, "effect"));
	enum change_effect most, is;
	json_t *refusal = NULL;
	char text[256];

	/* What is refused in any case is so when it is applied. */
	if (allow && plan_effect_named(allow, &most) && plan_effect_named(effect, &is) &&
		is > most) {
		snprintf(text, sizeof(text),
			"the effect would be '%s', and up to '%s' is allowed; `--allow %s` lets it "
			"be",
			effect, allow, effect);
		refusal = api_refused(PROBLEM_EXCEEDS, text);
		json_object_set(refusal, "plan", own_plan);
	}
	json_decref(own_plan);
	return refusal;
}

/* False: the plan is what there is to say, as an answer or as a refusal. */
static bool may_go_on(struct document_change *c)
{
	char error[CONFIG_ERROR_SIZE];
	json_t *plan = hub_plan(c->h, documents_copy(c->candidate), PLAN_OF_SOME, c->keys, error);

	if (!plan)
		return change_refuse(c, PROBLEM_INVALID, "%s", error);
	if (c->r->dry_run) {
		try_it(c, plan);
		return false;
	}
	c->refusal = change_exceeds(c->r, ALLOWED_USUALLY, plan);
	return !c->refusal;
}

/* "site-set store-1: rate labels.region" */
static const char *with_keys(const struct document_change *c, const char *why, char text[WHY_SIZE])
{
	char keys[WHY_SIZE / 2] = "";

	if (c->r->rows && !(verbs[c->r->verb].options & VERB_SITES))
		hub_audit_keys(c->r, keys, sizeof(keys));
	snprintf(text, WHY_SIZE, "%.*s%s%s", WHY_SIZE / 2 - 4, why, keys[0] ? ": " : "", keys);
	return text;
}

void change_order(struct document_change *c, const char *why)
{
	char text[WHY_SIZE];
	json_t *who;

	documents_stand(c->candidate, revision_path(c->h));
	if (!may_go_on(c))
		return;
	who = asker_json(access_asker(c->h));
	hub_apply(c->h, &(struct apply_order){.documents = c->candidate,
				.writes = json_incref(c->writes),
				.keys = json_incref(c->keys),
				.more = json_incref(c->more),
				.confirm_s = c->r->confirm_s,
				.who = who,
				.why = with_keys(c, why, text),
				.done = on_changed,
				.of = c->r->id});
	c->candidate = NULL;
	json_decref(who);
}

json_t *change_end(struct document_change *c)
{
	const json_t *path;
	size_t i;

	/* An order has them now, or has removed them. */
	json_array_foreach(c->keys, i, path) {
		if (c->refusal && !c->r->dry_run)
			(void)unlink(json_string_value(path));
	}
	if (c->refusal && !c->r->dry_run && json_array_size(c->keys))
		made_noted(&(struct revisions){.directory = revision_directory(c->h)});
	documents_free(c->files);
	documents_free(c->candidate);
	json_decref(c->writes);
	json_decref(c->keys);
	json_decref(c->more);
	return c->refusal;
}
