/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Room: the file is bounded, and who has most loses its oldest. So no site and no kind pushes out another one, whoever is
 * behind it; and what anybody may cause who has not proved who he is, or was refused, has no more than a part of it.
 *
 * Nothing is old because a clock says so. What counts is how long the store has been open, by a clock that nobody sets: of
 * each day of that it is noted which event was the newest then, and in a pack of samples on which day it was begun.
 */
#include "proc/watch/store_internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOSES_PART 50      /* a class that has most loses one part in so many of all at once */
#define AT_ONCE    1000    /* rows that are forgotten at a time */
#define KEEP_S     600     /* between notes of how long it has been open */
#define DAYS_MAX   1000000 /* more than there can be */

/* Parts of all events, in percent, that those of outside and those of refused requests may have. */
static const unsigned int outside_percent = 20, audit_percent = 10;

const struct store_step store_steps[STORE_STEPS] = {{60, 15}, {300, 63}, {3600, 455}};

static unsigned int class_of(unsigned int kind, bool outside)
{
	return kind + (outside ? (unsigned int)BUS_KINDS : 0);
}

static bool is_outside(unsigned int class)
{
	return class >= BUS_KINDS;
}

/* ---- how many each has ---- */

static struct site_count *count_of(struct store *s, const char *site)
{
	size_t i = 0;

	while (i < s->site_count && strcmp(s->sites[i].site, site) != 0)
		i++;
	if (i < s->site_count)
		return &s->sites[i];
	if (s->site_count == s->site_room) {
		s->site_room = s->site_room ? s->site_room * 2 : 64;
		s->sites = realloc(s->sites, s->site_room * sizeof(*s->sites));
		if (!s->sites)
			abort();
	}
	s->sites[s->site_count] = (struct site_count){0};
	snprintf(s->sites[i].site, sizeof(s->sites[i].site), "%s", site);
	return &s->sites[s->site_count++];
}

static void add(struct store *s, struct site_count *to, unsigned int class, int64_t n)
{
	to->events[class] += (uint64_t)n;
	s->of_class[class] += (uint64_t)n;
	s->events += (uint64_t)n;
}

void room_add(struct store *s, const struct bus_event *e)
{
	add(s, count_of(s, e->site), class_of(e->kind, e->outside), 1);
}

/* What no sluiced has written. */
static bool can_be(sqlite3_stmt *row)
{
	const struct bus_event e = {.number = (uint64_t)sqlite3_column_int64(row, 0),
		.kind = (uint8_t)sqlite3_column_int(row, 2),
		.tunnel = -1};

	return e.number <= BUS_NUMBER_LAST && e.kind == sqlite3_column_int64(row, 2) &&
	       bus_event_can_be(&e) && sqlite3_column_bytes(row, 1) < SITE_NAME_SIZE;
}

/* Each row of the table, which is read as a whole: *bad are those that cannot be. */
static int count_rows(struct store *s, uint64_t *bad)
{
	struct site_count *c = NULL;
	sqlite3_stmt *q;
	int r = sqlite3_prepare_v2(s->db,
		"SELECT number, site, kind, outside FROM events ORDER BY number", -1, &q, NULL);

	*bad = 0;
	if (r)
		return r;
	while ((r = sqlite3_step(q)) == SQLITE_ROW) {
		const char *site = (const char *)sqlite3_column_text(q, 1);

		if (!site || !can_be(q)) {
			++*bad;
			continue;
		}
		if (!c || strcmp(c->site, site) != 0)
			c = count_of(s, site);
		add(s, c,
			class_of((unsigned int)sqlite3_column_int(q, 2), sqlite3_column_int(q, 3)),
			1);
		s->newest = (uint64_t)sqlite3_column_int64(q, 0);
	}
	sqlite3_finalize(q);
	return r == SQLITE_DONE ? SQLITE_OK : r;
}

static int remove_bad(struct store *s)
{
	char sql[256];

	snprintf(sql, sizeof(sql),
		"DELETE FROM events WHERE number < 1 OR number > %llu OR typeof(kind) != 'integer'"
		" OR kind < 0 OR kind >= %d OR length(CAST(site AS BLOB)) >= %d",
		(unsigned long long)BUS_NUMBER_LAST, BUS_KINDS, SITE_NAME_SIZE);
	return sqlite3_exec(s->db, sql, NULL, NULL, NULL);
}

