/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines. A line states the fact, the value seen and the value wanted, about a named site and
 * tunnel. Only the process loops log; libraries return effects. Lines go to standard error, one
 * write each, in the form `LEVEL process: text`; under systemd (JOURNAL_STREAM set) the level is
 * the <N> prefix of sd-daemon(3), otherwise a time stamp is put in front.
 *
 * A peer can trigger any line, so every call site is limited on its own: a burst of 20, then 2 a
 * second; what was left out is counted and said by the next line of that call site. Nobody waits for a
 * reader that stands still: such lines are lost, and the next one that is not says how many.
 */
#ifndef SLUICE_BASE_LOG_H
#define SLUICE_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level {
	LOG_ERROR = 3, /* syslog(3) numbers */
	LOG_WARN = 4,
	LOG_INFO = 6,
	LOG_VERBOSE = 7,
};

struct log_limit {
	uint64_t refill_ns; /* when the bucket was last refilled */
	uint32_t tokens;
	uint32_t left_out;
	bool started;
};

/* Names this process in every line and sets the most detailed level that is written. */
void log_init(const char *process, enum log_level most_detailed);

/* The name given to log_init. */
const char *log_process(void);

__attribute__((format(printf, 3, 4))) void log_write(
	enum log_level level, struct log_limit *limit, const char *format, ...);

/* What is warned of, or worse, goes to `hear` as well, whatever the limits; NULL: to nobody more. */
typedef void log_hearer(void *context, const char *text);
void log_hear(log_hearer *hear, void *context);

#define log_at(level, ...)                                                                         \
	do {                                                                                       \
		static struct log_limit log_limit_here;                                            \
		log_write(level, &log_limit_here, __VA_ARGS__);                                    \
	} while (0)

#define log_error(...)   log_at(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)    log_at(LOG_WARN, __VA_ARGS__)
#define log_info(...)    log_at(LOG_INFO, __VA_ARGS__)
#define log_verbose(...) log_at(LOG_VERBOSE, __VA_ARGS__)

#endif
