/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The watch process: it keeps what has happened, and finds it again. It has no network and no key, and sees one
 * directory. What hub sends it is acknowledged when it is on the disk; until then hub keeps it.
 */
#include "proc/roles.h"

#include "base/clock.h"
#include "base/log.h"
#include "ipc/imsg.h"
#include "ipc/msg_watch.h"
#include "ipc/privsep.h"
#include "ipc/table.h"
#include "proc/watch/alarms.h"
#include "proc/watch/store.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WRITE_MS        500 /* what has come within that time is written together */
#define WRITE_AT_ONCE   (BUS_WINDOW / 2)
#define SAMPLES_AT_ONCE 256
#define OPEN_AGAIN_S    10
#define KEEP_S          60 /* between looks at what is too old, and at the room that is kept */

struct watch {
	struct event_base *base;
	struct imsg_channel *hub;
	struct store *store; /* NULL: it cannot be used now */
	struct watch_alarms *alarms;
	struct event *write, *again, *keep;
	struct bus_event *waiting; /* not written yet */
	size_t count;
	struct bus_event *page; /* of an answer */
	struct imsg_watch_sample *samples;
	size_t sample_count;
	int directory;
	bool started;
	char said[STORE_WHY_SIZE]; /* why it cannot be used, as the log was told last */
};

static void after_ms(struct event *e, unsigned int ms)
{
	const struct timeval t = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

	event_add(e, &t);
}

/* Hub keeps what was not acknowledged, and sends it again. */
static void give_up(struct watch *w, const char *why)
{
	if (strcmp(w->said, why) != 0) {
		log_error("events cannot be kept: %s; it is tried again", why);
		snprintf(w->said, sizeof(w->said), "%s", why);
	}
	watch_alarms_close(w->alarms);
	store_close(w->store);
	w->store = NULL;
	w->count = w->sample_count = 0;
	event_del(w->write);
	after_ms(w->again, OPEN_AGAIN_S * 1000);
}

static void on_set_aside(void *context, const char *why)
{
	struct imsg_watch_aside aside = {0};
	struct watch *w = context;

	snprintf(aside.why, sizeof(aside.why), "%s", why);
	imsg_send(w->hub, IMSG_WATCH_ASIDE, -1, &aside, sizeof(aside));
}

static void open_store(struct watch *w)
{
	const struct store_options options = {.directory = "",
		.events_max = STORE_EVENTS_MAX,
		.reserve = STORE_RESERVE,
		.set_aside = on_set_aside,
		.context = w};
	char why[STORE_WHY_SIZE] = "it has no directory";
	struct imsg_watch_open opened;

	if (w->directory >= 0)
		w->store = store_open(&options, why);
	if (!w->store || !watch_alarms_open(w->alarms, w->store, why)) {
		give_up(w, why);
		return;
	}
	if (w->said[0])
		log_info("events are kept again");
	w->said[0] = '\0';
	(void)store_expire(w->store, clock_now()); /* time passes from now on */
	opened.newest = store_newest(w->store);
	imsg_send(w->hub, IMSG_WATCH_OPEN, -1, &opened, sizeof(opened));
	watch_alarms_written(w->alarms, clock_wall() / CLOCK_SECOND);
}

static void write_waiting(struct watch *w)
{
	struct imsg_watch_stored stored;
	char why[STORE_WHY_SIZE];

	if (!w->count || !w->store)
		return;
	stored.number = w->waiting[w->count - 1].number;
	watch_alarms_events(w->alarms, w->waiting, w->count);
	if (!store_write(w->store, w->waiting, w->count, why)) {
		give_up(w, why);
		return;
	}
	w->count = 0;
	imsg_send(w->hub, IMSG_WATCH_STORED, -1, &stored, sizeof(stored));
	watch_alarms_written(w->alarms, clock_wall() / CLOCK_SECOND);
}

static void write_samples(struct watch *w)
{
	const struct imsg_watch_sampled sampled = {.count = (uint32_t)w->sample_count};
	char why[STORE_WHY_SIZE];

	if (!w->sample_count || !w->store)
		return;
	watch_alarms_samples(w->alarms, w->samples, w->sample_count);
	if (!store_samples(w->store, w->samples, w->sample_count, why)) {
		give_up(w, why);
		return;
	}
	w->sample_count = 0;
	imsg_send(w->hub, IMSG_WATCH_SAMPLED, -1, &sampled, sizeof(sampled));
	watch_alarms_written(w->alarms, clock_wall() / CLOCK_SECOND);
}

