/* SPDX-License-Identifier: Apache-2.0 */
/* Samples: minutes as they come; when an hour is over, it is summed up as fives of minutes and as one hour. */
#include "proc/watch/store_internal.h"

#include "base/sample.h"

#include <stdlib.h>
#include <string.h>

enum { MINUTES, FIVES, HOURS };

const struct store_step store_steps[STORE_STEPS] = {
	[MINUTES] = {60, 15},
	[FIVES] = {300, 63},
	[HOURS] = {3600, 455},
};

#define DAY_S 86400

/* The pack where that time is, or an empty one. *is_new: there was none. */
static bool get_pack(struct store *s, const char *site, uint32_t step_s, uint64_t at_s,
	struct sample_pack *p, bool *is_new)
{
	sqlite3_stmt *q = s->get_pack;
	int r;

	p->step_s = step_s;
	p->at_s = sample_pack_at(at_s, step_s);
	memset(p->there, 0, sizeof(p->there));
	sqlite3_bind_text(q, 1, site, -1, SQLITE_STATIC);
	sqlite3_bind_int64(q, 2, step_s);
	sqlite3_bind_int64(q, 3, (sqlite3_int64)p->at_s);
	r = sqlite3_step(q);
	if (r == SQLITE_ROW)
		(void)sample_pack_read(
			p, sqlite3_column_blob(q, 0), (size_t)sqlite3_column_bytes(q, 0));
	if (is_new)
		*is_new = r == SQLITE_DONE;
	sqlite3_reset(q);
	return r == SQLITE_ROW || r == SQLITE_DONE;
}

static bool put_pack(struct store *s, const char *site, const struct sample_pack *p)
{
	static uint8_t bytes[SAMPLE_PACK_SIZE];
	size_t len = sample_pack_write(p, bytes);
	sqlite3_stmt *q = s->put_pack;

	sqlite3_bind_text(q, 1, site, -1, SQLITE_STATIC);
	sqlite3_bind_int64(q, 2, p->step_s);
	sqlite3_bind_int64(q, 3, (sqlite3_int64)p->at_s);
	sqlite3_bind_blob(q, 4, bytes, (int)len, SQLITE_STATIC);
	return store_run(q);
}

/* What is there of an hour's minutes as samples of `step_s`, into their packs. */
static bool sum_up(
	struct store *s, const char *site, const struct sample_pack *minutes, uint32_t step_s)
{
	static struct sample_pack to;
	unsigned int each = step_s / 60;

	if (!get_pack(s, site, step_s, minutes->at_s, &to, NULL))
		return false;
	for (unsigned int i = 0; i < SAMPLES_IN_PACK; i += each) {
		struct sample sum = {.at_s = minutes->at_s + i * 60u};
		bool any = false;

		for (unsigned int k = i; k < i + each; k++) {
			if (minutes->there[k])
				sample_add(&sum, &minutes->samples[k]);
			any = any || minutes->there[k];
		}
		if (any)
			sample_pack_put(&to, &sum);
	}
	return put_pack(s, site, &to);
}

static bool forget(struct store *s, const char *site, uint64_t now_s)
{
	bool ok = true;

	for (int i = 0; ok && i < STORE_STEPS; i++) {
		/* All of the pack is older. */
		uint64_t age = store_steps[i].days * (uint64_t)DAY_S +
			       SAMPLES_IN_PACK * (uint64_t)store_steps[i].step_s;
		sqlite3_stmt *q;

		ok = !sqlite3_prepare_v2(s->db,
			"DELETE FROM samples WHERE site = ? AND step = ? AND at < ?", -1, &q, NULL);
		if (!ok)
			break;
		sqlite3_bind_text(q, 1, site, -1, SQLITE_STATIC);
		sqlite3_bind_int64(q, 2, store_steps[i].step_s);
		sqlite3_bind_int64(q, 3, (sqlite3_int64)(now_s > age ? now_s - age : 0));
		ok = store_run(q);
		sqlite3_finalize(q);
	}
	return ok;
}

/* The last hour of the site before that one, which is over. */
static bool finish_hour(struct store *s, const char *site, uint64_t before_s)
{
	static struct sample_pack minutes;
	sqlite3_stmt *q;
	bool ok;
	int r;

	if (sqlite3_prepare_v2(s->db,
		    "SELECT max(at) FROM samples WHERE site = ? AND step = 60 AND at < ?", -1, &q,
		    NULL))
		return false;
	sqlite3_bind_text(q, 1, site, -1, SQLITE_STATIC);
	sqlite3_bind_int64(q, 2, (sqlite3_int64)before_s);
	r = sqlite3_step(q);
	ok = r == SQLITE_ROW;
	if (ok && sqlite3_column_type(q, 0) != SQLITE_NULL)
		ok = get_pack(s, site, 60, (uint64_t)sqlite3_column_int64(q, 0), &minutes, NULL) &&
		     sum_up(s, site, &minutes, store_steps[FIVES].step_s) &&
		     sum_up(s, site, &minutes, store_steps[HOURS].step_s);
	sqlite3_finalize(q);
	return ok && forget(s, site, before_s);
}

