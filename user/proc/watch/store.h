/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events in a file of SQLite, each once by its number. What store_write() has said to be stored is on the
 * disk, and is still there after a kill or a loss of power. The file is bounded: where there are too many events, or the
 * disk is full, the kind of a site that has most loses its oldest. What is old is so by the time that the store was open,
 * not by the clock of the wall, which may jump.
 */
#ifndef SLUICE_PROC_WATCH_STORE_H
#define SLUICE_PROC_WATCH_STORE_H

#include "ipc/msg_watch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STORE_EVENTS_MAX 500000              /* 200 bytes each */
#define STORE_DAYS       455                 /* 15 months */
#define STORE_RESERVE    (UINT64_C(4) << 20) /* bytes that are given back when the disk is full */
#define STORE_HEAP_MAX                                                                             \
	(32 << 20) /* bytes that SQLite may use without looking for what it can give back */
#define STORE_WHY_SIZE WATCH_WHY_SIZE

struct store_options {
	const char *directory; /* of the file; "" is the root */
	const char *vfs;       /* sqlite3_vfs_find(3); NULL: the usual one */
	uint64_t events_max;
	uint64_t reserve; /* bytes; 0: none */
	/* NULL: nobody wants to know. The file was of no use, and another one begins. */
	void (*set_aside)(void *context, const char *why);
	void *context;
};

struct store;

/* NULL with a sentence. A file that is damaged, of a newer sluiced or of somebody else is set aside, as the log says. */
struct store *store_open(const struct store_options *options, char why[STORE_WHY_SIZE]);
void store_close(struct store *s);

/*
 * All of them, or none with a sentence: then the store is to be closed, and opened again after a while. Those that are
 * there already stay as they are.
 */
bool store_write(
	struct store *s, const struct bus_event *events, size_t count, char why[STORE_WHY_SIZE]);

/*
 * Forgets events that have been there for STORE_DAYS and samples for as long as store_steps says, of days on which it was
 * open, some of them at a time: true when there is more. `now_ns` is CLOCK_MONOTONIC; time passes by these calls.
 */
bool store_expire(struct store *s, uint64_t now_ns);

/* Where the disk was full: keeps room again for the next time. */
void store_reserve(struct store *s);

/* The greatest number; 0: there is none. */
uint64_t store_newest(const struct store *s);

/*
 * The events that a query asks for, the oldest first; at most q->limit of `events`. `sites` are its names. False with a
 * sentence: then the store is to be closed.
 */
bool store_read(struct store *s, const struct imsg_watch_query *q,
	const char (*sites)[SITE_NAME_SIZE], struct bus_event *events, size_t *count, bool *more,
	char why[STORE_WHY_SIZE]);

/* ---- samples.c: a row for each site and 60 samples: of a minute, of five, of an hour ---- */

#define STORE_STEPS 3
extern const struct store_step {
	uint32_t step_s;
	uint32_t days; /* that they are kept */
} store_steps[STORE_STEPS];

/* Minutes, or parts of them; what was said already is not said twice. As store_write(). */
bool store_samples(struct store *s, const struct imsg_watch_sample *samples, size_t count,
	char why[STORE_WHY_SIZE]);

/*
 * Calls f for each sample of a site that begins within a time, as fine as all of that time has; what is not summed up yet
 * comes as minutes behind it. group: only what it had while it was of that one; NULL: all. False with a sentence.
 */
bool store_each_sample(struct store *s, const char *site, const char *group, uint64_t from_s,
	uint64_t to_s, uint64_t now_s,
	void (*f)(void *context, const struct sample *sample, uint32_t step_s), void *context,
	char why[STORE_WHY_SIZE]);

/* sum.c: the sum of it; points: where not NULL, in parts of the time. */
bool store_sum(struct store *s, const struct imsg_watch_sum_query *q, const struct watch_site *site,
	uint64_t now_s, struct imsg_watch_sum *sum, struct imsg_watch_points *points,
	char why[STORE_WHY_SIZE]);

/* ---- store_alarms.c: a row for each alarm, of bytes ---- */

/*
 * Called within each transaction that writes events or samples, before its end, and again when that is tried again. It
 * returns false when it fails, and with it all of that does.
 */
void store_also(struct store *s, bool (*write)(void *context, struct store *s), void *context);

/* A transaction for that alone. False with a sentence. */
bool store_write_also(struct store *s, char why[STORE_WHY_SIZE]);

/* Within such a transaction: over what was there. */
bool store_put_alarm(
	struct store *s, const struct alarm_key *key, const uint8_t *bytes, size_t len);

/* Of one that is no more. */
void store_forget_alarm(struct store *s, const struct alarm_key *key);

/* All of them. False with a sentence. */
bool store_each_alarm(struct store *s,
	void (*f)(void *context, const struct alarm_key *key, const uint8_t *bytes, size_t len),
	void *context, char why[STORE_WHY_SIZE]);

#endif
