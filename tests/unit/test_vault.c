/* SPDX-License-Identifier: Apache-2.0 */
/* The sealed store: what was changed on the disk is noticed, and a disk that fails costs nothing. */
#include "hub/secret/vault.h"

#include "faulty_disk.h"
#include "hub/secret/rotation.h"
#include "hub/secret/secret.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define KEY_TEXT  "a.long_secret.of.tests"
#define KEY_ID    8 /* where it stands */
#define NONCE     16
#define FILE_SIZE (8 + 8 + 12 + sizeof(KEY_TEXT) - 1 + 16)

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
	disk_fails_at(0);
	return 0;
}

static int teardown(void **state)
{
	char command[100];

	(void)state;
	disk_fails_at(0);
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
	assert_memory_not_equal(raw + NONCE, again + NONCE, 12); /* no nonce twice */
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
		fails("psk", i / 8 < KEY_ID || i / 8 >= NONCE ? EBADMSG : EKEYREJECTED);
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
	fails("psk", EKEYREJECTED);
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
		disk_fails_at(at);
		ok = vault_set("first", KEY_TEXT, sizeof(KEY_TEXT) - 1);
		assert_true(is("first", KEY_TEXT) || !ok);
	}
	assert_true(at > 4);
	for (at = 1, ok = false; !ok; at++) {
		disk_fails_at(0);
		put("psk", "the.old_secret");
		disk_fails_at(at);
		ok = vault_set("psk", KEY_TEXT, sizeof(KEY_TEXT) - 1);
		assert_true(is("psk", KEY_TEXT) || (!ok && is("psk", "the.old_secret")));
		assert_true(is("first", KEY_TEXT));
	}
	disk_fails_at(0);
	/* What is gone, and may come back with a loss of power, can be deleted again. */
	for (at = 1, ok = false; !ok; at++) {
		put("psk", KEY_TEXT);
		disk_fails_at(at);
		ok = vault_delete("psk");
		disk_fails_at(0);
		assert_int_equal(is("psk", KEY_TEXT), !ok && at == 1);
		assert_true(ok || vault_delete("psk"));
		assert_false(vault_delete("psk"));
		assert_int_equal(errno, ENOENT);
	}
	assert_true(at > 2);
}

static void what_is_set_is_on_the_disk(void **state)
{
	(void)state;
	disk_fails_at(0);
	put("first", KEY_TEXT);
	assert_int_equal(
		disk.syncs, 5); /* where the directory stands, the key twice, the secret twice */
	disk_fails_at(0);
	put("second", KEY_TEXT);
	assert_int_equal(disk.syncs, 2);
	disk_fails_at(0);
	assert_true(vault_delete("first"));
	assert_int_equal(disk.syncs, 1);
}

/* ---- one is replaced ---- */

static const struct secret fresh = {.len = 14, .bytes = "the.new_secret"};

static enum rotation replace(const char *name, bool over)
{
	char why[ROTATION_WHY_SIZE];

	return rotation_set(name, &fresh, over, why);
}

static void count_told(void *context, const char *name, const char *why)
{
	unsigned int *told = context;

	assert_string_equal(name, "psk");
	told[why != NULL]++;
}

static void one_that_is_replaced_waits_first(void **state)
{
	unsigned int told[2] = {0};

	(void)state;
	assert_int_equal(replace("psk", false), ROTATION_DONE);
	assert_true(is("psk", "the.new_secret"));
	put("psk", KEY_TEXT);
	assert_int_equal(replace("psk", false), ROTATION_WAITS);
	assert_int_equal(replace("psk", false), ROTATION_REFUSED);
	assert_int_equal(replace("psk", true), ROTATION_WAITS);
	assert_true(is("psk", KEY_TEXT) && is("psk.next", "the.new_secret"));
	fails("psk.previous", ENOENT);
	rotation_apply(count_told, told);
	assert_true(told[0] == 1 && !told[1]);
	assert_true(is("psk", "the.new_secret") && is("psk.previous", KEY_TEXT));
	fails("psk.next", ENOENT);
	/* One overlap after the other. */
	assert_int_equal(replace("psk", true), ROTATION_REFUSED);
	put("psk.next", "the.third_secret");
	rotation_apply(count_told, told);
	assert_true(told[0] == 1 && told[1] == 1);
	assert_true(is("psk", "the.new_secret") && is("psk.previous", KEY_TEXT));
	/* Nothing of it is left for the next one that is called so. */
	assert_true(rotation_delete("psk"));
	fails("psk", ENOENT);
	fails("psk.next", ENOENT);
	fails("psk.previous", ENOENT);
	assert_false(rotation_delete("psk"));
	assert_int_equal(errno, ENOENT);
}

