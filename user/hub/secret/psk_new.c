/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/secret/psk_new.h"

#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define LEN       32  /* characters, of almost 6 bits each */
#define FILES_MAX 100 /* of one name */

/* Letters and digits, which every device takes, and a first one that no device takes for the start of a number. */
static bool random_key(char key[LEN])
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	uint8_t byte;

	for (int i = 0; i < LEN;) {
		if (getrandom(&byte, sizeof(byte), 0) != sizeof(byte))
			return false;
		byte &= 63;
		if (byte < sizeof(letters) - 1 && (i || letters[byte] != '0'))
			key[i++] = letters[byte];
	}
	return true;
}

static bool fill(int fd)
{
	char key[LEN + 1];
	bool ok;

	key[LEN] = '\n';
	ok = random_key(key) && write(fd, key, sizeof(key)) == sizeof(key);
	secret_wipe(key, sizeof(key));
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
