/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secret references. The file is opened here, as root; the ike process gets the descriptor. What hub reads
 * of it, to check it before it is used, is wiped at once.
 */
#include "hub/secret/secret.h"

#include "base/log.h"
#include "base/secret.h"
#include "crypto/hmac.h"
#include "hub/secret/exec_keep.h"
#include "hub/secret/rotation.h"
#include "hub/secret/vault.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

int public_ref_open(const char *ref)
{
	char path[CONFIG_SECRET_REF_SIZE + 256];
	struct stat st;

	if (!strncmp(ref, "secret:", 7))
		return vault_open(ref + 7);
	if (exec_is_ref(ref))
		return exec_open(ref);
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

	if (fd >= 0 && strncmp(ref, "secret:", 7) != 0 && !exec_is_ref(ref) && !fstat(fd, &st) &&
		st.st_mode & 077)
		log_warn("%s can be read by others than its owner (mode %o, wanted 0600)", ref,
			(unsigned int)(st.st_mode & 0777));
	return fd;
}

const char *secret_previous(const struct tunnel_conf *t, char ref[CONFIG_SECRET_REF_SIZE])
{
	snprintf(ref, CONFIG_SECRET_REF_SIZE, "%s", t->psk_previous);
	if (!ref[0] && !strncmp(t->psk, "secret:", 7)) {
		snprintf(ref, CONFIG_SECRET_REF_SIZE, "%.200s" VAULT_PREVIOUS, t->psk);
		if (!vault_has(ref + 7))
			ref[0] = '\0';
	}
	return ref;
}

