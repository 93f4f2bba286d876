/* SPDX-License-Identifier: Apache-2.0 */
/* Of the files of the store. */
#ifndef SLUICE_PROC_WATCH_STORE_INTERNAL_H
#define SLUICE_PROC_WATCH_STORE_INTERNAL_H

#include "proc/watch/store.h"

#include <sqlite3.h>

/* Events that have one share: of a site, a kind, and of those who have proved who they are, or of the others. */
#define STORE_CLASSES ((unsigned int)BUS_KINDS * 2)

#define DAY_S UINT64_C(86400)

struct site_count {
	char site[SITE_NAME_SIZE];
	uint64_t events[STORE_CLASSES];
};

struct store {
	struct store_options options;
	sqlite3 *db;
	sqlite3_stmt *insert, *begin, *commit, *rollback, *get_pack, *put_pack, *open_pack;
	uint64_t newest, events;
	uint64_t of_class[STORE_CLASSES];
	struct site_count *sites; /* who has how many */
	size_t site_count, site_room;
	bool (*also)(void *context, struct store *s);
	void *also_context;
	sqlite3_stmt *put_alarm;
	uint64_t ran_s;  /* for so long the store has been open, with all that were open before */
	uint64_t ran_ns; /* what is not in that yet */
	uint64_t kept_s; /* ran_s, as it is in the file */
	uint64_t looked_ns; /* CLOCK_MONOTONIC, when it was counted last; 0: not yet */
	bool full_told;     /* the log has been told that the disk is full */
};

/* The file is of no use: it is set aside, and the database closed. */
void store_set_aside(struct store *s, const char *why);

/* Whether what SQLite says is that the disk is full. */
bool store_is_full(const struct store *s, int result);
/*
 * It is: what was kept for that is given back. Returns how many of the oldest events are to make room for what is written
 * next.
 */
uint64_t store_disk_is_full(struct store *s);

/*
 * As store_fail(); what is of no use is set aside, so that another file begins when the store is opened again.
 */
bool store_fail_for_good(struct store *s, const char *what, char why[STORE_WHY_SIZE]);

/* ---- result.c ---- */

/* Whether a result of SQLite's says that the file is of no use. */
bool store_is_useless(int result);

/* Whether a statement has come to its end; it can be run again. */
bool store_run(sqlite3_stmt *q);

/* A sentence of what SQLite says. Returns false. */
bool store_fail(struct store *s, const char *what, char why[STORE_WHY_SIZE]);

/* ---- tables.c ---- */

/*
 * SQLITE_OK: the file has our tables and no others, made now where it has none. Else `why`, and whether the file is of no
 * use.
 */
int tables_open(sqlite3 *db, bool *useless, char why[STORE_WHY_SIZE]);

/* ---- room.c: who has how much, and who loses what ---- */

/* Looks at all that is in the file, and takes out what cannot be. */
bool room_count(struct store *s, char why[STORE_WHY_SIZE]);
void room_add(struct store *s, const struct bus_event *e);
/* In a transaction. Of the class that has most, its oldest. False: there is nothing to lose, or it cannot be. */
bool room_lose(struct store *s, uint64_t at_most);
/* In a transaction: until no class, and not all of them, have more than they may. */
bool room_make(struct store *s);
/* What is to be lost when there are too many; at least one. */
uint64_t room_part(const struct store *s);

#endif
