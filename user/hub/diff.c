/* SPDX-License-Identifier: Apache-2.0 */
/* What would change, and what was changed: configurations compared, of which none is touched. */
#include "hub/apply.h"

#include "base/utf8.h"
#include "hub/facts.h"
#include "hub/guard.h"
#include "hub/revision.h"
#include "plan/findings.h"
#include "plan/plan.h"
#include "view/view.h"

#include <stdlib.h>
#include <string.h>

/* What policy.yaml does not permit of it. */
static void add_policy(const struct hub *h, const struct config *c, json_t *document)
{
	char error[CONFIG_ERROR_SIZE], *rest = error;
	json_t *findings = json_object_get(document, "findings");
	size_t at = 0;

	if (hub_guard(h, c, error))
		return;
	for (char *line; (line = strsep(&rest, "\n"));)
		json_array_insert_new(findings, at++,
			json_pack("{s:s, s:s, s:b, s:[], s:s}", "kind", "policy", "severity",
				"error", "new", true, "sites", "text", line));
}

/* Whatever is planned: what runs is not what was applied last. */
static void add_damaged(const struct hub *h, json_t *document)
{
	char text[CONFIG_ERROR_SIZE];

	snprintf(text, sizeof(text), "%s", revision_damaged(h));
	utf8_clean(text);
	if (text[0])
		json_array_insert_new(json_object_get(document, "findings"), 0,
			json_pack("{s:s, s:s, s:b, s:[], s:s}", "kind", "revision-damaged",
				"severity", "error", "new", false, "sites", "text", text));
}

static json_t *document_of(
	const struct findings_of *was, const struct findings_of *is, json_t *own_files)
{
	struct plan *plan = plan_make(was->config, is->config, is->known);
	struct findings *found = findings_make(was, is);
	json_t *document = view_plan(plan, found, own_files);

	findings_free(found);
	plan_free(plan);
	return document;
}

json_t *hub_plan(struct hub *h, struct documents *own_documents, enum plan_order order,
	const json_t *keys, char error[CONFIG_ERROR_SIZE])
{
	struct config *c = documents_config(own_documents, error);
	json_t *document = NULL;

	if (c) {
		struct facts_pair *facts = facts_look(h, c, order, keys);

		document = document_of(&(struct findings_of){h->config, &facts->was.known},
			&(struct findings_of){c, &facts->is.known},
			revision_files_differ(revision_documents(h), own_documents));
		add_policy(h, c, document);
		add_damaged(h, document);
		free(facts);
	}
	config_free(c);
	documents_free(own_documents);
	return document;
}

/* Takes both over; either may be NULL. Of the tunnels as they are now nothing counts. */
static json_t *compare(
	struct documents *own_was, struct documents *own_is, char error[CONFIG_ERROR_SIZE])
{
	struct config *new = own_was &&own_is ? documents_config(own_is, error) : NULL;
	struct config *old = new ? documents_config(own_was, error) : NULL;
	json_t *document = NULL;

	if (old)
		document = document_of(&(struct findings_of){.config = old},
			&(struct findings_of){.config = new},
			revision_files_differ(own_was, own_is));
	config_free(old);
	config_free(new);
	documents_free(own_was);
	documents_free(own_is);
	return document;
}

json_t *hub_diff(struct hub *h, uint64_t from, uint64_t to, char error[CONFIG_ERROR_SIZE])
{
	struct documents *is = revision_get(h, to ? to : revision_number(h), error);

	return compare(
		is ? revision_get(h, from ? from : revision_before(h), error) : NULL, is, error);
}

static bool is_of(const json_t *finding, const char *site)
{
	const json_t *sites = json_object_get(finding, "sites"), *name;
	size_t i;

	json_array_foreach(sites, i, name) {
		if (!strcmp(json_string_value(name), site))
			return true;
	}
	return false;
}

static void keep_findings(json_t *plan, const char *site)
{
	json_t *findings = json_object_get(plan, "findings");

	for (size_t i = json_array_size(findings); i-- > 0;) {
		if (!is_of(json_array_get(findings, i), site))
			json_array_remove(findings, i);
	}
}

/* It is as if all others had been then what they are now. */
json_t *hub_diff_site(struct hub *h, const char *site, uint64_t from, char error[CONFIG_ERROR_SIZE])
{
	struct documents *then = revision_get(h, from, error), *was;
	const struct document *d = then ? documents_find(then, site) : NULL;
	char *text = d ? malloc(d->len + 1) : NULL;
	json_t *plan, *tunnels, *tunnel;
	size_t i;

	if (!then)
		return NULL;
	if (d && !text)
		abort();
	if (d)
		memcpy(text, d->text, d->len);
	was = documents_copy(revision_documents(h));
	documents_put(was, site, text, d ? d->len : 0);
	documents_free(then);
	plan = compare(was, documents_copy(revision_documents(h)), error);
	keep_findings(plan, site);
	/* Of others there is nothing but that they go on. */
	tunnels = json_object_get(plan, "tunnels");
	for (i = json_array_size(tunnels); i-- > 0;) {
		tunnel = json_array_get(tunnels, i);
		if (strcmp(json_string_value(json_object_get(tunnel, "site")), site) != 0)
			json_array_remove(tunnels, i);
	}
	return plan;
}
