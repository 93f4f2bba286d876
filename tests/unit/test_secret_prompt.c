/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice secret set` at a terminal: what is typed is not shown, and whatever ends it, what follows is. */
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "../../tools/sluice/secret.c"

static int terminal; /* this side of it */

static bool shows(void)
{
	struct termios t;

	assert_int_equal(tcgetattr(terminal, &t), 0);
	return t.c_lflag & ECHO;
}

/* Until it has printed that. */
static void expect(const char *text)
{
	char heard[512] = "";
	size_t n = 0;

	while (!strstr(heard, text)) {
		struct pollfd p = {.fd = terminal, .events = POLLIN};
		ssize_t more;

		assert_int_equal(poll(&p, 1, 10000), 1);
		more = read(terminal, heard + n, sizeof(heard) - 1 - n);
		assert_true(more > 0);
		n += (size_t)more;
	}
}

/* Types at the prompt; the status that the command ends with. */
static int types(const char *keys)
{
	char *argv[] = {"secret", "set", "store", "--socket", "/nonexistent", NULL};
	int status;
	pid_t pid = forkpty(&terminal, NULL, NULL, NULL);

	assert_true(pid >= 0);
	if (!pid)
		_exit(secret_main(5, argv));
	expect("secret: ");
	assert_false(shows());
	assert_int_equal(write(terminal, keys, strlen(keys)), strlen(keys));
	/* A terminal on whose other side nobody is forgets its modes: so it is looked at before. */
	for (int i = 0; !shows() && i < 500; i++)
		usleep(10 * 1000);
	assert_true(shows());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(terminal);
	return status;
}

static void what_is_typed_is_not_shown(void **state)
{
	int status = types("a.secret_of.tests\n");

	(void)state;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), CLIENT_NO_DAEMON);
}

static void an_interrupt_leaves_the_terminal_as_it_was(void **state)
{
	(void)state;
	for (const char *keys = "\x03\x1c"; *keys; keys++) {
		char typed[] = {'a', *keys, '\0'};
		int status = types(typed);

		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), *keys == '\x03' ? SIGINT : SIGQUIT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_typed_is_not_shown),
		cmocka_unit_test(an_interrupt_leaves_the_terminal_as_it_was),
	};

	return cmocka_run_group_tests_name("secret_prompt", tests, NULL, NULL);
}
