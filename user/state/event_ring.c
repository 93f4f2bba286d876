/* SPDX-License-Identifier: Apache-2.0 */
#include "state/event_ring.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REFILL_NS (CLOCK_SECOND / 2)

bool event_ring_allows(struct event_ring *r, uint64_t now)
{
	uint64_t due = (now - r->refill_ns) / REFILL_NS;

	if (!r->refill_ns || due >= EVENT_BURST) {
		r->tokens = EVENT_BURST;
		r->refill_ns = now;
	} else {
		r->tokens += (uint32_t)due;
		r->refill_ns += due * REFILL_NS;
	}
	if (r->tokens > EVENT_BURST)
		r->tokens = EVENT_BURST;
	if (!r->tokens) {
		r->left_out++;
		return false;
	}
	r->tokens--;
	return true;
}

/* The place of the same event, if it was a short time ago; else a free one, or the oldest one's. */
static struct kept_event *place_in(struct event_ring *r, const char *body, uint64_t wall_ns)
{
	struct kept_event *oldest = &r->events[0];

	for (int i = 0; i < EVENT_RING; i++) {
		struct kept_event *e = &r->events[i];

		if (e->body && !strcmp(e->body, body) &&
			wall_ns - e->wall_ns <= EVENT_REPEAT_S * CLOCK_SECOND) {
			e->repeats++;
			return e;
		}
		if (e->number < oldest->number)
			oldest = e;
	}
	oldest->repeats = 0;
	return oldest;
}

void event_ring_keep(
	struct event_ring *r, uint64_t number, json_t *event, char *own_body, uint64_t wall_ns)
{
	struct kept_event *e = place_in(r, own_body, wall_ns);

	if (e->repeats) {
		json_object_set_new(event, "repeats", json_integer(e->repeats));
		json_object_set_new(event, "first", json_string(e->first));
	} else {
		snprintf(e->first, sizeof(e->first), "%s",
			json_string_value(json_object_get(event, "timestamp")));
	}
	free(e->line);
	free(e->body);
	e->line = json_dumps(event, JSON_COMPACT);
	e->body = own_body;
	e->number = number;
	e->wall_ns = wall_ns;
	if (!e->line)
		abort();
}

void event_ring_clear(struct event_ring *r)
{
	for (int i = 0; i < EVENT_RING; i++) {
		free(r->events[i].line);
		free(r->events[i].body);
	}
	*r = (struct event_ring){0};
}

struct listed {
	uint64_t number;
	const char *line;
};

static int by_number(const void *a, const void *b)
{
	uint64_t x = ((const struct listed *)a)->number, y = ((const struct listed *)b)->number;

	return x < y ? -1 : x > y;
}

json_t *event_rings_list(const struct event_ring *const *rings, size_t count, size_t most)
{
	struct listed *all = calloc(count * EVENT_RING + 1, sizeof(*all));
	json_t *list = json_array();
	size_t n = 0;

	if (!all || !list)
		abort();
	for (size_t i = 0; i < count; i++) {
		for (int j = 0; j < EVENT_RING; j++) {
			if (rings[i]->events[j].line)
				all[n++] = (struct listed){
					rings[i]->events[j].number, rings[i]->events[j].line};
		}
	}
	qsort(all, n, sizeof(*all), by_number);
	for (size_t i = n > most ? n - most : 0; i < n; i++)
		json_array_append_new(list, json_loads(all[i].line, 0, NULL));
	free(all);
	return list;
}
