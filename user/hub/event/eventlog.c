/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/event/eventlog.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { EVENT_FILES = 2 };

struct eventlog {
	uint64_t number;
	char directory[CONFIG_PATH_SIZE];
	FILE *files[EVENT_FILES];
};

static const char *const file_names[EVENT_FILES] = {
	[EVENT_ACTIVITY] = "activity.log",
	[EVENT_BGP] = "bgp.log",
};

/* Routes go where the session's events go. */
static enum event_kind file_of(enum event_kind kind)
{
	return kind == EVENT_BGP_ROUTE ? EVENT_BGP : kind;
}

struct eventlog *eventlog_new(void)
{
	struct eventlog *l = calloc(1, sizeof(*l));

	if (!l)
		abort();
	return l;
}

static void close_files(struct eventlog *l)
{
	for (int i = 0; i < EVENT_FILES; i++) {
		if (l->files[i])
			fclose(l->files[i]);
		l->files[i] = NULL;
	}
}

void eventlog_free(struct eventlog *l)
{
	if (!l)
		return;
	close_files(l);
	free(l);
}

static void file_path(
	const struct eventlog *l, enum event_kind kind, const char *suffix, char path[])
{
	snprintf(path, CONFIG_PATH_SIZE + 32, "%s/%s%s", l->directory, file_names[kind], suffix);
}

static bool open_file(struct eventlog *l, enum event_kind kind)
{
	char path[CONFIG_PATH_SIZE + 32];

	file_path(l, kind, "", path);
	l->files[kind] = fopen(path, "ae");
	return l->files[kind] != NULL;
}

bool eventlog_open(struct eventlog *l, const char *directory)
{
	close_files(l);
	snprintf(l->directory, sizeof(l->directory), "%s", directory);
	if (!l->directory[0])
		return true;
	if (mkdir(l->directory, 0750) && errno != EEXIST)
		return false;
	for (int i = 0; i < EVENT_FILES; i++) {
		if (!open_file(l, (enum event_kind)i)) {
			close_files(l);
			return false;
		}
	}
	return true;
}

static void rotate(struct eventlog *l, enum event_kind kind)
{
	char path[CONFIG_PATH_SIZE + 32], old[CONFIG_PATH_SIZE + 32];

	file_path(l, kind, "", path);
	file_path(l, kind, ".1", old);
	fclose(l->files[kind]);
	l->files[kind] = NULL;
	if (rename(path, old) || !open_file(l, kind))
		log_error("%s: %s; this log ends here", path, strerror(errno));
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

static void write_file(struct eventlog *l, enum event_kind kind, enum log_form form,
	const json_t *event, const char *line)
{
	FILE *f = l->files[kind];

	if (!f)
		return;
	if (form == LOG_FORM_TEXT)
		write_text(f, event);
	else
		fputs(line, f);
	fputc('\n', f);
	if (fflush(f)) {
		log_error("%s/%s: %s; this event is lost", l->directory, file_names[kind],
			strerror(errno));
		clearerr(f);
	} else if (ftell(f) > EVENT_FILE_MAX) {
		rotate(l, kind);
	}
}

/* M-21 counts seconds, M-24 milliseconds; both have a text that says the same moment. */
static json_t *stamp(enum event_kind kind, const char *resource, uint64_t wall_ns)
{
	time_t seconds = (time_t)(wall_ns / CLOCK_SECOND);
	unsigned int ms = (unsigned int)(wall_ns / CLOCK_MILLISECOND % 1000);
	char text[40];
	struct tm tm;
	size_t at;

	gmtime_r(&seconds, &tm);
	at = strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	if (kind == EVENT_BGP)
		snprintf(text + at, sizeof(text) - at, ".%03uZ", ms);
	else
		snprintf(text + at, sizeof(text) - at, "Z");
	return json_pack("{s:I, s:s, s:s}", "event_timestamp",
		(json_int_t)(kind == EVENT_BGP ? wall_ns / CLOCK_MILLISECOND
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
	kind = file_of(kind);
	event = stamp(kind, resource, wall_ns);
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
	write_file(l, kind, form, event, line);
	free(line);
	event_ring_keep(ring, l->number, event, body, wall_ns);
	json_decref(event);
}
