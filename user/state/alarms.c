/* SPDX-License-Identifier: Apache-2.0 */
#include "state/alarms.h"

#include <stdlib.h>
#include <string.h>

void alarm_table_clear(struct alarm_table *t)
{
	t->count = 0;
	t->known = false;
}

void alarm_table_fini(struct alarm_table *t)
{
	free(t->rows);
	t->rows = NULL;
	t->count = t->room = 0;
}

static bool same(const struct alarm_key *a, const struct alarm_key *b)
{
	return a->tunnel == b->tunnel && !strcmp(a->site, b->site) && !strcmp(a->rule, b->rule);
}

static struct alarm_row *find(const struct alarm_table *t, const struct alarm_key *key)
{
	for (size_t i = 0; i < t->count; i++) {
		if (same(&t->rows[i].key, key))
			return &t->rows[i];
	}
	return NULL;
}

bool alarm_table_put(struct alarm_table *t, const struct alarm_row *row)
{
	struct alarm_row *to = find(t, &row->key);

	if (!to && t->count == ALARM_TABLE_MAX)
		return false;
	if (!to && t->count == t->room) {
		t->room = t->room ? 2 * t->room : 64;
		t->rows = realloc(t->rows, t->room * sizeof(*t->rows));
		if (!t->rows)
			abort();
	}
	to = to ? to : &t->rows[t->count++];
	*to = *row;
	return true;
}

void alarm_table_remove(struct alarm_table *t, const struct alarm_key *key)
{
	struct alarm_row *r = find(t, key);

	if (r)
		memmove(r, r + 1, (size_t)(t->rows + --t->count - r) * sizeof(*r));
}

const struct alarm_row *alarm_table_find(const struct alarm_table *t, const struct alarm_key *key)
{
	return find(t, key);
}
