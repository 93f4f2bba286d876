/* SPDX-License-Identifier: Apache-2.0 */
#include "proc/watch/store_internal.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VERSION    3 /* of the tables */
#define FILE_NAME  "events.db"
#define ASIDE      "events.db.aside"
#define RESERVE    "reserve"
#define LOSES_PART 50 /* a site that has most loses one part in so many of all at once */

static const char tables[] =
	"BEGIN IMMEDIATE;"
	"CREATE TABLE IF NOT EXISTS events ("
	" number INTEGER PRIMARY KEY, time INTEGER NOT NULL, kind INTEGER NOT NULL,"
	" severity INTEGER NOT NULL, site TEXT NOT NULL, site_group TEXT NOT NULL,"
	" tunnel INTEGER NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL,"
	" actor TEXT NOT NULL, left_out INTEGER NOT NULL);"
	"CREATE INDEX IF NOT EXISTS events_site ON events (site, number);"
	"CREATE INDEX IF NOT EXISTS events_kind ON events (kind, number);"
	"CREATE INDEX IF NOT EXISTS events_time ON events (time);"
	"DROP TABLE IF EXISTS samples;" /* of another form */
	"CREATE TABLE samples ("
	" site TEXT NOT NULL, site_group TEXT NOT NULL, step INTEGER NOT NULL,"
	" at INTEGER NOT NULL, pack BLOB NOT NULL,"
	" open INTEGER NOT NULL," /* minutes that are not summed up yet */
	" PRIMARY KEY (site, step, at, site_group)) WITHOUT ROWID;"
	"CREATE INDEX samples_open ON samples (at) WHERE open = 1;"
	"CREATE TABLE IF NOT EXISTS alarms ("
	" rule TEXT NOT NULL, site TEXT NOT NULL, tunnel INTEGER NOT NULL, bytes BLOB NOT NULL,"
	" PRIMARY KEY (rule, site, tunnel)) WITHOUT ROWID;"
	"PRAGMA user_version = 3;"
	"COMMIT;";

/* No file but this one and its log is opened: the index of the log is in memory. */
static const char settings[] = "PRAGMA locking_mode = EXCLUSIVE;"
			       "PRAGMA journal_mode = WAL;"
			       "PRAGMA synchronous = FULL;"
			       "PRAGMA temp_store = MEMORY;"
			       "PRAGMA cache_size = -8000;"
			       "PRAGMA journal_size_limit = 8388608;";

bool store_fail(struct store *s, const char *what, char why[STORE_WHY_SIZE])
{
	int error = s->db ? sqlite3_system_errno(s->db) : 0;

	snprintf(why, STORE_WHY_SIZE, "%s: %.100s%s%.60s", what,
		s->db ? sqlite3_errmsg(s->db) : "no memory", error ? ": " : "",
		error ? strerror(error) : "");
	return false;
}

static bool is_corrupt(int result)
{
	return (result & 0xff) == SQLITE_CORRUPT || (result & 0xff) == SQLITE_NOTADB;
}

bool store_is_corrupt(const struct store *s)
{
	return is_corrupt(sqlite3_errcode(s->db));
}

/* ---- how many each site has ---- */

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

static bool count_all(struct store *s, char why[STORE_WHY_SIZE])
{
	sqlite3_stmt *q;
	int r;

	s->site_count = 0;
	s->events = s->newest = 0;
	if (sqlite3_prepare_v2(s->db,
		    "SELECT site, count(*), max(number) FROM events GROUP BY site", -1, &q, NULL))
		return store_fail(s, FILE_NAME, why);
	while ((r = sqlite3_step(q)) == SQLITE_ROW) {
		const char *site = (const char *)sqlite3_column_text(q, 0);
		struct site_count *c = count_of(s, site ? site : "");
		uint64_t newest = (uint64_t)sqlite3_column_int64(q, 2);

		c->events += (uint64_t)sqlite3_column_int64(q, 1);
		s->events += (uint64_t)sqlite3_column_int64(q, 1);
		if (newest > s->newest)
			s->newest = newest;
	}
	sqlite3_finalize(q);
	return r == SQLITE_DONE || store_fail(s, FILE_NAME, why);
}

/* ---- open and close ---- */

static void path_of(
	const struct store_options *o, const char *name, const char *more, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/%s%s", o->directory, name, more);
}