/* What has changed without a minute or an event. */
static void write_alarms(struct watch *w)
{
	char why[STORE_WHY_SIZE];

	if (!w->store)
		return;
	if (!store_write_also(w->store, why))
		give_up(w, why);
	else
		watch_alarms_written(w->alarms, clock_wall() / CLOCK_SECOND);
}

static void on_write(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	write_waiting(arg);
	write_samples(arg);
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	open_store(arg);
}

static void on_keep(evutil_socket_t fd, short what, void *arg)
{
	struct watch *w = arg;
	bool more = false;

	(void)fd, (void)what;
	if (w->store) {
		store_reserve(w->store);
		more = store_expire(w->store, clock_now());
	}
	after_ms(w->keep, more ? 100 : KEEP_S * 1000);
}

/* ---- hub ---- */

static void on_event(void *context, struct imsg *m)
{
	struct watch *w = context;

	if (!w->store)
		return;
	memcpy(&w->waiting[w->count++], m->payload, sizeof(w->waiting[0]));
	if (w->count >= WRITE_AT_ONCE)
		write_waiting(w);
	else if (w->count == 1)
		after_ms(w->write, WRITE_MS);
}

static void on_sample(void *context, struct imsg *m)
{
	struct watch *w = context;

	if (!w->store)
		return;
	memcpy(&w->samples[w->sample_count++], m->payload, sizeof(w->samples[0]));
	if (w->sample_count == SAMPLES_AT_ONCE) {
		write_waiting(w); /* what happened does not wait for the outcome of that */
		write_samples(w);
	} else {
		after_ms(w->write, WRITE_MS);
	}
}

static void on_say(void *context, const struct imsg_alarm *m)
{
	struct watch *w = context;

	imsg_send(w->hub, IMSG_ALARM, -1, m, sizeof(*m));
}

static void on_rules(void *context, struct imsg *m)
{
	struct watch *w = context;

	watch_alarms_rules(w->alarms, m->payload);
	write_alarms(w);
}

static void on_command(void *context, struct imsg *m)
{
	struct watch *w = context;

	write_samples(w); /* what hub has sent before goes before */
	if (!w->store)
		return;
	watch_alarms_command(w->alarms, m->payload);
	write_alarms(w);
}

static void on_sum_query(void *context, struct imsg *m)
{
	static struct imsg_watch_points points;
	const struct imsg_watch_sum_query *q = m->payload;
	const struct watch_site *sites = (const void *)(q + 1);
	struct imsg_watch_end end = {.query = q->id};
	char why[STORE_WHY_SIZE] = "";
	struct watch *w = context;
	struct imsg_watch_sum sum;

	if (q->points > WATCH_POINTS_MAX || q->sites > WATCH_SUM_SITES_MAX ||
		m->len - sizeof(*q) != q->sites * sizeof(*sites)) {
		log_error("a query that cannot be");
		return;
	}
	write_samples(w);
	end.failed = !w->store;
	for (uint32_t i = 0; i < q->sites && !end.failed; i++) {
		end.failed = !store_sum(w->store, q, &sites[i], clock_wall() / CLOCK_SECOND, &sum,
			q->points ? &points : NULL, why);
		if (end.failed || !sum.covered_s)
			continue;
		imsg_send(w->hub, IMSG_WATCH_SUM, -1, &sum, sizeof(sum));
		if (q->points)
			imsg_send(w->hub, IMSG_WATCH_POINTS, -1, &points, sizeof(points));
	}
	if (w->store && end.failed)
		give_up(w, why);
	imsg_send(w->hub, IMSG_WATCH_END, -1, &end, sizeof(end));
}

