/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of the file. One that somebody else has put something into is not used: not even a trigger of it is run. */
#include "proc/watch/store_internal.h"

#include <stdio.h>
#include <string.h>

#define VERSION    4
#define ROW_MAX    (1 << 20) /* bytes; ours have a tenth of it */
#define TEXT(x)    TEXT_OF(x)
#define TEXT_OF(x) #x

/* As sqlite_schema repeats them, to the letter. */
static const char *const tables[] = {
	"CREATE TABLE events ("
	" number INTEGER PRIMARY KEY, time INTEGER NOT NULL, kind INTEGER NOT NULL,"
	" severity INTEGER NOT NULL, site TEXT NOT NULL, site_group TEXT NOT NULL,"
	" tunnel INTEGER NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL,"
	" actor TEXT NOT NULL, left_out INTEGER NOT NULL, outside INTEGER NOT NULL)",
	"CREATE INDEX events_site ON events (site, number)",
	"CREATE INDEX events_kind ON events (kind, number)",
	"CREATE INDEX events_time ON events (time)",
	"CREATE TABLE samples ("
	" site TEXT NOT NULL, site_group TEXT NOT NULL, step INTEGER NOT NULL,"
	" at INTEGER NOT NULL,"
	" open INTEGER NOT NULL," /* minutes that are not summed up yet */
	" day INTEGER NOT NULL,"  /* see room.c */
	" pack BLOB NOT NULL,"    /* last: what is behind it is found by reading all of it */
	" PRIMARY KEY (site, step, at, site_group)) WITHOUT ROWID",
	"CREATE INDEX samples_open ON samples (at) WHERE open = 1",
	"CREATE INDEX samples_day ON samples (step, day)",
	"CREATE TABLE alarms ("
	" rule TEXT NOT NULL, site TEXT NOT NULL, tunnel INTEGER NOT NULL, bytes BLOB NOT NULL,"
	" PRIMARY KEY (rule, site, tunnel)) WITHOUT ROWID",
	"CREATE TABLE days ("
	" day INTEGER PRIMARY KEY, seconds INTEGER NOT NULL, newest INTEGER NOT NULL)",
};

#define TABLES (sizeof(tables) / sizeof(tables[0]))

/* From the versions before, whose events had no column `outside` and samples no `day`, or another form. */
static const char move_events[] =
	"INSERT INTO events SELECT number, time, kind, severity, site, site_group, tunnel, reason,"
	" detail, actor, left_out, 0 FROM before_events; DROP TABLE before_events;";
static const char move_samples[] =
	"INSERT INTO samples SELECT site, site_group, step, at, open, 0, pack FROM before_samples;"
	"DROP TABLE before_samples;";

static int run(sqlite3 *db, const char *sql)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

static int pragma_number(sqlite3 *db, const char *pragma, int *number)
{
	sqlite3_stmt *q;
	int r = sqlite3_prepare_v2(db, pragma, -1, &q, NULL);

	if (r)
		return r;
	r = sqlite3_step(q);
	if (r == SQLITE_ROW)
		*number = sqlite3_column_int(q, 0);
	sqlite3_finalize(q);
	return r == SQLITE_ROW ? SQLITE_OK : r;
}

static int make(sqlite3 *db, int version)
{
	int r = run(db, "BEGIN IMMEDIATE");

	if (!r && version)
		r = run(db,
			"ALTER TABLE events RENAME TO before_events;"
			"DROP INDEX events_site; DROP INDEX events_kind; DROP INDEX events_time;");
	if (!r && version == 3)
		r = run(db, "ALTER TABLE samples RENAME TO before_samples;"
			    "DROP INDEX samples_open; DROP TABLE IF EXISTS alarms;");
	else if (!r && version)
		r = run(db, "DROP TABLE IF EXISTS samples;");
	for (size_t i = 0; !r && i < TABLES; i++)
		r = run(db, tables[i]);
	if (!r && version)
		r = run(db, move_events);
	if (!r && version == 3)
		r = run(db, move_samples);
	if (!r)
		r = run(db, "PRAGMA user_version = " TEXT(VERSION) "; COMMIT;");
	return r;
}

static bool is_ours(const char *sql)
{
	for (size_t i = 0; sql && i < TABLES; i++) {
		if (!strcmp(sql, tables[i]))
			return true;
	}
	return false;
}

static int compare(sqlite3 *db, bool *same)
{
	size_t found = 0;
	sqlite3_stmt *q;
	int r = sqlite3_prepare_v2(db, "SELECT sql FROM sqlite_schema", -1, &q, NULL);

	*same = false;
	if (r)
		return r;
	*same = true;
	while ((r = sqlite3_step(q)) == SQLITE_ROW) {
		*same = *same && is_ours((const char *)sqlite3_column_text(q, 0));
		found++;
	}
	*same = *same && found == TABLES;
	sqlite3_finalize(q);
	return r == SQLITE_DONE ? SQLITE_OK : r;
}

int tables_open(sqlite3 *db, bool *useless, char why[STORE_WHY_SIZE])
{
	bool same = true;
	int version = 0, r;

	*useless = false;
	(void)sqlite3_limit(db, SQLITE_LIMIT_LENGTH, ROW_MAX);
	r = sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	if (!r)
		r = sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	if (!r)
		r = pragma_number(db, "PRAGMA user_version", &version);
	if (!r && (version > VERSION || version < 0)) {
		snprintf(why, STORE_WHY_SIZE, "it was written by a newer sluiced (%d)", version);
		*useless = true;
		return SQLITE_ERROR;
	}
	if (!r && version < VERSION)
		r = make(db, version);
	if (!r)
		r = compare(db, &same);
	if (!r && !same) {
		snprintf(why, STORE_WHY_SIZE, "its tables are not those of sluiced");
		*useless = true;
		return SQLITE_ERROR;
	}
	*useless = r == SQLITE_ERROR; /* tables that are not ours */
	return r;
}
