/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/secret/exec.h"

#include "base/clock.h"
#include "hub/secret/exec_child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUTPUT_MAX       (EXEC_KEY_MAX + 2) /* with a line end of any system */
#define KILLED_WITHIN_MS 200                /* a program that was killed ends, but one that hangs */
#define LEFT_MAX         128

static const char *user_name = EXEC_USER;
static unsigned int seconds = EXEC_WITHIN_S;

void exec_use(const char *user, unsigned int within_s)
{
	user_name = user;
	seconds = within_s;
}

static bool fail(struct exec_call *c, const char *format, const char *detail)
{
	secret_clear(&c->secret);
	snprintf(c->why, sizeof(c->why), format, detail);
	return false;
}

static void program_of(const struct exec_call *c, char program[CONFIG_SECRET_REF_SIZE])
{
	const char *words = c->ref + strlen("exec:");

	words += strspn(words, " ");
	snprintf(program, CONFIG_SECRET_REF_SIZE, "%.*s", (int)strcspn(words, " "), words);
}

/* ---- what does not end ---- */

/*
 * A program in a system call that waits for a disk or a network ends when that has answered, killed or not. It is left to
 * itself, and of its program there is no other meanwhile.
 */
static struct {
	pthread_mutex_t lock;
	size_t count;
	struct left {
		pid_t pid;
		char program[CONFIG_SECRET_REF_SIZE];
	} list[LEFT_MAX];
} left = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void leave(pid_t pid, const struct exec_call *c)
{
	pthread_mutex_lock(&left.lock);
	if (left.count < LEFT_MAX) {
		struct left *l = &left.list[left.count++];

		l->pid = pid;
		program_of(c, l->program);
	}
	pthread_mutex_unlock(&left.lock);
}

/* Why this one is not begun. */
static const char *why_not_now(const char *program)
{
	const char *why = NULL;
	siginfo_t info;

	pthread_mutex_lock(&left.lock);
	for (size_t i = left.count; i-- > 0;) {
		info.si_pid = 0;
		if (waitid(P_PID, (id_t)left.list[i].pid, &info, WEXITED | WNOHANG) || info.si_pid)
			left.list[i] = left.list[--left.count];
		else if (!strcmp(left.list[i].program, program))
			why = "it was asked before, hangs, and cannot be ended";
	}
	if (left.count > LEFT_MAX - EXEC_AT_ONCE)
		why = "too many programs hang and cannot be ended";
	pthread_mutex_unlock(&left.lock);
	return why;
}

/* ---- what may be run ---- */

static void refused(struct exec_call *c, const struct exec_refusal *r)
{
	switch (r->why) {
	case EXEC_NO_PROGRAM:
		fail(c, "the program: %s", strerror(r->error));
		break;
	case EXEC_NOT_RUNNABLE:
		fail(c, "the program cannot be run%s", "");
		break;
	case EXEC_NOT_ROOTS:
		fail(c, "the program must be root's, and nobody else may write it%s", "");
		break;
	case EXEC_NOTHING_ABOVE:
		fail(c, "a directory above the program: %s", strerror(r->error));
		break;
	case EXEC_ABOVE_NOT_ROOTS:
		fail(c,
			"all directories above the program must be root's, and nobody else may "
			"write them%s",
			"");
		break;
	}
}

static bool find_user(struct exec_call *c, struct exec_start *s)
{
	char room[4096];
	struct passwd entry, *found = NULL;

	if (geteuid() != 0) {
		s->uid = geteuid();
		s->gid = getegid();
		return true;
	}
	if (getpwnam_r(user_name, &entry, room, sizeof(room), &found) || !found)
		return fail(c, "the user %s does not exist: systemd-sysusers makes it", user_name);
	if (found->pw_uid == 0)
		return fail(c, "the user %s must not be root", user_name);
	s->uid = found->pw_uid;
	s->gid = found->pw_gid;
	return true;
}

/* ---- one that runs ---- */

