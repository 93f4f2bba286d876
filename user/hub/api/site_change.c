/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that change the document of one site. */
#include "hub/api/site_change.h"

#include "config/values.h"
#include "hub/api/change.h"
#include "hub/api/site_files.h"
#include "hub/apply.h"
#include "hub/revision.h"
#include "hub/route/rules.h"
#include "ipc/verbs.h"
#include "store/adopt.h"
#include "store/fill.h"
#include "store/inside.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct site_change {
	struct document_change c;
	json_t *before, *tree; /* what the document says, and is to say */
};

/* The line of sluice.yaml, as it is in force, where the site stands; 0: it does not. */
static unsigned int line_in_main(const struct hub *h, const char *site)
{
	const struct document *d = documents_find(revision_documents(h), "");
	unsigned int line = 0;

	json_decref(d ? inside_read(d->text, d->len, site, &line) : NULL);
	return line;
}

/* ---- what it is changed from ---- */

/* What it said at that revision is what it says now; else what is different. */
static bool is_as_expected(struct site_change *s, const struct document *was)
{
	const struct imsg_api_request *r = s->c.r;
	uint64_t since = revision_since(s->c.h, r->site);
	char error[CONFIG_ERROR_SIZE];
	json_t *diff;

	if (!r->if_match)
		return true;
	if (was && (r->if_match == since || r->if_match == API_MATCH_ANY))
		return true;
	if (!was)
		return change_refuse(&s->c, PROBLEM_CHANGED, "site '%s' has no document", r->site);
	(void)change_refuse(&s->c, PROBLEM_CHANGED,
		"the document of site '%s' was changed in revision %llu; that of revision %llu is "
		"expected",
		r->site, (unsigned long long)since, (unsigned long long)r->if_match);
	diff = hub_diff_site(s->c.h, r->site, r->if_match, error);
	if (diff)
		json_object_set_new(s->c.refusal, "plan", diff);
	return false;
}

/* For the answer. */
static void note_file(struct site_change *s)
{
	char path[PATH_MAX];

	site_document_file(s->c.h, s->c.r->site, path);
	json_object_set_new(s->c.more, "site", json_string(s->c.r->site));
	json_object_set_new(s->c.more, "file", json_string(path));
}

static bool begin(struct site_change *s, struct hub *h, const struct imsg_api_request *r, bool new)
{
	const char *site = r->site;
	const struct document *was;
	unsigned int line;

	*s = (struct site_change){0};
	if (!change_begin(&s->c, h, r))
		return false;
	note_file(s);
	if (!name_is_valid(site))
		return change_refuse(&s->c, PROBLEM_BAD_REQUEST,
			"a site cannot have this name: 1 to 31 letters, digits, '-', '_', '.'");
	was = documents_find(revision_documents(h), site);
	line = was ? 0 : line_in_main(h, site);
	if (new && (was || line))
		return change_refuse(&s->c, PROBLEM_EXISTS, "there is a site '%s' already", site);
	if (line)
		return change_refuse(&s->c, PROBLEM_IN_MAIN_FILE,
			"site '%s' stands in %s:%u, which no command changes; `sluice site adopt "
			"%s` moves it into sites/%s.yaml",
			site, revision_path(h), line, site, site);
	if (was)
		s->before = tree_read(was->text, was->len);
	return change_has_no_edits(&s->c, site) && is_as_expected(s, was);
}

/* ---- what it is changed to ---- */

static bool fill(struct site_change *s)
{
	struct document_change *c = &s->c;
	struct fill f = {.in_force = c->h->config};
	char error[CONFIG_ERROR_SIZE], why[FILL_WHY_SIZE];
	struct config *edited = documents_config(c->files, error);
	bool ok;

	f.edited = edited;
	f.taken = hub_connected(c->h, &f.taken_count);
	ok = fill_site(s->tree, c->r->site, &f, why);
	config_free(edited);
	return ok ? change_add_keys(c, c->r->site, s->tree)
		  : change_refuse(c, PROBLEM_REFUSED, "%s", why);
}

static void give_order(struct site_change *s)
{
	char why[128], verb[VERB_NAME_SIZE];

	snprintf(why, sizeof(why), "%s %s", verb_name(&verbs[s->c.r->verb], verb), s->c.r->site);
	change_order(&s->c, why);
}

static void write_tree(struct site_change *s)
{
	if (change_write(&s->c, s->c.r->site, s->tree))
		give_order(s);
}

static json_t *finish(struct site_change *s)
{
	json_decref(s->before);
	json_decref(s->tree);
	return change_end(&s->c);
}

/* ---- what the device has to know ---- */

