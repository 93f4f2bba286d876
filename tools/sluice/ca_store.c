/* SPDX-License-Identifier: Apache-2.0 */
/* Files of `sluice ca`: whole or not at all, and nobody else's to read. */
#include "ca.h"

#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX (8u << 20) /* bytes: of any file here */

bool ca_fail(const char *format, ...)
{
	va_list args;

	fputs("sluice: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return false;
}

bool ca_path(char path[CA_PATH_SIZE], ...)
{
	size_t used = 0;
	const char *part;
	va_list args;

	path[0] = '\0';
	va_start(args, path);
	while ((part = va_arg(args, const char *)) && used < CA_PATH_SIZE)
		used += (size_t)snprintf(
			path + used, CA_PATH_SIZE - used, "%s%s", used ? "/" : "", part);
	va_end(args);
	return used < CA_PATH_SIZE || ca_fail("%.60s...: the path is too long", path);
}

bool ca_make_directory(const char *path)
{
	struct stat st;

	if (!mkdir(path, 0700))
		return true;
	if (errno != EEXIST || stat(path, &st) || !S_ISDIR(st.st_mode))
		return ca_fail("%s: %s", path, strerror(errno));
	if (st.st_mode & 077)
		return ca_fail("%s: others can enter it (mode %o, wanted 0700)", path,
			(unsigned int)(st.st_mode & 0777));
	return true;
}

int ca_lock(const char *directory)
{
	char path[CA_PATH_SIZE];
	int fd;

	if (!ca_path(path, directory, ".lock", NULL))
		return -1;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || flock(fd, LOCK_EX)) {
		ca_fail("%s: %s", errno == ENOENT ? directory : path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

/* Everything down to the disk, under a name that nobody looks at. */
static bool write_all(const char *path, const char *text, size_t len, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	size_t done = 0;
	bool ok = fd >= 0 && !fchmod(fd, mode);

	while (ok && done < len) {
		ssize_t n = write(fd, text + done, len - done);

		ok = n > 0 || (n < 0 && errno == EINTR);
		done += n > 0 ? (size_t)n : 0;
	}
	ok = ok && !fsync(fd);
	if (fd >= 0 && close(fd))
		ok = false;
	return ok;
}

static bool sync_directory_of(const char *path)
{
	char directory[CA_PATH_SIZE];
	char *slash;
	int fd;
	bool ok;

	snprintf(directory, sizeof(directory), "%s", path);
	slash = strrchr(directory, '/');
	if (slash)
		*slash = '\0';
	fd = open(
		slash ? (directory[0] ? directory : "/") : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ok = fd >= 0 && !fsync(fd);
	if (fd >= 0)
		close(fd);
	return ok;
}

bool ca_write(const char *path, const char *text, size_t len, bool secret, bool replace)
{
	char temporary[CA_PATH_SIZE + 8];
	int error;
	bool ok;

	snprintf(temporary, sizeof(temporary), "%s.new", path);
	(void)unlink(temporary); /* of a command that was killed: we hold the lock */
	ok = write_all(temporary, text, len, secret ? 0600 : 0644);
	/* link(2) refuses what is there, rename(2) replaces it; both at once or not at all. */
	if (ok)
		ok = replace ? !rename(temporary, path) : !link(temporary, path);
	error = errno;
	if (!ok || !replace)
		(void)unlink(temporary);
	ok = ok && sync_directory_of(path);
	if (!ok)
		ca_fail("%s: %s", path,
			error == EEXIST ? "is there already, and is not overwritten"
					: strerror(error));
	return ok;
}

char *ca_read(const char *path, size_t *len, bool quiet)
{
	FILE *f = fopen(path, "re");
	char *text = f ? malloc(FILE_MAX + 1) : NULL;

	*len = text ? fread(text, 1, FILE_MAX + 1, f) : 0;
	if (!text || ferror(f) || *len > FILE_MAX) {
		if (!quiet)
			ca_fail("%s: %s", path, *len > FILE_MAX ? "too large" : strerror(errno));
		free(text);
		text = NULL;
	} else {
		text[*len] = '\0';
	}
	if (f)
		fclose(f);
	return text;
}

struct cert *ca_read_cert(const char *path, bool quiet)
{
	size_t len;
	char *text = ca_read(path, &len, quiet), error[200] = "";
	struct cert *c = text ? cert_read(text, len, error, sizeof(error)) : NULL;

	if (text && !c && !quiet)
		ca_fail("%s: %s", path, error);
	free(text);
	return c;
}

static struct private_key *read_key(const char *path)
{
	struct private_key *key = NULL;
	char error[200] = "";
	struct stat st;
	size_t len;
	char *text = ca_read(path, &len, false);

	if (!text)
		return NULL;
	if (stat(path, &st) || st.st_mode & 077)
		ca_fail("%s: others than its owner can read it, 0600 is wanted", path);
	else if (!(key = private_key_read(text, len, error, sizeof(error))))
		ca_fail("%s: %s", path, error);
	secret_wipe(text, len);
	free(text);
	return key;
}

/* A subordinate's chain; a root has none. */
static bool read_chain(struct ca *ca)
{
	char path[CA_PATH_SIZE];

	if (!ca_path(path, ca->path, "chain.pem", NULL))
		return false;
	if (!strcmp(ca->facts.subject, ca->facts.issuer))
		return true;
	ca->chain.pem = ca_read(path, &ca->chain.len, false);
	return ca->chain.pem != NULL;
}

bool ca_open(const struct ca_options *o, const char *authority, struct ca *ca)
{
	char path[CA_PATH_SIZE];

	*ca = (struct ca){0};
	if (!ca_path(ca->path, o->directory, authority, NULL) ||
		!ca_path(path, ca->path, "ca.pem", NULL))
		return false;
	if (access(path, F_OK)) {
		ca_fail("there is no authority '%s' in %s; `sluice ca %s` makes one", authority,
			o->directory, strcmp(authority, CA_ROOT) ? "subordinate" : "init");
		return false;
	}
	ca->cert = ca_read_cert(path, false);
	if (ca->cert && ca_path(path, ca->path, "ca.key", NULL))
		ca->key = read_key(path);
	if (ca->key && !cert_has_key(ca->cert, ca->key)) {
		ca_fail("%s: ca.key does not belong to ca.pem", ca->path);
	} else if (ca->key) {
		cert_facts(ca->cert, &ca->facts);
		if (read_chain(ca))
			return true;
	}
	ca_close(ca);
	return false;
}

void ca_close(struct ca *ca)
{
	private_key_free(ca->key);
	cert_free(ca->cert);
	issued_free(&ca->chain);
	ca->key = NULL;
	ca->cert = NULL;
}
