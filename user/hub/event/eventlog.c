/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/event/eventlog.h"

#include "base/clock.h"
#include "state/site.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/*
 * Sources of the bus: of each site by its slot, and of the hub behind them, each kind, and each kind again for what
 * somebody has caused who has not proved who he is.
 */
#define OF_SITE ((unsigned int)BUS_KINDS * 2)
#define OF_ALL  ((SITE_SLOTS + 1) * OF_SITE)

struct eventlog {
	uint64_t number;
	struct event_files *files;
	struct bus *bus;
	void (*hear)(void *context, const struct bus_event *e);
	void *context;
	char sites[SITE_SLOTS]
		  [SITE_NAME_SIZE]; /* who had a slot when something happened to it last */
};

/* Routes go where the session's events go. */
static enum event_file file_of(enum event_kind kind)
{
	return kind == EVENT_ACTIVITY ? EVENT_FILE_ACTIVITY : EVENT_FILE_BGP;
}

struct eventlog *eventlog_new(void)
{
	struct eventlog *l = calloc(1, sizeof(*l));

	if (!l)
		abort();
	l->files = event_files_new();
	/* Greater than any of a hub before this one, which had no million events a second. */
	l->bus = bus_new(OF_ALL, clock_wall() / 1000);
	return l;
}

void eventlog_free(struct eventlog *l)
{
	if (!l)
		return;
	event_files_free(l->files);
	bus_free(l->bus);
	free(l);
}

bool eventlog_open(struct eventlog *l, const char *directory)
{
	return event_files_open(l->files, directory);
}

void eventlog_wait(struct eventlog *l)
{
	event_files_wait(l->files);
}

uint64_t eventlog_look(struct eventlog *l)
{
	return event_files_look(l->files);
}

struct bus *eventlog_bus(struct eventlog *l)
{
	return l->bus;
}

void eventlog_publish(struct eventlog *l, struct bus_event *e, uint32_t slot, uint64_t now)
{
	unsigned int first = (slot < SITE_SLOTS ? slot : SITE_SLOTS) * OF_SITE;

	if (slot < SITE_SLOTS && strcmp(l->sites[slot], e->site) != 0) {
		strcpy(l->sites[slot], e->site);
		for (unsigned int i = 0; i < OF_SITE; i++)
			bus_source_is_new(l->bus, first + i);
	}
	if (bus_add(l->bus, first + e->kind + (e->outside ? BUS_KINDS : 0), e, now) && l->hear)
		l->hear(l->context, e);
}

void eventlog_hear(
	struct eventlog *l, void (*hear)(void *context, const struct bus_event *e), void *context)
{
	l->hear = hear;
	l->context = context;
}

/* NAME=VALUE pairs; what has a blank, a quote or nothing in it stands as a JSON string. */
static void write_text(FILE *f, const json_t *event)
{
	const char *name, *between = "";
	json_t *value;

	json_object_foreach((json_t *)event, name, value) {
		const char *text = json_string_value(value);

		if (!strcmp(name, "event_timestamp"))
			continue;
		if (json_is_object(value)) {
			fputs(between, f);
			write_text(f, value);
		} else if (!strcmp(name, "timestamp") || !strcmp(name, "resource_id")) {
			fprintf(f, "%s%s", between, text);
		} else {
			fprintf(f, "%s%s=", between, name);
			if (text && *text && !strpbrk(text, " \"\\\n="))
				fputs(text, f);
			else
				json_dumpf(value, f, JSON_ENCODE_ANY | JSON_COMPACT);
		}
		between = " ";
	}
}

static void write_file(struct eventlog *l, enum event_file file, enum log_form form,
	const json_t *event, const char *line)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f;

	if (!event_files_wanted(l->files))
		return;
	if (form != LOG_FORM_TEXT) {
		event_files_put(l->files, file, line, strlen(line));
		return;
	}
	f = open_memstream(&text, &len);
	if (!f)
		abort();
	write_text(f, event);
	if (fclose(f))
		abort();
	event_files_put(l->files, file, text, len);
	free(text);
}

/* The activity log counts seconds, the BGP log milliseconds; both have a text that says the same moment. */
static json_t *stamp(enum event_file file, const char *resource, uint64_t wall_ns)
{
	time_t seconds = (time_t)(wall_ns / CLOCK_SECOND);
	unsigned int ms = (unsigned int)(wall_ns / CLOCK_MILLISECOND % 1000);
	char text[40];
	struct tm tm;
	size_t at;

	gmtime_r(&seconds, &tm);
	at = strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	if (file == EVENT_FILE_BGP)
		snprintf(text + at, sizeof(text) - at, ".%03uZ", ms);
	else
		snprintf(text + at, sizeof(text) - at, "Z");
	return json_pack("{s:I, s:s, s:s}", "event_timestamp",
		(json_int_t)(file == EVENT_FILE_BGP ? wall_ns / CLOCK_MILLISECOND
						    : wall_ns / CLOCK_SECOND),
		"timestamp", text, "resource_id", resource);
}

void eventlog_add(struct eventlog *l, enum event_kind kind, enum log_form form,
	struct event_ring *ring, const char *resource, json_t *own_event, uint64_t wall_ns)
{
	char *line, *body;
	json_t *event;

	if (form == LOG_FORM_OFF || !event_ring_allows(ring, clock_now())) {
		json_decref(own_event);
		return;
	}
	event = stamp(file_of(kind), resource, wall_ns);
	json_object_update(event, own_event);
	body = json_dumps(own_event, JSON_COMPACT | JSON_SORT_KEYS);
	json_decref(own_event);
	json_object_set_new(event, "seq", json_integer((json_int_t)++l->number));
	if (ring->left_out)
		json_object_set_new(event, "left_out", json_integer(ring->left_out));
	ring->left_out = 0;
	line = json_dumps(event, JSON_COMPACT);
	if (!line || !body)
		abort();
	write_file(l, file_of(kind), form, event, line);
	free(line);
	event_ring_keep(ring, l->number, event, body, wall_ns);
	json_decref(event);
}
