/* SPDX-License-Identifier: Apache-2.0 */
/* Moving from one site to another: each step is another document, or one less, and is applied and undone as any change. */
#include "hub/api/access.h"
#include "hub/api/api.h"
#include "hub/api/change.h"
#include "hub/api/site_change.h"
#include "hub/api/site_files.h"
#include "hub/revision.h"
#include "plan/migration.h"
#include "store/documents.h"
#include "store/tree.h"
#include "view/view.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

/* NULL: it cannot be seen, or is the same one. */
static const struct site *find_new(
	struct hub *h, const struct site *old, const struct imsg_api_request *r)
{
	const struct site *new = site_find(access_seen(h), r->new);

	return new == old ? NULL : new;
}

static json_t *no_such(const struct imsg_api_request *r)
{
	char text[128];

	snprintf(text, sizeof(text),
		strcmp(r->new, r->site) ? "no site is named '%s'"
					: "site '%s' cannot take over itself",
		r->new);
	return api_refused(PROBLEM_NO_SUCH_SITE, text);
}

json_t *site_migration(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	const struct site *new = find_new(h, site, r);
	struct migration g;

	if (!new)
		return no_such(r);
	migration_look(&g, access_seen(h), site, new);
	return view_migration(&g);
}

/* What its document says; NULL: it is refused. */
static json_t *read_document(struct document_change *c, const char *site)
{
	const struct document *d = documents_find(revision_documents(c->h), site);

	if (!d)
		(void)change_refuse(c, PROBLEM_IN_MAIN_FILE,
			"site '%s' stands in %s, which no command changes; `sluice site adopt %s` "
			"moves it into sites/%s.yaml",
			site, revision_path(c->h), site, site);
	return d && change_has_no_edits(c, site) ? tree_read(d->text, d->len) : NULL;
}

/* What the configuration says to be the old one's is the new one's then. */
static void inherit(json_t *tree, const struct networks_conf *prefixes)
{
	json_t *own = json_object_get(tree, "prefixes");
	char text[PREFIX_STR_SIZE];

	for (uint32_t i = 0; i < prefixes->count; i++) {
		const json_t *one;
		bool there = false;
		size_t k;

		prefix_format(&prefixes->prefixes[i], text);
		json_array_foreach(own, k, one)
			there |= json_is_string(one) && !strcmp(json_string_value(one), text);
		if (there)
			continue;
		if (!own) {
			own = json_array();
			json_object_set_new(tree, "prefixes", own);
		}
		json_array_append_new(own, json_string(text));
	}
}

static bool change_documents(
	struct document_change *c, const struct migration *g, enum migration_step step)
{
	const char *old = g->old->conf.name, *new = g->new->conf.name;
	json_t *tree = read_document(c, new), *gone = NULL;
	bool ok = tree;

	if (ok && step == MIGRATION_PREPARE)
		ok = tree_set(tree, "takes_over", json_string(old));
	else if (ok && step == MIGRATION_SHIFT)
		ok = tree_set(tree, "takes_over_now", json_string("true"));
	else if (ok && step == MIGRATION_BACK && g->state == MIGRATION_SHIFTED)
		ok = tree_set(tree, "takes_over_now", NULL);
	else if (ok)
		ok = tree_set(tree, "takes_over_now", NULL) && tree_set(tree, "takes_over", NULL);
	if (ok && step == MIGRATION_FINISH) {
		inherit(tree, &g->old->conf.prefixes);
		gone = read_document(c, old);
		ok = gone;
		if (ok)
			change_put(c, old, NULL, 0);
	}
	ok = ok && change_write(c, new, tree);
	json_decref(tree);
	json_decref(gone);
	return ok;
}

json_t *site_migrate(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	const struct site *new = find_new(h, site, r);
	enum migration_step step = migration_step_named(r->step);
	char path[PATH_MAX], why[MIGRATION_WHY_SIZE];
	struct document_change c;
	struct migration g;

	if (!new)
		return no_such(r);
	if (step == MIGRATION_STEPS)
		return api_refused(
			PROBLEM_BAD_REQUEST, "a step is expected: prepare, shift, finish or back");
	if (!change_begin(&c, h, r))
		return change_end(&c);
	site_document_file(h, r->new, path);
	json_object_set_new(c.more, "site", json_string(r->new));
	json_object_set_new(c.more, "file", json_string(path));
	migration_look(&g, &h->model, site_find(&h->model, r->site), site_find(&h->model, r->new));
	if (migration_refusal(&g, step, r->force, why)) {
		(void)change_refuse(&c, PROBLEM_REFUSED, "%s", why);
	} else if (change_documents(&c, &g, step)) {
		snprintf(path, sizeof(path), "site migrate %s %s %s", r->site, r->new, r->step);
		change_order(&c, path);
	}
	return change_end(&c);
}
