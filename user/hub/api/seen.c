/* SPDX-License-Identifier: Apache-2.0 */
/* What somebody may see of the sites. */
#include "hub/api/access_internal.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void access_begin(struct hub *h, const struct asker *asker)
{
	h->access->asker = *asker;
}

const struct asker *access_asker(const struct hub *h)
{
	return &h->access->asker;
}

const struct model *access_seen_by(const struct hub *h, const struct asker *asker)
{
	struct access *a = h->access;

	if (asker_may(asker, MAY_VIEW, ""))
		return &h->model;
	if (!a->seen)
		a->seen = malloc(sizeof(*a->seen));
	if (!a->seen)
		abort();
	*a->seen = h->model;
	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		if (h->model.sites[i] && !asker_may(asker, MAY_VIEW, h->model.sites[i]->conf.group))
			a->seen->sites[i] = NULL;
	}
	return a->seen;
}

const struct model *access_seen(const struct hub *h)
{
	return access_seen_by(h, &h->access->asker);
}

/* ---- sentences ---- */

static bool is_of_name(char c)
{
	return isalnum((unsigned char)c) || c == '-' || c == '_';
}

/* A dot ends a sentence, or goes on with a name. */
static bool ends_here(const char *at)
{
	return !is_of_name(*at) && !(*at == '.' && is_of_name(at[1]));
}

static bool mentions(const char *text, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = text; (at = strstr(at, name)); at++) {
		bool begins = at == text || !(is_of_name(at[-1]) || at[-1] == '.');

		if (begins && ends_here(at + len))
			return true;
	}
	return false;
}

/*
 * A process tells of a site as: site 'NAME'. Only those that are seen may be named so: hub does not know what was
 * called so once and is gone.
 */
static bool names_unseen(const struct model *seen, const char *text)
{
	static const char mark[] = "site '";

	for (const char *at = text; (at = strstr(at, mark));) {
		size_t len = strcspn(at += sizeof(mark) - 1, "'");
		char name[SITE_NAME_SIZE];

		snprintf(name, sizeof(name), "%.*s", (int)len, at);
		if (len >= sizeof(name) || !site_find(seen, name))
			return true;
	}
	return false;
}

static bool mentions_hidden(const struct hub *h, const struct model *seen, const char *text)
{
	if (names_unseen(seen, text))
		return true;
	/* Words by themselves are what the contract lists. */
	for (uint32_t i = 0; strchr(text, ' ') && i < SITE_SLOTS; i++) {
		const struct site *site = h->model.sites[i];

		if (site && !seen->sites[i] && mentions(text, site->conf.name))
			return true;
	}
	return false;
}

static void redact(const struct hub *h, const struct model *seen, json_t *o)
{
	const char *name;
	json_t *value;
	size_t i;

	if (json_is_string(o) && mentions_hidden(h, seen, json_string_value(o)))
		json_string_set(o, "it is about a site that you may not see");
	json_array_foreach(o, i, value)
		redact(h, seen, value);
	json_object_foreach(o, name, value)
		redact(h, seen, value);
}

void access_redact(const struct hub *h, const struct asker *asker, json_t *document)
{
	const struct model *seen = access_seen_by(h, asker);

	if (seen != &h->model)
		redact(h, seen, document);
}
