/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/guard.h"

#include "base/file.h"
#include "hub/revision.h"
#include "plan/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define POLICY     "policy.yaml"
#define POLICY_MAX (256 << 10)

/* Beside sluice.yaml; to be freed. */
static char *path_of(const char *main)
{
	char *copy = strdup(main), *path = NULL;

	if (!copy || asprintf(&path, "%s/" POLICY, dirname(copy)) < 0)
		abort();
	free(copy);
	return path;
}

/* A link to what is not there (yet) is something: only where nothing at all has the name is there no policy. */
static bool is_absent(const char *path)
{
	struct stat st;

	return lstat(path, &st) && errno == ENOENT;
}

/* What is wrong with it; NULL: nothing. Whoever could write it could do what it forbids. */
static const char *read_policy(int fd, char *text, size_t *len)
{
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st))
		return strerror(errno);
	if (!S_ISREG(st.st_mode) || !file_is_of_root(&st))
		return "it is not a file that root alone can write";
	n = read(fd, text, POLICY_MAX);
	if (n < 0 || n == POLICY_MAX)
		return n < 0 ? strerror(errno) : "larger than 256 KiB";
	*len = (size_t)n;
	return NULL;
}

static bool check(const char *main, const struct config *was, const struct config *is,
	char error[CONFIG_ERROR_SIZE])
{
	char *path = path_of(main), *text;
	const char *why;
	struct guard *g = NULL;
	size_t len = 0;
	bool ok;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	why = fd < 0 ? strerror(errno) : NULL;
	if (fd < 0 && errno == ENOENT && is_absent(path)) {
		free(path);
		return true;
	}
	text = malloc(POLICY_MAX);
	if (!text)
		abort();
	if (!why)
		why = read_policy(fd, text, &len);
	if (why)
		snprintf(error, CONFIG_ERROR_SIZE, "%s: %s", path, why);
	else
		g = guard_read(path, text, len, error);
	ok = g && guard_check(g, was, is, error);
	guard_free(g);
	free(text);
	free(path);
	if (fd >= 0)
		close(fd);
	return ok;
}

bool hub_guard(const struct hub *h, const struct config *is, char error[CONFIG_ERROR_SIZE])
{
	return check(revision_path(h), h->config, is, error);
}

bool hub_guard_start(const char *path, const struct config *is, char error[CONFIG_ERROR_SIZE])
{
	return check(path, NULL, is, error);
}
