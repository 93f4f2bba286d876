/* SPDX-License-Identifier: Apache-2.0 */
/* Programs that tell secrets: what they may, how they end, and what is said of those that do it badly. Needs root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <cmocka.h>

#include "exec_lab.h"

#include "base/clock.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>

static int setup(void **state)
{
	(void)state;
	if (!getuid())
		programs_begin();
	return 0;
}

static int teardown(void **state)
{
	char hung[80];

	(void)state;
	snprintf(hung, sizeof(hung), "%s/hung", programs);
	(void)umount2(hung, MNT_DETACH); /* of a test that failed */
	programs_end();
	return 0;
}

/* With these words behind its name. */
static struct exec_call asked(const char *name, const char *words)
{
	struct exec_call c = {0};

	snprintf(c.ref, sizeof(c.ref), "exec:%s/%s%s", programs, name, words);
	exec_run(&c, 1, 0);
	return c;
}

static void tells(const char *name, const char *words, const char *secret)
{
	struct exec_call c = asked(name, words);

	if (c.secret.len != strlen(secret) || memcmp(c.secret.bytes, secret, c.secret.len) != 0)
		fail_msg(
			"%s: \"%.*s\", %s", name, (int)c.secret.len, (char *)c.secret.bytes, c.why);
	assert_string_equal(c.why, "");
}

static void refused(const char *name, const char *why)
{
	struct exec_call c = asked(name, "");

	assert_int_equal(c.secret.len, 0);
	if (!strstr(c.why, why))
		fail_msg("%s: not \"%s\" but \"%s\"", name, why, c.why);
	assert_null(strstr(c.why, "hunter"));
}

static void its_words_are_for_no_shell(void **state)
{
	(void)state;
	if (getuid())
		skip();
	program("tell", "printf '%s|' \"$@\"; echo $#");
	tells("tell", " $(id) ;ls * a'b\"", "$(id)|;ls|*|a'b\"|4");
	tells("tell", " store-1 0", "store-1|0|2");
}

/* It has no right, and nothing of who has started it. */
static void it_has_no_privileges(void **state)
{
	int fd = open("/etc/shadow", O_RDONLY);

	(void)state;
	if (getuid())
		skip();
	assert_true(fd >= 0); /* and is not closed by itself */
	setenv("SECRET_OF_HUB", "x", 1);
	program("look",
		"[ \"$(id -u)\" = \"$(id -u nobody)\" ] || { echo wrong.uid; exit; }\n"
		"[ \"$(id -G)\" = \"$(id -g nobody)\" ] || { echo wrong.groups; exit; }\n"
		"[ \"$(grep -c '^Cap[IPEA].*0000000000000000' /proc/self/status)\" = 4 ] || { echo "
		"wrong.caps; exit; }\n"
		"grep -q '^NoNewPrivs:.1' /proc/self/status || { echo wrong.privs; exit; }\n"
		"[ -z \"$(tr -d '\\0' </proc/$$/environ)\" ] || { echo wrong.environment; exit; }\n"
		"[ \"$(ls -l /proc/self/fd | grep -c 'shadow\\|/dev/tty\\|/dev/pts')\" = 0 ] || { "
		"echo "
		"wrong.descriptors; exit; }\n"
		"[ \"$(ulimit -c)$(ulimit -f)\" = 00 ] || { echo wrong.limits; exit; }\n"
		"[ \"$(pwd)$(umask)\" = /0077 ] || { echo wrong.place; exit; }\n"
		"echo all.is_well");
	tells("look", "", "all.is_well");
	close(fd);
	unsetenv("SECRET_OF_HUB");
}

static void who_fails_is_told_without_what_it_said(void **state)
{
	(void)state;
	if (getuid())
		skip();
	program("status", "echo hunter2.hunter2; echo hunter2 >&2; exit 3");
	refused("status", "it ended with status 3");
	program("signal", "echo hunter2.hunter2; kill -9 $$");
	refused("signal", "it was ended by signal 9");
	program("nothing", "exit 0");
	refused("nothing", "no 8 to 64 characters");
	program("short", "echo hunter");
	refused("short", "no 8 to 64 characters");
	program("long", "echo hunter7890123456789012345678901234567890123456789012345678901234567");
	refused("long", "it printed");
	program("lines", "echo hunter2.hunter2; echo more");
	refused("lines", "more than one line");
	refused("none", "No such file or directory");
}

