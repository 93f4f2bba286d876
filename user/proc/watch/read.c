/* SPDX-License-Identifier: Apache-2.0 */
/* What has happened, as it is asked for. */
#include "proc/watch/store_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SQL_MAX (512 + 4 * (BUS_KINDS + WATCH_SITES_MAX))

/*
 * Numbers grow as time does, but for a clock that was set back: what happened since a time, or before it, is looked for
 * among these numbers only. The times themselves decide. Of the nearest 1000 are looked at, for such a clock.
 */
static bool number_at(struct store *s, const char *sql, uint64_t wall_ns, uint64_t none,
	uint64_t *number, char why[STORE_WHY_SIZE])
{
	sqlite3_stmt *q;
	int r;

	*number = none;
	if (sqlite3_prepare_v2(s->db, sql, -1, &q, NULL))
		return store_fail_for_good(s, "events", why);
	sqlite3_bind_int64(q, 1, (sqlite3_int64)wall_ns);
	r = sqlite3_step(q);
	if (r == SQLITE_ROW && sqlite3_column_type(q, 0) != SQLITE_NULL)
		*number = (uint64_t)sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	return r == SQLITE_ROW || store_fail_for_good(s, "events", why);
}

struct numbers {
	uint64_t first, last;
};

static bool numbers_of(struct store *s, const struct imsg_watch_query *q, struct numbers *n,
	char why[STORE_WHY_SIZE])
{
	*n = (struct numbers){0, INT64_MAX};
	if (q->from_ns &&
		!number_at(s,
			"SELECT min(number) FROM (SELECT number FROM events WHERE time >= ?"
			" ORDER BY time LIMIT 1000)",
			q->from_ns & INT64_MAX, INT64_MAX, &n->first, why))
		return false;
	return !q->to_ns ||
	       number_at(s,
		       "SELECT max(number) FROM (SELECT number FROM events WHERE time < ?"
		       " ORDER BY time DESC LIMIT 1000)",
		       q->to_ns & INT64_MAX, 0, &n->last, why);
}

static size_t add_list(char *sql, size_t n, const char *what, size_t count)
{
	n += (size_t)snprintf(sql + n, SQL_MAX - n, " AND %s IN (", what);
	for (size_t i = 0; i < count; i++)
		n += (size_t)snprintf(sql + n, SQL_MAX - n, "%s?", i ? "," : "");
	return n + (size_t)snprintf(sql + n, SQL_MAX - n, ")");
}

static unsigned int count_kinds(uint32_t kinds)
{
	unsigned int n = 0;

	for (int k = 0; k < BUS_KINDS; k++)
		n += kinds >> k & 1;
	return n;
}

static sqlite3_stmt *prepare(struct store *s, const struct imsg_watch_query *q)
{
	size_t names = q->sites ? q->sites + q->hub : 0, n;
	unsigned int kinds = count_kinds(q->kinds);
	sqlite3_stmt *statement = NULL;
	char *sql = malloc(SQL_MAX);

	if (!sql)
		abort();
	n = (size_t)snprintf(sql, SQL_MAX,
		"SELECT number, time, kind, severity, site, site_group, tunnel, reason, detail,"
		" actor, left_out, outside FROM events WHERE number > ? AND number >= ?"
		" AND number <= ? AND +time >= ? AND +time < ?");
	if (q->trouble)
		n += (size_t)snprintf(sql + n, SQL_MAX - n,
			" AND severity > %d AND site <> '' AND site <> ?", BUS_INFO);
	if (kinds < BUS_KINDS)
		n = add_list(sql, n, "kind", kinds);
	if (names)
		n = add_list(sql, n, "site", names);
	snprintf(sql + n, SQL_MAX - n, " ORDER BY number %s LIMIT ?", q->newest ? "DESC" : "ASC");
	if (sqlite3_prepare_v2(s->db, sql, -1, &statement, NULL))
		statement = NULL;
	free(sql);
	return statement;
}

