/* SPDX-License-Identifier: Apache-2.0 */
/* What the concentrator itself is: shown with where each value comes from, and changed in hub.yaml. */
#include "hub/api/access.h"
#include "hub/api/site_change.h"

#include "config/options.h"
#include "hub/api/change.h"
#include "hub/api/site_files.h"
#include "hub/apply.h"
#include "hub/live.h"
#include "hub/revision.h"
#include "ipc/rows.h"
#include "store/inside.h"
#include "view/view.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULTS "defaults.tunnel."
#define HUB      "concentrator."

/* ---- set ---- */

static const struct walk_field *option_of(const char *path)
{
	if (!strncmp(path, HUB, strlen(HUB)))
		return change_option_in(options_concentrator, path + strlen(HUB));
	if (!strncmp(path, DEFAULTS, strlen(DEFAULTS)))
		return change_option_in(options_default_tunnel, path + strlen(DEFAULTS));
	return NULL;
}

static bool is_as_expected(struct document_change *c)
{
	uint64_t since = hub_document_etag(c->h);
	char error[CONFIG_ERROR_SIZE];
	json_t *diff;

	if (!c->r->if_match || c->r->if_match == since || c->r->if_match == API_MATCH_ANY)
		return true;
	(void)change_refuse(c, PROBLEM_CHANGED,
		"what is said of the concentrator was changed in revision %llu; that of revision "
		"%llu is expected",
		(unsigned long long)since, (unsigned long long)c->r->if_match);
	diff = hub_diff(c->h, c->r->if_match, 0, error);
	if (diff)
		json_object_set_new(c->refusal, "plan", diff);
	return false;
}

/* Who may what, and from where, is not said over TCP: it would outlive what `api_role` bounds. */
static bool may_say(struct document_change *c, const char *path)
{
	static const char *const keys[] = {HUB "access", HUB "api"};
	bool about_access = false;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		about_access |= !strncmp(path, keys[i], strlen(keys[i]));
	return !about_access || !access_asker(c->h)->remote ||
	       change_refuse(
		       c, PROBLEM_FORBIDDEN, "%s is set at the hub's control socket only", path);
}

/* Where a person has written it, in a file that no command changes. */
static bool stands_in_main(struct document_change *c, const json_t *keys, const char *path)
{
	const char *key;
	json_t *o;

	json_object_foreach((json_t *)keys, key, o) {
		size_t len = strlen(key);

		if (strncmp(key, path, len) != 0 || (path[len] && path[len] != '.'))
			continue;
		(void)change_refuse(c, PROBLEM_IN_MAIN_FILE,
			"%s stands in %s:%u, which no command changes; change it there, and "
			"`sluice apply`",
			key, revision_path(c->h),
			(unsigned int)json_integer_value(json_object_get(o, "line")));
		return true;
	}
	return false;
}

static bool take_rows(struct document_change *c, json_t *tree, const json_t *before)
{
	const struct document *main = documents_find(revision_documents(c->h), "");
	json_t *keys = inside_keys(main->text, main->len);
	const char *at = (const char *)(c->r + 1), *end = at + c->r->rows;
	struct row row;
	bool ok = true;

	while (ok && rows_next(&at, end, &row))
		ok = may_say(c, row.path) && !stands_in_main(c, keys, row.path) &&
		     change_take_row(c, tree, before, &row, option_of);
	json_decref(keys);
	return ok && (at == end || change_refuse(c, PROBLEM_BAD_REQUEST,
					   "the values are not understood"));
}

json_t *hub_set(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	const struct document *was;
	json_t *before = NULL, *tree = NULL;
	char path[PATH_MAX];
	struct document_change c;

	(void)site;
	if (change_begin(&c, h, r) && change_has_no_edits(&c, DOCUMENT_HUB) && is_as_expected(&c)) {
		site_file(h, "hub.yaml", path);
		json_object_set_new(c.more, "file", json_string(path));
		was = documents_find(revision_documents(h), DOCUMENT_HUB);
		before = was && !tree_is_blank(was->text, was->len) ? tree_read(was->text, was->len)
								    : json_object();
		tree = json_deep_copy(before);
		if (!tree)
			(void)change_refuse(&c, PROBLEM_REFUSED, "hub.yaml cannot be read");
		else if (take_rows(&c, tree, before) && change_write(&c, DOCUMENT_HUB, tree))
			change_order(&c, "hub-set");
	}
	json_decref(before);
	json_decref(tree);
	return change_end(&c);
}

/* ---- release ---- */

json_t *hub_release(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	unsigned int opened = hub_live_release(h);

	(void)site, (void)r;
	if (!opened)
		return problem_json(
			PROBLEM_REFUSED, "no device is closed that is no outside device any more");
	return json_pack("{s:s}", "ok", "released");
}

/* ---- show ---- */

json_t *hub_show(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	const struct document *main = documents_find(revision_documents(h), "");
	const struct document *own = documents_find(revision_documents(h), DOCUMENT_HUB);
	char error[CONFIG_ERROR_SIZE], path[PATH_MAX];
	struct documents *files = documents_load(revision_path(h), false, error);
	struct hub_view v = {.etag = hub_document_etag(h), .file = path};
	json_t *document;

	(void)site, (void)r;
	site_file(h, "hub.yaml", path);
	v.sources[0] = (struct hub_source){revision_path(h), inside_keys(main->text, main->len)};
	v.sources[1] =
		(struct hub_source){path, own ? inside_keys(own->text, own->len) : json_object()};
	v.pending = files && !document_is(own, documents_find(files, DOCUMENT_HUB));
	document = view_hub(&v, h->config, own ? tree_read(own->text, own->len) : NULL);
	json_decref(v.sources[0].keys);
	json_decref(v.sources[1].keys);
	documents_free(files);
	return document;
}
