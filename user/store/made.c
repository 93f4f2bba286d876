/* SPDX-License-Identifier: Apache-2.0 */
#include "store/made.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Not only the beginning of a longer name. */
static bool text_names(const char *text, const char *path)
{
	size_t len = strlen(path);

	for (const char *at = text; (at = strstr(at, path)); at++) {
		unsigned char next = (unsigned char)at[len];

		if (!next || (!isalnum(next) && !strchr("._-", next)))
			return true;
	}
	return false;
}

static bool documents_name(const struct documents *d, const char *path)
{
	for (size_t i = 0; i < d->count; i++) {
		char *text = strndup(d->list[i].text, d->list[i].len);
		bool found;

		if (!text)
			abort();
		found = text_names(text, path);
		free(text);
		if (found)
			return true;
	}
	return false;
}

/* What cannot be read may name it. */
static bool revision_names(const struct revisions *r, uint64_t number, const char *path)
{
	char error[CONFIG_ERROR_SIZE];
	struct documents *d = revisions_get(r, number, error);
	bool found = !d || documents_name(d, path);

	documents_free(d);
	return found;
}

/* Nor is anything of the files as they are, which revision.json says the place of, removed unread. */
static bool files_name(const json_t *info, const char *path)
{
	const char *file = json_string_value(json_object_get(info, "file"));
	char error[CONFIG_ERROR_SIZE];
	struct documents *d = file ? documents_load(file, false, error) : NULL;
	bool found = !d || documents_name(d, path);

	documents_free(d);
	return found;
}

/* Of those that stay. The oldest one is the most likely to name it. */
static bool is_named(
	const struct revisions *r, uint64_t oldest, const json_t *info, const char *path)
{
	uint64_t *numbers;
	size_t count;
	bool named = revision_names(r, oldest, path) || files_name(info, path);

	if (named)
		return true;
	count = revisions_list(r, &numbers);
	for (size_t i = 0; i < count && numbers[i] > oldest && !named; i++)
		named = revision_names(r, numbers[i], path);
	free(numbers);
	return named;
}

bool made_pass_on(const struct revisions *r, uint64_t from, uint64_t to)
{
	json_t *was = revisions_info(r, from), *is = revisions_info(r, to), *keys, *path;
	const json_t *made = json_object_get(was, "keys");
	bool ok = true;
	size_t i;

	if (json_array_size(made) && !is) {
		ok = false;
	} else if (json_array_size(made)) {
		keys = json_object_get(is, "keys");
		if (!keys)
			json_object_set_new(is, "keys", keys = json_array());
		json_array_foreach(made, i, path) {
			const char *name = json_string_value(path);

			if (name &&
				(is_named(r, to, is, name) || (unlink(name) && errno != ENOENT)))
				json_array_append(keys, path);
		}
		ok = revisions_note(r, to, is);
	}
	json_decref(was);
	json_decref(is);
	return ok;
}

/* ---- until a revision names them ---- */

#define NOTES ".keys" /* a line for each: inode, device, path */

static bool notes_path(char path[PATH_MAX], const struct revisions *r)
{
	errno = ENAMETOOLONG;
	return snprintf(path, PATH_MAX, "%s/" NOTES, r->directory) < PATH_MAX;
}

bool made_note(const struct revisions *r, int fd, const char *path)
{
	char notes[PATH_MAX], line[PATH_MAX + 64];
	bool ok = false;
	struct stat st;
	int to, len, why;

	if (fstat(fd, &st) || !notes_path(notes, r))
		return false;
	to = open(notes, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (to < 0)
		return false;
	len = snprintf(line, sizeof(line), "%ju %ju %s\n", (uintmax_t)st.st_ino,
		(uintmax_t)st.st_dev, path);
	ok = write(to, line, (size_t)len) == len;
	why = errno;
	close(to);
	errno = why;
	return ok;
}

void made_noted(const struct revisions *r)
{
	char notes[PATH_MAX];

	if (notes_path(notes, r))
		(void)unlink(notes);
}

/* Half a line is one whose file never got its path. */
static void sweep_noted(const struct revisions *r, uint64_t newest, char *line)
{
	json_t *info = revisions_info(r, newest);
	uintmax_t inode, device;
	struct stat st;
	int path = 0;

	if (sscanf(line, "%ju %ju %n", &inode, &device, &path) == 2 && path &&
		!lstat(line + path, &st) && st.st_ino == inode && st.st_dev == device &&
		!is_named(r, newest, info, line + path))
		(void)unlink(line + path);
	json_decref(info);
}

void made_sweep(const struct revisions *r)
{
	uint64_t newest = revisions_newest(r);
	char notes[PATH_MAX], line[PATH_MAX + 64], *end;
	FILE *f = notes_path(notes, r) ? fopen(notes, "re") : NULL;

	while (f && newest && fgets(line, sizeof(line), f)) {
		end = strchr(line, '\n');
		if (end) {
			*end = '\0';
			sweep_noted(r, newest, line);
		}
	}
	if (f)
		fclose(f);
	made_noted(r);
}
