/* SPDX-License-Identifier: Apache-2.0 */
/* Revisions on a disk: written whole or not at all, whatever happens meanwhile. */
#include "store/made.h"

#include "faulty_disk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static char directory[64], place[80];
static struct revisions r;

static int setup(void **state)
{
	(void)state;
	strcpy(directory, "/tmp/sluice-revisions.XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	snprintf(place, sizeof(place), "%s/revisions", directory);
	r.directory = place;
	disk_fails_at(0);
	return 0;
}

static int teardown(void **state)
{
	char command[100];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	return system(command);
}

/* sluice.yaml with that text, and documents of two sites. */
static struct documents *documents(const char *text)
{
	struct documents *d = calloc(1, sizeof(*d));

	d->count = 3;
	d->list = calloc(d->count, sizeof(*d->list));
	strcpy(d->list[1].site, "a");
	strcpy(d->list[2].site, "b");
	for (size_t i = 0; i < d->count; i++) {
		d->list[i].text = strdup(i == 1 ? "of a" : text);
		d->list[i].len = strlen(d->list[i].text);
	}
	return d;
}

/* With paths of keys that are made with it; NULL: none are. */
static uint64_t put_with(const char *text, json_t *own_keys)
{
	struct documents *d = documents(text);
	json_t *info = json_pack("{s:s s:s++ s:o*}", "why", text, "file", directory, "/",
		"sluice.yaml", "keys", own_keys);
	uint64_t n = revisions_write(&r, d, info) ? revisions_place(&r, info) : 0;
	int why = errno;

	if (n)
		revisions_settle(&r, made_pass_on);
	assert_int_equal(json_integer_value(json_object_get(info, "number")), n);

	json_decref(info);
	documents_free(d);
	errno = why;
	return n;
}

static uint64_t put(const char *text)
{
	return put_with(text, NULL);
}

static void assert_is(uint64_t number, const char *text)
{
	char error[CONFIG_ERROR_SIZE];
	struct documents *d = revisions_get(&r, number, error), *wanted = documents(text);
	json_t *info = revisions_info(&r, number);

	if (!d)
		fail_msg("%s", error);
	assert_false(documents_differ(d, wanted, NULL, NULL));
	assert_int_equal(json_integer_value(json_object_get(info, "number")), number);
	assert_string_equal(json_string_value(json_object_get(info, "why")), text);
	json_decref(info);
	documents_free(wanted);
	documents_free(d);
}

static void test_one_after_the_other(void **state)
{
	char error[CONFIG_ERROR_SIZE];
	uint64_t *numbers;
	json_t *info;

	(void)state;
	assert_int_equal(revisions_newest(&r), 0);
	assert_int_equal(put("one"), 1);
	assert_int_equal(put("two"), 2);
	assert_int_equal(revisions_newest(&r), 2);
	assert_int_equal(revisions_list(&r, &numbers), 2);
	assert_int_equal(numbers[0], 2);
	assert_int_equal(numbers[1], 1);
	free(numbers);
	assert_is(1, "one");
	assert_is(2, "two");
	info = revisions_info(&r, 1);
	json_object_set_new(info, "outcome", json_string("done"));
	assert_true(revisions_note(&r, 1, info));
	json_decref(info);
	info = revisions_info(&r, 1);
	assert_string_equal(json_string_value(json_object_get(info, "outcome")), "done");
	json_decref(info);
	assert_is(1, "one");
	assert_null(revisions_get(&r, 3, error));
	assert_string_equal(error, "there is no revision 3");
	assert_null(revisions_info(&r, 3));
}

static void note_difference(
	void *context, const char *site, const struct document *was, const struct document *is)
{
	char *text = context;

	sprintf(text + strlen(text), "%s%s ", was ? is ? "" : "-" : "+", site);
}

static void test_what_differs(void **state)
{
	struct documents *was = documents("x"), *is = documents("y");
	char text[100] = "";

	(void)state;
	assert_false(documents_differ(was, was, note_difference, text));
	assert_string_equal(text, "");
	strcpy(is->list[1].site, "c");
	assert_true(documents_differ(was, is, note_difference, text));
	assert_string_equal(text, " +c b -a ");
	documents_free(was);
	documents_free(is);
}

/* Neither a kill nor an error at any step leaves half of one, and what follows is as if it had not been. */
static void every_step(bool kill_it)
{
	int steps, status;
	uint64_t n = 2;

	assert_int_equal(put("one"), 1);
	disk_fails_at(0);
	assert_int_equal(put("two"), 2);
	steps = disk.calls;
	assert_true(steps > 10);
	for (int i = 1; i <= steps; i++) {
		pid_t pid = fork();

		disk_fails_at(0);
		if (!pid) {
			disk.dies_at = kill_it ? i : 0;
			disk.fails_at = kill_it ? 0 : i;
			_exit(put("next") != 0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(WIFSIGNALED(status), kill_it);
		/* What it says is what is there. */
		if (!kill_it)
			assert_int_equal(WEXITSTATUS(status), revisions_newest(&r) != n);
		if (revisions_newest(&r) != n)
			n++;
		assert_int_equal(revisions_newest(&r), n);
		assert_is(n, n == 2 ? "two" : "next");
	}
	/* The last steps come when it is in its place. */
	assert_true(n > 2 && n < (uint64_t)steps);
	assert_int_equal(put("last"), n + 1);
	assert_is(n + 1, "last");
	assert_is(1, "one");
}

static void test_killed_at_every_step(void **state)
{
	(void)state;
	every_step(true);
}

static void test_failing_at_every_step(void **state)
{
	(void)state;
	every_step(false);
}

static void test_a_full_disk(void **state)
{
	struct rlimit before, small;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(put("one"), 1);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = (struct rlimit){.rlim_cur = 2, .rlim_max = before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(put("two"), 0);
	assert_int_equal(errno, EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(revisions_newest(&r), 1);
	assert_int_equal(put("two"), 2);
}

static void test_old_ones_go(void **state)
{
	(void)state;
	for (uint64_t i = 1; i <= REVISIONS_KEPT + 3; i++)
		assert_int_equal(put("x"), i);
	assert_null(revisions_info(&r, 3));
	assert_is(4, "x");
	assert_int_equal(revisions_newest(&r), REVISIONS_KEPT + 3);
}

/* ---- keys that were made for sites ---- */

static const char *file_of(const char *name)
{
	static char path[4][160];
	static int next;
	char *p = path[next++ % 4];

	snprintf(p, sizeof(path[0]), "%s/%s", directory, name);
	return p;
}

static void write_file(const char *name, const char *text)
{
	FILE *f = fopen(file_of(name), "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static bool is_there(const char *name)
{
	return !access(file_of(name), F_OK);
}

static bool is_kept(uint64_t number)
{
	json_t *info = revisions_info(&r, number);
	bool there = info;

	json_decref(info);
	return there;
}

static void put_keys(const char *a, const char *b)
{
	char text[400];
	json_t *keys = json_pack("[s s]", file_of(a), file_of(b));

	write_file(a, "key");
	write_file(b, "key");
	snprintf(text, sizeof(text), "psk: 'file:%s', psk: file:%s\n", file_of(a), file_of(b));
	assert_true(put_with(text, keys));
}

static void test_keys_stay_as_long_as_they_can_come_back(void **state)
{
	char text[200];

	(void)state;
	write_file("sluice.yaml", "sites: []\n");
	put_keys("gone", "again");    /* revision 1, which goes with number KEPT + 1 */
	put_keys("gone-2", "edited"); /* 2; another site of that name */
	write_file("a-persons-own", "");
	for (int i = 3; i <= REVISIONS_KEPT; i++) {
		snprintf(text, sizeof(text), "psk: file:%s",
			file_of(i == 100 ? "again" : "a-persons-own"));
		assert_true(put(text));
	}
	assert_true(is_there("gone") && is_there("again"));
	assert_true(put("x"));
	assert_false(is_there("gone"));
	assert_true(is_there("again") && is_there("gone-2"));
	snprintf(text, sizeof(text), "sites: [{psk: 'file:%s'}]\n", file_of("edited"));
	write_file("sluice.yaml", text); /* is not in force yet */
	assert_true(put("x"));
	assert_false(is_there("gone-2"));
	assert_true(is_there("edited"));
	write_file("sluice.yaml", "sites: []\n");
	assert_true(put("x"));
	assert_false(is_there("edited"));
	for (int i = 4; i < 100; i++) {
		assert_true(is_there("again"));
		assert_true(put("x"));
	}
	assert_true(is_there("again"));
	assert_true(put("x"));
	assert_false(is_there("again"));
	assert_true(is_there("a-persons-own"));
}

/* Nothing is removed unless it is known that nothing names it. */
static void test_keys_stay_where_a_file_cannot_be_read(void **state)
{
	(void)state;
	put_keys("a", "b");
	for (int i = 2; i <= REVISIONS_KEPT + 2; i++)
		assert_true(put("x"));
	assert_false(is_kept(1));
	assert_true(is_there("a") && is_there("b"));
	write_file("sluice.yaml", "sites: []\n");
	assert_true(put("x"));
	assert_false(is_there("a") || is_there("b"));
}

/* Also when the disk lets it write nothing down: the old one stays until it does. */
static void test_keys_are_not_forgotten(void **state)
{
	(void)state;
	write_file("sluice.yaml", "sites: []\n");
	put_keys("gone", "again");
	for (int i = 2; i <= REVISIONS_KEPT; i++)
		assert_true(put(file_of("again")));
	for (int at = 1; is_kept(1); at++) {
		disk_fails_at(at);
		(void)put(file_of("again"));
		disk_fails_at(0);
		assert_true(is_there("again"));
	}
	for (uint64_t last = revisions_newest(&r), i = 0; i <= REVISIONS_KEPT; i++)
		assert_true(put("x") > last);
	assert_false(is_there("again") || is_there("gone"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_after_the_other, setup, teardown),
		cmocka_unit_test(test_what_differs),
		cmocka_unit_test_setup_teardown(test_killed_at_every_step, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failing_at_every_step, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_full_disk, setup, teardown),
		cmocka_unit_test_setup_teardown(test_old_ones_go, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_keys_stay_as_long_as_they_can_come_back, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_keys_stay_where_a_file_cannot_be_read, setup, teardown),
		cmocka_unit_test_setup_teardown(test_keys_are_not_forgotten, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