static void close_database(struct store *s)
{
	sqlite3_finalize(s->insert);
	sqlite3_finalize(s->begin);
	sqlite3_finalize(s->commit);
	sqlite3_finalize(s->rollback);
	sqlite3_finalize(s->get_pack);
	sqlite3_finalize(s->put_pack);
	sqlite3_finalize(s->open_pack);
	sqlite3_finalize(s->put_alarm);
	s->insert = s->begin = s->commit = s->rollback = NULL;
	s->get_pack = s->put_pack = s->open_pack = s->put_alarm = NULL;
	sqlite3_close(s->db);
	s->db = NULL;
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

static bool prepare(struct store *s)
{
	const struct {
		const char *sql;
		sqlite3_stmt **to;
	} all[] = {
		{"INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
			&s->insert},
		{"BEGIN IMMEDIATE", &s->begin},
		{"COMMIT", &s->commit},
		{"ROLLBACK", &s->rollback},
		{"SELECT pack, open FROM samples"
		 " WHERE site = ? AND site_group = ? AND step = ? AND at = ?",
			&s->get_pack},
		{"INSERT OR REPLACE INTO samples VALUES (?, ?, ?, ?, ?, ?)", &s->put_pack},
		{"SELECT site, site_group, at FROM samples WHERE open = 1 AND at < ? LIMIT 1",
			&s->open_pack},
		{"INSERT OR REPLACE INTO alarms VALUES (?, ?, ?, ?)", &s->put_alarm},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (sqlite3_prepare_v3(
			    s->db, all[i].sql, -1, SQLITE_PREPARE_PERSISTENT, all[i].to, NULL))
			return false;
	}
	return true;
}

/* SQLITE_OK; else what is wrong, and whether another file would do. */
static int open_database(struct store *s, bool *other, char why[STORE_WHY_SIZE])
{
	int version = 0, r;
	char path[PATH_MAX];

	*other = false;
	path_of(&s->options, FILE_NAME, "", path);
	r = sqlite3_open_v2(path, &s->db,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, s->options.vfs);
	if (!r)
		r = sqlite3_exec(s->db, settings, NULL, NULL, NULL);
	if (!r)
		r = pragma_number(s->db, "PRAGMA user_version", &version);
	if (!r && version > VERSION) {
		snprintf(why, STORE_WHY_SIZE, "it was written by a newer sluiced (%d)", version);
		*other = true;
		return SQLITE_ERROR;
	}
	if (!r && version < VERSION)
		r = sqlite3_exec(s->db, tables, NULL, NULL, NULL);
	if (!r && (!prepare(s) || !count_all(s, why)))
		r = sqlite3_errcode(s->db) ? sqlite3_errcode(s->db) : SQLITE_ERROR;
	if (!r)
		return SQLITE_OK;
	(void)store_fail(s, FILE_NAME, why);
	r &= 0xff; /* the others are its kinds */
	*other = r == SQLITE_CORRUPT || r == SQLITE_NOTADB || r == SQLITE_READONLY ||
		 r == SQLITE_ERROR || /* tables that are not ours */
		 (r == SQLITE_CANTOPEN && sqlite3_system_errno(s->db) == EACCES);
	return r;
}

/* The one before that was set aside is lost. */
void store_set_aside(struct store *s, const char *why)
{
	static const char *const parts[] = {"", "-wal", "-journal", "-shm"};
	char from[PATH_MAX], to[PATH_MAX];

	close_database(s);
	log_error("the file of events cannot be used: %s; it is set aside as " ASIDE
		  ", and a new one begins",
		why);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		path_of(&s->options, FILE_NAME, parts[i], from);
		path_of(&s->options, ASIDE, parts[i], to);
		(void)unlink(to);
		(void)rename(from, to);
	}
}

static bool open_or_begin(struct store *s, char why[STORE_WHY_SIZE])
{
	bool other;

	if (open_database(s, &other, why) == SQLITE_OK)
		return true;
	if (other) {
		store_set_aside(s, why);
		if (open_database(s, &other, why) == SQLITE_OK)
			return true;
	}
	close_database(s);
	return false;
}

struct store *store_open(const struct store_options *options, char why[STORE_WHY_SIZE])
{
	struct store *s = calloc(1, sizeof(*s));

	if (!s)
		abort();
	s->options = *options;
	why[0] = '\0';
	if (!open_or_begin(s, why)) {
		store_close(s);
		return NULL;
	}
	store_reserve(s);
	return s;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	close_database(s);
	free(s->sites);
	free(s);
}

uint64_t store_newest(const struct store *s)
{
	return s->newest;
}

/* ---- room ---- */

void store_reserve(struct store *s)
{
	char path[PATH_MAX];
	int fd;

	if (!s->options.reserve)
		return;
	path_of(&s->options, RESERVE, "", path);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return;
	if (posix_fallocate(fd, 0, (off_t)s->options.reserve))
		(void)unlink(path); /* another time */
	else
		s->full_told = false;
	close(fd);
}

static void give_reserve_back(struct store *s)
{
	char path[PATH_MAX];
	int fd;

	path_of(&s->options, RESERVE, "", path);
	fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_TRUNC);
	if (fd >= 0)
		close(fd);
}

/* In a transaction. False: there is nothing to lose, or it cannot be. */
static bool lose_oldest(struct store *s, uint64_t at_most)
{
	struct site_count *most = NULL;
	sqlite3_stmt *q;
	int r;

	for (size_t i = 0; i < s->site_count; i++) {
		if (s->sites[i].events && (!most || s->sites[i].events > most->events))
			most = &s->sites[i];
	}
	if (!most || sqlite3_prepare_v2(s->db,
			     "DELETE FROM events WHERE number IN"
			     " (SELECT number FROM events WHERE site = ? ORDER BY number LIMIT ?)",
			     -1, &q, NULL))
		return false;
	sqlite3_bind_text(q, 1, most->site, -1, SQLITE_STATIC);
	sqlite3_bind_int64(q, 2, (sqlite3_int64)at_most);
	r = sqlite3_step(q);
	sqlite3_finalize(q);
	if (r != SQLITE_DONE)
		return false;
	most->events -= (uint64_t)sqlite3_changes(s->db);
	s->events -= (uint64_t)sqlite3_changes(s->db);
	return true;
}

