/* SPDX-License-Identifier: Apache-2.0 */
/* What SQLite says of what it was asked. */
#include "proc/watch/store_internal.h"

#include <stdio.h>
#include <string.h>

bool store_run(sqlite3_stmt *q)
{
	int r = sqlite3_step(q);

	sqlite3_reset(q);
	return r == SQLITE_DONE;
}

/* What a disk that is full or does not answer says is nothing of the file's. */
bool store_is_useless(int result)
{
	switch (result & 0xff) { /* the others are its kinds */
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_CONSTRAINT:
	case SQLITE_MISMATCH:
	case SQLITE_FORMAT:
	case SQLITE_SCHEMA:
	case SQLITE_TOOBIG:
		return true;
	default:
		return false;
	}
}

bool store_fail(struct store *s, const char *what, char why[STORE_WHY_SIZE])
{
	int error = s->db ? sqlite3_system_errno(s->db) : 0;

	snprintf(why, STORE_WHY_SIZE, "%s: %.100s%s%.60s", what,
		s->db ? sqlite3_errmsg(s->db) : "no memory", error ? ": " : "",
		error ? strerror(error) : "");
	return false;
}
