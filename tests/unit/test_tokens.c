/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens on a disk: whose text it is, until when, and what a crash or a full disk leaves of them. */
#include "hub/api/tokens.h"

#include "faulty_disk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define NOW 1796000000

static char directory[64], path[80];
static const struct grant north = {ROLE_OPERATOR, "north"};
static struct tokens *tokens;

static int setup(void **state)
{
	(void)state;
	strcpy(directory, "/tmp/sluice-tokens.XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/tokens.json", directory);
	disk_fails_at(0);
	tokens = tokens_new(directory);
	return 0;
}

static int teardown(void **state)
{
	char command[100];

	(void)state;
	tokens_free(tokens);
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	return system(command);
}

/* The daemon starts again. */
static void again(void)
{
	tokens_free(tokens);
	tokens = tokens_new(directory);
}

static size_t count(int64_t now)
{
	json_t *list = tokens_list(tokens, now);
	size_t n = json_array_size(json_object_get(list, "tokens"));

	json_decref(list);
	return n;
}

static void a_token_is_found_by_its_text_only(void **state)
{
	char text[TOKEN_TEXT_SIZE], other[TOKEN_TEXT_SIZE], wrong[TOKEN_TEXT_SIZE + 8];
	const struct token *k;

	(void)state;
	assert_true(tokens_make(tokens, north, NOW, NOW + 10, text));
	assert_true(tokens_make(tokens, (struct grant){ROLE_VIEWER, ""}, NOW, NOW + 20, other));
	assert_int_equal(strlen(text), TOKEN_TEXT_SIZE - 1);
	for (int turn = 0; turn < 2; turn++, again()) {
		k = tokens_find(tokens, text, NOW);
		assert_non_null(k);
		assert_int_equal(k->grant.role, ROLE_OPERATOR);
		assert_string_equal(k->grant.scope, "north");
		assert_non_null(tokens_find(tokens, other, NOW));
		for (size_t i = 0; i < TOKEN_TEXT_SIZE - 1; i++) {
			strcpy(wrong, text);
			wrong[i] ^= 1;
			assert_null(tokens_find(tokens, wrong, NOW));
		}
		snprintf(wrong, sizeof(wrong), "%s0", text);
		assert_null(tokens_find(tokens, wrong, NOW));
		assert_null(tokens_find(tokens, "", NOW));
		assert_null(tokens_find(tokens, "?", NOW));
		/* Until when. */
		assert_non_null(tokens_find(tokens, text, NOW + 9));
		assert_null(tokens_find(tokens, text, NOW + 10));
		assert_int_equal(count(NOW), 2);
		assert_int_equal(count(NOW + 10), 1);
	}
}

static void the_file_has_no_token(void **state)
{
	char text[TOKEN_TEXT_SIZE], file[4096] = "";
	struct stat st;
	FILE *f;

	(void)state;
	assert_true(tokens_make(tokens, north, NOW, NOW + 10, text));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	f = fopen(path, "re");
	assert_true(fread(file, 1, sizeof(file) - 1, f) > 0);
	fclose(f);
	assert_non_null(strstr(file, "sha256"));
	assert_null(strstr(file, text + 16));
}

static void one_that_is_revoked_is_worth_nothing(void **state)
{
	char text[TOKEN_TEXT_SIZE], other[TOKEN_TEXT_SIZE], id[API_TOKEN_ID_SIZE];

	(void)state;
	assert_true(tokens_make(tokens, north, NOW, NOW + 10, text));
	assert_true(tokens_make(tokens, north, NOW, NOW + 10, other));
	snprintf(id, sizeof(id), "%.8s", text + 7);
	assert_true(tokens_revoke(tokens, id, NOW));
	for (int turn = 0; turn < 2; turn++, again()) {
		assert_null(tokens_find(tokens, text, NOW));
		assert_non_null(tokens_find(tokens, other, NOW));
	}
	assert_false(tokens_revoke(tokens, id, NOW));
	assert_int_equal(errno, ENOENT);
}

static void id_of(const char *text, char id[API_TOKEN_ID_SIZE])
{
	snprintf(id, API_TOKEN_ID_SIZE, "%.8s", text + 7);
}

/* Whichever call fails, what was there is there, and nothing else. */
static void a_disk_that_fails_costs_nothing(void **state)
{
	char kept[TOKEN_TEXT_SIZE], text[TOKEN_TEXT_SIZE];
	bool ok = false;
	int at;

	(void)state;
	assert_true(tokens_make(tokens, north, NOW, NOW + 10, kept));
	for (at = 1; !ok; at++) {
		disk_fails_at(at);
		ok = tokens_make(tokens, north, NOW, NOW + 10, text);
		disk_fails_at(0);
		if (!ok) {
			assert_int_equal(errno, EIO);
			assert_string_equal(text, "");
		}
		for (int turn = 0; turn < 2; turn++, again()) {
			assert_non_null(tokens_find(tokens, kept, NOW));
			assert_int_equal(count(NOW), ok ? 2 : 1);
		}
	}
	assert_true(at > 4);
}

