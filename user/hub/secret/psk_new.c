/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/secret/psk_new.h"

#include "base/file.h"
#include "base/secret.h"
#include "hub/secret/vault.h"
#include "store/made.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_MAX 100 /* of one name */

static bool fill(int fd)
{
	char line[VAULT_MADE_LEN + 1];
	struct secret key = {0};
	bool ok;

	vault_make(&key);
	memcpy(line, key.bytes, VAULT_MADE_LEN);
	line[VAULT_MADE_LEN] = '\n';
	secret_clear(&key);
	ok = write(fd, line, sizeof(line)) == sizeof(line);
	secret_wipe(line, sizeof(line));
	return ok;
}

/* NAME, NAME-2, ...; false: it is too long. */
static bool path_of(
	const char *directory, const char *name, unsigned int n, char *path, size_t size)
{
	char more[12] = "";

	if (n > 1)
		snprintf(more, sizeof(more), "-%u", n);
	errno = ENAMETOOLONG;
	return snprintf(path, size, "%s/%s%s", directory, name, more) < (int)size;
}

/* It gets a name that is free when it is whole. */
static bool place(int fd, const char *beside, const char *directory, const char *name,
	const struct revisions *noted, char *path, size_t size)
{
	for (unsigned int n = 1; n <= FILES_MAX; n++) {
		if (!path_of(directory, name, n, path, size))
			return false;
		if (!access(path, F_OK))
			continue;
		if (!made_note(noted, fd, path))
			return false;
		if (!link(beside, path))
			return true;
		if (errno != EEXIST)
			return false;
	}
	errno = EEXIST;
	return false;
}

static bool make(const char *directory, const char *name, const struct revisions *noted, char *path,
	size_t size)
{
	char target[PATH_MAX], beside[PATH_MAX];
	int fd = -1, why;
	bool ok;

	if (mkdir(directory, 0700) && errno != EEXIST)
		return false;
	if (path_of(directory, name, 1, target, sizeof(target)))
		fd = file_open_beside(target, beside);
	if (fd < 0)
		return false;
	ok = fill(fd) && place(fd, beside, directory, name, noted, path, size);
	why = errno;
	(void)unlink(beside);
	close(fd);
	errno = why;
	return ok;
}

bool psk_new(const char *directory, const char *name, const struct revisions *noted, char *path,
	size_t size)
{
	if (noted)
		return make(directory, name, noted, path, size);
	for (unsigned int n = 1; n <= FILES_MAX; n++) {
		if (!path_of(directory, name, n, path, size))
			return false;
		if (access(path, F_OK))
			return errno == ENOENT;
	}
	errno = EEXIST;
	return false;
}
