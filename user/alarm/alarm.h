/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of one rule of one tunnel, site or hub. Minutes go in, states come out; no clock but theirs. A change must
 * persist: ALARM begins when N of the last M periods are beyond the threshold, and ends when that has not been so for as
 * long as M periods are; so what flaps is said once. The last period ends with the last minute.
 *
 * A period is judged if four fifths of its minutes are there, or if more of them cannot change the judgement. While too few
 * periods are known the state stays as it is, so that a restart of the hub says nothing twice; when nothing at all is known
 * of M periods, it is INSUFFICIENT_DATA.
 */
#ifndef SLUICE_ALARM_ALARM_H
#define SLUICE_ALARM_ALARM_H

#include "alarm/rule.h"

enum alarm_state { ALARM_INSUFFICIENT_DATA, ALARM_OK, ALARM_ALARM, ALARM_STATES };

/* "INSUFFICIENT_DATA", "OK", "ALARM"; NULL ends them. */
extern const char *const alarm_state_names[ALARM_STATES + 1];

/* Which state the detail of an event says: it begins with its name and ':'. False: it is about something else. */
bool alarm_text_state(const char *detail, enum alarm_state *state);

#define ALARM_BUCKETS (ALARM_DATAPOINTS + 1)
#define ALARM_CLOCK_BACK_S                                                                         \
	3600 /* minutes that are older than what was seen, and by more: the clock was set back */
#define ALARM_SILENCE_MAX_S (30 * 24 * 60 * 60)

struct alarm_bucket {
	uint64_t number;  /* which one since the epoch */
	uint32_t minutes; /* that it has */
	double value;     /* their sum, least or greatest value */
};

struct alarm {
	uint8_t state;     /* enum alarm_state */
	bool told;         /* the last that was told is that it fires */
	bool acknowledged; /* by a person, while it fires */
	char by[BUS_ACTOR_SIZE];
	uint64_t since_s;          /* when the state began; 0: never */
	uint64_t silenced_until_s; /* nothing is told before that */
	uint64_t last_s;           /* the beginning of the newest minute */
	uint64_t good_s;           /* from when on it was not beyond the threshold; 0: it was */
	double value;              /* of the last period that was judged */
	struct alarm_bucket buckets[ALARM_BUCKETS];
	/* For whoever keeps it: it is not written yet as it is, and somebody has not heard of it. */
	bool unwritten, unsaid;
};

/* A minute that began at at_s; value: NULL where there is none. True: the state is another one. */
bool alarm_feed(struct alarm *a, const struct alarm_rule *r, uint64_t at_s, const double *value);

/* Whether somebody has to be told, at a time, that it fires or that it does not any more. */
bool alarm_is_due(const struct alarm *a, uint64_t now_s);

/* What was measured is worth nothing, as the rule is another one; who was told that it fires hears what becomes of it. */
void alarm_begin_anew(struct alarm *a);

/* By a person: it is known. False: it does not fire. */
bool alarm_acknowledge(struct alarm *a, const char *by);

/* How long a bucket of a rule is, in seconds: as short as the number of them allows. */
uint32_t alarm_bucket_length(const struct alarm_rule *r);

/* ---- pack.c: as bytes ---- */

#define ALARM_PACK_SIZE (160 + ALARM_BUCKETS * 32)

size_t alarm_write(
	const struct alarm *a, const struct alarm_rule *r, uint8_t bytes[ALARM_PACK_SIZE]);

/*
 * False: these are no such bytes, and *a is as it begins. What a rule with another way to measure has written begins
 * anew.
 */
bool alarm_read(struct alarm *a, const struct alarm_rule *r, const uint8_t *bytes, size_t len);

#endif
