/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include "base/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LIMIT_BURST = 20, LIMIT_PER_SECOND = 2 };

static const char *log_name = "sluice";
static enum log_level log_detail = LOG_INFO;
static bool log_journal;

void log_init(const char *process, enum log_level most_detailed)
{
	log_name = process;
	log_detail = most_detailed;
	log_journal = getenv("JOURNAL_STREAM") != NULL;
	tzset(); /* now: strftime() would, and open a file where none may be opened any more */
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

void log_write(enum log_level level, struct log_limit *limit, const char *format, ...)
{
	static const char *const names[] = {[LOG_ERROR] = "error",
		[LOG_WARN] = "warning",
		[LOG_INFO] = "info",
		[LOG_VERBOSE] = "debug"};
	char text[1024], line[1200], stamp[40] = "";
	va_list args;

	if (level > log_detail || !limit_take(limit))
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	make_printable(text);

	if (log_journal) {
		snprintf(stamp, sizeof(stamp), "<%d>", (int)level);
	} else {
		struct timespec now;
		struct tm utc;

		clock_gettime(CLOCK_REALTIME, &now);
		gmtime_r(&now.tv_sec, &utc);
		size_t n = strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &utc);
		snprintf(stamp + n, sizeof(stamp) - n, ".%03ldZ ", now.tv_nsec / 1000000);
	}

	char more[48] = "";

	if (limit->left_out)
		snprintf(more, sizeof(more), " (%u like it left out)", limit->left_out);
	limit->left_out = 0;
	int n = snprintf(
		line, sizeof(line), "%s%s: %s: %s%s\n", stamp, log_name, names[level], text, more);

	if (n >= (int)sizeof(line))
		n = sizeof(line) - 1;
	if (write(STDERR_FILENO, line, (size_t)n) < 0)
		return; /* nowhere left to say it */
}
