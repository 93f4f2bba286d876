/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/apply_files.h"

#include "base/file.h"
#include "hub/revision.h"

#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_written(const struct apply_order *order, const char *file)
{
	const json_t *name;
	char text[DOCUMENT_FILE_SIZE];
	size_t i;

	json_array_foreach(order->writes, i, name) {
		if (!strcmp(document_file(json_string_value(name), text), file))
			return true;
	}
	return order->restore && !order->writes &&
	       (order->restore_main || strcmp(document_file("", text), file) != 0);
}

bool apply_writes_main(const json_t *names)
{
	const json_t *name;
	size_t i;

	json_array_foreach(names, i, name) {
		if (!json_string_length(name))
			return true;
	}
	return false;
}

bool apply_may_write(const struct hub *h, const struct apply_order *order,
	const struct documents *files, char summary[CONFIG_ERROR_SIZE])
{
	json_t *names = files ? revision_files_differ(revision_documents(h), files) : NULL, *name;
	bool ok = files;
	size_t i;

	json_array_foreach(names, i, name) {
		if (!ok || !is_written(order, json_string_value(name)))
			continue;
		ok = false;
		snprintf(summary, CONFIG_ERROR_SIZE,
			"%s has edits that are not in force, and would be written over; `sluice "
			"plan` shows them, and --force lets it be",
			json_string_value(name));
	}
	json_decref(names);
	return ok;
}

void apply_keep_owners(
	const struct apply_order *order, const struct documents *files, struct documents *is)
{
	char file[DOCUMENT_FILE_SIZE];

	for (size_t i = 0; i < files->count; i++) {
		const char *site = files->list[i].site;

		if (is_written(order, document_file(site, file)))
			documents_keep_owner(is, files, site);
	}
}

static void add_name(
	void *context, const char *site, const struct document *was, const struct document *is)
{
	(void)was, (void)is;
	json_array_append_new(context, json_string(site));
}

void apply_note_writes(const struct apply_order *order, const struct documents *files,
	const struct documents *is, json_t *info)
{
	json_t *all = json_array(), *names = json_array(), *name;
	char file[DOCUMENT_FILE_SIZE];
	size_t i;

	if (order->writes) {
		json_array_extend(names, order->writes);
	} else if (order->restore && files) {
		documents_differ(files, is, add_name, all);
		json_array_foreach(all, i, name) {
			if (is_written(order, document_file(json_string_value(name), file)))
				json_array_append(names, name);
		}
	}
	if (json_array_size(names))
		json_object_set(info, "writes", names);
	json_decref(names);
	json_decref(all);
}

/* The directory may be as new as what is in it. */
static bool sync_directories(const char *directory)
{
	char parent[PATH_MAX];

	snprintf(parent, sizeof(parent), "%s/..", directory);
	return file_sync_directory(directory) && file_sync_directory(parent);
}

/* By another one of the same directory, which is brought to the disk once then. */
static bool is_followed_by(const json_t *paths, size_t i, const char *directory)
{
	const char *next = json_string_value(json_array_get(paths, i + 1));
	size_t len = strlen(directory);

	return next && !strncmp(next, directory, len) && next[len] == '/' &&
	       !strchr(next + len + 1, '/');
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
		ok = ok && fd >= 0 && !fsync(fd) &&
		     (is_followed_by(paths, i, dirname(copy)) || sync_directories(copy));
		if (fd >= 0)
			close(fd);
		free(copy);
	}
	return ok;
}

void apply_leave_out(struct config *c, const json_t *keys)
{
	const json_t *path;
	size_t i;

	json_array_foreach(keys, i, path) {
		for (uint32_t t = 0; t < c->site_count * TUNNELS_PER_SITE; t++) {
			struct tunnel_conf *tunnel =
				&c->sites[t / TUNNELS_PER_SITE].tunnels[t % TUNNELS_PER_SITE];

			if (!strncmp(tunnel->psk, "file:", 5) &&
				!strcmp(tunnel->psk + 5, json_string_value(path)))
				tunnel->configured = false;
		}
	}
}
