/* SPDX-License-Identifier: Apache-2.0 */
#include "events.h"

#include "table.h"

#include "base/clock.h"
#include "ipc/msg_api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- times ---- */

static bool write_time(time_t t, char rfc3339[DATE_TEXT_SIZE])
{
	date_format(t, rfc3339);
	return t > 0;
}

long events_ago(const char *text)
{
	static const struct {
		char unit;
		long seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	char *end;
	long n = strtol(text, &end, 10);

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (end[0] == units[i].unit && !end[1] && n > 0 &&
			n <= 100000000 / units[i].seconds)
			return n * units[i].seconds;
	}
	return 0;
}

/* In the zone of whoever asks. */
static bool read_local(const char *text, time_t now, time_t *t)
{
	static const char *const forms[] = {
		"%H:%M", "%H:%M:%S", "%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S"};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		bool of_today = forms[i][1] == 'H';
		struct tm tm;
		const char *end;

		localtime_r(&now, &tm);
		tm.tm_sec = 0;
		if (!of_today)
			tm.tm_hour = tm.tm_min = 0;
		end = strptime(text, forms[i], &tm);
		if (!end || *end)
			continue;
		tm.tm_isdst = -1;
		*t = mktime(&tm);
		if (of_today && *t > now) { /* yesterday */
			tm.tm_mday--;
			tm.tm_isdst = -1;
			*t = mktime(&tm);
		}
		return true;
	}
	return false;
}

bool events_when(const char *text, char rfc3339[DATE_TEXT_SIZE])
{
	time_t now = time(NULL), t;
	uint64_t wall_ns;

	if (date_parse(text, &wall_ns))
		return date_format_ns(wall_ns, rfc3339) != NULL;
	if (events_ago(text))
		return write_time(now - events_ago(text), rfc3339);
	return read_local(text, now, &t) && write_time(t, rfc3339);
}

/* ---- pages ---- */

static void print_lines(const json_t *list)
{
	const json_t *e;
	size_t i;

	json_array_foreach(list, i, e) {
		json_dumpf(e, stdout, JSON_COMPACT);
		puts("");
	}
}

static void print_page(const json_t *document, bool json, bool follow, bool first)
{
	const json_t *list = json_object_get(document, "events");

	if (json && follow)
		print_lines(list);
	else if (json_array_size(list) || (first && !follow))
		print_events(document);
}

/* With --json and an end, all pages are one document. */
static int show_pages(
	const char *socket_path, struct client_request *request, bool json, bool follow)
{
	bool all = request->from, more = true, whole = json && !follow;
	json_t *document, *events = json_array();
	int status = CLIENT_OK;

	if (all)
		request->limit = API_EVENTS_MAX;
	for (bool first = true; more && status == CLIENT_OK; first = false) {
		status = client_ask(socket_path, request, &document);
		if (status != CLIENT_OK)
			break;
		more = all && json_is_true(json_object_get(document, "more"));
		request->after = json_integer_value(json_object_get(document, "cursor"));
		if (!whole)
			print_page(document, json, follow, first);
		if (whole)
			json_array_extend(events, json_object_get(document, "events"));
		if (whole && !more) {
			json_object_set(document, "events", events);
			json_dumpf(document, stdout, JSON_INDENT(2));
			puts("");
		}
		json_decref(document);
	}
	json_decref(events);
	return status;
}

#define PAUSE_MAX_S 30 /* between two attempts that came to nothing */

struct follower {
	struct client_request *request;
	bool json;
	bool any, failed; /* of this stream: an event has come; it could not go on */
	bool said;        /* that it could not, since an event came */
};

static void take(void *context, const char *name, const json_t *event)
{
	struct follower *f = context;

	if (*name) {
		f->failed = f->failed || !strcmp(name, "failed");
		if (!f->said)
			fprintf(stderr, "sluice: %s\n",
				json_string_value(json_object_get(event, "detail")));
		f->said = f->said || f->failed;
		return;
	}
	f->any = true;
	f->said = false;
	f->request->after = json_integer_value(json_object_get(event, "number"));
	if (!f->json) {
		print_event(event);
		return;
	}
	json_dumpf(event, stdout, JSON_COMPACT);
	puts("");
}

/*
 * A stream ends, and the daemon may be started again meanwhile: it goes on behind the last event. Where that comes to
 * nothing the pause grows, and it is said once.
 */
static int follow_them(const char *socket_path, struct client_request *request, bool json)
{
	struct follower f = {.request = request, .json = json};
	unsigned int pause_s = 0;
	time_t began;
	int status;

	request->limit = 0;
	request->from = NULL;
	do {
		f.any = f.failed = false;
		began = time(NULL);
		status = client_stream(socket_path, request, f.said, take, &f);
		if (ferror(stdout))
			return CLIENT_REFUSED;
		f.said = f.said || status == CLIENT_NO_DAEMON;
		if (status == CLIENT_OK && !f.failed &&
			(f.any || time(NULL) - began > PAUSE_MAX_S)) {
			pause_s = 0;
			usleep(200000);
		} else if (status != CLIENT_REFUSED) {
			pause_s = pause_s ? pause_s * 2 : 1;
			pause_s = pause_s < PAUSE_MAX_S ? pause_s : PAUSE_MAX_S;
			sleep(pause_s);
		}
	} while (status == CLIENT_OK || status == CLIENT_NO_DAEMON);
	return status;
}

int events_run(const char *socket_path, struct client_request *request, bool json, bool follow)
{
	int status = show_pages(socket_path, request, json, follow);

	if (fflush(stdout) || ferror(stdout)) {
		perror("sluice: standard output");
		return CLIENT_REFUSED;
	}
	return status == CLIENT_OK && follow ? follow_them(socket_path, request, json) : status;
}
