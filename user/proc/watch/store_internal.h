/* SPDX-License-Identifier: Apache-2.0 */
/* Of the files of the store. */
#ifndef SLUICE_PROC_WATCH_STORE_INTERNAL_H
#define SLUICE_PROC_WATCH_STORE_INTERNAL_H

#include "proc/watch/store.h"

#include <sqlite3.h>

struct site_count {
	char site[SITE_NAME_SIZE];
	uint64_t events;
};

struct store {
	struct store_options options;
	sqlite3 *db;
	sqlite3_stmt *insert, *begin, *commit, *rollback, *get_pack, *put_pack, *open_pack;
	uint64_t newest, events;
	struct site_count *sites; /* who has how many */
	size_t site_count, site_room;
	bool (*also)(void *context, struct store *s);
	void *also_context;
	sqlite3_stmt *put_alarm;
	bool full_told; /* the log has been told that the disk is full */
};

/* The file is of no use: it is set aside, and the database closed. */
void store_set_aside(struct store *s, const char *why);

/* Whether what SQLite said last is that the file is of no use. */
bool store_is_corrupt(const struct store *s);

/* Whether a statement has come to its end; it can be run again. */
bool store_run(sqlite3_stmt *q);

/* A sentence of what SQLite says. Returns false. */
bool store_fail(struct store *s, const char *what, char why[STORE_WHY_SIZE]);

#endif