struct run {
	struct exec_call *call; /* NULL: none */
	pid_t pid;
	int pidfd, refused;
	int out; /* -1: it prints no more */
	uint64_t until_ns;
	size_t len;
	uint8_t bytes[OUTPUT_MAX + 1]; /* one more than there may be */
};

/* A pipe whose ends a program does not get, and of which the first does not wait. */
static bool open_pipe(int fds[2])
{
	if (pipe2(fds, O_CLOEXEC))
		return false;
	(void)fcntl(fds[0], F_SETFL, O_NONBLOCK);
	return true;
}

static void close_pipe(const int fds[2])
{
	close(fds[0]);
	close(fds[1]);
}

static bool begin(struct run *r, struct exec_call *c, struct exec_start *s)
{
	int out[2], refused[2];

	if (!open_pipe(out))
		return fail(c, "%s", strerror(errno));
	if (!open_pipe(refused)) {
		fail(c, "%s", strerror(errno));
		close_pipe(out);
		return false;
	}
	s->out = out[1];
	s->refused = refused[1];
	r->pid = exec_child_start(s, &r->pidfd);
	if (r->pid < 0) {
		fail(c, "%s", strerror(errno));
		close_pipe(out);
		close_pipe(refused);
		return false;
	}
	close(out[1]);
	close(refused[1]);
	r->call = c;
	r->out = out[0];
	r->refused = refused[0];
	r->len = 0;
	return true;
}

static bool start(struct run *r, struct exec_call *c, uint64_t over_ns)
{
	char words[CONFIG_SECRET_REF_SIZE], program[CONFIG_SECRET_REF_SIZE], *rest = words;
	struct exec_start s = {0};
	uint64_t now = clock_now();
	const char *why;
	size_t count = 0;

	if (now >= over_ns)
		return fail(c, "there was no time to ask it%s", "");

	snprintf(words, sizeof(words), "%s", c->ref + strlen("exec:"));
	for (char *word; count < EXEC_WORDS_MAX && (word = strsep(&rest, " "));) {
		if (*word)
			s.argv[count++] = word;
	}
	if (!count || rest)
		return fail(c, "it has more than %s words", "16");
	program_of(c, program);
	why = why_not_now(program);
	if (why)
		return fail(c, "%s", why);
	if (!find_user(c, &s) || !begin(r, c, &s))
		return false;
	r->until_ns = now + seconds * CLOCK_SECOND;
	if (r->until_ns > over_ns)
		r->until_ns = over_ns;
	return true;
}

/* With all that it has started, and reaps it; one that does not end by that is left. */
static void end(struct run *r, siginfo_t *info)
{
	struct pollfd ended = {.fd = r->pidfd, .events = POLLIN};
	int n;

	(void)kill(-r->pid, SIGKILL);
	(void)kill(r->pid, SIGKILL);
	do
		n = poll(&ended, 1, KILLED_WITHIN_MS);
	while (n < 0 && errno == EINTR);
	if (n > 0)
		(void)waitid(P_PID, (id_t)r->pid, info, WEXITED | WNOHANG);
	else
		leave(r->pid, r->call);
	close(r->pidfd);
	close(r->refused);
	if (r->out >= 0)
		close(r->out);
	secret_wipe(r->bytes, sizeof(r->bytes));
	r->call = NULL;
}

static void give_up(struct run *r, const char *why)
{
	siginfo_t info = {0};

	fail(r->call, "%s", why);
	end(r, &info);
}

/* False: it has printed too much. */
static bool read_more(struct run *r)
{
	ssize_t n;

	while (r->out >= 0 && r->len < sizeof(r->bytes)) {
		n = read(r->out, r->bytes + r->len, sizeof(r->bytes) - r->len);
		if (n < 0)
			break;
		if (!n) {
			close(r->out);
			r->out = -1;
		}
		r->len += (size_t)n;
	}
	return r->len < sizeof(r->bytes);
}

