/* SPDX-License-Identifier: Apache-2.0 */
/* The sealed store: what was changed on the disk is noticed, and a disk that fails costs nothing. */
#include "hub/secret/vault.h"

#include "hub/secret/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>

#define KEY_TEXT  "a.long_secret.of.tests"
#define FILE_SIZE (8 + 12 + sizeof(KEY_TEXT) - 1 + 16)

/* ---- calls that change a disk: the n'th one fails ---- */

static int calls, fails_at;

static bool faulty(void)
{
	if (++calls != fails_at)
		return false;
	errno = EIO;
	return true;
}

int rename(const char *from, const char *to)
{
	return faulty() ? -1 : (int)syscall(SYS_rename, from, to);
}

int fsync(int fd)
{
	return faulty() ? -1 : (int)syscall(SYS_fsync, fd);
}

ssize_t write(int fd, const void *bytes, size_t len)
{
	return faulty() ? -1 : (ssize_t)syscall(SYS_write, fd, bytes, len);
}

int unlink(const char *path)
{
	return faulty() ? -1 : (int)syscall(SYS_unlink, path);
}

static char place[64], directory[80];

static int setup(void **state)
{
	(void)state;
	strcpy(place, "/tmp/sluice-vault.XXXXXX");
	if (!mkdtemp(place))
		return -1;
	snprintf(directory, sizeof(directory), "%s/secrets", place);
	vault_use(directory);
	unsetenv("CREDENTIALS_DIRECTORY");
	calls = fails_at = 0;
	return 0;
}

static int teardown(void **state)
{
	char command[100];

	(void)state;
	fails_at = 0;
	snprintf(command, sizeof(command), "rm -rf %s", place);
	return system(command);
}

static void put(const char *name, const char *text)
{
	if (!vault_set(name, text, strlen(text)))
		fail_msg("%s: %s", name, strerror(errno));
}

static bool is(const char *name, const char *text)
{
	struct secret s = {0};
	bool same = vault_get(name, &s) && s.len == strlen(text) && !memcmp(s.bytes, text, s.len);

	secret_clear(&s);
	return same;
}

/* It cannot be read, and the reason is that one. */
static void fails(const char *name, int why)
{
	struct secret s = {.len = 1};

	assert_false(vault_get(name, &s));
	if (errno != why)
		fail_msg("%s: %s", name, strerror(errno));
	assert_int_equal(s.len, 0);
	assert_int_equal(vault_open(name), -1);
}

static size_t read_raw(const char *name, uint8_t bytes[256])
{
	char path[128];
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	f = fopen(path, "re");
	assert_non_null(f);
	n = fread(bytes, 1, 256, f);
	fclose(f);
	return n;
}

static void write_raw(const char *name, const uint8_t *bytes, size_t len)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	f = fopen(path, "we");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	fclose(f);
}

static void what_is_set_can_be_had(void **state)
{
	char path[128];
	uint8_t raw[256], again[256];
	struct stat st;
	char text[64] = "";
	int fd;

	(void)state;
	fails("psk", ENOENT);
	put("psk", KEY_TEXT);
	put("other", "another.secret");
	assert_true(is("psk", KEY_TEXT) && is("other", "another.secret"));
	assert_int_equal(read_raw("psk", raw), FILE_SIZE);
	assert_null(memmem(raw, FILE_SIZE, "secret", 6));
	put("psk", KEY_TEXT);
	assert_int_equal(read_raw("psk", again), FILE_SIZE);
	assert_memory_not_equal(raw + 8, again + 8, 12); /* no nonce twice */
	for (const char *const *name =
			(const char *const[]){"secrets", "secrets/psk", "secrets.key", NULL};
		*name; name++) {
		snprintf(path, sizeof(path), "%s/%s", place, *name);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 077, 0);
	}
	/* By its reference. */
	fd = secret_ref_open("secret:psk");
	assert_true(fd >= 0);
	assert_int_equal(read(fd, text, sizeof(text)), sizeof(KEY_TEXT) - 1);
	assert_string_equal(text, KEY_TEXT);
	assert_int_equal(pwrite(fd, "x", 1, 0), -1);
	close(fd);
	assert_true(vault_delete("psk"));
	fails("psk", ENOENT);
}

static void any_change_is_noticed(void **state)
{
	uint8_t raw[257] = {0}, bad[257];

	(void)state;
	put("psk", KEY_TEXT);
	put("other", KEY_TEXT);
	assert_int_equal(read_raw("psk", raw), FILE_SIZE);
	for (size_t i = 0; i < 8 * FILE_SIZE; i++) {
		memcpy(bad, raw, sizeof(bad));
		bad[i / 8] ^= (uint8_t)(1u << i % 8);
		write_raw("psk", bad, FILE_SIZE);
		fails("psk", EBADMSG);
	}
	for (size_t len = 0; len <= 200; len++) {
		write_raw("psk", raw, len);
		if (len != FILE_SIZE)
			fails("psk", EBADMSG);
	}
	/* Another one's file under this name. */
	assert_int_equal(read_raw("other", bad), FILE_SIZE);
	write_raw("psk", bad, FILE_SIZE);
	fails("psk", EBADMSG);
	write_raw("psk", raw, FILE_SIZE);
	assert_true(is("psk", KEY_TEXT));
}

