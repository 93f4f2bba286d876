/* SPDX-License-Identifier: Apache-2.0 */
#include "flat.h"

#include "config/options.h"

#include <stdio.h>
#include <string.h>

enum { PATH_SIZE = 256 };

static void add(json_t *flat, const char *path, const json_t *value);

static void add_below(json_t *flat, const char *path, const char *key, const json_t *value)
{
	char below[PATH_SIZE];

	snprintf(below, sizeof(below), "%s%s%s", path, *path ? "." : "", key);
	add(flat, below, value);
}

static void add(json_t *flat, const char *path, const json_t *value)
{
	char place[24];
	const char *key;
	json_t *below;
	size_t i;

	if (json_is_object(value) && json_object_size(value)) {
		json_object_foreach((json_t *)value, key, below)
			add_below(flat, path, key, below);
	} else if (json_is_object(json_array_get(value, 0))) {
		json_array_foreach(value, i, below) {
			snprintf(place, sizeof(place), "%zu", i);
			add_below(flat, path, place, below);
		}
	} else if (*path) {
		json_object_set(flat, path, (json_t *)value);
	}
}

void flat_add(json_t *flat, const json_t *document)
{
	add(flat, "", document);
}

void flat_add_missing(json_t *flat, const json_t *document, json_t *value)
{
	const json_t *tunnels = json_object_get(document, "tunnels");
	char path[16];

	for (size_t t = json_array_size(tunnels); t && t < TUNNELS_PER_SITE; t++) {
		snprintf(path, sizeof(path), "tunnels.%zu", t);
		json_object_set(flat, path, value);
	}
}

bool flat_is_tunnel(const char *path)
{
	return !strcmp(path, "tunnels.0") || !strcmp(path, "tunnels.1");
}

bool flat_is_text(const char *path)
{
	return !strncmp(path, "labels.", 7);
}

static bool has_key(const struct walk_field *fields, const char *path)
{
	for (const struct walk_field *f = fields; f->key; f++) {
		size_t len = strlen(f->key);

		if (!strncmp(f->key, path, len) && (!path[len] || path[len] == '.'))
			return true;
	}
	return false;
}

bool flat_is_key(const char *path)
{
	if (!strncmp(path, "tunnels.", 8) && (path[8] == '0' || path[8] == '1') && path[9] == '.')
		return has_key(options_tunnel, path + 10);
	return has_key(options_site, path);
}