static void add_needs(struct site_change *s)
{
	json_t *needs = json_array(), *tunnel, *path;
	const char *address = json_string_value(json_object_get(s->tree, "address"));
	size_t t;

	json_array_foreach(json_object_get(s->tree, "tunnels"), t, tunnel) {
		const char *own = json_string_value(json_object_get(tunnel, "address"));

		if (!(own ? own : address))
			json_array_append_new(needs,
				json_sprintf("tunnel %zu is taken from any address, by its "
					     "identity '%s'; `sluice site set %s address=A` says "
					     "from which",
					t, json_string_value(json_object_get(tunnel, "identity")),
					s->c.r->site));
	}
	json_array_foreach(s->c.keys, t, path)
		json_array_append_new(needs,
			json_sprintf("the device needs the key of %s", json_string_value(path)));
	json_object_set_new(s->c.more, "keys", json_incref(s->c.keys));
	json_object_set_new(s->c.more, "needs", needs);
	json_object_set_new(s->c.more, "document", json_deep_copy(s->tree));
}

/* By the configuration that it would be part of; a mistake in that is told where it is applied. */
static void add_device(struct site_change *s)
{
	char error[CONFIG_ERROR_SIZE];
	struct config *c;
	json_t *device;

	documents_stand(s->c.candidate, revision_path(s->c.h));
	c = documents_config(s->c.candidate, error);
	device = c ? hub_device(s->c.h, c, s->c.r->site) : NULL;
	if (device)
		json_object_set_new(s->c.more, "device", device);
	config_free(c);
}

/* ---- out of sluice.yaml ---- */

/* It says the same elsewhere, and that is what the plan is asked. */
static bool nothing_changes(struct document_change *c)
{
	char error[CONFIG_ERROR_SIZE];
	json_t *plan;
	bool none;

	documents_stand(c->candidate, revision_path(c->h));
	plan = hub_plan(c->h, documents_copy(c->candidate), PLAN_OF_SOME, NULL, error);
	if (!plan)
		return change_refuse(c, PROBLEM_INVALID, "%s", error);
	none = !json_array_size(json_object_get(plan, "changes"));
	json_decref(plan);
	return none || change_refuse(c, PROBLEM_FAILED, "the site would not be the same");
}

static bool move_out(struct site_change *s)
{
	const struct imsg_api_request *r = s->c.r;
	const struct document *main = documents_find(revision_documents(s->c.h), "");
	char why[ADOPT_WHY_SIZE];
	struct adopted made;
	unsigned int line;

	if (documents_find(revision_documents(s->c.h), r->site))
		return change_refuse(&s->c, PROBLEM_EXISTS,
			"site '%s' has a document of its own already", r->site);
	if (!change_has_no_edits(&s->c, "") || !change_has_no_edits(&s->c, r->site))
		return false;
	if (!adopt_text(main->text, main->len, r->site, &made, &line, why))
		return change_refuse(&s->c, PROBLEM_REFUSED,
			"%s:%u: %s; move the site by hand, and `sluice apply`",
			revision_path(s->c.h), line, why);
	change_put(&s->c, "", made.main, made.main_len);
	change_put(&s->c, r->site, made.own, made.own_len);
	return nothing_changes(&s->c);
}

/* ---- verbs ---- */

json_t *site_adopt(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	struct site_change s = {0};

	(void)site;
	if (change_begin(&s.c, h, r)) {
		note_file(&s);
		if (move_out(&s))
			give_order(&s);
	}
	return finish(&s);
}

json_t *site_create(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	struct site_change s;

	(void)site;
	if (begin(&s, h, r, true)) {
		s.tree = json_object();
		if (change_take_rows(&s.c, s.tree, NULL, change_site_option) && fill(&s)) {
			add_needs(&s);
			if (change_write(&s.c, r->site, s.tree)) {
				add_device(&s);
				give_order(&s);
			}
		}
	}
	return finish(&s);
}

json_t *site_set(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	struct site_change s;

	(void)site;
	if (begin(&s, h, r, false)) {
		s.tree = json_deep_copy(s.before);
		if (!s.tree)
			(void)change_refuse(&s.c, PROBLEM_REFUSED,
				"site '%s' has no document of its own", r->site);
		else if (change_take_rows(&s.c, s.tree, s.before, change_site_option))
			write_tree(&s);
	}
	return finish(&s);
}

json_t *site_put(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	struct site_change s;

	(void)site;
	if (begin(&s, h, r, false)) {
		s.tree = json_object();
		if (change_take_rows(&s.c, s.tree, s.before, change_site_option))
			write_tree(&s);
	}
	return finish(&s);
}

json_t *site_delete(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	struct site_change s;

	(void)site;
	if (begin(&s, h, r, false)) {
		change_put(&s.c, r->site, NULL, 0);
		give_order(&s);
	}
	return finish(&s);
}
