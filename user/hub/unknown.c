/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/unknown.h"

#include "hub/status.h"
#include "ike/reason.h"

#include <stdlib.h>
#include <string.h>

static bool is_address(const struct ip_addr *a)
{
	return a->family == AF_INET || a->family == AF_INET6;
}

bool unknown_list_take(struct unknown_list *l, const struct imsg_unknown *m)
{
	struct imsg_unknown own = *m;

	if (own.place >= UNKNOWN_MAX)
		return false;
	if (own.count && (own.reason == REASON_NONE || own.reason >= REASONS ||
				 !is_address(&own.local) || !is_address(&own.remote.addr)))
		return false;
	own.detail[sizeof(own.detail) - 1] = '\0';
	l->places[own.place] = own;
	return true;
}

void unknown_list_clear(struct unknown_list *l)
{
	memset(l, 0, sizeof(*l));
}

static int compare(const void *a, const void *b)
{
	const struct imsg_unknown *const *x = a, *const *y = b;

	return ((*x)->last_wall_ns < (*y)->last_wall_ns) -
	       ((*x)->last_wall_ns > (*y)->last_wall_ns);
}

static json_t *show_one(const struct imsg_unknown *u)
{
	char remote[ADDR_STR_SIZE], local[ADDR_STR_SIZE];
	enum reason why = (enum reason)u->reason;
	const char *detail =
		u->detail[0] && strcmp(u->detail, reason_sentence(why)) ? u->detail : "";

	/* No text of a child that is not UTF-8 comes through: then there is no object. */
	return json_pack("{s:s, s:i, s:s, s:s, s:s, s:s, s:I, s:o, s:o, s:b}", "address",
		addr_format(&u->remote.addr, remote), "port", (int)u->remote.port, "local",
		addr_format(&u->local, local), "reason_code", reason_code(why), "reason",
		reason_sentence(why), "detail", detail, "count", (json_int_t)u->count, "first",
		status_time(u->first_wall_ns), "last", status_time(u->last_wall_ns), "verified",
		(int)(u->proven != 0));
}

json_t *unknown_list_show(const struct unknown_list *l)
{
	const struct imsg_unknown *shown[UNKNOWN_MAX];
	json_t *list = json_array(), *o;
	size_t n = 0;

	for (size_t i = 0; i < UNKNOWN_MAX; i++) {
		if (l->places[i].count)
			shown[n++] = &l->places[i];
	}
	if (n)
		qsort(shown, n, sizeof(shown[0]), compare);
	for (size_t i = 0; i < n; i++) {
		o = show_one(shown[i]);
		if (o)
			json_array_append_new(list, o);
	}
	return json_pack("{s:o}", "unknown", list);
}

void unknown_list_metrics(FILE *f, const struct unknown_list *l)
{
	unsigned int count[2] = {0};

	for (size_t i = 0; i < UNKNOWN_MAX; i++) {
		if (l->places[i].count)
			count[l->places[i].proven != 0]++;
	}
	fprintf(f,
		"# HELP sluice_unknown_devices Devices that asked and that nobody configured.\n"
		"# TYPE sluice_unknown_devices gauge\n"
		"sluice_unknown_devices{verified=\"no\"} %u\n"
		"sluice_unknown_devices{verified=\"yes\"} %u\n",
		count[0], count[1]);
}