static void the_key_is_needed(void **state)
{
	uint8_t key[256], other[32] = {7};
	size_t len;

	(void)state;
	put("psk", KEY_TEXT);
	len = read_raw("../secrets.key", key);
	assert_int_equal(len, 32);
	write_raw("../secrets.key", other, 32);
	fails("psk", EBADMSG);
	write_raw("../secrets.key", key, 31);
	fails("psk", ENOKEY);
	write_raw("../secrets.key", key, 33);
	fails("psk", ENOKEY);
	/* One that is lost is not made anew: what is sealed would be lost for good, unnoticed. */
	assert_int_equal(remove(strcat(strcpy((char[128]){0}, place), "/secrets.key")), 0);
	fails("psk", ENOKEY);
	assert_false(vault_set("new", KEY_TEXT, sizeof(KEY_TEXT) - 1));
	assert_int_equal(errno, ENOKEY);
	write_raw("../secrets.key", key, 32);
	assert_true(is("psk", KEY_TEXT));
}

static void a_credential_is_the_key(void **state)
{
	uint8_t key[32] = {9};

	(void)state;
	assert_int_equal(mkdir(directory, 0700), 0);
	setenv("CREDENTIALS_DIRECTORY", place, 1);
	write_raw("../" VAULT_KEY, key, 32);
	put("psk", KEY_TEXT);
	assert_true(is("psk", KEY_TEXT));
	write_raw("../" VAULT_KEY, key, 31);
	fails("psk", ENOKEY);
	unsetenv("CREDENTIALS_DIRECTORY");
	fails("psk", ENOKEY);
}

static void a_disk_that_fails_costs_nothing(void **state)
{
	bool ok = false;
	int at;

	(void)state;
	/* The first one, with its key. */
	for (at = 1; !ok; at++) {
		calls = 0;
		fails_at = at;
		ok = vault_set("first", KEY_TEXT, sizeof(KEY_TEXT) - 1);
		assert_true(is("first", KEY_TEXT) || !ok);
	}
	assert_true(at > 4);
	for (at = 1, ok = false; !ok; at++) {
		calls = fails_at = 0;
		put("psk", "the.old_secret");
		calls = 0;
		fails_at = at;
		ok = vault_set("psk", KEY_TEXT, sizeof(KEY_TEXT) - 1);
		assert_true(is("psk", KEY_TEXT) || (!ok && is("psk", "the.old_secret")));
		assert_true(is("first", KEY_TEXT));
	}
	calls = 0;
	fails_at = 1;
	assert_false(vault_delete("psk"));
	assert_true(is("psk", KEY_TEXT));
}

static void names_stay_in_the_directory(void **state)
{
	(void)state;
	for (const char *const *name = (const char *const[]){"", ".", "..", "../x", "a/b", ".new",
		     "a b", "x23456789012345678901234567890123", NULL};
		*name; name++) {
		assert_false(vault_set(*name, KEY_TEXT, 8));
		assert_int_equal(errno, EINVAL);
		fails(*name, EINVAL);
		assert_false(vault_delete(*name));
		assert_false(vault_has(*name));
	}
	assert_false(vault_set("a", KEY_TEXT, 0));
	assert_false(vault_set("a", KEY_TEXT, VAULT_LEN_MAX + 1));
}

static void one_that_is_made_can_be_given_to_devices(void **state)
{
	bool seen[256] = {0};
	size_t kinds = 0;

	(void)state;
	for (int i = 0; i < 2000; i++) {
		struct secret s = {0};

		vault_make(&s);
		assert_int_equal(s.len, VAULT_MADE_LEN);
		assert_null(psk_fault(s.bytes, s.len));
		for (size_t c = 0; c < s.len; c++)
			seen[s.bytes[c]] = true;
	}
	for (size_t c = 0; c < 256; c++)
		kinds += seen[c];
	assert_int_equal(kinds, 62);
}

static void the_one_of_before_is_found_by_its_name(void **state)
{
	struct tunnel_conf t = {.psk = "secret:store"};
	char ref[CONFIG_SECRET_REF_SIZE];

	(void)state;
	put("store", KEY_TEXT);
	assert_string_equal(secret_previous(&t, ref), "");
	put("store.previous", "the.old_secret");
	assert_string_equal(secret_previous(&t, ref), "secret:store.previous");
	strcpy(t.psk_previous, "file:/k");
	assert_string_equal(secret_previous(&t, ref), "file:/k");
	t.psk_previous[0] = '\0';
	strcpy(t.psk, "file:/store");
	assert_string_equal(secret_previous(&t, ref), "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_set_can_be_had),
		TEST(any_change_is_noticed),
		TEST(the_key_is_needed),
		TEST(a_credential_is_the_key),
		TEST(a_disk_that_fails_costs_nothing),
		TEST(names_stay_in_the_directory),
		TEST(one_that_is_made_can_be_given_to_devices),
		TEST(the_one_of_before_is_found_by_its_name),
	};

	return cmocka_run_group_tests_name("vault", tests, NULL, NULL);
}