static void take_secret(struct exec_call *c, const uint8_t *bytes, size_t printed)
{
	size_t len = secret_text_len(bytes, printed);

	if (len < EXEC_KEY_MIN || len > EXEC_KEY_MAX || memchr(bytes, '\0', len))
		fail(c, "it printed no 8 to 64 characters%s", "");
	else if (memchr(bytes, '\n', len))
		fail(c, "it printed more than one line%s", "");
	else if (secret_set(&c->secret, bytes, len))
		c->why[0] = '\0';
}

static void has_ended(struct run *r)
{
	struct exec_call *c = r->call;
	uint8_t bytes[OUTPUT_MAX + 1];
	struct exec_refusal refusal;
	siginfo_t info = {0};
	char text[16];
	bool fits = read_more(r);
	bool is_refused = read(r->refused, &refusal, sizeof(refusal)) == sizeof(refusal);
	size_t len = r->len;

	memcpy(bytes, r->bytes, sizeof(bytes));
	end(r, &info);
	if (info.si_code == CLD_EXITED && info.si_status > EXEC_BY_SIGNAL &&
		info.si_status <= EXEC_BY_SIGNAL + EXEC_SIGNALS) {
		info.si_code = CLD_KILLED;
		info.si_status -= EXEC_BY_SIGNAL;
	}
	snprintf(text, sizeof(text), "%d", info.si_status);
	if (is_refused)
		refused(c, &refusal);
	else if (info.si_code == CLD_EXITED && info.si_status == EXEC_NOT_STARTED)
		fail(c, "it could not be started%s", "");
	else if (info.si_code != CLD_EXITED)
		fail(c, "it was ended by signal %s", text);
	else if (info.si_status)
		fail(c, "it ended with status %s", text);
	else if (!fits)
		fail(c, "it printed more than a secret can be%s", "");
	else
		take_secret(c, bytes, len);
	secret_wipe(bytes, sizeof(bytes));
}

/* ---- all ---- */

static void look(struct run *r, const struct pollfd *out, const struct pollfd *ended, uint64_t now)
{
	if (out->revents && !read_more(r))
		give_up(r, "it printed more than a secret can be");
	else if (ended->revents)
		has_ended(r);
	else if (now >= r->until_ns)
		give_up(r, "it has not ended in time");
}

/* How many run. */
static size_t fill(struct run runs[EXEC_AT_ONCE], struct exec_call *calls, size_t count,
	size_t *next, uint64_t over_ns)
{
	size_t active = 0;

	for (size_t i = 0; i < EXEC_AT_ONCE; i++) {
		while (!runs[i].call && *next < count)
			(void)start(&runs[i], &calls[(*next)++], over_ns);
		active += runs[i].call != NULL;
	}
	return active;
}

void exec_run(struct exec_call *calls, size_t count, unsigned int all_within_s)
{
	struct run runs[EXEC_AT_ONCE] = {0};
	struct pollfd fds[2 * EXEC_AT_ONCE];
	uint64_t over_ns = all_within_s ? clock_now() + all_within_s * CLOCK_SECOND : UINT64_MAX;
	size_t next = 0;

	while (fill(runs, calls, count, &next, over_ns)) {
		uint64_t now = clock_now(), until = UINT64_MAX;

		for (size_t i = 0; i < EXEC_AT_ONCE; i++) {
			const struct run *r = &runs[i];

			fds[2 * i] = (struct pollfd){.fd = r->call ? r->out : -1, .events = POLLIN};
			fds[2 * i + 1] =
				(struct pollfd){.fd = r->call ? r->pidfd : -1, .events = POLLIN};
			if (r->call && r->until_ns < until)
				until = r->until_ns;
		}
		(void)poll(fds, 2 * EXEC_AT_ONCE,
			until > now ? (int)((until - now) / CLOCK_MILLISECOND) + 1 : 0);
		now = clock_now();
		for (size_t i = 0; i < EXEC_AT_ONCE; i++) {
			if (runs[i].call)
				look(&runs[i], &fds[2 * i], &fds[2 * i + 1], now);
		}
	}
}
