/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secret references. The file is opened here, as root; it is read only in the ike process, which
 * gets the descriptor.
 */
#include "hub/hub.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int public_ref_open(const char *ref)
{
	char path[CONFIG_SECRET_REF_SIZE + 256];
	struct stat st;

	if (!strncmp(ref, "file:", 5)) {
		snprintf(path, sizeof(path), "%s", ref + 5);
	} else {
		/* systemd.exec(5): LoadCredential= puts them into this directory. */
		const char *directory = getenv("CREDENTIALS_DIRECTORY");

		if (!directory) {
			errno = ENOENT;
			return -1;
		}
		snprintf(path, sizeof(path), "%.200s/%s", directory, ref + strlen("cred:"));
	}

	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		errno = EINVAL;
		return -1;
	}
	return fd;
}

int secret_ref_open(const char *ref)
{
	int fd = public_ref_open(ref);
	struct stat st;

	if (fd >= 0 && !fstat(fd, &st) && st.st_mode & 077)
		log_warn("%s can be read by others than its owner (mode %o, wanted 0600)", ref,
			(unsigned int)(st.st_mode & 0777));
	return fd;
}

static bool psk_length_ok(int fd)
{
	struct stat st;

	/* T-22: 8 to 64 characters; one line end is not counted. */
	return !fstat(fd, &st) && st.st_size >= 8 && st.st_size <= 66;
}

/* One secret of a tunnel; false with a sentence when it cannot be had. */
static bool secret_ok(const struct site_conf *site, unsigned int t, const char *what,
	const char *ref, char error[CONFIG_ERROR_SIZE])
{
	int fd = secret_ref_open(ref);
	int why = errno;
	bool ok = fd >= 0 && psk_length_ok(fd);

	if (!ok)
		snprintf(error, CONFIG_ERROR_SIZE, "site '%s' tunnel %u: %s %.200s: %s", site->name,
			t, what, ref, fd < 0 ? strerror(why) : "8 to 64 characters expected");
	if (fd >= 0)
		close(fd);
	return ok;
}

bool tunnel_secrets_check(
	const struct site_conf *site, unsigned int t, char error[CONFIG_ERROR_SIZE])
{
	const struct tunnel_conf *tunnel = &site->tunnels[t];

	if (tunnel->options.auth == AUTH_PSK && !secret_ok(site, t, "psk", tunnel->psk, error))
		return false;
	if (site->bgp_password[0] && !secret_ok(site, t, "bgp_password", site->bgp_password, error))
		return false;
	if (tunnel->psk_previous[0] &&
		!secret_ok(site, t, "psk_previous", tunnel->psk_previous, error))
		return false;
	return !tunnel->ppk[0] || secret_ok(site, t, "ppk", tunnel->ppk, error);
}

bool secrets_check(const struct config *c, char error[CONFIG_ERROR_SIZE])
{
	for (uint32_t s = 0; s < c->site_count; s++) {
		for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
			if (c->sites[s].tunnels[t].configured &&
				!tunnel_secrets_check(&c->sites[s], t, error))
				return false;
		}
	}
	return true;
}
