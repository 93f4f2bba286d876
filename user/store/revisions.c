/* SPDX-License-Identifier: Apache-2.0 */
#include "store/revisions.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NEW_NAME  ".new" /* being written */
#define OLD_NAME  ".old" /* being removed */
#define MAIN_FILE "sluice.yaml"
#define INFO_FILE "revision.json"

static bool path_of(
	char path[PATH_MAX], const struct revisions *r, const char *name, const char *file)
{
	if (snprintf(path, PATH_MAX, "%s/%s%s%s", r->directory, name, *file ? "/" : "", file) <
		PATH_MAX)
		return true;
	errno = ENAMETOOLONG;
	return false;
}

static void name_of(uint64_t number, char name[24])
{
	snprintf(name, 24, "%" PRIu64, number);
}

/* ---- which there are ---- */

/* 0: not a revision */
static uint64_t number_of(const char *name)
{
	char *end, again[24];
	uint64_t n;

	errno = 0;
	n = strtoull(name, &end, 10);
	name_of(n, again);
	return !errno && !*end && !strcmp(name, again) ? n : 0;
}

static int higher_first(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? 1 : *x > *y ? -1 : 0;
}

size_t revisions_list(const struct revisions *r, uint64_t **numbers)
{
	DIR *d = opendir(r->directory);
	int why = d || errno == ENOENT ? 0 : errno;
	size_t count = 0, room = 0;

	*numbers = NULL;
	for (struct dirent *e; d && (e = readdir(d));) {
		uint64_t n = number_of(e->d_name);

		if (!n)
			continue;
		if (count == room) {
			room = room ? 2 * room : 64;
			*numbers = realloc(*numbers, room * sizeof(**numbers));
			if (!*numbers)
				abort();
		}
		(*numbers)[count++] = n;
	}
	if (d)
		closedir(d);
	if (count)
		qsort(*numbers, count, sizeof(**numbers), higher_first);
	errno = why;
	return count;
}

uint64_t revisions_newest(const struct revisions *r)
{
	uint64_t *numbers, newest = revisions_list(r, &numbers) ? numbers[0] : 0;
	int why = errno;

	free(numbers);
	errno = why;
	return newest;
}

/* ---- writing ---- */

static bool write_file(const char *path, const char *text, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	bool ok = fd >= 0 && document_write(fd, text, len);
	int why = errno;

	if (fd >= 0 && close(fd))
		ok = false;
	errno = why;
	return ok;
}

static bool write_info(
	const struct revisions *r, const char *name, const char *file, const json_t *info)
{
	char path[PATH_MAX], *text = json_dumps(info, JSON_INDENT(1) | JSON_SORT_KEYS);
	bool ok;

	if (!text)
		abort();
	ok = path_of(path, r, name, file) && write_file(path, text, strlen(text));
	free(text);
	return ok;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st, (void)kind, (void)at;
	return remove(path);
}

static bool remove_tree(const struct revisions *r, const char *name)
{
	char path[PATH_MAX];

	return path_of(path, r, name, "") &&
	       (!nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS) || errno == ENOENT);
}

static bool write_documents(const struct revisions *r, const struct documents *documents)
{
	char path[PATH_MAX], file[DOCUMENT_FILE_SIZE];

	if (!path_of(path, r, NEW_NAME, "sites") || mkdir(path, 0700))
		return false;
	for (size_t i = 0; i < documents->count; i++) {
		const struct document *d = &documents->list[i];

		if (!path_of(path, r, NEW_NAME, document_file(d->site, file)) ||
			!write_file(path, d->text, d->len))
			return false;
	}
	return path_of(path, r, NEW_NAME, "sites") && file_sync_directory(path) &&
	       path_of(path, r, NEW_NAME, "") && file_sync_directory(path);
}

static bool make_directories(const struct revisions *r)
{
	char path[PATH_MAX];

	if (mkdir(r->directory, 0700)) {
		if (errno != EEXIST)
			return false;
	} else if (!path_of(path, r, "..", "") || !file_sync_directory(path)) {
		return false;
	}
	return remove_tree(r, NEW_NAME) && path_of(path, r, NEW_NAME, "") && !mkdir(path, 0700);
}

