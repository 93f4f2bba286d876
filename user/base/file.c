/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Closes it, whatever that says: the error that is told is the one of before. */
static void shut(int fd)
{
	int why = errno;

	if (fd >= 0)
		close(fd);
	errno = why;
}

static bool write_all(int fd, const uint8_t *bytes, size_t len)
{
	while (len) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		bytes += n;
		len -= (size_t)n;
	}
	return !fsync(fd);
}

/* Before the six characters that mkostemp() chooses. */
#define MARK ".sluice-"

int file_open_beside(const char *target, char beside[PATH_MAX])
{
	const char *slash = strrchr(target, '/');
	size_t before = slash ? (size_t)(slash - target) + 1 : 0;

	if (snprintf(beside, PATH_MAX, "%.*s.%s" MARK "XXXXXX", (int)before, target,
		    target + before) >= PATH_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return mkostemp(beside, O_CLOEXEC);
}

static bool is_left(const char *name)
{
	size_t len = strlen(name), end = strlen(MARK) + 6;

	return name[0] == '.' && len > end && !strncmp(name + len - end, MARK, strlen(MARK));
}

static void sweep(const char *directory, bool links)
{
	char path[PATH_MAX], *real;
	DIR *d = opendir(directory);

	for (struct dirent *e; d && (e = readdir(d));) {
		if (snprintf(path, sizeof(path), "%s/%s", directory, e->d_name) >= PATH_MAX)
			continue;
		if (e->d_type == DT_REG && is_left(e->d_name)) {
			(void)unlink(path);
		} else if (e->d_type == DT_LNK && links && (real = realpath(path, NULL))) {
			sweep(dirname(real), false);
			free(real);
		}
	}
	if (d)
		closedir(d);
}

void file_sweep(const char *directory)
{
	sweep(directory, true);
}

bool file_replace(const char *directory, const char *name, const void *bytes, size_t len)
{
	char path[PATH_MAX], beside[PATH_MAX];
	bool ok;
	int fd, why;

	errno = ENAMETOOLONG;
	if (snprintf(path, sizeof(path), "%s/%s", directory, name) >= (int)sizeof(path))
		return false;
	fd = file_open_beside(path, beside);
	if (fd < 0)
		return false;
	ok = write_all(fd, bytes, len);
	shut(fd);
	if (ok && !rename(beside, path))
		return file_sync_directory(directory);
	why = errno;
	(void)unlink(beside);
	errno = why;
	return false;
}

bool file_sync_directory(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok = fd >= 0 && !fsync(fd);

	shut(fd);
	return ok;
}

bool file_make_directory(const char *path, mode_t mode)
{
	char parent[PATH_MAX];

	if (mkdir(path, mode))
		return errno == EEXIST;
	snprintf(parent, sizeof(parent), "%.*s/..", PATH_MAX - 4, path);
	return file_sync_directory(parent);
}

bool file_is_of_root(const struct stat *st)
{
	return (st->st_uid == 0 || st->st_uid == geteuid()) && !(st->st_mode & 022);
}