/* It holds at once, and is asked for again until it is on the disk. */
static void a_revocation_can_be_repeated(void **state)
{
	char text[TOKEN_TEXT_SIZE], other[TOKEN_TEXT_SIZE], id[API_TOKEN_ID_SIZE];
	bool ok = false;
	int at;

	(void)state;
	for (at = 1; !ok; at++) {
		assert_true(tokens_make(tokens, north, NOW, NOW + 10, text));
		id_of(text, id);
		disk_fails_at(at);
		ok = tokens_revoke(tokens, id, NOW);
		disk_fails_at(0);
		assert_null(tokens_find(tokens, text, NOW));
		assert_int_equal(count(NOW), 0);
		if (!ok)
			assert_true(tokens_revoke(tokens, id, NOW));
		assert_false(tokens_revoke(tokens, id, NOW));
		assert_int_equal(errno, ENOENT);
		again();
		assert_null(tokens_find(tokens, text, NOW));
	}
	assert_true(at > 4);
	/* Whatever writes the file next has revoked it as well. */
	assert_true(tokens_make(tokens, north, NOW, NOW + 10, text));
	id_of(text, id);
	disk_fails_at(1);
	assert_false(tokens_revoke(tokens, id, NOW));
	disk_fails_at(0);
	assert_true(tokens_make(tokens, north, NOW, NOW + 10, other));
	again();
	assert_null(tokens_find(tokens, text, NOW));
	assert_non_null(tokens_find(tokens, other, NOW));
}

/* The file and its directory, which was not there before, survive a loss of power. */
static void what_is_made_is_on_the_disk(void **state)
{
	char text[TOKEN_TEXT_SIZE], below[80];

	(void)state;
	snprintf(below, sizeof(below), "%s/new", directory);
	tokens_free(tokens);
	tokens = tokens_new(below);
	disk_fails_at(0);
	assert_true(tokens_make(tokens, north, NOW, NOW + 10, text));
	assert_int_equal(disk.syncs, 3);
}

static void what_is_not_understood_is_left_alone(void **state)
{
	static const char *const texts[] = {"", "{", "{}", "[{}]", "[1]",
		"[{\"id\":\"0badcafe\",\"role\":\"king\",\"scope\":\"\",\"made\":1,\"until\":"
		"9999999999,"
		"\"sha256\":\"0000000000000000000000000000000000000000000000000000000000000000\"}]",
		"[{\"id\":\"0badcafe\",\"role\":\"admin\",\"scope\":\"\",\"made\":1,\"until\":"
		"9999999999,"
		"\"sha256\":\"000000000000000000000000000000000000000000000000000000000000000g\"}"
		"]"};
	char text[TOKEN_TEXT_SIZE], file[512];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		FILE *f = fopen(path, "we");

		assert_non_null(f);
		fputs(texts[i], f);
		fclose(f);
		again();
		assert_int_equal(count(NOW), 0);
		assert_int_equal(tokens_broken(tokens), EUCLEAN);
		assert_false(tokens_make(tokens, north, NOW, NOW + 10, text));
		assert_int_equal(errno, EUCLEAN);
		assert_false(tokens_revoke(tokens, "0badcafe", NOW));
		assert_int_equal(errno, EUCLEAN);
		f = fopen(path, "re");
		memset(file, 0, sizeof(file));
		assert_int_equal(fread(file, 1, sizeof(file) - 1, f), strlen(texts[i]));
		fclose(f);
		assert_string_equal(file, texts[i]);
	}
	/* Taken away, it is at an end without a restart. */
	assert_int_equal(remove(path), 0);
	assert_int_equal(tokens_broken(tokens), 0);
	assert_true(tokens_make(tokens, north, NOW, NOW + 10, text));
}

static void there_are_only_so_many(void **state)
{
	char text[TOKEN_TEXT_SIZE];

	(void)state;
	for (int i = 0; i < TOKENS_MAX; i++)
		assert_true(tokens_make(tokens, north, NOW, NOW + 10, text));
	assert_false(tokens_make(tokens, north, NOW, NOW + 10, text));
	assert_int_equal(errno, ENOSPC);
	/* Those that have ended make room. */
	assert_true(tokens_make(tokens, north, NOW + 10, NOW + 20, text));
	assert_int_equal(count(NOW + 10), 1);
}

static void a_role_within_another(void **state)
{
	(void)state;
	for (int a = 0; a < ROLES; a++) {
		for (int b = 0; b < ROLES; b++) {
			struct grant inner = {(uint8_t)a, "north"}, outer = {(uint8_t)b, ""};
			bool within = a == b || b == ROLE_ADMIN || a == ROLE_VIEWER;

			assert_int_equal(grant_within(&inner, &outer), within);
			assert_false(grant_within(&outer, &inner));
			strcpy(outer.scope, "south");
			assert_false(grant_within(&inner, &outer));
		}
	}
	assert_true(grant_covers(&north, MAY_OPERATE, "north"));
	assert_false(grant_covers(&north, MAY_OPERATE, ""));
	assert_false(grant_covers(&north, MAY_OPERATE, "nort"));
	assert_false(grant_covers(&north, MAY_ADMINISTER, "north"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_token_is_found_by_its_text_only, setup, teardown),
		cmocka_unit_test_setup_teardown(the_file_has_no_token, setup, teardown),
		cmocka_unit_test_setup_teardown(
			one_that_is_revoked_is_worth_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(a_disk_that_fails_costs_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(a_revocation_can_be_repeated, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_made_is_on_the_disk, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_is_not_understood_is_left_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(there_are_only_so_many, setup, teardown),
		cmocka_unit_test(a_role_within_another),
	};

	return cmocka_run_group_tests_name("tokens", tests, NULL, NULL);
}