static void only_what_is_roots_is_run(void **state)
{
	char path[96];

	(void)state;
	if (getuid())
		skip();
	program("tell", "echo a.long_secret");
	tells("tell", "", "a.long_secret");
	snprintf(path, sizeof(path), "%s/tell", programs);
	assert_int_equal(chmod(path, 0775), 0);
	refused("tell", "must be root's");
	assert_int_equal(chmod(path, 0644), 0);
	refused("tell", "cannot be run");
	assert_int_equal(chmod(path, 0755), 0);
	assert_int_equal(chown(path, 65534, 0), 0);
	refused("tell", "must be root's");
	assert_int_equal(chown(path, 0, 0), 0);
	assert_int_equal(chmod(programs, 0777), 0);
	refused("tell", "all directories above");
	assert_int_equal(chmod(programs, 0755), 0);
	tells("tell", "", "a.long_secret");
	exec_use("no-such-user", 1);
	refused("tell", "the user no-such-user does not exist");
	exec_use("root", 1);
	refused("tell", "must not be root");
}

/* Whether a process has that among its words. */
static bool lives(const char *word)
{
	DIR *d = opendir("/proc");
	bool found = false;

	assert_non_null(d);
	for (struct dirent *e; !found && (e = readdir(d));) {
		char path[300], text[256];
		FILE *f;
		size_t n;

		snprintf(path, sizeof(path), "/proc/%s/cmdline", e->d_name);
		f = strspn(e->d_name, "0123456789") ? fopen(path, "re") : NULL;
		n = f ? fread(text, 1, sizeof(text), f) : 0;
		if (f)
			fclose(f);
		found = n && memmem(text, n, word, strlen(word));
	}
	closedir(d);
	return found;
}

/* What is killed needs a moment to end. */
static void is_gone(const char *word)
{
	for (int i = 0; lives(word) && i < 300; i++)
		usleep(10 * 1000);
	assert_false(lives(word));
}

static void who_hangs_is_ended_with_all_that_is_its(void **state)
{
	uint64_t began = clock_now();
	char script[128], words[3][16];

	(void)state;
	if (getuid())
		skip();
	/* Of this run and no other. */
	for (int i = 0; i < 3; i++)
		snprintf(words[i], sizeof(words[i]), "%d.%d", 9000000 + (int)getpid(), i);
	snprintf(script, sizeof(script), "echo hunter2.hunter2; sleep %s & sleep %s", words[0],
		words[1]);
	program("hang", script);
	refused("hang", "has not ended in time");
	assert_in_range(clock_now() - began, CLOCK_SECOND, 5 * CLOCK_SECOND);
	is_gone(words[0]);
	is_gone(words[1]);
	/* What it leaves behind keeps nobody waiting. */
	snprintf(script, sizeof(script), "sleep %s & echo a.long_secret", words[2]);
	program("leave", script);
	tells("leave", "", "a.long_secret");
	is_gone(words[2]);
	program("quiet", "exec >&-; sleep 100");
	refused("quiet", "has not ended in time");
}

/* Also what has gone to a session of its own, whose parent has ended. */
static void who_hides_is_ended_too(void **state)
{
	char script[160], word[16];

	(void)state;
	if (getuid())
		skip();
	snprintf(word, sizeof(word), "%d.3", 9000000 + (int)getpid());
	snprintf(script, sizeof(script),
		"(setsid sleep %s &) </dev/null >/dev/null; sleep 0.1; "
		"echo a.long_secret",
		word);
	program("hide", script);
	tells("hide", "", "a.long_secret");
	is_gone(word);
}

/* Each may start as many as if it was alone. */
static void no_program_uses_up_what_others_may(void **state)
{
	struct exec_call calls[EXEC_AT_ONCE] = {0};

	(void)state;
	if (getuid())
		skip();
	exec_use("nobody", 10);
	program("wide", "for i in 1 2 3 4 5 6 7 8; do sleep 1 & done; wait; echo a.secret_of.$1");
	for (size_t i = 0; i < EXEC_AT_ONCE; i++)
		snprintf(calls[i].ref, sizeof(calls[i].ref), "exec:%s/wide %zu", programs, i);
	exec_run(calls, EXEC_AT_ONCE, 0);
	for (size_t i = 0; i < EXEC_AT_ONCE; i++)
		assert_string_equal(calls[i].why, "");
}

static void who_chatters_is_ended(void **state)
{
	uint64_t began = clock_now();

	(void)state;
	if (getuid())
		skip();
	exec_use("nobody", 10);
	program("chatter", "while :; do echo hunter2hunter2; done");
	refused("chatter", "more than a secret can be");
	assert_true(clock_now() - began < 5 * CLOCK_SECOND);
}

static void many_are_asked_at_once(void **state)
{
	struct exec_call calls[3 * EXEC_AT_ONCE] = {0};
	uint64_t began = clock_now();

	(void)state;
	if (getuid())
		skip();
	exec_use("nobody", 10);
	program("slow", "sleep 0.5; echo a.secret_of.$1");
	for (size_t i = 0; i < 3 * EXEC_AT_ONCE; i++)
		snprintf(calls[i].ref, sizeof(calls[i].ref), "exec:%s/slow %zu", programs, i);
	exec_run(calls, 3 * EXEC_AT_ONCE, 0);
	for (size_t i = 0; i < 3 * EXEC_AT_ONCE; i++) {
		char secret[32];

		snprintf(secret, sizeof(secret), "a.secret_of.%zu", i);
		assert_string_equal(calls[i].why, "");
		assert_int_equal(calls[i].secret.len, strlen(secret));
		assert_memory_equal(calls[i].secret.bytes, secret, strlen(secret));
	}
	/* One after the other would be 24 s. */
	assert_true(clock_now() - began < 9 * CLOCK_SECOND);
}

