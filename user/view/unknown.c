/* SPDX-License-Identifier: Apache-2.0 */
/* The document of `sluice show unknown`, who came last first; and the metric. */
#include "view/view.h"

#include "base/clock.h"
#include "ike/reason.h"

#include <stdlib.h>
#include <string.h>

#define ASKS_NOW_NS                                                                                \
	(3600 * CLOCK_SECOND) /* for the metric: who tried once is in the list for long */

static int compare(const void *a, const void *b)
{
	const struct unknown_entry *const *x = a, *const *y = b;

	return ((*x)->last_wall_ns < (*y)->last_wall_ns) -
	       ((*x)->last_wall_ns > (*y)->last_wall_ns);
}

static json_t *show_one(const struct unknown_entry *u)
{
	char remote[ADDR_STR_SIZE], local[ADDR_STR_SIZE];
	enum reason why = u->reason;
	const char *detail =
		u->detail[0] && strcmp(u->detail, reason_sentence(why)) ? u->detail : "";

	return json_pack("{s:s, s:i, s:s, s:s, s:s, s:s, s:I, s:o, s:o, s:b}", "address",
		addr_format(&u->remote.addr, remote), "port", (int)u->remote.port, "local",
		addr_format(&u->local, local), "reason_code", reason_code(why), "reason",
		reason_sentence(why), "detail", detail, "count", (json_int_t)u->count, "first",
		view_time(u->first_wall_ns), "last", view_time(u->last_wall_ns), "verified",
		(int)u->proven);
}

json_t *view_unknown(const struct model *m)
{
	const struct unknown_list *l = &m->unknown;
	const struct unknown_entry *shown[UNKNOWN_MAX];
	json_t *list = json_array();
	size_t n = 0;

	for (size_t i = 0; i < UNKNOWN_MAX; i++) {
		if (l->places[i].count)
			shown[n++] = &l->places[i];
	}
	if (n)
		qsort(shown, n, sizeof(shown[0]), compare);
	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, show_one(shown[i]));
	return json_pack("{s:o}", "unknown", list);
}

void view_unknown_metrics(FILE *f, const struct model *m)
{
	const struct unknown_list *l = &m->unknown;
	uint64_t since_ns = clock_wall() - ASKS_NOW_NS;
	unsigned int count[2] = {0};

	for (size_t i = 0; i < UNKNOWN_MAX; i++) {
		if (l->places[i].count && l->places[i].last_wall_ns >= since_ns)
			count[l->places[i].proven]++;
	}
	fprintf(f,
		"# HELP sluice_unknown_devices Devices that nobody configured and that asked "
		"within the last hour.\n"
		"# TYPE sluice_unknown_devices gauge\n"
		"sluice_unknown_devices{verified=\"no\"} %u\n"
		"sluice_unknown_devices{verified=\"yes\"} %u\n",
		count[0], count[1]);
}