/* How long it has been open before; false: no day can be that. */
static int read_days(struct store *s, bool *can_be)
{
	sqlite3_stmt *q;
	int r = sqlite3_prepare_v2(s->db,
		"SELECT day, seconds, min(day) OVER () FROM days ORDER BY day DESC LIMIT 1", -1, &q,
		NULL);

	*can_be = true;
	s->ran_s = 0;
	if (r)
		return r;
	r = sqlite3_step(q);
	if (r == SQLITE_ROW) {
		sqlite3_int64 day = sqlite3_column_int64(q, 0), of = sqlite3_column_int64(q, 1);

		*can_be = sqlite3_column_int64(q, 2) >= 0 && day < DAYS_MAX && of >= 0 &&
			  of < (sqlite3_int64)DAY_S;
		if (*can_be)
			s->ran_s = (uint64_t)day * DAY_S + (uint64_t)of;
	}
	sqlite3_finalize(q);
	s->kept_s = s->ran_s;
	return r == SQLITE_ROW || r == SQLITE_DONE ? SQLITE_OK : r;
}

bool room_count(struct store *s, char why[STORE_WHY_SIZE])
{
	bool days_can_be;
	uint64_t bad;
	int r;

	s->site_count = 0;
	s->events = s->newest = 0;
	memset(s->of_class, 0, sizeof(s->of_class));
	r = count_rows(s, &bad);
	if (!r && bad) {
		log_error("the file of events has %llu that cannot be: they are removed",
			(unsigned long long)bad);
		r = remove_bad(s);
	}
	if (!r && !s->kept_s)
		r = read_days(s, &days_can_be);
	else
		days_can_be = true;
	if (!r && !days_can_be)
		r = sqlite3_exec(s->db, "DELETE FROM days", NULL, NULL, NULL);
	return !r || store_fail(s, "events", why);
}

/* ---- what is lost ---- */

/* Of the classes that `of` takes, where a site has most; NULL: there is none. */
static struct site_count *most_of(
	struct store *s, bool (*of)(unsigned int class), unsigned int *class)
{
	struct site_count *most = NULL;

	for (size_t i = 0; i < s->site_count; i++) {
		for (unsigned int c = 0; c < STORE_CLASSES; c++) {
			if (!of(c) || !s->sites[i].events[c])
				continue;
			if (most && s->sites[i].events[c] <= most->events[*class])
				continue;
			most = &s->sites[i];
			*class = c;
		}
	}
	return most;
}

static bool any(unsigned int class)
{
	(void)class;
	return true;
}

static bool is_audit(unsigned int class)
{
	return class == BUS_AUDIT;
}

static bool lose(struct store *s, bool (*of)(unsigned int class), uint64_t at_most)
{
	unsigned int class = 0;
	struct site_count *most = most_of(s, of, &class);
	sqlite3_stmt *q;
	int r;

	if (!most ||
		sqlite3_prepare_v2(s->db,
			"DELETE FROM events WHERE number IN (SELECT number FROM events WHERE"
			" site = ? AND kind = ? AND (outside != 0) = ? ORDER BY number LIMIT ?)",
			-1, &q, NULL))
		return false;
	sqlite3_bind_text(q, 1, most->site, -1, SQLITE_STATIC);
	sqlite3_bind_int(q, 2, (int)(class % BUS_KINDS));
	sqlite3_bind_int(q, 3, is_outside(class));
	sqlite3_bind_int64(q, 4, (sqlite3_int64)at_most);
	r = sqlite3_step(q);
	sqlite3_finalize(q);
	if (r != SQLITE_DONE || !sqlite3_changes(s->db))
		return false;
	add(s, most, class, -sqlite3_changes(s->db));
	return true;
}

bool room_lose(struct store *s, uint64_t at_most)
{
	return lose(s, any, at_most);
}

uint64_t room_part(const struct store *s)
{
	return s->options.events_max / LOSES_PART + 1;
}

bool room_make(struct store *s)
{
	const uint64_t outside_max = s->options.events_max * outside_percent / 100,
		       audit_max = s->options.events_max * audit_percent / 100;
	uint64_t outside = 0;
	bool ok = true;

	for (unsigned int c = BUS_KINDS; c < STORE_CLASSES; c++)
		outside += s->of_class[c];
	if (outside > outside_max)
		ok = lose(s, is_outside, outside - outside_max + outside_max / LOSES_PART);
	if (ok && s->of_class[BUS_AUDIT] > audit_max)
		ok = lose(s, is_audit, s->of_class[BUS_AUDIT] - audit_max + audit_max / LOSES_PART);
	while (ok && s->events > s->options.events_max)
		ok = lose(s, any, room_part(s));
	return ok;
}