static void bind_all(sqlite3_stmt *to, const struct imsg_watch_query *q,
	const char (*sites)[SITE_NAME_SIZE], const struct numbers *numbers, uint32_t limit)
{
	int n = 0;

	sqlite3_bind_int64(to, ++n, (sqlite3_int64)(q->after & INT64_MAX));
	sqlite3_bind_int64(to, ++n, (sqlite3_int64)numbers->first);
	sqlite3_bind_int64(to, ++n, (sqlite3_int64)numbers->last);
	sqlite3_bind_int64(to, ++n, (sqlite3_int64)(q->from_ns & INT64_MAX));
	sqlite3_bind_int64(
		to, ++n, q->to_ns && q->to_ns < INT64_MAX ? (sqlite3_int64)q->to_ns : INT64_MAX);
	if (q->trouble)
		sqlite3_bind_text(
			to, ++n, q->but, (int)strnlen(q->but, sizeof(q->but)), SQLITE_STATIC);
	for (int k = 0; count_kinds(q->kinds) < BUS_KINDS && k < BUS_KINDS; k++) {
		if (q->kinds >> k & 1)
			sqlite3_bind_int(to, ++n, k);
	}
	for (uint32_t i = 0; i < q->sites; i++)
		sqlite3_bind_text(to, ++n, sites[i], -1, SQLITE_STATIC);
	if (q->sites && q->hub)
		sqlite3_bind_text(to, ++n, "", -1, SQLITE_STATIC);
	sqlite3_bind_int64(to, ++n, limit);
}

static void copy(char *to, size_t size, sqlite3_stmt *row, int column)
{
	const char *text = (const char *)sqlite3_column_text(row, column);

	snprintf(to, size, "%s", text ? text : "");
}

static struct bus_event event_of(sqlite3_stmt *row)
{
	struct bus_event e = {.number = (uint64_t)sqlite3_column_int64(row, 0),
		.wall_ns = (uint64_t)sqlite3_column_int64(row, 1),
		.kind = (uint8_t)sqlite3_column_int(row, 2),
		.severity = (uint8_t)sqlite3_column_int(row, 3),
		.tunnel = (int8_t)sqlite3_column_int(row, 6),
		.left_out = (uint32_t)sqlite3_column_int64(row, 10),
		.outside = sqlite3_column_int(row, 11)};

	copy(e.site, sizeof(e.site), row, 4);
	copy(e.group, sizeof(e.group), row, 5);
	copy(e.reason, sizeof(e.reason), row, 7);
	copy(e.detail, sizeof(e.detail), row, 8);
	copy(e.actor, sizeof(e.actor), row, 9);
	return e;
}

static void turn_round(struct bus_event *events, size_t count)
{
	for (size_t i = 0; i < count / 2; i++) {
		struct bus_event e = events[i];

		events[i] = events[count - 1 - i];
		events[count - 1 - i] = e;
	}
}

bool store_read(struct store *s, const struct imsg_watch_query *q,
	const char (*sites)[SITE_NAME_SIZE], struct bus_event *events, size_t *count, bool *more,
	char why[STORE_WHY_SIZE])
{
	sqlite3_stmt *row;
	struct numbers numbers;
	int r;

	*count = 0;
	*more = false;
	if (!numbers_of(s, q, &numbers, why))
		return false;
	row = prepare(s, q);
	if (!row)
		return store_fail_for_good(s, "events", why);
	bind_all(row, q, sites, &numbers, q->limit + 1);
	while ((r = sqlite3_step(row)) == SQLITE_ROW) {
		if (*count == q->limit) {
			*more = true;
			continue;
		}
		events[*count] = event_of(row);
		*count += bus_event_can_be(&events[*count]);
	}
	sqlite3_finalize(row);
	if (q->newest)
		turn_round(events, *count);
	return r == SQLITE_DONE || store_fail_for_good(s, "events", why);
}
