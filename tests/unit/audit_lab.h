/* SPDX-License-Identifier: Apache-2.0 */
/* An audit log in a directory of its own. */
#ifndef TESTS_AUDIT_LAB_H
#define TESTS_AUDIT_LAB_H

#include "audit/files.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
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

static char directory[64];

static inline int begin(void **state)
{
	(void)state;
	/* In memory where that is possible: each line waits for its disk. */
	strcpy(directory, access("/dev/shm", W_OK) ? "/tmp/sluice-audit.XXXXXX"
						   : "/dev/shm/sluice-audit.XXXXXX");
	return mkdtemp(directory) ? 0 : -1;
}

static inline int finish(void **state)
{
	char command[96];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	return system(command);
}

static inline const char *path_of(const char *name)
{
	static char path[sizeof(directory) + NAME_MAX + 1];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

static inline struct audit_log *must_open(void)
{
	char why[AUDIT_WHY_SIZE];
	struct audit_log *log = audit_open(directory, why);

	if (!log || why[0])
		fail_msg("%s", why);
	return log;
}

static inline uint64_t note(struct audit_log *log, int i)
{
	char why[AUDIT_WHY_SIZE];

	return audit_write(
		log, json_pack("{s:s, s:i}", "verb", "apply", "i", i), CLOCK_SECOND, why);
}

static inline void write_lines(int count)
{
	struct audit_log *log = must_open();

	for (int i = 0; i < count; i++)
		assert_true(note(log, i) > 0);
	audit_close(log);
}

static inline void verifies(uint64_t wanted)
{
	char why[AUDIT_WHY_SIZE];
	uint64_t first, lines;

	if (!audit_verify(directory, &first, &lines, why))
		fail_msg("%s", why);
	assert_int_equal(lines, wanted);
	assert_int_equal(first, 1);
}

static inline void finds(const char *part)
{
	char why[AUDIT_WHY_SIZE] = "";
	uint64_t first, lines;

	assert_false(audit_verify(directory, &first, &lines, why));
	if (!strstr(why, part))
		fail_msg("not \"%s\" but \"%s\"", part, why);
}

static inline char *read_file(const char *name, size_t *len)
{
	FILE *f = fopen(path_of(name), "r");
	char *bytes = calloc(1, 1 << 16);

	assert_non_null(f);
	assert_non_null(bytes);
	*len = fread(bytes, 1, 1 << 16, f);
	fclose(f);
	return bytes;
}

static inline void write_file(const char *name, const char *bytes, size_t len)
{
	FILE *f = fopen(path_of(name), "w");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	fclose(f);
}

/* Start of line i, from 0, in a text. */
static inline char *line_at(char *text, int i)
{
	while (i--)
		text = strchr(text, '\n') + 1;
	return text;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)

#endif
