/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log: whatever is done to its files is found, and a crash loses nothing that was written. */
#include "audit_lab.h"

static void what_was_written_is_true(void **state)
{
	struct stat st;
	size_t len;
	char *text;

	(void)state;
	write_lines(0);
	verifies(0);
	write_lines(3);
	verifies(3);
	write_lines(2); /* after a restart */
	verifies(5);
	text = read_file(AUDIT_NOW, &len);
	assert_non_null(
		strstr(text, "{\"n\":1,\"time\":\"1970-01-01T00:00:01Z\",\"verb\":\"apply\""));
	free(text);
	assert_int_equal(stat(path_of(AUDIT_KEY), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(st.st_size, AUDIT_KEY_LEN);
	assert_int_equal(stat(path_of(AUDIT_NOW), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

/* Right after the first start, too, when the thread has had no time yet. */
static void what_has_begun_is_true(void **state)
{
	(void)state;
	for (int i = 0; i < 50; i++) {
		struct audit_log *log = must_open();

		verifies(0);
		audit_close(log);
		assert_int_equal(unlink(path_of(AUDIT_HEAD)), 0);
		assert_int_equal(unlink(path_of(AUDIT_NOW)), 0);
	}
}

/* Every byte of the file, one after the other. */
static void a_flipped_bit_is_found(void **state)
{
	size_t len;
	char *text;

	(void)state;
	write_lines(3);
	text = read_file(AUDIT_NOW, &len);
	for (size_t i = 0; i < len; i++) {
		text[i] ^= 1;
		write_file(AUDIT_NOW, text, len);
		finds(AUDIT_NOW);
		text[i] ^= 1;
	}
	write_file(AUDIT_NOW, text, len);
	verifies(3);
	free(text);
}

static void without_line(int which, const char *found)
{
	size_t len, cut;
	char *text = read_file(AUDIT_NOW, &len), *from = line_at(text, which),
	     *to = line_at(text, which + 1);

	cut = (size_t)(to - from);
	memmove(from, to, len - (size_t)(to - text));
	write_file(AUDIT_NOW, text, len - cut);
	finds(found);
	free(text);
}

static void a_missing_line_is_found(void **state)
{
	size_t len;
	char *whole;

	(void)state;
	write_lines(4);
	whole = read_file(AUDIT_NOW, &len);
	without_line(0, AUDIT_NOW ":1: not the line that was written after number 0");
	write_file(AUDIT_NOW, whole, len);
	without_line(2, AUDIT_NOW ":3: not the line that was written after number 2");
	write_file(AUDIT_NOW, whole, len);
	without_line(
		3, "the end is missing: 4 lines were written, the last that is there is number 3");
	write_file(AUDIT_NOW, "", 0);
	finds("the end is missing: 4 lines were written, the last that is there is number 0");
	assert_int_equal(unlink(path_of(AUDIT_NOW)), 0);
	finds("the end is missing");
	/* The last, cut in the middle. */
	write_file(AUDIT_NOW, whole, len - 5);
	finds(AUDIT_NOW ":4: not the line");
	free(whole);
}

static void two_that_changed_places_are_found(void **state)
{
	size_t len, first, second;
	char *text, *a, *b, *end, *swapped;

	(void)state;
	write_lines(4);
	text = read_file(AUDIT_NOW, &len);
	swapped = calloc(1, len);
	assert_non_null(swapped);
	a = line_at(text, 1);
	b = line_at(text, 2);
	end = line_at(text, 3);
	first = (size_t)(b - a);
	second = (size_t)(end - b);
	memcpy(swapped, text, len);
	memcpy(swapped + (a - text), b, second);
	memcpy(swapped + (a - text) + second, a, first);
	write_file(AUDIT_NOW, swapped, len);
	finds(AUDIT_NOW ":2: not the line that was written after number 1");
	/* One that stands twice. */
	memcpy(swapped, text, len);
	if (first == second) {
		memcpy(swapped + (b - text), a, first);
		write_file(AUDIT_NOW, swapped, len);
		finds(AUDIT_NOW ":3: ");
	}
	free(swapped);
	free(text);
}

static void a_changed_head_is_found(void **state)
{
	size_t len;
	char *old, *head;

	(void)state;
	write_lines(2);
	old = read_file(AUDIT_HEAD, &len);
	write_lines(2);
	head = read_file(AUDIT_HEAD, &len);
	for (size_t i = 0; i < len; i++) {
		head[i] ^= 1;
		write_file(AUDIT_HEAD, head, len);
		finds("head: ");
		head[i] ^= 1;
	}
	write_file(AUDIT_HEAD, head, len - 1);
	finds("head: ");
	assert_int_equal(unlink(path_of(AUDIT_HEAD)), 0);
	finds("/head: No such file");
	/* That of another log. */
	write_file(AUDIT_HEAD, head, len);
	write_file(AUDIT_KEY, "0123456789abcdef0123456789abcdef", AUDIT_KEY_LEN);
	finds("head: it was changed, or is of another key");
	free(old);
	free(head);
}

/* A crash between the line and the head, or within a line. */
static void a_crash_loses_nothing(void **state)
{
	size_t head_len, len;
	char *head, *text;

	(void)state;
	write_lines(2);
	head = read_file(AUDIT_HEAD, &head_len);
	write_lines(1);
	write_file(AUDIT_HEAD, head, head_len);
	verifies(3);
	write_lines(0); /* the next start takes it in */
	text = read_file(AUDIT_HEAD, &len);
	assert_string_not_equal(text, head);
	free(text);
	text = read_file(AUDIT_NOW, &len);
	write_file(AUDIT_NOW, text, len);
	FILE *f = fopen(path_of(AUDIT_NOW), "a");
	assert_non_null(f);
	fputs("{\"n\":4,\"ti", f);
	fclose(f);
	write_lines(1);
	verifies(4);
	free(text);
	free(head);
}

static void what_was_changed_before_the_start_stays_found(void **state)
{
	char why[AUDIT_WHY_SIZE];
	struct audit_log *log;
	size_t len;
	char *text;

	(void)state;
	write_lines(3);
	text = read_file(AUDIT_NOW, &len);
	line_at(text, 2)[8] ^= 1;
	write_file(AUDIT_NOW, text, (size_t)(line_at(text, 2) - text)); /* the last is cut off */
	free(text);
	log = audit_open(directory, why);
	assert_non_null(log);
	assert_non_null(strstr(why, "the audit log was changed"));
	assert_int_equal(note(log, 4), 4);
	audit_close(log);
	finds(AUDIT_NOW ":3: not the line that was written after number 2");
	assert_int_equal(unlink(path_of(AUDIT_HEAD)), 0);
	log = audit_open(directory, why);
	assert_non_null(log);
	assert_non_null(strstr(why, "its head is missing"));
	audit_close(log);
}

/* All lines are gone, and no file of before has the one that the head names. */
static void a_file_without_lines_is_noticed_at_the_start(void **state)
{
	char why[AUDIT_WHY_SIZE];
	struct audit_log *log;

	(void)state;
	write_lines(3);
	write_file(AUDIT_NOW, "", 0);
	log = audit_open(directory, why);
	assert_non_null(log);
	assert_non_null(strstr(why, "the audit log was changed: its end is not the one"));
	audit_close(log);
}

/* Without the head nothing tells whether the end is still there: what follows does not make it whole. */
static void a_lost_head_does_not_make_a_cut_end_true(void **state)
{
	char why[AUDIT_WHY_SIZE];
	struct audit_log *log;
	size_t len;
	char *text;

	(void)state;
	write_lines(3);
	text = read_file(AUDIT_NOW, &len);
	write_file(AUDIT_NOW, text, (size_t)(line_at(text, 2) - text));
	free(text);
	assert_int_equal(unlink(path_of(AUDIT_HEAD)), 0);
	log = audit_open(directory, why);
	assert_non_null(log);
	assert_true(note(log, 1) > 0); /* the daemon's start */
	audit_close(log);
	finds(AUDIT_NOW);
	/* Nor does a lost key. */
	assert_int_equal(unlink(path_of(AUDIT_KEY)), 0);
	log = audit_open(directory, why);
	assert_non_null(log);
	assert_non_null(strstr(why, "its key is missing"));
	audit_close(log);
	write_file(AUDIT_KEY, "short", 5);
	finds("key: it is not one");
	assert_null(audit_open(directory, why));
}

/* By an editor, logrotate, or somebody who cuts it off: lines go on where they are read, and it is said. */
static void a_file_that_is_replaced_is_noticed(void **state)
{
	struct audit_log *log = must_open();
	char why[AUDIT_WHY_SIZE], *text;
	size_t len;

	(void)state;
	assert_int_equal(note(log, 1), 1);
	assert_int_equal(note(log, 2), 2);
	assert_int_equal(unlink(path_of(AUDIT_NOW)), 0);
	assert_int_equal(audit_write(log, json_pack("{s:i}", "i", 0), 1, why), 3);
	assert_non_null(strstr(why, "the audit log was changed"));
	assert_int_equal(audit_write(log, json_pack("{s:i}", "i", 0), 1, why), 4);
	assert_string_equal(why, "");
	text = read_file(AUDIT_NOW, &len);
	assert_non_null(strstr(text, "\"n\":4"));
	free(text);
	audit_close(log);
	finds(AUDIT_NOW ":1: not the line that was written after number 0");
	log = must_open();
	assert_int_equal(truncate(path_of(AUDIT_NOW), 10), 0);
	assert_true(audit_write(log, json_pack("{s:i}", "i", 0), 1, why) > 0);
	assert_non_null(strstr(why, "the audit log was changed"));
	audit_close(log);
}

static void what_cannot_be_written_is_refused(void **state)
{
	char why[AUDIT_WHY_SIZE];
	struct rlimit was, small;
	struct audit_log *log;
	struct stat st;

	(void)state;
	write_lines(2);
	log = must_open();
	assert_int_equal(stat(path_of(AUDIT_NOW), &st), 0);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	small = was;
	small.rlim_cur = (rlim_t)st.st_size + 20; /* room for half a line */
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(note(log, 3), 0);
	assert_int_equal(errno, EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	verifies(2);
	assert_int_equal(note(log, 3), 3);
	audit_close(log);
	verifies(3);
	log = must_open();
	char long_text[AUDIT_LINE_MAX];
	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	assert_int_equal(audit_write(log, json_pack("{s:s}", "detail", long_text), 1, why), 0);
	assert_int_equal(errno, EMSGSIZE);
	audit_close(log);
	verifies(3);
}

static void directories_are_made(void **state)
{
	char why[AUDIT_WHY_SIZE];
	struct audit_log *log = audit_open(path_of("state/audit"), why);

	(void)state;
	if (!log)
		fail_msg("%s", why);
	assert_int_equal(note(log, 1), 1);
	audit_close(log);
	assert_null(audit_open("/proc/nothing/audit", why));
	assert_non_null(strstr(why, "/proc/nothing/audit: "));
}

static void a_text_of_two_lines_stays_one(void **state)
{
	char why[AUDIT_WHY_SIZE];
	struct audit_log *log = must_open();

	(void)state;
	assert_true(audit_write(log, json_pack("{s:s}", "detail", "a\nb\",\"mac\":\"00\"}\n"), 1,
			    why) > 0);
	audit_close(log);
	verifies(1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_written_is_true),
		TEST(what_has_begun_is_true),
		TEST(a_flipped_bit_is_found),
		TEST(a_missing_line_is_found),
		TEST(two_that_changed_places_are_found),
		TEST(a_changed_head_is_found),
		TEST(a_crash_loses_nothing),
		TEST(what_was_changed_before_the_start_stays_found),
		TEST(a_file_without_lines_is_noticed_at_the_start),
		TEST(a_lost_head_does_not_make_a_cut_end_true),
		TEST(a_file_that_is_replaced_is_noticed),
		TEST(what_cannot_be_written_is_refused),
		TEST(directories_are_made),
		TEST(a_text_of_two_lines_stays_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