/* ---- what is old ---- */

static bool keep_days(struct store *s)
{
	sqlite3_stmt *q;
	bool ok;

	if (sqlite3_prepare_v2(s->db, "INSERT OR REPLACE INTO days VALUES (?, ?, ?)", -1, &q, NULL))
		return false;
	sqlite3_bind_int64(q, 1, (sqlite3_int64)(s->ran_s / DAY_S));
	sqlite3_bind_int64(q, 2, (sqlite3_int64)(s->ran_s % DAY_S));
	sqlite3_bind_int64(q, 3, (sqlite3_int64)s->newest);
	ok = store_run(q);
	sqlite3_finalize(q);
	if (ok)
		s->kept_s = s->ran_s;
	return ok;
}

/* Takes time as it passes. */
static void run_on(struct store *s, uint64_t now_ns)
{
	if (s->looked_ns && now_ns > s->looked_ns)
		s->ran_ns += now_ns - s->looked_ns;
	s->looked_ns = now_ns;
	s->ran_s += s->ran_ns / CLOCK_SECOND;
	s->ran_ns %= CLOCK_SECOND;
}

/* The events of days that are over; how many. */
static unsigned int forget_events(struct store *s, uint64_t last_day)
{
	unsigned int n = 0;
	sqlite3_stmt *q;

	if (sqlite3_prepare_v2(s->db,
		    "DELETE FROM events WHERE number IN (SELECT number FROM events WHERE number <="
		    " (SELECT max(newest) FROM days WHERE day <= ?) ORDER BY number LIMIT ?)"
		    " RETURNING site, kind, outside",
		    -1, &q, NULL))
		return 0;
	sqlite3_bind_int64(q, 1, (sqlite3_int64)last_day);
	sqlite3_bind_int64(q, 2, AT_ONCE);
	while (sqlite3_step(q) == SQLITE_ROW) {
		const char *site = (const char *)sqlite3_column_text(q, 0);

		add(s, count_of(s, site ? site : ""),
			class_of((unsigned int)sqlite3_column_int(q, 1) % BUS_KINDS,
				sqlite3_column_int(q, 2)),
			-1);
		n++;
	}
	sqlite3_finalize(q);
	return n;
}

static unsigned int forget_samples(struct store *s, uint32_t step_s, uint64_t before_day)
{
	sqlite3_stmt *q;
	int r;

	if (sqlite3_prepare_v2(s->db,
		    "DELETE FROM samples WHERE (site, step, at, site_group) IN (SELECT site, step, "
		    "at,"
		    " site_group FROM samples WHERE step = ? AND day < ? LIMIT ?)",
		    -1, &q, NULL))
		return 0;
	sqlite3_bind_int64(q, 1, step_s);
	sqlite3_bind_int64(q, 2, (sqlite3_int64)before_day);
	sqlite3_bind_int64(q, 3, AT_ONCE);
	r = sqlite3_step(q);
	sqlite3_finalize(q);
	return r == SQLITE_DONE ? (unsigned int)sqlite3_changes(s->db) : 0;
}

bool store_expire(struct store *s, uint64_t now_ns)
{
	uint64_t today;
	bool more = false;

	run_on(s, now_ns);
	today = s->ran_s / DAY_S;
	if (s->ran_s - s->kept_s >= KEEP_S && !keep_days(s))
		return false;
	if (today > STORE_DAYS)
		more = forget_events(s, today - STORE_DAYS - 1) == AT_ONCE;
	for (int i = 0; i < STORE_STEPS; i++) {
		/* A pack is as old as its last sample. */
		uint64_t age = store_steps[i].days + 1 +
			       SAMPLES_IN_PACK * (uint64_t)store_steps[i].step_s / DAY_S;

		if (today > age)
			more = forget_samples(s, store_steps[i].step_s, today - age) == AT_ONCE ||
			       more;
	}
	if (today > STORE_DAYS && !more)
		(void)sqlite3_exec(s->db,
			"DELETE FROM days WHERE day < (SELECT max(day) FROM days) - 500", NULL,
			NULL, NULL);
	return more;
}