static void names_that_are_replaced(void **state)
{
	(void)state;
	for (const char *const *name = (const char *const[]){"", "../x", "x.next", "x.previous",
		     "x y", "a2345678901234567890123", NULL};
		*name; name++)
		assert_int_equal(replace(*name, false), ROTATION_BAD);
	assert_int_equal(replace("a234567890123456789012", false), ROTATION_DONE);
	assert_int_equal(replace("a234567890123456789012", false), ROTATION_WAITS);
}

/* Nobody could use it, so nobody loses by it. */
static void one_that_is_damaged_is_replaced_at_once(void **state)
{
	(void)state;
	put("psk", KEY_TEXT);
	write_raw("psk", (const uint8_t *)"x", 1);
	assert_int_equal(replace("psk", false), ROTATION_DONE);
	assert_true(is("psk", "the.new_secret"));
}

/* Whichever call fails: all is as it was, or it is done; and nothing that looks like the one of before is left. */
static void a_failing_disk_rotates_nothing(void **state)
{
	unsigned int told[2] = {0};
	enum rotation r = ROTATION_FAILED;
	int at;

	(void)state;
	put("psk", KEY_TEXT);
	for (at = 1; r == ROTATION_FAILED; at++) {
		disk_fails_at(at);
		r = replace("psk", false);
		disk_fails_at(0);
		assert_true(is("psk", KEY_TEXT));
		assert_int_equal(is("psk.next", "the.new_secret"), r == ROTATION_WAITS);
		fails("psk.previous", ENOENT);
	}
	assert_true(r == ROTATION_WAITS && at > 4);
	for (at = 1; !told[0]; at++) {
		disk_fails_at(at);
		rotation_apply(count_told, told);
		disk_fails_at(0);
		if (told[0])
			break;
		assert_true(is("psk", KEY_TEXT) && is("psk.next", "the.new_secret"));
		fails("psk.previous", ENOENT);
	}
	assert_true(at > 8);
	assert_true(is("psk", "the.new_secret") && is("psk.previous", KEY_TEXT));
	/* Whatever is left of the one that waited is taken away by the next apply. */
	rotation_apply(count_told, told);
	fails("psk.next", ENOENT);
	assert_true(is("psk", "the.new_secret") && is("psk.previous", KEY_TEXT));
}

static int read_fails_at; /* the n'th one from now on, with EIO; 0: none */

ssize_t read(int fd, void *bytes, size_t size)
{
	if (read_fails_at && !--read_fails_at) {
		errno = EIO;
		return -1;
	}
	return (ssize_t)syscall(SYS_read, fd, bytes, size);
}

/* A key that cannot be read for once is there all the same: it is not lost by that. */
static void what_cannot_be_read_now_is_kept(void **state)
{
	unsigned int told[2] = {0}, at;

	(void)state;
	for (at = 1; !read_fails_at && at < 100; at++) {
		put("psk", KEY_TEXT);
		put("psk.next", "the.new_secret");
		read_fails_at = (int)at;
		rotation_apply(count_told, told);
		if (read_fails_at)
			break;
		assert_true(is("psk", KEY_TEXT) || is("psk.previous", KEY_TEXT));
		assert_true(is("psk", KEY_TEXT) || is("psk", "the.new_secret"));
		rotation_apply(count_told, told);
		assert_true(is("psk", "the.new_secret") && is("psk.previous", KEY_TEXT));
		assert_true(rotation_delete("psk"));
	}
	read_fails_at = 0;
	assert_true(at > 4 && told[0] && told[1]);
}

/* A hub that is killed between two steps goes on with the next apply. */
static void what_was_begun_is_ended(void **state)
{
	unsigned int told[2] = {0};

	(void)state;
	put("psk", KEY_TEXT);
	put("psk.previous", KEY_TEXT);
	put("psk.next", "the.new_secret");
	rotation_apply(count_told, told);
	assert_true(is("psk", "the.new_secret") && is("psk.previous", KEY_TEXT));
	put("psk.next", "the.new_secret");
	rotation_apply(count_told, told);
	assert_true(is("psk", "the.new_secret") && is("psk.previous", KEY_TEXT));
	fails("psk.next", ENOENT);
	assert_true(told[0] == 2 && !told[1]);
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
		TEST(what_is_set_is_on_the_disk),
		TEST(one_that_is_replaced_waits_first),
		TEST(names_that_are_replaced),
		TEST(one_that_is_damaged_is_replaced_at_once),
		TEST(a_failing_disk_rotates_nothing),
		TEST(what_cannot_be_read_now_is_kept),
		TEST(what_was_begun_is_ended),
		TEST(names_stay_in_the_directory),
		TEST(one_that_is_made_can_be_given_to_devices),
		TEST(the_one_of_before_is_found_by_its_name),
	};

	return cmocka_run_group_tests_name("vault", tests, NULL, NULL);
}
