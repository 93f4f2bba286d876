/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LIMIT_BURST = 20, LIMIT_PER_SECOND = 2 };

static const char *log_name = "sluice";
static enum log_level log_detail = LOG_INFO;
static bool log_journal;
static log_hearer *log_heard_by;
static void *log_hearer_context;

/* The limits of call sites, and what follows: the thread of BFD logs, too. */
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = STDERR_FILENO;
static enum { LOG_TO_FILE, LOG_TO_PIPE, LOG_TO_SOCKET } log_kind;
static uint32_t log_lost;

/*
 * Standard error is shared with who started us, so it must not be made non-blocking. A pipe or a terminal can
 * be opened once more; a socket (journald's) has a flag for each message; a file waits for nobody.
 */
static void find_way_out(void)
{
	struct stat st;
	int fd;

	log_kind = LOG_TO_FILE;
	if (fstat(STDERR_FILENO, &st))
		return;
	if (S_ISSOCK(st.st_mode))
		log_kind = LOG_TO_SOCKET;
	if (!S_ISFIFO(st.st_mode) && !S_ISCHR(st.st_mode))
		return;
	log_kind = LOG_TO_PIPE;
	fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd >= 0)
		log_fd = fd;
}

void log_init(const char *process, enum log_level most_detailed)
{
	log_name = process;
	log_detail = most_detailed;
	log_journal = getenv("JOURNAL_STREAM") != NULL;
	find_way_out();
	tzset(); /* now: strftime() would, and open a file where none may be opened any more */
}

void log_hear(log_hearer *hear, void *context)
{
	log_heard_by = hear;
	log_hearer_context = context;
}

const char *log_process(void)
{
	return log_name;
}

static bool limit_take(struct log_limit *limit)
{
	uint64_t now = clock_now();

	if (!limit->started) {
		*limit = (struct log_limit){
			.started = true, .tokens = LIMIT_BURST, .refill_ns = now};
	}

	uint64_t earned = (now - limit->refill_ns) * LIMIT_PER_SECOND / CLOCK_SECOND;

	if (earned) {
		limit->tokens = limit->tokens + earned > LIMIT_BURST
					? LIMIT_BURST
					: limit->tokens + (uint32_t)earned;
		limit->refill_ns = now;
	}
	if (!limit->tokens) {
		limit->left_out++;
		return false;
	}
	limit->tokens--;
	return true;
}

/* Peers choose some of the text: nothing that moves a cursor or starts a new line is let through. */
static void make_printable(char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
	}
}

/* A reader that stands still loses lines, and stops nobody. */
static void put(const char *line, size_t len)
{
	struct pollfd p = {.fd = log_fd, .events = POLLOUT};
	ssize_t n = -1;

	if (log_kind == LOG_TO_SOCKET)
		n = send(log_fd, line, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	else if (log_kind == LOG_TO_FILE || poll(&p, 1, 0) == 1)
		n = write(log_fd, line, len);
	log_lost = n < 0 ? log_lost + 1 : 0;
}

static void put_stamp(char *to, size_t room, enum log_level level)
{
	struct timespec now;
	struct tm utc;
	size_t n;

	if (log_journal) {
		snprintf(to, room, "<%d>", (int)level);
		return;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	n = strftime(to, room, "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(to + n, room - n, ".%03ldZ ", now.tv_nsec / 1000000);
}

void log_write(enum log_level level, struct log_limit *limit, const char *format, ...)
{
	static const char *const names[] = {[LOG_ERROR] = "error",
		[LOG_WARN] = "warning",
		[LOG_INFO] = "info",
		[LOG_VERBOSE] = "debug"};
	char text[1024], line[1200], stamp[40] = "", more[48] = "", lost[48] = "";
	va_list args;
	int n;

	if (level > log_detail)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	make_printable(text);
	if (log_heard_by && level <= LOG_WARN)
		log_heard_by(log_hearer_context, text);
	put_stamp(stamp, sizeof(stamp), level);

	pthread_mutex_lock(&log_lock);
	if (limit_take(limit)) {
		if (limit->left_out)
			snprintf(more, sizeof(more), " (%u like it left out)", limit->left_out);
		if (log_lost)
			snprintf(lost, sizeof(lost), " (%u lines before it lost)", log_lost);
		limit->left_out = 0;
		n = snprintf(line, sizeof(line), "%s%s: %s: %s%s%s\n", stamp, log_name,
			names[level], text, more, lost);
		put(line, n < (int)sizeof(line) ? (size_t)n : sizeof(line) - 1);
	}
	pthread_mutex_unlock(&log_lock);
}
