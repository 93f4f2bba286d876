/* SPDX-License-Identifier: Apache-2.0 */
/* The revision that a configuration is, written by a thread, and placed by hub. */
#include "base/log.h"
#include "hub/apply_files.h"
#include "hub/apply_pending.h"
#include "hub/revision.h"
#include "store/made.h"
#include "store/revisions.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WRITTEN_WITHIN_MS = 5000, EACH_FILE_MS = 50 };

static void write_it(void *arg)
{
	struct apply_pending *p = arg;
	const struct revisions store = {.directory = p->directory};

	p->error = apply_files_on_disk(p->keys) && revisions_write(&store, p->documents, p->info)
			   ? 0
			   : errno;
}

uint64_t apply_number(const struct apply_pending *p)
{
	return (uint64_t)json_integer_value(json_object_get(p->info, "number"));
}

static void settle_it(void *arg)
{
	struct apply_pending *p = arg;
	const struct revisions store = {.directory = p->directory};

	revisions_settle(&store, made_pass_on);
	if ((p->restore || p->writes) && !documents_restore(p->documents, p->path, p->restore_main,
						 p->writes, p->seen, p->restored))
		return;
	if (p->settled && !revisions_note(&store, apply_number(p), p->settled) && !p->restored[0])
		snprintf(p->restored, sizeof(p->restored),
			"%.200s: %s; files that are edited now may be taken for unwritten at the "
			"next start",
			p->directory, strerror(errno));
}

static void job_over(struct apply_pending *p)
{
	(void)job_end(p->job, NULL); /* it has ended */
	p->job = NULL;
	if (p->timer)
		event_free(p->timer);
	p->timer = NULL;
}

/* False with errno: there is no thread, and neither function is called. `late` is if it takes too long. */
static bool begin_job(
	struct apply_pending *p, void (*work)(void *), void (*done)(void *), event_callback_fn late)
{
	size_t files = p->documents->count + json_array_size(p->keys) + json_array_size(p->writes);
	size_t ms = WRITTEN_WITHIN_MS + EACH_FILE_MS * files;
	struct timeval limit = {
		.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)};

	p->job = job_start(p->hub->base, work, done, p);
	if (!p->job)
		return false;
	p->timer = event_new(p->hub->base, -1, 0, late, p);
	event_add(p->timer, &limit);
	return true;
}

static void go_on(struct apply_pending *p)
{
	char summary[128];

	if (!p->next_start) {
		apply_force(p);
		return;
	}
	snprintf(summary, sizeof(summary),
		"revision %" PRIu64 " is in force when sluiced starts again", apply_number(p));
	log_info("configuration: %s", summary);
	apply_end(p, true, summary);
}

/* The disk goes on; what has come into force without it is written down now, where it is on no disk. */
static void late_is_over(struct apply_pending *own)
{
	struct hub *h = own->hub;
	bool leaving = h->applying != own;
	void (*again)(struct hub * h) = own->again;

	if (leaving) {
		h->applying->stuck = NULL;
		h->applying->write_down = !apply_number(h->applying);
	} else {
		h->applying = NULL;
	}
	if (own->restored[0])
		log_warn("%s", own->restored);
	apply_pending_free(own);
	if (!leaving && !revision_number(h))
		again(h);
}

static void settled(struct apply_pending *p)
{
	if (p->settled)
		json_object_del(p->info, "writes");
	go_on(p);
}

static void on_settled(void *arg)
{
	struct apply_pending *p = arg;

	job_over(p);
	if (p->late)
		late_is_over(p);
	else
		settled(p);
}

/* The thread keeps `p`, and whatever it reads; what goes on is another one. */
static struct apply_pending *go_on_without(struct apply_pending *p)
{
	struct apply_pending *own = calloc(1, sizeof(*own));

	if (!own)
		abort();
	event_free(p->timer);
	p->timer = NULL;
	*own = *p;
	own->job = NULL;
	own->documents = documents_copy(p->documents);
	own->info = json_deep_copy(p->info);
	own->writes = json_deep_copy(p->writes);
	own->keys = json_deep_copy(p->keys);
	own->seen = NULL;
	own->settled = NULL;
	p->config = NULL;
	p->certificates = NULL;
	p->live = NULL;
	p->plan = NULL;
	p->warnings = NULL;
	p->more = NULL;
	own->hub->applying = own;
	return own;
}

/* It has been decided, and a kill of hub changes nothing of that; only a loss of power might. */
static void on_unsettled(evutil_socket_t fd, short what, void *arg)
{
	struct apply_pending *p = arg, *own = go_on_without(p);

	(void)fd, (void)what;
	log_warn("%s: the disk stands still: after a loss of power the revision before is in force",
		own->directory);
	/* Files that are still being written are no edits of a person: until then nothing else is applied. */
	p->late = true;
	own->stuck = p;
	if (p->settled)
		json_object_del(own->info, "writes");
	go_on(own);
}

static void not_written(struct apply_pending *p, const char *why)
{
	char text[CONFIG_ERROR_SIZE];

	snprintf(text, sizeof(text),
		"the revision could not be written, nothing was applied: %.200s: %s", p->directory,
		why);
	apply_end(p, false, text);
}

static void on_written(void *arg)
{
	struct apply_pending *p = arg;
	const struct revisions store = {.directory = p->directory};

	job_over(p);
	if (p->late) {
		late_is_over(p);
		return;
	}
	if (p->error || !revisions_place(&store, p->info)) {
		int error = p->error ? p->error : errno;

		/* The one that was not confirmed is the newest then, and a start goes back from it as well. */
		if (p->in_any_case)
			apply_force(p);
		else
			not_written(p, strerror(error));
		return;
	}
	if (json_object_get(p->info, "writes")) {
		p->settled = json_deep_copy(p->info);
		json_object_del(p->settled, "writes");
	}
	if (begin_job(p, settle_it, on_settled, on_unsettled))
		return;
	/* The disk has taken the revision a moment ago: to wait for it is better than files that are not written. */
	log_warn("%s: there is no thread to write by: %s; hub waits for the disk", p->directory,
		strerror(errno));
	settle_it(p);
	settled(p);
}

void apply_without_disk(struct apply_pending *p, struct apply_pending *stuck)
{
	log_error("%s: the disk stands still: what was in force before is so again, and on no "
		  "disk; it is written when that goes on",
		p->directory);
	p->stuck = stuck;
	apply_force(p);
}

/* The thread cannot be ended, and until it has there is no other; what it writes is not placed. */
static void on_standstill(evutil_socket_t fd, short what, void *arg)
{
	static const char why[] =
		"the revision could not be written, nothing was applied: the disk stands still";
	struct apply_pending *p = arg;

	(void)fd, (void)what;
	if (p->in_any_case) {
		struct apply_pending *own = go_on_without(p);

		p->late = true;
		apply_without_disk(own, p);
		return;
	}
	p->late = true;
	log_error("%s: %s", p->directory, why);
	log_hear(apply_hear, p);
	apply_answer(p, PROBLEM_FAILED, why);
}

void apply_to_disk(struct apply_pending *p)
{
	if (!begin_job(p, write_it, on_written, on_standstill))
		not_written(p, strerror(errno));
}
