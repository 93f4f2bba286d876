/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/secret/vault.h"

#include "base/file.h"
#include "config/values.h"
#include "crypto/cipher.h"
#include "crypto/hash.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define ENCR_AES_GCM_16 20 /* the transform of RFC 5282 */
#define KEY_LEN         32
#define NONCE_LEN       12 /* drawn anew each time a file is written */
#define TAG_LEN         16
#define KEY_ID_LEN      8

static const uint8_t magic[8] = {'S', 'L', 'S', 'E', 'A', 'L', '2', '\n'};

static const char *directory = VAULT_DIRECTORY;
static char unsettled
	[SITE_NAME_SIZE]; /* what was deleted while the directory could not be brought to the disk */

void vault_use(const char *other)
{
	directory = other;
}

static bool is_name(const char *name)
{
	errno = EINVAL;
	return name_is_valid(name) && name[0] != '.';
}

static void path_of(char path[PATH_MAX], const char *name)
{
	snprintf(path, PATH_MAX, "%s/%s", directory, name);
}

/* ---- files ---- */

/* How much there is, at most `size`; -1 with errno. */
static ssize_t read_file(const char *path, uint8_t *bytes, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), why;
	ssize_t n = fd < 0 ? -1 : read(fd, bytes, size);

	why = errno;
	if (fd >= 0)
		close(fd);
	errno = why;
	return n;
}

/* ---- the key ---- */

/* A credential that is there and not a key is no reason to take another one. */
static bool key_of_service(uint8_t key[KEY_LEN + 1], bool *ok)
{
	const char *credentials = getenv("CREDENTIALS_DIRECTORY");
	char path[PATH_MAX];
	ssize_t n;

	if (!credentials)
		return false;
	snprintf(path, sizeof(path), "%.3000s/" VAULT_KEY, credentials);
	n = read_file(path, key, KEY_LEN + 1);
	*ok = n == KEY_LEN;
	return n >= 0 || errno != ENOENT;
}

static bool has_files(void)
{
	DIR *d = opendir(directory);
	bool any = false;

	for (struct dirent *e; d && (e = readdir(d));)
		any = any || is_name(e->d_name);
	if (d)
		closedir(d);
	return any;
}

/* The key stands beside the directory, as DIRECTORY.key. */
static bool make_key(const char *name, uint8_t key[KEY_LEN])
{
	char parent[PATH_MAX];

	path_of(parent, "..");
	random_bytes(key, KEY_LEN);
	return file_replace(parent, name, key, KEY_LEN);
}

/* A key that is lost is not made anew while something is sealed with it. */
static bool load_key(uint8_t key[KEY_LEN + 1], bool make)
{
	const char *slash = strrchr(directory, '/');
	char path[PATH_MAX], name[NAME_MAX];
	bool ok = false;
	ssize_t n;

	if (!key_of_service(key, &ok)) {
		snprintf(path, sizeof(path), "%s.key", directory);
		snprintf(name, sizeof(name), "%s.key", slash ? slash + 1 : directory);
		n = read_file(path, key, KEY_LEN + 1);
		ok = n == KEY_LEN;
		if (n < 0 && errno == ENOENT && make && !has_files())
			return make_key(name, key);
	}
	if (!ok)
		errno = ENOKEY;
	return ok;
}

/* By which a file tells that it was sealed with another key. Says nothing about the key. */
static bool id_of(const uint8_t key[KEY_LEN], uint8_t id[KEY_ID_LEN])
{
	static const char what[] = "sluice secrets key";
	const struct chunk chunks[] = {{what, sizeof(what)}, {key, KEY_LEN}};
	uint8_t hash[SHA256_LEN];
	bool ok = hash_sha256(chunks, 2, hash);

	memcpy(id, hash, KEY_ID_LEN);
	secret_wipe(hash, sizeof(hash));
	return ok;
}

/* ---- sealing ---- */

struct sealed {
	uint8_t magic[sizeof(magic)];
	uint8_t key_id[KEY_ID_LEN];
	uint8_t nonce[NONCE_LEN];
	uint8_t bytes[VAULT_LEN_MAX + TAG_LEN]; /* the tag follows the last of them */
};

/* What is bound to it: the format and the name. */
static size_t bound(const char *name, char text[64])
{
	return (size_t)snprintf(text, 64, "sluice secret 2 %s", name);
}

static bool seal(const char *name, const uint8_t *key, struct sealed *s, size_t len)
{
	const struct cipher *c = cipher_find(ENCR_AES_GCM_16, 8 * KEY_LEN);
	char aad[64];

	memcpy(s->magic, magic, sizeof(magic));
	random_bytes(s->nonce, sizeof(s->nonce));
	return c && id_of(key, s->key_id) &&
	       cipher_seal(c, key, s->nonce, s->nonce + c->salt_len, aad, bound(name, aad),
		       s->bytes, len, s->bytes + len);
}

static bool is_of_key(const struct sealed *s, const uint8_t *key)
{
	uint8_t id[KEY_ID_LEN];

	return id_of(key, id) && !memcmp(s->key_id, id, sizeof(id));
}

