/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/secret/psk_new.h"

#include "base/secret.h"
#include "hub/secret/vault.h"

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

bool psk_new(const char *directory, const char *name, bool make, char *path, size_t size)
{
	int fd = -1, why;
	bool ok;

	if (make && mkdir(directory, 0700) && errno != EEXIST)
		return false;
	for (int n = 1; n <= FILES_MAX; n++) {
		char more[8] = "";

		if (n > 1)
			snprintf(more, sizeof(more), "-%d", n);
		if (snprintf(path, size, "%s/%s%s", directory, name, more) >= (int)size) {
			errno = ENAMETOOLONG;
			return false;
		}
		if (!make && access(path, F_OK) && errno == ENOENT)
			return true;
		if (make)
			fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd >= 0 || (make && errno != EEXIST))
			break;
	}
	if (fd < 0)
		return false;
	ok = fill(fd);
	why = errno;
	if (close(fd) || !ok) {
		(void)unlink(path);
		errno = why;
		return false;
	}
	return true;
}
