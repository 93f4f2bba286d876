/* SPDX-License-Identifier: Apache-2.0 */
#include "state/bus.h"

#include "base/clock.h"

#include <stdlib.h>
#include <sys/queue.h>

/* Of those who have not proved who they are, and of all others. */
#define OUTSIDE_EACH_NS (10 * CLOCK_SECOND)
#define EACH_NS         (CLOCK_SECOND / 2)

struct waiting {
	TAILQ_ENTRY(waiting) all, own;
	struct bus_event event;
	unsigned int source;
	bool sent;
};

TAILQ_HEAD(waiting_list, waiting);

struct source {
	struct waiting_list list;
	unsigned int unsent;
	uint32_t left_out;
	uint64_t paid_ns; /* when all of its events will have had their time */
};

struct bus {
	uint64_t next;
	uint64_t sent_number; /* of the last one that was sent */
	size_t count, sent;
	struct waiting_list list;
	struct waiting *unsent; /* the first one that was not; NULL: all were */
	unsigned int source_count;
	struct source sources[];
};

struct bus *bus_new(unsigned int sources, uint64_t first)
{
	struct bus *b = calloc(1, sizeof(*b) + sources * sizeof(b->sources[0]));

	if (!b)
		abort();
	b->next = first && first <= BUS_NUMBER_LAST ? first : 1;
	b->source_count = sources;
	TAILQ_INIT(&b->list);
	for (unsigned int i = 0; i < sources; i++)
		TAILQ_INIT(&b->sources[i].list);
	return b;
}

static void forget(struct bus *b, struct waiting *w)
{
	if (b->unsent == w)
		b->unsent = TAILQ_NEXT(w, all);
	TAILQ_REMOVE(&b->list, w, all);
	TAILQ_REMOVE(&b->sources[w->source].list, w, own);
	b->sources[w->source].unsent -= !w->sent;
	b->sent -= w->sent;
	b->count--;
	free(w);
}

void bus_free(struct bus *b)
{
	while (b && !TAILQ_EMPTY(&b->list))
		forget(b, TAILQ_FIRST(&b->list));
	free(b);
}

static bool allows(struct source *s, bool outside, uint64_t now)
{
	const uint64_t each = outside ? OUTSIDE_EACH_NS : EACH_NS;
	const uint64_t burst = outside ? BUS_OUTSIDE_BURST : BUS_BURST;

	if (s->paid_ns < now)
		s->paid_ns = now;
	if (s->paid_ns - now > (burst - 1) * each)
		return false;
	s->paid_ns += each;
	return true;
}

/* The source that has most unsent loses the oldest of them. */
static void make_room(struct bus *b)
{
	struct source *most = &b->sources[0];
	struct waiting *w, *next;
	uint32_t lost;

	for (unsigned int i = 1; i < b->source_count; i++) {
		if (b->sources[i].unsent > most->unsent)
			most = &b->sources[i];
	}
	w = TAILQ_FIRST(&most->list);
	while (w && w->sent)
		w = TAILQ_NEXT(w, own);
	if (!w)
		return; /* all were sent, which are not so many */
	lost = w->event.left_out + 1;
	next = TAILQ_NEXT(w, own);
	forget(b, w);
	if (next)
		next->event.left_out += lost;
	else
		most->left_out += lost;
}

bool bus_add(struct bus *b, unsigned int source, struct bus_event *e, uint64_t now)
{
	struct source *s = &b->sources[source];
	struct waiting *w;

	if (!allows(s, e->outside, now)) {
		s->left_out++;
		return false;
	}
	if (b->count >= BUS_WAITING_MAX)
		make_room(b);
	w = calloc(1, sizeof(*w));
	if (!w)
		abort();
	e->number = b->next++;
	e->left_out = s->left_out;
	s->left_out = 0;
	w->event = *e;
	w->source = source;
	TAILQ_INSERT_TAIL(&b->list, w, all);
	TAILQ_INSERT_TAIL(&s->list, w, own);
	s->unsent++;
	b->count++;
	if (!b->unsent)
		b->unsent = w;
	return true;
}

void bus_source_is_new(struct bus *b, unsigned int source)
{
	b->sources[source].left_out = 0;
	b->sources[source].paid_ns = 0;
}

const struct bus_event *bus_next(struct bus *b)
{
	struct waiting *w = b->unsent;

	if (!w || b->sent >= BUS_WINDOW)
		return NULL;
	w->sent = true;
	b->sent++;
	b->sources[w->source].unsent--;
	b->sent_number = w->event.number;
	b->unsent = TAILQ_NEXT(w, all);
	return &w->event;
}

bool bus_stored(struct bus *b, uint64_t number)
{
	struct waiting *w;

	if (number > b->sent_number)
		return false;
	while ((w = TAILQ_FIRST(&b->list)) && w->sent && w->event.number <= number)
		forget(b, w);
	return true;
}

void bus_rewind(struct bus *b)
{
	struct waiting *w;

	TAILQ_FOREACH(w, &b->list, all) {
		if (!w->sent)
			break;
		w->sent = false;
		b->sources[w->source].unsent++;
	}
	b->sent = 0;
	b->sent_number = 0;
	b->unsent = TAILQ_FIRST(&b->list);
}

bool bus_follow(struct bus *b, uint64_t number)
{
	struct waiting *w;

	if (b->sent || number > BUS_NUMBER_LAST)
		return false;
	/* The process before may have stored some of what waits, and not said so. */
	if (number < b->next)
		return true;
	b->next = number + 1;
	TAILQ_FOREACH(w, &b->list, all)
		w->event.number = b->next++;
	return true;
}

void bus_each(
	const struct bus *b, void (*f)(void *context, const struct bus_event *e), void *context)
{
	struct waiting *w;

	TAILQ_FOREACH(w, &b->list, all)
		f(context, &w->event);
}

size_t bus_waiting(const struct bus *b)
{
	return b->count;
}

uint64_t bus_newest(const struct bus *b)
{
	return b->next - 1;
}
