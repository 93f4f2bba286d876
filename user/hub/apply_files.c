/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/apply_files.h"

#include "hub/revision.h"

#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_written(const struct apply_order *order, const char *file)
{
	bool main = !strcmp(file, "sluice.yaml");
	const json_t *name;
	char text[SITE_NAME_SIZE + 16];
	size_t i;

	json_array_foreach(order->writes, i, name) {
		snprintf(text, sizeof(text), "sites/%s.yaml", json_string_value(name));
		if (!strcmp(text, file) || (main && !json_string_length(name)))
			return true;
	}
	return order->restore && !main;
}

bool apply_may_write(
	const struct hub *h, const struct apply_order *order, char summary[CONFIG_ERROR_SIZE])
{
	struct documents *files = documents_load(revision_path(h), false, summary);
	json_t *names = files ? revision_files_differ(revision_documents(h), files) : NULL, *name;
	bool ok = files;
	size_t i;

	json_array_foreach(names, i, name) {
		if (!ok || !is_written(order, json_string_value(name)))
			continue;
		ok = false;
		snprintf(summary, CONFIG_ERROR_SIZE,
			"%s has edits that are not in force, and would be written over; apply or "
			"undo them first",
			json_string_value(name));
	}
	json_decref(names);
	documents_free(files);
	return ok;
}

bool apply_files_on_disk(const json_t *paths)
{
	const json_t *path;
	bool ok = true;
	size_t i;

	json_array_foreach(paths, i, path) {
		char *copy = strdup(json_string_value(path));
		int fd = open(json_string_value(path), O_RDONLY | O_CLOEXEC);

		if (!copy)
			abort();
		ok = ok && fd >= 0 && !fsync(fd) && document_sync_directory(dirname(copy));
		if (fd >= 0)
			close(fd);
		free(copy);
	}
	return ok;
}
