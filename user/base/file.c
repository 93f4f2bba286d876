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

/* Before a sum of the name and the directory, in eight digits, a dash, and the six characters that mkostemp() chooses. */
#define MARK     ".sluice-"
#define MARK_LEN (sizeof(MARK) - 1)
#define END_LEN  (MARK_LEN + 8 + 1 + 6)

/* FNV-1a */
static uint32_t sum(uint32_t n, const void *bytes, size_t len)
{
	for (const uint8_t *at = bytes; len; at++, len--)
		n = (n ^ *at) * 16777619u;
	return n;
}

static uint32_t sum_of(const char *name, size_t len, ino_t directory)
{
	const uint64_t inode = directory;

	return sum(sum(2166136261u, name, len), &inode, sizeof(inode));
}

int file_open_beside(const char *target, char beside[PATH_MAX])
{
	const char *slash = strrchr(target, '/'), *name = slash ? slash + 1 : target;
	int before = (int)(name - target);
	char directory[PATH_MAX];
	struct stat st;

	if (snprintf(directory, sizeof(directory), "%.*s.", before, target) >=
		(int)sizeof(directory)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (stat(directory, &st))
		return -1;
	if (snprintf(beside, PATH_MAX, "%.*s.%s" MARK "%08x-XXXXXX", before, target, name,
		    sum_of(name, strlen(name), st.st_ino)) >= PATH_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return mkostemp(beside, O_CLOEXEC);
}

/* Whether file_open_beside() has made it, in this directory, which is open. */
static bool is_left(int directory, ino_t inode, const char *name)
{
	size_t len = strlen(name);
	char expected[MARK_LEN + 10];
	struct stat st;

	if (name[0] != '.' || len <= END_LEN + 1)
		return false;
	snprintf(expected, sizeof(expected), MARK "%08x-",
		sum_of(name + 1, len - END_LEN - 1, inode));
	return !strncmp(name + len - END_LEN, expected, strlen(expected)) &&
	       !fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) && S_ISREG(st.st_mode) &&
	       st.st_uid == geteuid();
}

static void sweep(const char *directory, bool links)
{
	char path[PATH_MAX], *real;
	DIR *d = opendir(directory);
	struct stat st = {0};

	if (d && fstat(dirfd(d), &st)) {
		closedir(d);
		return;
	}
	for (struct dirent *e; d && (e = readdir(d));) {
		if (snprintf(path, sizeof(path), "%s/%s", directory, e->d_name) >= PATH_MAX)
			continue;
		if (is_left(dirfd(d), st.st_ino, e->d_name)) {
			(void)unlinkat(dirfd(d), e->d_name, 0);
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
