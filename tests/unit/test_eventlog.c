/* SPDX-License-Identifier: Apache-2.0 */
/* The logs of tunnels: their fields, their files, their limits. */
#include "base/clock.h"
#include "base/log.h"
#include "hub/event/eventlog.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define WALL_MS UINT64_C(1762580429641) /* 2025-11-08 05:40:29.641 UTC */

struct lab {
	char directory[64];
	struct eventlog *log;
	struct event_ring ring;
};

static struct lab *lab_new(void)
{
	struct lab *l = calloc(1, sizeof(*l));

	snprintf(l->directory, sizeof(l->directory), "/tmp/sluice-eventlog.XXXXXX");
	assert_non_null(mkdtemp(l->directory));
	strcat(l->directory, "/log"); /* made when it is needed */
	l->log = eventlog_new();
	assert_true(eventlog_open(l->log, l->directory));
	return l;
}

static void lab_free(struct lab *l)
{
	static const char *const names[] = {"activity.log", "activity.log.1", "bgp.log", ""};
	char path[128];

	eventlog_free(l->log);
	event_ring_clear(&l->ring);
	for (size_t i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s/%s", l->directory, names[i]);
		if (names[i][0])
			unlink(path);
		else
			assert_int_equal(rmdir(path), 0);
	}
	*strrchr(l->directory, '/') = '\0';
	assert_int_equal(rmdir(l->directory), 0);
	free(l);
}

/* The last line of a file, without its end. */
static char *last_line(const struct lab *l, const char *name, char line[1024])
{
	char path[128];
	FILE *f;

	eventlog_wait(l->log);
	snprintf(path, sizeof(path), "%s/%s", l->directory, name);
	f = fopen(path, "r");
	assert_non_null(f);
	line[0] = '\0';
	while (fgets(line, 1024, f))
		line[strcspn(line, "\n")] = '\0';
	fclose(f);
	return line;
}

static void add(struct lab *l, enum event_kind kind, enum log_form form, const char *details)
{
	json_t *event = json_pack("{s:s, s:b, s:s}", "reason_code", "DPD_TIMEOUT", "dpd_enabled", 1,
		"details", details);

	if (kind == EVENT_BGP) {
		json_t *bgp = json_pack(
			"{s:s, s:s, s:o}", "type", "BGPStatus", "status", "DOWN", "message", event);

		event = bgp;
	}
	eventlog_add(
		l->log, kind, form, &l->ring, "a.0_192.0.2.1", event, WALL_MS * CLOCK_MILLISECOND);
}

static void test_json(void **state)
{
	struct lab *l = lab_new();
	char line[1024];

	(void)state;
	add(l, EVENT_ACTIVITY, LOG_FORM_JSON, "no \"life\"\nfor 30 s");
	assert_string_equal(last_line(l, "activity.log", line),
		"{\"event_timestamp\":1762580429,\"timestamp\":\"2025-11-08 05:40:29Z\","
		"\"resource_id\":\"a.0_192.0.2.1\",\"reason_code\":\"DPD_TIMEOUT\","
		"\"dpd_enabled\":true,\"details\":\"no \\\"life\\\"\\nfor 30 s\",\"seq\":1}");
	add(l, EVENT_BGP, LOG_FORM_JSON, "hold timer");
	assert_string_equal(last_line(l, "bgp.log", line),
		"{\"event_timestamp\":1762580429641,\"timestamp\":\"2025-11-08 05:40:29.641Z\","
		"\"resource_id\":\"a.0_192.0.2.1\",\"type\":\"BGPStatus\",\"status\":\"DOWN\","
		"\"message\":{\"reason_code\":\"DPD_TIMEOUT\",\"dpd_enabled\":true,"
		"\"details\":\"hold timer\"},\"seq\":2}");
	lab_free(l);
}