/* Who starts has so much time for all of them. */
static void all_have_a_time_together(void **state)
{
	struct exec_call calls[EXEC_AT_ONCE + 1] = {0};
	uint64_t began = clock_now();

	(void)state;
	if (getuid())
		skip();
	exec_use("nobody", 100);
	program("hang", "sleep 100");
	for (size_t i = 0; i <= EXEC_AT_ONCE; i++)
		snprintf(calls[i].ref, sizeof(calls[i].ref), "exec:%s/hang", programs);
	exec_run(calls, EXEC_AT_ONCE + 1, 1);
	assert_in_range(clock_now() - began, CLOCK_SECOND, 6 * CLOCK_SECOND);
	assert_string_equal(calls[0].why, "it has not ended in time");
	assert_string_equal(calls[EXEC_AT_ONCE].why, "there was no time to ask it");
}

/* ---- a file system that does not answer ---- */

/* In a process of its own, whose end is that of the file system: it takes requests, and answers the first one only. */
__attribute__((noreturn)) static void stand_still(int fuse)
{
	static char request[64 << 10];
	struct {
		struct fuse_out_header header;
		struct fuse_init_out init;
	} answer = {{.len = sizeof(answer)}, {.major = 7, .minor = 31, .max_write = 4096}};

	alarm(20);
	if (read(fuse, request, sizeof(request)) < 0)
		_exit(1);
	answer.header.unique = ((struct fuse_in_header *)request)->unique;
	if (write(fuse, &answer, sizeof(answer)) < 0)
		_exit(1);
	for (;;) {
		if (read(fuse, request, sizeof(request)) < 0)
			_exit(1);
	}
}

/* 0: there can be none here. */
static pid_t hung_begin(const char *directory)
{
	int fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	char options[100];
	pid_t pid = 0;

	assert_int_equal(mkdir(directory, 0755), 0);
	snprintf(options, sizeof(options), "fd=%d,rootmode=40755,user_id=0,group_id=0", fuse);
	if (fuse >= 0 && !mount("hung", directory, "fuse", MS_NOSUID | MS_NODEV, options)) {
		pid = fork();
		if (!pid)
			stand_still(fuse);
	}
	if (fuse >= 0)
		close(fuse);
	return pid;
}

static void hung_end(pid_t pid, const char *directory)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(umount2(directory, MNT_DETACH), 0);
}

/* A program there ends when its file system answers, killed or not: others are asked all the same. */
static void who_cannot_be_ended_keeps_nobody_waiting(void **state)
{
	uint64_t began = clock_now();
	struct exec_call calls[2] = {0};
	char directory[80];
	pid_t hung;

	(void)state;
	if (getuid())
		skip();
	program("tell", "echo a.long_secret");
	snprintf(directory, sizeof(directory), "%s/hung", programs);
	hung = hung_begin(directory);
	if (!hung)
		skip();
	snprintf(calls[0].ref, sizeof(calls[0].ref), "exec:%s/tell x", directory);
	snprintf(calls[1].ref, sizeof(calls[1].ref), "exec:%s/tell", programs);
	exec_run(calls, 2, 0);
	assert_in_range(clock_now() - began, CLOCK_SECOND, 6 * CLOCK_SECOND);
	assert_string_equal(calls[0].why, "it has not ended in time");
	assert_int_equal(calls[1].secret.len, 13);
	/* Not one more each time. */
	began = clock_now();
	refused("hung/tell", "it was asked before, hangs, and cannot be ended");
	tells("tell", "", "a.long_secret");
	assert_true(clock_now() - began < CLOCK_SECOND);
	hung_end(hung, directory);
	for (int i = 0; i < 100; i++) {
		calls[0] = asked("hung/tell", "");
		if (!strstr(calls[0].why, "hangs"))
			break;
		usleep(10 * 1000);
	}
	assert_string_equal(calls[0].why, "the program: No such file or directory");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(its_words_are_for_no_shell),
		TEST(it_has_no_privileges),
		TEST(who_fails_is_told_without_what_it_said),
		TEST(only_what_is_roots_is_run),
		TEST(who_hangs_is_ended_with_all_that_is_its),
		TEST(who_hides_is_ended_too),
		TEST(no_program_uses_up_what_others_may),
		TEST(who_chatters_is_ended),
		TEST(many_are_asked_at_once),
		TEST(all_have_a_time_together),
		TEST(who_cannot_be_ended_keeps_nobody_waiting),
	};

	return cmocka_run_group_tests_name("exec", tests, NULL, NULL);
}
