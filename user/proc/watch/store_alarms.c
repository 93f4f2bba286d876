/* SPDX-License-Identifier: Apache-2.0 */
#include "proc/watch/store_internal.h"

#include <string.h>

void store_also(struct store *s, bool (*write)(void *context, struct store *s), void *context)
{
	s->also = write;
	s->also_context = context;
}

bool store_write_also(struct store *s, char why[STORE_WHY_SIZE])
{
	/* Without samples it is a transaction of what is written also. */
	return store_samples(s, NULL, 0, why);
}

bool store_put_alarm(struct store *s, const struct alarm_key *key, const uint8_t *bytes, size_t len)
{
	sqlite3_stmt *q = s->put_alarm;

	sqlite3_bind_text(q, 1, key->rule, -1, SQLITE_STATIC);
	sqlite3_bind_text(q, 2, key->site, -1, SQLITE_STATIC);
	sqlite3_bind_int(q, 3, key->tunnel);
	sqlite3_bind_blob(q, 4, bytes, (int)len, SQLITE_STATIC);
	return store_run(q);
}

void store_forget_alarm(struct store *s, const struct alarm_key *key)
{
	sqlite3_stmt *q;

	if (sqlite3_prepare_v2(s->db,
		    "DELETE FROM alarms WHERE rule = ? AND site = ? AND tunnel = ?", -1, &q, NULL))
		return;
	sqlite3_bind_text(q, 1, key->rule, -1, SQLITE_STATIC);
	sqlite3_bind_text(q, 2, key->site, -1, SQLITE_STATIC);
	sqlite3_bind_int(q, 3, key->tunnel);
	(void)store_run(q);
	sqlite3_finalize(q);
}

static void copy_text(char *to, size_t size, sqlite3_stmt *q, int column)
{
	const char *text = (const char *)sqlite3_column_text(q, column);

	snprintf(to, size, "%s", text ? text : "");
}

bool store_each_alarm(struct store *s,
	void (*f)(void *context, const struct alarm_key *key, const uint8_t *bytes, size_t len),
	void *context, char why[STORE_WHY_SIZE])
{
	sqlite3_stmt *q;
	int r;

	if (sqlite3_prepare_v2(s->db, "SELECT rule, site, tunnel, bytes FROM alarms", -1, &q, NULL))
		return store_fail(s, "alarms", why);
	while ((r = sqlite3_step(q)) == SQLITE_ROW) {
		struct alarm_key key = {.tunnel = (int8_t)sqlite3_column_int(q, 2)};

		copy_text(key.rule, sizeof(key.rule), q, 0);
		copy_text(key.site, sizeof(key.site), q, 1);
		f(context, &key, sqlite3_column_blob(q, 3), (size_t)sqlite3_column_bytes(q, 3));
	}
	sqlite3_finalize(q);
	return r == SQLITE_DONE || store_fail_for_good(s, "alarms", why);
}
