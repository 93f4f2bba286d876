/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/files.h"

#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TRIES 3 /* of a check, beside a daemon that writes */

static int is_old(const struct dirent *e)
{
	uint64_t number;
	char again[NAME_MAX + 1];

	if (sscanf(e->d_name, "audit-%20" SCNu64 ".ndjson", &number) != 1)
		return 0;
	snprintf(again, sizeof(again), AUDIT_OLD, number);
	return !strcmp(again, e->d_name);
}

int audit_old_files(int directory_fd, char ***names)
{
	struct dirent **found;
	int n = scandirat(directory_fd, ".", &found, is_old, alphasort);

	if (n < 0)
		return -1;
	*names = calloc((size_t)n + 1, sizeof(**names));
	for (int i = 0; i < n; i++) {
		if (*names)
			(*names)[i] = strdup(found[i]->d_name);
		if (!*names || !(*names)[i])
			abort();
		free(found[i]);
	}
	free(found);
	return n;
}

void audit_names_free(char **names, int count)
{
	for (int i = 0; i < count; i++)
		free(names[i]);
	free(names);
}

long audit_read_small(int directory_fd, const char *name, void *bytes, size_t size)
{
	int fd = openat(directory_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = read(fd, bytes, size - 1);
	close(fd);
	if (n >= 0)
		((char *)bytes)[n] = '\0';
	return n;
}

bool audit_read_file(int directory_fd, const char *name, audit_each *each, void *context)
{
	int fd = openat(directory_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
	unsigned int number = 0;
	char *line = NULL;
	size_t size = 0;
	ssize_t n;
	bool ok;

	if (!f) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	while ((n = getline(&line, &size, f)) > 0) {
		n -= line[n - 1] == '\n';
		each(context, name, ++number, line, (size_t)n);
	}
	ok = !ferror(f);
	free(line);
	fclose(f);
	return ok;
}

static bool read_all(int directory_fd, audit_each *each, void *context)
{
	char **names;
	int n = audit_old_files(directory_fd, &names);
	bool ok = n >= 0;

	for (int i = 0; ok && i < n; i++)
		ok = audit_read_file(directory_fd, names[i], each, context);
	if (n >= 0)
		audit_names_free(names, n);
	return ok && (audit_read_file(directory_fd, AUDIT_NOW, each, context) || errno == ENOENT);
}

bool audit_read(const char *directory, audit_each *each, void *context)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok;

	if (fd < 0)
		return false;
	ok = read_all(fd, each, context);
	close(fd);
	return ok;
}

struct check {
	uint8_t key[AUDIT_KEY_LEN];
	struct audit_head head;
	struct audit_place at;
	bool wrong;
	char *why;
};

static void check_line(
	void *context, const char *file, unsigned int number, const char *line, size_t len)
{
	struct check *c = context;
	uint64_t last;

	/* The head is written before a file goes that it leaves out. */
	if (c->wrong ||
		(sscanf(file, "audit-%20" SCNu64, &last) == 1 && last <= c->head.begin.count))
		return;
	if (!audit_follow(&c->at, c->key, line, len)) {
		c->wrong = true;
		snprintf(c->why, AUDIT_WHY_SIZE,
			"%s:%u: not the line that was written after number %" PRIu64
			": it was changed, or one before it was removed or moved",
			file, number, c->at.count);
	} else if (c->at.count == c->head.end.count &&
		   memcmp(c->at.last, c->head.end.last, AUDIT_MAC_LEN) != 0) {
		c->wrong = true;
		snprintf(c->why, AUDIT_WHY_SIZE, "%s:%u: not the line that the head names", file,
			number);
	}
}

static bool cannot(char why[AUDIT_WHY_SIZE], const char *directory, const char *name)
{
	snprintf(why, AUDIT_WHY_SIZE, "%.150s/%s: %s", directory, name, strerror(errno));
	return false;
}

static bool check_once(const char *directory, int fd, struct check *c)
{
	char head[AUDIT_HEAD_MAX], key[AUDIT_KEY_LEN + 2];

	long n = audit_read_small(fd, AUDIT_KEY, key, sizeof(key));

	if (n < 0)
		return cannot(c->why, directory, AUDIT_KEY);
	if (n != AUDIT_KEY_LEN) {
		snprintf(c->why, AUDIT_WHY_SIZE, "key: it is not one, of 32 bytes");
		return false;
	}
	memcpy(c->key, key, sizeof(c->key));
	secret_wipe(key, sizeof(key));
	if (audit_read_small(fd, AUDIT_HEAD, head, sizeof(head)) < 0)
		return cannot(c->why, directory, AUDIT_HEAD);
	if (!audit_head_read(&c->head, c->key, head)) {
		snprintf(c->why, AUDIT_WHY_SIZE, "head: it was changed, or is of another key");
		return false;
	}
	c->at = c->head.begin;
	if (!read_all(fd, check_line, c))
		return cannot(c->why, directory, AUDIT_NOW);
	if (!c->wrong && c->at.count < c->head.end.count) {
		snprintf(c->why, AUDIT_WHY_SIZE,
			"the end is missing: %" PRIu64 " lines were written, the last that is "
			"there is number %" PRIu64,
			c->head.end.count, c->at.count);
		return false;
	}
	return !c->wrong;
}

bool audit_verify(const char *directory, uint64_t *first, uint64_t *lines, char why[AUDIT_WHY_SIZE])
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok = false;

	*first = *lines = 0;
	if (fd < 0) {
		snprintf(why, AUDIT_WHY_SIZE, "%.200s: %s", directory, strerror(errno));
		return false;
	}
	for (int i = 0; !ok && i < TRIES; i++) {
		struct check c = {.why = why};

		ok = check_once(directory, fd, &c);
		*first = c.head.begin.count + 1;
		*lines = c.at.count - c.head.begin.count;
		secret_wipe(c.key, sizeof(c.key));
	}
	close(fd);
	return ok;
}
