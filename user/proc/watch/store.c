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

#define FILE_NAME "events.db"
#define ASIDE     "events.db.aside"
#define RESERVE   "reserve"

/* No file but this one and its log is opened: the index of the log is in memory. */
static const char settings[] = "PRAGMA locking_mode = EXCLUSIVE;"
			       "PRAGMA journal_mode = WAL;"
			       "PRAGMA synchronous = FULL;"
			       "PRAGMA temp_store = MEMORY;"
			       "PRAGMA cache_size = -8000;"
			       "PRAGMA journal_size_limit = 8388608;";

bool store_fail_for_good(struct store *s, const char *what, char why[STORE_WHY_SIZE])
{
	int result = s->db ? sqlite3_errcode(s->db) : SQLITE_OK;

	(void)store_fail(s, what, why);
	if (store_is_useless(result))
		store_set_aside(s, why);
	return false;
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

static bool prepare(struct store *s)
{
	const struct {
		const char *sql;
		sqlite3_stmt **to;
	} all[] = {
		{"INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
			&s->insert},
		{"BEGIN IMMEDIATE", &s->begin},
		{"COMMIT", &s->commit},
		{"ROLLBACK", &s->rollback},
		{"SELECT pack, open FROM samples"
		 " WHERE site = ? AND site_group = ? AND step = ? AND at = ?",
			&s->get_pack},
		{"INSERT INTO samples VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
		 " pack = excluded.pack, open = excluded.open",
			&s->put_pack},
		/* Of rows that hub's samples cannot have made none is closed by its name and time. */
		{"SELECT site, site_group, at FROM samples WHERE open = 1 AND at < ? AND step = 60"
		 " AND at % 3600 = 0 AND length(CAST(site AS BLOB)) < 32 AND"
		 " length(CAST(site_group AS BLOB)) < 32 AND"
		 " instr(CAST(site || site_group AS BLOB), X'00') = 0 LIMIT 1",
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
	char path[PATH_MAX];
	int r;

	*other = false;
	path_of(&s->options, FILE_NAME, "", path);
	why[0] = '\0';
	s->kept_s = 0;
	r = sqlite3_open_v2(path, &s->db,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, s->options.vfs);
	if (!r)
		r = sqlite3_exec(s->db, settings, NULL, NULL, NULL);
	if (!r)
		r = tables_open(s->db, other, why);
	if (!r && (!prepare(s) || !room_count(s, why)))
		r = sqlite3_errcode(s->db) ? sqlite3_errcode(s->db) : SQLITE_ERROR;
	if (!r)
		return SQLITE_OK;
	if (!why[0])
		(void)store_fail(s, FILE_NAME, why);
	*other = *other || store_is_useless(r) || (r & 0xff) == SQLITE_READONLY ||
		 ((r & 0xff) == SQLITE_CANTOPEN && sqlite3_system_errno(s->db) == EACCES);
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
	if (s->options.set_aside)
		s->options.set_aside(s->options.context, why);
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

/* ---- write ---- */

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
	sqlite3_bind_int(q, 12, e->outside);
	if (!store_run(q))
		return false;
	if (!sqlite3_changes(s->db))
		return true; /* it is there */
	room_add(s, e);
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
		ok = ok && room_lose(s, lose);
	for (size_t i = 0; ok && i < count; i++)
		ok = insert(s, &events[i]);
	ok = ok && room_make(s) && (!s->also || s->also(s->also_context, s)) &&
	     store_run(s->commit);
	if (ok)
		return SQLITE_OK;
	r = sqlite3_errcode(s->db);
	if (!sqlite3_get_autocommit(s->db))
		(void)store_run(s->rollback);
	if (!store_is_useless(r))
		(void)room_count(s, ignored);
	return r ? r : SQLITE_ERROR;
}

bool store_is_full(const struct store *s, int result)
{
	int error = sqlite3_system_errno(s->db);

	return (result & 0xff) == SQLITE_FULL ||
	       ((result & 0xff) == SQLITE_IOERR && (error == ENOSPC || error == EDQUOT));
}

uint64_t store_disk_is_full(struct store *s)
{
	uint64_t lose = room_part(s);

	give_reserve_back(s);
	if (!s->full_told)
		log_error("the disk of the events is full: the oldest ones make room for new "
			  "ones");
	s->full_told = true;
	/* What has been written is in the file, and its log begins anew. */
	(void)sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_RESTART, NULL, NULL);
	return lose < s->events / 4 ? lose : (s->events + 3) / 4;
}

bool store_write(
	struct store *s, const struct bus_event *events, size_t count, char why[STORE_WHY_SIZE])
{
	int r = write_all(s, events, count, 0);

	if (store_is_full(s, r))
		r = write_all(s, events, count, store_disk_is_full(s));
	if (store_is_useless(r)) {
		(void)store_fail(s, FILE_NAME, why);
		store_set_aside(s, why);
		if (!open_or_begin(s, why))
			return false;
		r = write_all(s, events, count, 0);
	}
	return r == SQLITE_OK || store_fail(s, FILE_NAME, why);
}