static void test_text(void **state)
{
	struct lab *l = lab_new();
	char line[1024];

	(void)state;
	add(l, EVENT_ACTIVITY, LOG_FORM_TEXT, "no \"life\"\nfor 30 s");
	assert_string_equal(last_line(l, "activity.log", line),
		"2025-11-08 05:40:29Z a.0_192.0.2.1 reason_code=DPD_TIMEOUT dpd_enabled=true "
		"details=\"no \\\"life\\\"\\nfor 30 s\" seq=1");
	add(l, EVENT_BGP, LOG_FORM_TEXT, "idle");
	assert_string_equal(last_line(l, "bgp.log", line),
		"2025-11-08 05:40:29.641Z a.0_192.0.2.1 type=BGPStatus status=DOWN "
		"reason_code=DPD_TIMEOUT dpd_enabled=true details=idle seq=2");
	/* A log that is off has nothing, not even in memory. */
	add(l, EVENT_BGP, LOG_FORM_OFF, "secret");
	assert_string_equal(strstr(last_line(l, "bgp.log", line), "seq"), "seq=2");
	lab_free(l);
}

/* One tunnel that is noisy: the last events are there, in order, and what is missing is counted. */
static void test_limits(void **state)
{
	struct lab *l = lab_new();
	struct event_ring quiet = {0};
	const struct event_ring *rings[] = {&quiet, &l->ring};
	json_t *list;
	char line[1024];

	(void)state;
	for (int i = 0; i < 500; i++) {
		snprintf(line, sizeof(line), "%d", i);
		add(l, EVENT_ACTIVITY, LOG_FORM_JSON, line);
	}
	assert_true(l->ring.left_out >= 440);
	eventlog_add(l->log, EVENT_ACTIVITY, LOG_FORM_JSON, &quiet, "b.1_192.0.2.1",
		json_pack("{s:s}", "details", "mine"), 1);
	assert_non_null(strstr(last_line(l, "activity.log", line), "mine"));
	list = event_rings_list(rings, 2, 10);
	assert_int_equal(json_array_size(list), 10);
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(list, 9), "details")), "mine");
	for (size_t i = 1; i < 10; i++)
		assert_true(
			json_integer_value(json_object_get(json_array_get(list, i), "seq")) >
			json_integer_value(json_object_get(json_array_get(list, i - 1), "seq")));
	json_decref(list);
	list = event_rings_list(rings, 2, 1000);
	assert_int_equal(json_array_size(list), EVENT_RING + 1);
	json_decref(list);
	l->ring.refill_ns -= CLOCK_SECOND;
	add(l, EVENT_ACTIVITY, LOG_FORM_JSON, "later");
	assert_non_null(strstr(last_line(l, "activity.log", line), "\"left_out\":4"));
	assert_int_equal(l->ring.left_out, 0);
	event_ring_clear(&quiet);
	lab_free(l);
}

/* A device that tries again and again does not push out what happened before: each kind has one place. */
static void test_repeats(void **state)
{
	struct lab *l = lab_new();
	const struct event_ring *rings[] = {&l->ring};
	const json_t *last;
	json_t *list;

	(void)state;
	add(l, EVENT_ACTIVITY, LOG_FORM_JSON, "before");
	for (int i = 0; i < 10; i++) {
		add(l, EVENT_ACTIVITY, LOG_FORM_JSON, "one");
		add(l, EVENT_ACTIVITY, LOG_FORM_JSON, "other");
	}
	list = event_rings_list(rings, 1, 1000);
	assert_int_equal(json_array_size(list), 3);
	last = json_array_get(list, 2);
	assert_string_equal(json_string_value(json_object_get(last, "details")), "other");
	assert_int_equal(json_integer_value(json_object_get(last, "repeats")), 9);
	assert_non_null(json_object_get(last, "first"));
	assert_int_equal(json_integer_value(json_object_get(last, "seq")), 21);
	assert_null(json_object_get(json_array_get(list, 0), "repeats"));
	json_decref(list);
	/* Much later it is news again. */
	l->ring.events[1].wall_ns -= (EVENT_REPEAT_S + 1) * CLOCK_SECOND;
	add(l, EVENT_ACTIVITY, LOG_FORM_JSON, "one");
	list = event_rings_list(rings, 1, 1000);
	assert_int_equal(json_array_size(list), 4);
	json_decref(list);
	/* Who takes the place of an event that was repeated is new. */
	for (int i = 0; i < EVENT_RING; i++) {
		char details[24];

		snprintf(details, sizeof(details), "other %d", i);
		l->ring.tokens = EVENT_BURST;
		add(l, EVENT_ACTIVITY, LOG_FORM_JSON, details);
	}
	list = event_rings_list(rings, 1, 1000);
	assert_int_equal(json_array_size(list), EVENT_RING);
	for (size_t i = 0; i < EVENT_RING; i++)
		assert_null(json_object_get(json_array_get(list, i), "repeats"));
	json_decref(list);
	lab_free(l);
}