const char *psk_fault(const uint8_t *key, size_t len)
{
	static const char allowed[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._";

	if (key[0] == '0')
		return "the first character is 0, which some devices take for the start of a "
		       "number";
	for (size_t i = 0; i < len; i++) {
		if (!key[i] || !strchr(allowed, key[i]))
			return "a character is no letter, no digit, no '.' and no '_', which not "
			       "every device takes";
	}
	return NULL;
}

/* Without the number that is drawn once nobody can try secrets out on it. */
uint64_t secret_print(const uint8_t *key, size_t len)
{
	static uint8_t drawn[32];
	static bool is_drawn;
	const struct chunk chunk = {key, len};
	const struct prf *prf = prf_find(PRF_HMAC_SHA2_256);
	uint8_t out[64] = {0};
	uint64_t print;

	if (!is_drawn && getrandom(drawn, sizeof(drawn), 0) != sizeof(drawn))
		abort();
	is_drawn = true;
	if (!prf || !prf_compute(prf, drawn, sizeof(drawn), &chunk, 1, out))
		abort();
	memcpy(&print, out, sizeof(print));
	return print ? print : 1;
}

/* Reads what was opened for `ref`, without a line end; 0 with a reason when it cannot be a secret. */
static size_t read_secret(int fd, const char *ref, uint8_t bytes[SECRET_FILE_MAX], const char **why)
{
	ssize_t n = fd >= 0 ? read(fd, bytes, SECRET_FILE_MAX) : -1;
	size_t len;

	*why = exec_is_ref(ref)              ? exec_why(ref)
	       : !strncmp(ref, "secret:", 7) ? vault_why(errno)
					     : strerror(errno);
	if (fd >= 0)
		close(fd);
	if (n < 0)
		return 0;
	len = secret_text_len(bytes, (size_t)n);
	*why = "8 to 64 characters expected";
	return len >= 8 && len <= 64 ? len : 0;
}

uint64_t secret_ref_print(const char *ref, const char **why)
{
	uint8_t bytes[SECRET_FILE_MAX];
	size_t len = read_secret(public_ref_open(ref), ref, bytes, why);
	uint64_t print = len ? secret_print(bytes, len) : 0;

	secret_wipe(bytes, sizeof(bytes));
	return print;
}

/* A line for each mistake. */
static bool add_mistake(char error[CONFIG_ERROR_SIZE], const struct site_conf *site, unsigned int t,
	const char *what, const char *ref, const char *why)
{
	size_t at = strlen(error);

	snprintf(error + at, CONFIG_ERROR_SIZE - at, "%ssite '%s' tunnel %u: %s %.200s: %s",
		at ? "\n" : "", site->name, t, what, ref, why);
	return false;
}

/* Whether another reference names the same secret: it has moved, and devices keep it. */
static bool is_same(const char *ref, const uint8_t *bytes, size_t len)
{
	uint8_t other[SECRET_FILE_MAX];
	const char *why;
	bool same = ref[0] && read_secret(public_ref_open(ref), ref, other, &why) == len &&
		    secret_equal(other, bytes, len);

	secret_wipe(other, sizeof(other));
	return same;
}

/*
 * The rule holds for new pre-shared keys; one that devices have already, by the reference `had` (NULL: this one), goes
 * on, with a warning.
 */
static bool secret_ok(const struct site_conf *site, unsigned int t, const char *what,
	const char *ref, const char *had, bool waits, char error[CONFIG_ERROR_SIZE])
{
	uint8_t bytes[SECRET_FILE_MAX];
	const char *why;
	size_t len = read_secret(secret_ref_open(ref), ref, bytes, &why);
	const char *fault = len && !strncmp(what, "psk", 3) ? psk_fault(bytes, len) : NULL;
	bool fresh = fault && had && !is_same(had, bytes, len);

	secret_wipe(bytes, sizeof(bytes));
	/* It is asked when the configuration is in force, and what it is for waits. */
	if (!len && exec_is_ref(ref) && waits) {
		log_warn("site %s tunnel %u: %s %s: %s", site->name, t, what, ref, why);
		return true;
	}
	if (!len)
		return add_mistake(error, site, t, what, ref, why);
	if (fault && fresh)
		return add_mistake(error, site, t, what, ref, fault);
	if (fault)
		log_warn("site %s tunnel %u: %s %s: %s", site->name, t, what, ref, fault);
	return true;
}

/* `waits`: a program that has not answered yet is no mistake. */
static bool check_tunnel(const struct site_conf *site, unsigned int t,
	const struct tunnel_conf *in_force, bool waits, char error[CONFIG_ERROR_SIZE])
{
	const struct tunnel_conf *tunnel = &site->tunnels[t];
	bool other = in_force && strcmp(in_force->psk, tunnel->psk) &&
		     strcmp(in_force->psk_previous, tunnel->psk);
	bool ok = true;

	if (tunnel->options.auth == AUTH_PSK)
		ok &= secret_ok(
			site, t, "psk", tunnel->psk, other ? in_force->psk : NULL, waits, error);
	if (site->bgp_password[0])
		ok &= secret_ok(site, t, "bgp_password", site->bgp_password, NULL, waits, error);
	if (tunnel->psk_previous[0])
		ok &= secret_ok(site, t, "psk_previous", tunnel->psk_previous, NULL, waits, error);
	if (tunnel->ppk[0])
		ok &= secret_ok(site, t, "ppk", tunnel->ppk, NULL, waits, error);
	return ok;
}

bool tunnel_secrets_check(const struct site_conf *site, unsigned int t,
	const struct tunnel_conf *in_force, char error[CONFIG_ERROR_SIZE])
{
	return check_tunnel(site, t, in_force, false, error);
}

/* The same tunnel in the other configuration; an empty one where it is new. */
static const struct tunnel_conf *same_tunnel(
	const struct config *c, const struct site_conf *site, unsigned int t)
{
	static const struct tunnel_conf none;

	for (uint32_t i = 0; i < c->site_count; i++) {
		if (!strcmp(c->sites[i].name, site->name))
			return &c->sites[i].tunnels[t];
	}
	return &none;
}

bool secrets_check(const struct config *c, const struct config *in_force, bool only_changed,
	char error[CONFIG_ERROR_SIZE])
{
	bool ok = true;

	error[0] = '\0';
	for (uint32_t s = 0; s < c->site_count; s++) {
		const struct site_conf *site = &c->sites[s];
		const struct site_conf *was = in_force ? config_site(in_force, site->name) : NULL;

		if (only_changed && was && !memcmp(was, site, sizeof(*was)))
			continue;
		for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
			if (site->tunnels[t].configured)
				ok &= check_tunnel(site, t,
					in_force ? same_tunnel(in_force, site, t) : NULL, in_force,
					error);
		}
	}
	return ok;
}
