/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/rows.h"

#include "base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 6
#define SEALS     (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL)

static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";

static bool is_path(const char *path)
{
	return path[0] && path[0] != '.' && strlen(path) < ROW_PATH_SIZE &&
	       !path[strspn(path, letters)] && !strstr(path, "..") && path[strlen(path) - 1] != '.';
}

static bool is_text(const char *text)
{
	size_t len = strlen(text), n;

	for (size_t i = 0; i < len; i += n) {
		n = utf8_printable((const uint8_t *)text + i, len - i);
		if (!n)
			return false;
	}
	return len <= ROW_TEXT_MAX;
}

struct writing {
	char *to;
	size_t len, max;
	char *why;
};

static bool fail(struct writing *w, const char *path, const char *what)
{
	snprintf(w->why, ROW_WHY_SIZE, "%.60s: %s", path, what);
	utf8_clean(w->why);
	return false;
}

static bool has_text(enum row_kind kind)
{
	return kind == ROW_TEXT || kind == ROW_SITE || kind == ROW_PLACE;
}

static bool add(struct writing *w, enum row_kind kind, const char *path, const char *text)
{
	size_t size = 1 + strlen(path) + 1 + (has_text(kind) ? strlen(text) + 1 : 0);
	char *to = w->to + w->len;

	if (w->max - w->len < size)
		return fail(w, path, "the values are more than a request can have");
	w->len += size;
	*to++ = (char)kind;
	strcpy(to, path);
	if (has_text(kind))
		strcpy(to + strlen(path) + 1, text);
	return true;
}

static bool add_value(struct writing *w, const char *path, const json_t *value, unsigned int depth);

static bool add_below(struct writing *w, const char *path, const char *key, const json_t *value,
	unsigned int depth)
{
	char below[2 * ROW_PATH_SIZE];

	if (!is_path(key) || (path[0] && strchr(key, '.')))
		return fail(w, key, "that is no key");
	if (snprintf(below, sizeof(below), "%s%s%s", path, path[0] ? "." : "", key) >=
		ROW_PATH_SIZE)
		return fail(w, key, "no key is that long");
	return add_value(w, below, value, depth + 1);
}

static bool add_object(struct writing *w, const char *path, const json_t *o, unsigned int depth)
{
	const char *key;
	json_t *value;
	bool ok = true;

	if (path[0] && !json_object_size(o))
		return add(w, ROW_MAPPING, path, NULL);
	json_object_foreach((json_t *)o, key, value)
		ok = ok && add_below(w, path, key, value, depth);
	return ok;
}

static bool add_list(struct writing *w, const char *path, const json_t *list, unsigned int depth)
{
	bool ok = add(w, ROW_LIST, path, NULL);
	char place[24];
	json_t *value;
	size_t i;

	json_array_foreach(list, i, value) {
		snprintf(place, sizeof(place), "%zu", i);
		ok = ok && (!json_is_null(value) || fail(w, path, "a list has no null")) &&
		     add_below(w, path, place, value, depth);
	}
	return ok;
}

static bool add_value(struct writing *w, const char *path, const json_t *value, unsigned int depth)
{
	char number[40];

	if (depth > DEPTH_MAX)
		return fail(w, path, "it is nested too deeply");
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return add_object(w, path, value, depth);
	case JSON_ARRAY:
		return add_list(w, path, value, depth);
	case JSON_NULL:
		return add(w, ROW_NOTHING, path, NULL);
	case JSON_TRUE:
	case JSON_FALSE:
		return add(w, ROW_TEXT, path, json_is_true(value) ? "true" : "false");
	case JSON_INTEGER:
		snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(value));
		return add(w, ROW_TEXT, path, number);
	case JSON_STRING:
		if (strlen(json_string_value(value)) == json_string_length(value) &&
			is_text(json_string_value(value)))
			return add(w, ROW_TEXT, path, json_string_value(value));
		return fail(w, path, "a text has up to 1024 printable characters");
	default:
		return fail(w, path, "a number is a whole one, else it is written as text");
	}
}

bool rows_of_json(const json_t *values, struct rows *rows, char why[ROW_WHY_SIZE])
{
	struct writing w = {.to = rows->bytes, .max = ROWS_MAX, .why = why};
	bool ok = json_is_object(values) ? add_object(&w, "", values, 0)
					 : fail(&w, "values", "an object is expected");

	rows->len = w.len;
	return ok;
}

static bool add_text(struct writing *w, enum row_kind kind, const char *path, const json_t *value)
{
	const char *text = json_string_value(value);

	return text && text[0] && strlen(text) == json_string_length(value) && is_text(text)
		       ? add(w, kind, path, text)
		       : fail(w, path, "a text is expected");
}

static bool add_site(struct writing *w, const json_t *o)
{
	const json_t *at = json_object_get(o, "at"), *values = json_object_get(o, "values");

	if (!json_is_object(o) || json_object_size(o) != 1u + (at != NULL) + (values != NULL))
		return fail(w, "sites", "each has a site, and may have values and at");
	return add_text(w, ROW_SITE, "site", json_object_get(o, "site")) &&
	       (!at || add_text(w, ROW_PLACE, "at", at)) &&
	       (!values || (json_is_object(values) ? add_object(w, "", values, 0)
						   : fail(w, "values", "an object is expected")));
}

bool rows_of_sites(const json_t *sites, struct rows *rows, char why[ROW_WHY_SIZE])
{
	struct writing w = {.to = malloc(ROWS_MANY_MAX), .max = ROWS_MANY_MAX, .why = why};
	bool ok = json_array_size(sites) || fail(&w, "sites", "a list of them is expected");
	json_t *o;
	size_t i;

	if (!w.to)
		abort();
	json_array_foreach(sites, i, o)
		ok = ok && add_site(&w, o);
	rows->many = w.to;
	rows->len = w.len;
	return ok;
}

int rows_seal(const struct rows *rows)
{
	int fd = memfd_create("sluice-rows", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || (write(fd, rows->many, rows->len) == (ssize_t)rows->len &&
			      !fcntl(fd, F_ADD_SEALS, SEALS)))
		return fd;
	close(fd);
	errno = ENOMEM;
	return -1;
}

char *rows_unseal(int fd, size_t before, size_t len)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;
	char *bytes;

	/* A memfd never makes hub wait, as a file of somebody's may. */
	if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &st) || st.st_size != (off_t)len ||
		len > ROWS_MANY_MAX)
		return NULL;
	bytes = malloc(before + len);
	if (!bytes)
		abort();
	if (pread(fd, bytes + before, len, 0) == (ssize_t)len)
		return bytes;
	free(bytes);
	return NULL;
}

static const char *read_string(const char *from, const char *end)
{
	const char *nul = memchr(from, '\0', (size_t)(end - from));

	return nul ? nul + 1 : NULL;
}

bool rows_next(const char **at, const char *end, struct row *row)
{
	const char *next;

	if (*at == end || !strchr("=[{-#@", **at) || !**at)
		return false;
	*row = (struct row){.kind = (enum row_kind) * *at, .path = *at + 1, .text = ""};
	next = read_string(row->path, end);
	if (next && has_text(row->kind)) {
		row->text = next;
		next = read_string(next, end);
	}
	if (!next || !is_path(row->path) || !is_text(row->text))
		return false;
	*at = next;
	return true;
}
