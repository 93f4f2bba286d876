/* SPDX-License-Identifier: Apache-2.0 */
/* Where documents of sites are, and what they say. */
#include "hub/api/site_change.h"

#include "hub/api/access.h"
#include "hub/api/api.h"
#include "hub/api/site_files.h"
#include "hub/apply.h"
#include "hub/revision.h"
#include "hub/secret/certificates.h"
#include "ipc/problem.h"
#include "store/inside.h"
#include "view/view.h"

#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void site_file(const struct hub *h, const char *name, char path[PATH_MAX])
{
	char *copy = strdup(revision_path(h));

	if (!copy)
		abort();
	snprintf(path, PATH_MAX, "%.3800s/%.200s", dirname(copy), name);
	free(copy);
}

void site_document_file(const struct hub *h, const char *site, char path[PATH_MAX])
{
	char name[SITE_NAME_SIZE + 16];

	snprintf(name, sizeof(name), "sites/%s.yaml", site);
	site_file(h, name, path);
}

uint64_t hub_document_etag(const struct hub *h)
{
	return revision_since_hub(h);
}

/* Of each site that stands in sluice.yaml, as that is in force. */
static json_t *lines_in_main(const struct hub *h)
{
	const struct document *d = documents_find(revision_documents(h), "");

	return d ? inside_lines(d->text, d->len) : json_object();
}

static struct document_view place_of(const struct hub *h, const struct documents *files,
	const json_t *lines, const char *site, char path[PATH_MAX])
{
	const struct document *own = documents_find(revision_documents(h), site);
	const char *name = own ? site : "";
	struct document_view v = {.site = site, .file = path, .etag = revision_since(h, name)};

	if (own) {
		site_document_file(h, site, path);
	} else {
		snprintf(path, PATH_MAX, "%s", revision_path(h));
		v.line = (unsigned int)json_integer_value(json_object_get(lines, site));
	}
	v.pending = files && !document_is(documents_find(revision_documents(h), name),
				     documents_find(files, name));
	return v;
}

/* Names of sites that are about to come. Who may not see all of them sees those that are there. */
static json_t *coming(const struct hub *h, bool all)
{
	const struct config *next = all ? hub_apply_next(h) : NULL;
	json_t *names = json_array();

	for (uint32_t i = 0; next && i < next->site_count; i++) {
		if (!config_site(h->config, next->sites[i].name))
			json_array_append_new(names, json_string(next->sites[i].name));
	}
	return names;
}

json_t *site_list(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	char error[CONFIG_ERROR_SIZE], (*paths)[PATH_MAX];
	struct documents *files = documents_load(revision_path(h), false, error);
	struct document_view *list;
	json_t *document, *lines = lines_in_main(h);
	const struct config *next = hub_apply_next(h);
	const struct model *seen = access_seen(h);
	bool all = seen == &h->model;
	uint32_t count = 0;

	(void)site, (void)r;
	list = calloc(h->config->site_count + 1, sizeof(*list));
	paths = calloc(h->config->site_count + 1, sizeof(*paths));
	if (!list || !paths)
		abort();
	for (uint32_t i = 0; i < h->config->site_count; i++) {
		const char *name = h->config->sites[i].name;

		if (!site_find(seen, name))
			continue;
		list[count] = place_of(h, files, lines, name, paths[count]);
		list[count++].deleting = next && !config_site(next, name);
	}
	document = view_site_list(
		seen, list, count, coming(h, all), all ? revision_gone(h) : json_object());
	json_decref(lines);
	free(list);
	free(paths);
	documents_free(files);
	return document;
}

json_t *hub_device(const struct hub *h, const struct config *c, const char *site)
{
	const struct site_conf *conf = config_site(c, site);
	struct view_identities ids[TUNNELS_PER_SITE] = {0};

	for (unsigned int t = 0; conf && t < TUNNELS_PER_SITE; t++) {
		const struct tunnel_conf *tunnel = &conf->tunnels[t];
		struct ip_addr local = config_local_address(c, conf, t);

		ids[t].hub = h->certificates
				     ? certificates_local_id(h->certificates, tunnel, &local)
				     : certificates_identity(&tunnel->local_identity, &local);
		ids[t].device = certificates_identity(&tunnel->identity, &tunnel->address);
	}
	return conf ? view_device(c, conf, ids) : NULL;
}

json_t *site_document(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	const struct document *own = documents_find(revision_documents(h), r->site);
	char error[CONFIG_ERROR_SIZE], path[PATH_MAX], *text = NULL;
	struct documents *files = documents_load(revision_path(h), false, error);
	json_t *tree = NULL, *document, *lines = lines_in_main(h);
	struct document_view v = place_of(h, files, lines, r->site, path);
	const struct document *main = documents_find(revision_documents(h), "");
	size_t len = 0;

	(void)site;
	json_decref(lines);
	documents_free(files);
	if (own)
		tree = tree_read(own->text, own->len);
	else
		tree = main ? inside_read(main->text, main->len, r->site, &v.line) : NULL;
	if (!tree)
		return api_refused(PROBLEM_FAILED, "its document cannot be read");
	if (!own)
		text = tree_text(tree, &len);
	document = view_site_document(&v, tree, own ? own->text : text, own ? own->len : len);
	json_object_set_new(document, "device", hub_device(h, h->config, r->site));
	free(text);
	return document;
}