/* A file does not grow for ever, and a directory that cannot be had is said. */
static void test_files(void **state)
{
	static char large[60000];
	struct lab *l = lab_new();
	struct stat st;
	char path[128];

	(void)state;
	memset(large, 'x', sizeof(large) - 1);
	for (long done = 0; done < EVENT_FILE_MAX + (long)sizeof(large) * 3;
		done += sizeof(large)) {
		l->ring.refill_ns = 0;
		add(l, EVENT_ACTIVITY, LOG_FORM_JSON, large);
		eventlog_wait(l->log);
	}
	snprintf(path, sizeof(path), "%s/activity.log.1", l->directory);
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_size > EVENT_FILE_MAX && st.st_size < EVENT_FILE_MAX + 200000);
	snprintf(path, sizeof(path), "%s/activity.log", l->directory);
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_size > 0 && st.st_size < 400000);
	assert_false(eventlog_open(l->log, "/proc/nowhere"));
	add(l, EVENT_ACTIVITY, LOG_FORM_JSON, "kept in memory alone");
	assert_true(eventlog_open(l->log, ""));
	lab_free(l);
}

/* A disk that stands still is a pipe that nobody reads: hub goes on, and what has no room is counted. */
static void test_a_disk_that_stands_still(void **state)
{
	static char large[8000], drained[65536];
	struct lab *l = lab_new();
	size_t got = 0;
	char path[128];
	uint64_t lost;
	int pipe;

	(void)state;
	memset(large, 'x', sizeof(large) - 1);
	snprintf(path, sizeof(path), "%s/activity.log", l->directory);
	assert_true(eventlog_open(l->log, ""));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	pipe = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	assert_true(pipe >= 0);
	assert_true(eventlog_open(l->log, l->directory));
	alarm(60); /* it would be for ever */
	for (int i = 0; i < 1000; i++) {
		l->ring.tokens = EVENT_BURST;
		add(l, EVENT_ACTIVITY, LOG_FORM_JSON, large);
	}
	lost = eventlog_look(l->log);
	assert_in_range(lost, 1000 - (EVENT_QUEUE_BYTES + 65536) / 8000 - 1, 999);
	assert_int_equal(eventlog_look(l->log), 0); /* said once */
	/* It moves again: what waited is written, and nothing more is lost. */
	for (size_t quiet = 0; quiet < 300; usleep(1000)) {
		ssize_t n = read(pipe, drained, sizeof(drained));

		got += n > 0 ? (size_t)n : 0;
		quiet = n > 0 ? 0 : quiet + 1;
	}
	assert_true(got >= (1000 - lost) * sizeof(large));
	eventlog_wait(l->log);
	assert_int_equal(eventlog_look(l->log), 0);
	alarm(0);
	close(pipe);
	lab_free(l);
}

