/* SPDX-License-Identifier: Apache-2.0 */
/* How alarms stand, as watch has said: for whoever shows them or acts by them. Bounded. */
#ifndef SLUICE_STATE_ALARMS_H
#define SLUICE_STATE_ALARMS_H

#include "alarm/set.h"

#define ALARM_TABLE_MAX 8192

struct alarm_row {
	struct alarm_key key;
	enum alarm_state state;
	bool acknowledged;
	char by[BUS_ACTOR_SIZE]; /* then: who */
	uint64_t since_s;        /* 0: since ever */
	uint64_t silenced_until_s;
	double value; /* of the last period, when the state began */
};

struct alarm_table {
	struct alarm_rules rules; /* in force */
	bool known;               /* watch has said how they stand */
	struct alarm_row *rows;
	size_t count, room;
};

/* All is gone but the rules. */
void alarm_table_clear(struct alarm_table *t);
void alarm_table_fini(struct alarm_table *t);

/* Puts it in the place of what was said of it before. False: there are too many. */
bool alarm_table_put(struct alarm_table *t, const struct alarm_row *row);
void alarm_table_remove(struct alarm_table *t, const struct alarm_key *key);

/* NULL: it is not there. */
const struct alarm_row *alarm_table_find(const struct alarm_table *t, const struct alarm_key *key);

#endif