/* What is to be lost when there are too many; at least one. */
static uint64_t part(const struct store *s)
{
	return s->options.events_max / LOSES_PART + 1;
}

/* ---- write ---- */

bool store_run(sqlite3_stmt *q)
{
	int r = sqlite3_step(q);

	sqlite3_reset(q);
	return r == SQLITE_DONE;
}

static bool insert(struct store *s, const struct bus_event *e)
{
	sqlite3_stmt *q = s->insert;

	sqlite3_bind_int64(q, 1, (sqlite3_int64)e->number);
	sqlite3_bind_int64(q, 2, (sqlite3_int64)e->wall_ns);
	sqlite3_bind_int(q, 3, e->kind);
	sqlite3_bind_int(q, 4, e->severity);
	sqlite3_bind_text(q, 5, e->site, -1, SQLITE_STATIC);
	sqlite3_bind_text(q, 6, e->group, -1, SQLITE_STATIC);
	sqlite3_bind_int(q, 7, e->tunnel);
	sqlite3_bind_text(q, 8, e->reason, -1, SQLITE_STATIC);
	sqlite3_bind_text(q, 9, e->detail, -1, SQLITE_STATIC);
	sqlite3_bind_text(q, 10, e->actor, -1, SQLITE_STATIC);
	sqlite3_bind_int64(q, 11, e->left_out);
	if (!store_run(q))
		return false;
	if (!sqlite3_changes(s->db))
		return true; /* it is there */
	count_of(s, e->site)->events++;
	s->events++;
	if (e->number > s->newest)
		s->newest = e->number;
	return true;
}

/* The result of SQLite; the counts are those of the file again where it failed. */
static int write_all(struct store *s, const struct bus_event *events, size_t count, uint64_t lose)
{
	char ignored[STORE_WHY_SIZE];
	bool ok = store_run(s->begin);
	int r;

	if (lose)
		ok = ok && lose_oldest(s, lose);
	for (size_t i = 0; ok && i < count; i++)
		ok = insert(s, &events[i]);
	while (ok && s->events > s->options.events_max)
		ok = lose_oldest(s, part(s));
	ok = ok && (!s->also || s->also(s->also_context, s)) && store_run(s->commit);
	if (ok)
		return SQLITE_OK;
	r = sqlite3_errcode(s->db);
	if (!sqlite3_get_autocommit(s->db))
		(void)store_run(s->rollback);
	if (!is_corrupt(r))
		(void)count_all(s, ignored);
	return r ? r : SQLITE_ERROR;
}

static bool is_full(const struct store *s, int result)
{
	int error = sqlite3_system_errno(s->db);

	return (result & 0xff) == SQLITE_FULL ||
	       ((result & 0xff) == SQLITE_IOERR && (error == ENOSPC || error == EDQUOT));
}

/* The disk is full: what was kept for that is given back, and the oldest events make room for the new ones. */
static int write_on_full_disk(struct store *s, const struct bus_event *events, size_t count)
{
	uint64_t lose = part(s);

	give_reserve_back(s);
	if (!s->full_told)
		log_error("the disk of the events is full: the oldest ones make room for new "
			  "ones");
	s->full_told = true;
	/* What has been written is in the file, and its log begins anew. */
	(void)sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_RESTART, NULL, NULL);
	return write_all(s, events, count, lose < s->events / 4 ? lose : s->events / 4 + 1);
}

bool store_write(
	struct store *s, const struct bus_event *events, size_t count, char why[STORE_WHY_SIZE])
{
	int r = write_all(s, events, count, 0);

	if (is_full(s, r))
		r = write_on_full_disk(s, events, count);
	if (is_corrupt(r)) {
		(void)store_fail(s, FILE_NAME, why);
		store_set_aside(s, why);
		if (!open_or_begin(s, why))
			return false;
		r = write_all(s, events, count, 0);
	}
	return r == SQLITE_OK || store_fail(s, FILE_NAME, why);
}

bool store_expire(struct store *s, uint64_t now_wall_ns)
{
	const uint64_t age = STORE_DAYS * UINT64_C(86400) * UINT64_C(1000000000);
	char ignored[STORE_WHY_SIZE];
	sqlite3_stmt *q;
	int r, n;

	if (now_wall_ns < age || sqlite3_prepare_v2(s->db,
					 "DELETE FROM events WHERE number IN (SELECT number FROM"
					 " events WHERE time < ? ORDER BY time LIMIT 1000)",
					 -1, &q, NULL))
		return false;
	sqlite3_bind_int64(q, 1, (sqlite3_int64)(now_wall_ns - age));
	r = sqlite3_step(q);
	sqlite3_finalize(q);
	n = r == SQLITE_DONE ? sqlite3_changes(s->db) : 0;
	if (n)
		(void)count_all(s, ignored);
	return n == 1000;
}