/* An apply with the same directory, as after logrotate: lines go into files of their names, and hub touches none. */
static void test_the_same_directory_again(void **state)
{
	struct lab *l = lab_new();
	char path[128], aside[128], line[1024];
	int reader;

	(void)state;
	snprintf(path, sizeof(path), "%s/activity.log", l->directory);
	snprintf(aside, sizeof(aside), "%s/aside", l->directory);
	add(l, EVENT_ACTIVITY, LOG_FORM_JSON, "before");
	eventlog_wait(l->log);
	assert_int_equal(rename(path, aside), 0);
	assert_int_equal(mkfifo(path, 0600), 0); /* whoever opens it waits for its reader */
	alarm(60);
	assert_true(eventlog_open(l->log, l->directory));
	alarm(0);
	reader = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	assert_true(reader >= 0);
	eventlog_wait(l->log);
	close(reader);
	assert_int_equal(unlink(path), 0);
	assert_true(eventlog_open(l->log, l->directory));
	eventlog_wait(l->log);
	assert_int_equal(access(path, F_OK), 0); /* without a line */
	add(l, EVENT_ACTIVITY, LOG_FORM_JSON, "after");
	assert_non_null(strstr(last_line(l, "activity.log", line), "after"));
	assert_non_null(strstr(last_line(l, "aside", line), "before"));
	assert_int_equal(unlink(aside), 0);
	assert_int_equal(eventlog_look(l->log), 0);
	lab_free(l);
}

/* A full disk loses whole lines, and is tried again. */
static void test_a_full_disk(void **state)
{
	struct rlimit before, small = {0};
	struct lab *l = lab_new();
	char line[1024];

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	add(l, EVENT_ACTIVITY, LOG_FORM_JSON, "before");
	(void)last_line(l, "activity.log", line);
	small = (struct rlimit){.rlim_cur = strlen(line) + 1 + 20, .rlim_max = before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	add(l, EVENT_ACTIVITY, LOG_FORM_JSON, "lost");
	eventlog_wait(l->log);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_non_null(strstr(last_line(l, "activity.log", line), "before"));
	assert_int_equal(eventlog_look(l->log), 1);
	add(l, EVENT_ACTIVITY, LOG_FORM_JSON, "after");
	assert_int_equal(strncmp(last_line(l, "activity.log", line), "{\"event", 7), 0);
	assert_non_null(strstr(line, "after"));
	assert_int_equal(eventlog_look(l->log), 0);
	lab_free(l);
}

/* What `sluiced --check` can tell without making anything. */
static void test_probe(void **state)
{
	(void)state;
	assert_int_equal(event_files_probe(""), 0);
	assert_int_equal(event_files_probe("/tmp"), 0);
	assert_int_equal(event_files_probe("/tmp/is-made-when-it-is-needed"), 0);
	assert_int_equal(event_files_probe("/tmp/is-not-there/log"), ENOENT);
	assert_int_equal(event_files_probe("/dev/null"), ENOTDIR);
	assert_int_equal(event_files_probe("/dev/null/log"), ENOTDIR);
}

static void count_line(void *context, const char *text)
{
	assert_non_null(strstr(text, "1 events could not be written: No space left on device"));
	++*(unsigned int *)context;
}

/* A full disk is told of once a minute, and all that is lost is counted. */
static void test_told_once(void **state)
{
	struct lab *l = lab_new();
	uint64_t lost = 0;
	unsigned int lines = 0;
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/activity.log", l->directory);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/dev/full", path), 0);
	assert_true(eventlog_open(l->log, l->directory));
	log_hear(count_line, &lines);
	for (int i = 0; i < 15; i++) {
		add(l, EVENT_ACTIVITY, LOG_FORM_JSON, "x");
		eventlog_wait(l->log);
		lost += eventlog_look(l->log);
	}
	log_hear(NULL, NULL);
	assert_int_equal(lines, 1);
	assert_int_equal(lost, 15);
	lab_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_probe),
		cmocka_unit_test(test_told_once),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_repeats),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_a_disk_that_stands_still),
		cmocka_unit_test(test_the_same_directory_again),
		cmocka_unit_test(test_a_full_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
