/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines: nobody waits for who does not read them, and what was lost is said. */
#include "base/log.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

enum { LINES = 3000 };

/* A process that logs more than fits, and one more line when it is told to. */
static pid_t start_writer(int out, int go)
{
	pid_t pid = fork();
	char byte;

	if (pid)
		return pid;
	alarm(20); /* who waits is ended */
	dup2(out, STDERR_FILENO);
	log_init("writer", LOG_INFO);
	for (int i = 0; i < LINES; i++) {
		struct log_limit limit = {0};

		log_write(LOG_INFO, &limit, "%0200d", i);
	}
	if (write(go, "x", 1) == 1 && read(go, &byte, 1) == 1)
		log_info("the last one");
	_exit(0);
}

static void assert_waits_for_nobody(int reader, int writer)
{
	int go[2], status;
	size_t got = 0;
	static char all[1 << 20];
	pid_t pid;
	char byte;
	ssize_t n;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, go), 0);
	pid = start_writer(writer, go[1]);
	close(writer);
	close(go[1]);
	assert_int_equal(read(go[0], &byte, 1), 1); /* 0 where it was ended */
	/* Now somebody reads; until there is room the writer is not told to go on. */
	n = read(reader, all, sizeof(all) - 1);
	assert_true(n > 0);
	got = (size_t)n;
	while (got < 16384 && (n = read(reader, all + got, sizeof(all) - 1 - got)) > 0)
		got += (size_t)n;
	assert_int_equal(write(go[0], "x", 1), 1);
	while ((n = read(reader, all + got, sizeof(all) - 1 - got)) > 0)
		got += (size_t)n;
	all[got] = '\0';
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	/* Whole lines, in order, and how many are not there. */
	int last = -1, seen = 0;
	unsigned int lost = 0;
	char *rest = all, *line;

	while ((line = strsep(&rest, "\n")) && *line) {
		char *at = strstr(line, "info: ");

		assert_non_null(at);
		if (strstr(at, "the last one")) {
			assert_int_equal(
				sscanf(strchr(at, '('), "(%u lines before it lost)", &lost), 1);
			continue;
		}
		assert_true(atoi(at + 6) > last);
		last = atoi(at + 6);
		seen++;
	}
	assert_in_range(seen, 1, LINES - 1);
	assert_int_equal(seen + (int)lost, LINES);
	close(reader);
	close(go[0]);
}

static void test_pipe(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_waits_for_nobody(fds[0], fds[1]);
}

static void test_socket(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_waits_for_nobody(fds[0], fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pipe),
		cmocka_unit_test(test_socket),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