static void on_query(void *context, struct imsg *m)
{
	const struct imsg_watch_query *q = m->payload;
	const void *sites = q + 1;
	struct imsg_watch_end end = {.query = q->id};
	char why[STORE_WHY_SIZE] = "";
	struct watch *w = context;
	size_t count = 0;

	if (q->limit > WATCH_PAGE_MAX || q->sites > WATCH_SITES_MAX ||
		m->len - sizeof(*q) != q->sites * SITE_NAME_SIZE) {
		log_error("a query that cannot be");
		return;
	}
	write_waiting(w); /* what hub has sent before is in the answer */
	end.failed = !w->store || !store_read(w->store, q, sites, w->page, &count, &end.more, why);
	if (w->store && end.failed)
		give_up(w, why);
	for (size_t i = 0; i < count && !end.failed; i++) {
		const struct imsg_watch_event e = {.query = q->id, .event = w->page[i]};

		imsg_send(w->hub, IMSG_WATCH_EVENT, -1, &e, sizeof(e));
	}
	imsg_send(w->hub, IMSG_WATCH_END, -1, &end, sizeof(end));
}

static void on_directory(void *context, struct imsg *m)
{
	struct watch *w = context;

	if (w->directory < 0)
		w->directory = imsg_take_fd(m);
}

static void on_start(void *context, struct imsg *m)
{
	struct watch *w = context;

	(void)m;
	if (w->started)
		return;
	w->started = true;
	privsep_drop_into("watch", w->directory);
	/* A disk that stands still keeps sluiced from nothing but its memory. */
	imsg_send(w->hub, IMSG_READY, -1, NULL, 0);
	after_ms(w->again, 0);
	after_ms(w->keep, KEEP_S * 1000);
}

static void on_shutdown(void *context, struct imsg *m)
{
	struct watch *w = context;

	(void)m;
	write_waiting(w);
	event_base_loopexit(w->base, NULL);
}

static const struct imsg_row from_hub[] = {
	{IMSG_START, .take = on_start},
	{IMSG_SHUTDOWN, .take = on_shutdown},
	{IMSG_WATCH_DIRECTORY, .fd = IMSG_NEEDS_FD, .take = on_directory},
	{IMSG_EVENT, sizeof(struct bus_event), .take = on_event},
	{IMSG_SAMPLE, sizeof(struct imsg_watch_sample), .take = on_sample},
	{IMSG_ALARM_RULES, sizeof(struct alarm_rules), .take = on_rules},
	{IMSG_ALARM_COMMAND, sizeof(struct imsg_alarm_command), .take = on_command},
	{IMSG_WATCH_SUM_QUERY, sizeof(struct imsg_watch_sum_query), IMSG_BYTES,
		.take = on_sum_query},
	{IMSG_WATCH_QUERY, sizeof(struct imsg_watch_query), IMSG_BYTES, .take = on_query},
	{.type = IMSG_INVALID},
};

static void on_message(void *context, const struct imsg *m)
{
	(void)imsg_give(from_hub, context, m);
}

static void on_gone(void *context)
{
	struct watch *w = context;

	event_base_loopexit(w->base, NULL);
}

int proc_watch_run(int hub_fd)
{
	struct watch w = {.directory = -1};

	w.waiting = calloc(BUS_WINDOW, sizeof(*w.waiting));
	w.page = calloc(WATCH_PAGE_MAX, sizeof(*w.page));
	w.samples = calloc(SAMPLES_AT_ONCE, sizeof(*w.samples));
	if (!w.waiting || !w.page || !w.samples)
		abort();
	w.alarms = watch_alarms_new(on_say, &w);
	umask(077);
	sqlite3_soft_heap_limit64(STORE_HEAP_MAX);
	w.base = event_base_new();
	w.write = event_new(w.base, -1, 0, on_write, &w);
	w.again = event_new(w.base, -1, 0, on_again, &w);
	w.keep = event_new(w.base, -1, 0, on_keep, &w);
	w.hub = imsg_channel_new(w.base, hub_fd, on_message, on_gone, &w);
	imsg_channel_answer(w.hub);
	event_base_dispatch(w.base);

	watch_alarms_free(w.alarms);
	store_close(w.store);
	event_free(w.write);
	event_free(w.again);
	event_free(w.keep);
	imsg_channel_free(w.hub);
	event_base_free(w.base);
	if (w.directory >= 0)
		close(w.directory);
	free(w.waiting);
	free(w.page);
	free(w.samples);
	return 0;
}
