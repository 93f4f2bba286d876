/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/secret/exec_keep.h"

#include "base/log.h"
#include "hub/job.h"
#include "hub/secret/vault.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct entry {
	struct exec_call last; /* its answer */
	bool told, is_new;
};

/* Programs that are asked: their thread's while it runs. */
struct question {
	size_t count;
	struct exec_call *calls;
};

static struct {
	size_t count;
	struct entry *entries;
	struct job *job; /* NULL: nobody is asked */
	struct question *asked;
	bool again; /* when that is answered */
	struct event_base *base;
	exec_told *told;
	void *context;
} kept;

bool exec_is_ref(const char *ref)
{
	return !strncmp(ref, "exec:", 5);
}

static struct entry *find(const char *ref)
{
	for (size_t i = 0; i < kept.count; i++) {
		if (!strcmp(kept.entries[i].last.ref, ref))
			return &kept.entries[i];
	}
	return NULL;
}

int exec_open(const char *ref)
{
	const struct entry *e = find(ref);

	if (e && e->told)
		return vault_memfd(e->last.secret.bytes, e->last.secret.len);
	errno = EAGAIN;
	return -1;
}

const char *exec_why(const char *ref)
{
	const struct entry *e = find(ref);

	return e && e->last.why[0] ? e->last.why : "the program has not answered yet";
}

bool exec_is_awaited(const char *ref)
{
	const struct entry *e = find(ref);

	return exec_is_ref(ref) && (!e || (!e->told && !e->last.why[0]));
}

bool exec_has_failed(const char *ref)
{
	const struct entry *e = find(ref);

	return e && !e->told && e->last.why[0];
}

bool exec_is_new(const char *ref)
{
	const struct entry *e = find(ref);

	return e && e->is_new;
}

/* ---- which there are ---- */

/* A place more. What has moved is left nowhere. */
static void grow(void)
{
	struct entry *more = calloc(kept.count + 1, sizeof(*more));

	if (!more)
		abort();
	for (size_t i = 0; i < kept.count; i++)
		more[i] = kept.entries[i];
	if (kept.count)
		secret_wipe(kept.entries, kept.count * sizeof(*kept.entries));
	free(kept.entries);
	kept.entries = more;
}

static void add(const char *ref, bool **present)
{
	struct entry *e = exec_is_ref(ref) ? find(ref) : NULL;

	if (!exec_is_ref(ref))
		return;
	if (!e) {
		grow();
		*present = reallocarray(*present, kept.count + 1, sizeof(**present));
		if (!*present)
			abort();
		e = &kept.entries[kept.count++];
		snprintf(e->last.ref, sizeof(e->last.ref), "%s", ref);
	}
	(*present)[e - kept.entries] = true;
}

/* The entries become those of a configuration. */
static void match(const struct config *c)
{
	bool *present = calloc(kept.count + 1, sizeof(*present));

	if (!present)
		abort();
	for (uint32_t s = 0; s < c->site_count; s++) {
		add(c->sites[s].bgp_password, &present);
		for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
			add(c->sites[s].tunnels[t].psk, &present);
			add(c->sites[s].tunnels[t].psk_previous, &present);
			add(c->sites[s].tunnels[t].ppk, &present);
		}
	}
	for (size_t i = kept.count; i-- > 0;) {
		if (present[i])
			continue;
		kept.entries[i] = kept.entries[--kept.count];
		secret_wipe(&kept.entries[kept.count], sizeof(*kept.entries));
		present[i] = present[kept.count];
	}
	free(present);
}

/* ---- asking ---- */

static struct question *question_new(bool all)
{
	struct question *q = calloc(1, sizeof(*q));

	if (!q || !(q->calls = calloc(kept.count + 1, sizeof(*q->calls))))
		abort();
	for (size_t i = 0; i < kept.count; i++) {
		if (all || !kept.entries[i].told)
			memcpy(q->calls[q->count++].ref, kept.entries[i].last.ref,
				sizeof(q->calls[0].ref));
	}
	return q;
}

static void question_free(void *arg)
{
	struct question *q = arg;

	for (size_t i = 0; q && i < q->count; i++)
		secret_clear(&q->calls[i].secret);
	if (q)
		free(q->calls);
	free(q);
}

static void ask(void *arg)
{
	struct question *q = arg;

	exec_run(q->calls, q->count, 0);
}

/* A secret that was told stays, if it is not told again. */
static void take(const struct exec_call *c)
{
	struct entry *e = find(c->ref);
	bool has = c->secret.len > 0;

	if (!e)
		return;
	if (!has) {
		log_warn("%s: %s%s", c->ref, c->why,
			e->told ? "; what it has told before is used further" : "");
		memcpy(e->last.why, c->why, sizeof(e->last.why));
		e->is_new = false;
		return;
	}
	e->is_new = !e->told || e->last.secret.len != c->secret.len ||
		    !secret_equal(e->last.secret.bytes, c->secret.bytes, c->secret.len);
	e->last = *c;
	e->told = true;
}

static void take_all(struct question *own)
{
	for (size_t i = 0; i < kept.count; i++)
		kept.entries[i].is_new = false;
	for (size_t i = 0; i < own->count; i++)
		take(&own->calls[i]);
	question_free(own);
}

static void begin(bool all);

static void on_answers(void *arg)
{
	bool again = kept.again;

	(void)job_end(kept.job, NULL); /* it has ended */
	kept.job = NULL;
	kept.asked = NULL;
	kept.again = false;
	take_all(arg);
	kept.told(kept.context);
	if (again)
		begin(true);
}

static void begin(bool all)
{
	struct question *q = question_new(all);

	kept.job = q->count ? job_start(kept.base, ask, on_answers, q) : NULL;
	if (kept.job) {
		kept.asked = q;
		return;
	}
	if (q->count)
		log_error("programs of exec: references cannot be asked: %s", strerror(errno));
	question_free(q);
}

void exec_ask(
	struct event_base *base, const struct config *c, bool all, exec_told *told, void *context)
{
	match(c);
	kept.base = base;
	kept.told = told;
	kept.context = context;
	if (!kept.job)
		begin(all);
	else
		kept.again |= all;
}

void exec_ask_and_wait(const struct config *c, unsigned int all_within_s)
{
	struct question *q;

	match(c);
	q = question_new(true);
	exec_run(q->calls, q->count, all_within_s);
	take_all(q);
}

void exec_forget(void)
{
	if (kept.job && job_end(kept.job, question_free))
		question_free(kept.asked);
	for (size_t i = 0; i < kept.count; i++)
		secret_clear(&kept.entries[i].last.secret);
	free(kept.entries);
	memset(&kept, 0, sizeof(kept));
}