static bool write_sample(struct store *s, const struct imsg_watch_sample *m)
{
	static struct sample_pack p;
	bool is_new;

	if (!get_pack(s, m->site, 60, m->sample.at_s, &p, &is_new))
		return false;
	if (is_new && !finish_hour(s, m->site, p.at_s))
		return false;
	/* finish_hour() has packs of its own. */
	sample_pack_put(&p, &m->sample);
	return put_pack(s, m->site, &p);
}

bool store_samples(struct store *s, const struct imsg_watch_sample *samples, size_t count,
	char why[STORE_WHY_SIZE])
{
	bool ok = store_run(s->begin);

	for (size_t i = 0; ok && i < count; i++)
		ok = write_sample(s, &samples[i]);
	ok = ok && store_run(s->commit);
	if (ok)
		return true;
	(void)store_fail(s, "samples", why);
	if (!sqlite3_get_autocommit(s->db))
		(void)store_run(s->rollback);
	return false;
}

void store_expire_samples(struct store *s, uint64_t now_s)
{
	char site[SITE_NAME_SIZE] = "";
	sqlite3_stmt *q;

	if (!forget(s, "", now_s) ||
		sqlite3_prepare_v2(
			s->db, "SELECT min(site) FROM samples WHERE site > ?", -1, &q, NULL))
		return;
	for (;;) {
		const char *next;

		sqlite3_bind_text(q, 1, site, -1, SQLITE_TRANSIENT);
		next = sqlite3_step(q) == SQLITE_ROW ? (const char *)sqlite3_column_text(q, 0)
						     : NULL;
		if (next)
			snprintf(site, sizeof(site), "%s", next);
		sqlite3_reset(q);
		if (!next || !forget(s, site, now_s))
			break;
	}
	sqlite3_finalize(q);
}

/* ---- reading ---- */

static bool each_of_step(struct store *s, const char *site, uint32_t step_s, uint64_t from_s,
	uint64_t to_s, uint64_t *covered_s,
	void (*f)(void *context, const struct sample *sample, uint32_t step_s), void *context)
{
	static struct sample_pack p;
	sqlite3_stmt *q;
	int r;

	if (sqlite3_prepare_v2(s->db,
		    "SELECT at, pack FROM samples WHERE site = ? AND step = ? AND at >= ? AND at < "
		    "?"
		    " ORDER BY at",
		    -1, &q, NULL))
		return false;
	sqlite3_bind_text(q, 1, site, -1, SQLITE_STATIC);
	sqlite3_bind_int64(q, 2, step_s);
	sqlite3_bind_int64(q, 3, (sqlite3_int64)sample_pack_at(from_s, step_s));
	sqlite3_bind_int64(q, 4, (sqlite3_int64)to_s);
	while ((r = sqlite3_step(q)) == SQLITE_ROW) {
		p.step_s = step_s;
		p.at_s = (uint64_t)sqlite3_column_int64(q, 0);
		(void)sample_pack_read(
			&p, sqlite3_column_blob(q, 1), (size_t)sqlite3_column_bytes(q, 1));
		for (unsigned int i = 0; i < SAMPLES_IN_PACK; i++) {
			const struct sample *sample = &p.samples[i];

			if (!p.there[i] || sample->at_s < from_s || sample->at_s >= to_s)
				continue;
			f(context, sample, step_s);
			*covered_s = sample->at_s + step_s;
		}
	}
	sqlite3_finalize(q);
	return r == SQLITE_DONE;
}

bool store_each_sample(struct store *s, const char *site, uint64_t from_s, uint64_t to_s,
	uint64_t now_s, void (*f)(void *context, const struct sample *sample, uint32_t step_s),
	void *context, char why[STORE_WHY_SIZE])
{
	uint64_t covered_s = from_s;
	int step = MINUTES;
	bool ok = true;

	/* As of the middle of an hour, so that its end may be so late. */
	while (step < HOURS && from_s + store_steps[step].days * (uint64_t)DAY_S < now_s)
		step++;
	for (; ok && step > MINUTES; step = MINUTES)
		ok = each_of_step(
			s, site, store_steps[step].step_s, from_s, to_s, &covered_s, f, context);
	ok = ok && each_of_step(s, site, 60, covered_s, to_s, &covered_s, f, context);
	return ok || store_fail(s, "samples", why);
}
