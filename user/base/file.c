/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
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

bool file_replace(const char *directory, const char *name, const void *bytes, size_t len)
{
	char path[PATH_MAX], beside[PATH_MAX];
	bool ok;
	int fd, why;

	errno = ENAMETOOLONG;
	if (snprintf(path, sizeof(path), "%s/%s", directory, name) >= (int)sizeof(path) ||
		snprintf(beside, sizeof(beside), "%s/.%s.new", directory, name) >=
			(int)sizeof(beside))
		return false;
	fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
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