static void remove_revision(const struct revisions *r, uint64_t number)
{
	char name[24], from[PATH_MAX], to[PATH_MAX];

	name_of(number, name);
	if (remove_tree(r, OLD_NAME) && path_of(from, r, name, "") &&
		path_of(to, r, OLD_NAME, "") && !rename(from, to))
		(void)remove_tree(r, OLD_NAME);
}

/* What cannot be removed is tried again with the next one. */
static void forget_old(const struct revisions *r, revision_goes *goes)
{
	uint64_t *numbers;
	size_t count;

	(void)remove_tree(r, OLD_NAME);
	count = revisions_list(r, &numbers);
	for (size_t i = REVISIONS_KEPT; i < count; i++) {
		if (goes(r, numbers[i], numbers[REVISIONS_KEPT - 1]))
			remove_revision(r, numbers[i]);
	}
	free(numbers);
}

bool revisions_write(
	const struct revisions *r, const struct documents *documents, const json_t *info)
{
	return make_directories(r) && write_info(r, NEW_NAME, INFO_FILE, info) &&
	       write_documents(r, documents);
}

uint64_t revisions_place(const struct revisions *r, json_t *info)
{
	char from[PATH_MAX], to[PATH_MAX], name[24];
	uint64_t number = revisions_newest(r) + 1;

	name_of(number, name);
	if (!path_of(from, r, NEW_NAME, "") || !path_of(to, r, name, "") || rename(from, to))
		return 0;
	json_object_set_new(info, "number", json_integer((json_int_t)number));
	return number;
}

void revisions_settle(const struct revisions *r, revision_goes *goes)
{
	(void)file_sync_directory(r->directory);
	forget_old(r, goes);
}

bool revisions_note(const struct revisions *r, uint64_t number, const json_t *info)
{
	char name[24], from[PATH_MAX], to[PATH_MAX];

	name_of(number, name);
	return write_info(r, name, INFO_FILE ".new", info) &&
	       path_of(from, r, name, INFO_FILE ".new") && path_of(to, r, name, INFO_FILE) &&
	       !rename(from, to) && path_of(to, r, name, "") && file_sync_directory(to);
}

void revisions_sweep(const struct revisions *r)
{
	uint64_t *numbers;
	size_t count = revisions_list(r, &numbers);
	char name[24], path[PATH_MAX];

	(void)remove_tree(r, NEW_NAME);
	(void)remove_tree(r, OLD_NAME);
	for (size_t i = 0; i < count; i++) {
		name_of(numbers[i], name);
		if (path_of(path, r, name, INFO_FILE ".new"))
			(void)unlink(path);
	}
	free(numbers);
}

/* ---- reading ---- */

struct documents *revisions_get(
	const struct revisions *r, uint64_t number, char error[CONFIG_ERROR_SIZE])
{
	char name[24], path[PATH_MAX];

	name_of(number, name);
	if (!path_of(path, r, name, "")) {
		snprintf(error, CONFIG_ERROR_SIZE, "%s", strerror(errno));
		return NULL;
	}
	if (access(path, F_OK)) {
		snprintf(error, CONFIG_ERROR_SIZE, "there is no revision %" PRIu64, number);
		return NULL;
	}
	if (!path_of(path, r, name, MAIN_FILE)) {
		snprintf(error, CONFIG_ERROR_SIZE, "%s", strerror(errno));
		return NULL;
	}
	return documents_load(path, false, error);
}

/* What is to be a list of texts is one. */
static void keep_texts(json_t *info, const char *key)
{
	json_t *list = json_object_get(info, key);

	if (!json_is_array(list)) {
		json_object_del(info, key);
		return;
	}
	for (size_t i = json_array_size(list); i-- > 0;) {
		if (!json_is_string(json_array_get(list, i)))
			json_array_remove(list, i);
	}
}

json_t *revisions_info(const struct revisions *r, uint64_t number)
{
	char name[24], path[PATH_MAX];
	json_t *info;

	name_of(number, name);
	info = path_of(path, r, name, INFO_FILE) ? json_load_file(path, 0, NULL) : NULL;
	if (json_is_object(info)) {
		json_object_set_new(info, "number", json_integer((json_int_t)number));
		keep_texts(info, "writes");
		keep_texts(info, "keys");
		return info;
	}
	json_decref(info);
	return NULL;
}