static bool unseal(const char *name, const uint8_t *key, struct sealed *s, size_t len)
{
	const struct cipher *c = cipher_find(ENCR_AES_GCM_16, 8 * KEY_LEN);
	char aad[64];

	return c && cipher_open(c, key, s->nonce, s->nonce + c->salt_len, aad, bound(name, aad),
			    s->bytes, len, s->bytes + len);
}

bool vault_get(const char *name, struct secret *out)
{
	struct {
		struct sealed sealed;
		uint8_t more; /* than there can be */
	} file;
	uint8_t key[KEY_LEN + 1];
	char path[PATH_MAX];
	ssize_t n;
	size_t len;
	bool ok, other_key;

	secret_clear(out);
	if (!is_name(name))
		return false;
	path_of(path, name);
	n = read_file(path, (uint8_t *)&file, sizeof(file));
	if (n < 0 || !load_key(key, false))
		return false;
	len = (size_t)n - offsetof(struct sealed, bytes) - TAG_LEN;
	ok = n > (ssize_t)(offsetof(struct sealed, bytes) + TAG_LEN) && len <= VAULT_LEN_MAX &&
	     !memcmp(file.sealed.magic, magic, sizeof(magic));
	other_key = ok && !is_of_key(&file.sealed, key);
	ok = ok && !other_key && unseal(name, key, &file.sealed, len) &&
	     secret_set(out, file.sealed.bytes, len);
	secret_wipe(key, sizeof(key));
	secret_wipe(&file, sizeof(file));
	if (!ok)
		errno = other_key ? EKEYREJECTED : EBADMSG;
	return ok;
}

const char *vault_why(int error)
{
	switch (error) {
	case ENOENT:
		return "there is no secret of that name";
	case EBADMSG:
		return "the secret was changed on the disk, or is the file of another one";
	case EKEYREJECTED:
		return "the secret is sealed with another key than the one that is there";
	case ENOKEY:
		return "the key of the sealed secrets cannot be had";
	case EINVAL:
		return "no secret can be called that";
	default:
		return strerror(error);
	}
}

int vault_memfd(const void *bytes, size_t len)
{
	int fd = memfd_create("sluice-secret", MFD_CLOEXEC | MFD_ALLOW_SEALING), why;

	if (fd >= 0 && write(fd, bytes, len) == (ssize_t)len && !lseek(fd, 0, SEEK_SET) &&
		!fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL))
		return fd;
	why = errno;
	if (fd >= 0)
		close(fd);
	errno = why;
	return -1;
}

int vault_open(const char *name)
{
	struct secret s = {0};
	int fd = vault_get(name, &s) ? vault_memfd(s.bytes, s.len) : -1, why = errno;

	secret_clear(&s);
	errno = why;
	return fd;
}

bool vault_set(const char *name, const void *bytes, size_t len)
{
	uint8_t key[KEY_LEN + 1];
	struct sealed s = {0};
	bool ok;

	if (!is_name(name))
		return false;
	errno = EINVAL;
	if (!len || len > VAULT_LEN_MAX)
		return false;
	if (!file_make_directory(directory, 0700) || !load_key(key, true))
		return false;
	memcpy(s.bytes, bytes, len);
	ok = seal(name, key, &s, len);
	secret_wipe(key, sizeof(key));
	if (!ok) {
		secret_wipe(&s, sizeof(s));
		errno = EIO;
		return false;
	}
	return file_replace(directory, name, &s, offsetof(struct sealed, bytes) + len + TAG_LEN);
}

bool vault_delete(const char *name)
{
	char path[PATH_MAX];
	bool ok;

	if (!is_name(name))
		return false;
	path_of(path, name);
	if (unlink(path) && (errno != ENOENT || strcmp(unsettled, name) != 0))
		return false;
	ok = file_sync_directory(directory);
	snprintf(unsettled, sizeof(unsettled), "%s", ok ? "" : name);
	return ok;
}

void vault_sweep(void)
{
	file_sweep(directory);
}

bool vault_has(const char *name)
{
	char path[PATH_MAX];

	path_of(path, name);
	return is_name(name) && !access(path, F_OK);
}

bool vault_each(vault_visit *visit, void *context)
{
	DIR *d = opendir(directory);
	struct stat st;

	if (!d)
		return errno == ENOENT;
	for (struct dirent *e; (e = readdir(d));) {
		if (is_name(e->d_name) && !fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) &&
			S_ISREG(st.st_mode))
			visit(context, e->d_name, st.st_mtim.tv_sec);
	}
	closedir(d);
	return true;
}

void vault_make(struct secret *out)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	uint8_t byte;

	secret_clear(out);
	while (out->len < VAULT_MADE_LEN) {
		random_bytes(&byte, 1);
		/* 4 times 62: what is above would make some of them likelier. */
		if (byte < 4 * (sizeof(letters) - 1) &&
			(out->len || letters[byte % (sizeof(letters) - 1)] != '0'))
			out->bytes[out->len++] = (uint8_t)letters[byte % (sizeof(letters) - 1)];
	}
	secret_wipe(&byte, 1);
}
