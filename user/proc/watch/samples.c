/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Samples: minutes as they come; when an hour is over, it is summed up as fives of minutes and as one hour. A pack of
 * minutes is open until then; what comes late is summed up at once.
 */
#include "proc/watch/store_internal.h"

#include "base/sample.h"

#include <stdlib.h>
#include <string.h>

enum { MINUTES, FIVES, HOURS }; /* of store_steps */

static void copy_text(char to[SITE_NAME_SIZE], sqlite3_stmt *row, int column)
{
	const char *text = (const char *)sqlite3_column_text(row, column);

	snprintf(to, SITE_NAME_SIZE, "%s", text ? text : "");
}

/* Whose pack it is. */
struct owner {
	char site[SITE_NAME_SIZE], group[SITE_NAME_SIZE];
};

enum pack_state { PACK_NEW, PACK_OPEN, PACK_CLOSED };

/* The pack where that time is, or an empty one. */
static bool get_pack(struct store *s, const struct owner *of, uint32_t step_s, uint64_t at_s,
	struct sample_pack *p, enum pack_state *state)
{
	sqlite3_stmt *q = s->get_pack;
	int r;

	p->step_s = step_s;
	p->at_s = sample_pack_at(at_s, step_s);
	memset(p->there, 0, sizeof(p->there));
	sqlite3_bind_text(q, 1, of->site, -1, SQLITE_STATIC);
	sqlite3_bind_text(q, 2, of->group, -1, SQLITE_STATIC);
	sqlite3_bind_int64(q, 3, step_s);
	sqlite3_bind_int64(q, 4, (sqlite3_int64)p->at_s);
	r = sqlite3_step(q);
	*state = PACK_NEW;
	if (r == SQLITE_ROW) {
		(void)sample_pack_read(
			p, sqlite3_column_blob(q, 0), (size_t)sqlite3_column_bytes(q, 0));
		*state = sqlite3_column_int(q, 1) ? PACK_OPEN : PACK_CLOSED;
	}
	sqlite3_reset(q);
	return r == SQLITE_ROW || r == SQLITE_DONE;
}

static bool put_pack(
	struct store *s, const struct owner *of, const struct sample_pack *p, bool open)
{
	static uint8_t bytes[SAMPLE_PACK_SIZE];
	size_t len = sample_pack_write(p, bytes);
	sqlite3_stmt *q = s->put_pack;

	sqlite3_bind_text(q, 1, of->site, -1, SQLITE_STATIC);
	sqlite3_bind_text(q, 2, of->group, -1, SQLITE_STATIC);
	sqlite3_bind_int64(q, 3, p->step_s);
	sqlite3_bind_int64(q, 4, (sqlite3_int64)p->at_s);
	sqlite3_bind_int(q, 5, open);
	sqlite3_bind_int64(q, 6, (sqlite3_int64)(s->ran_s / DAY_S));
	sqlite3_bind_blob(q, 7, bytes, (int)len, SQLITE_STATIC);
	return store_run(q);
}

/*
 * What is there of an hour's minutes as samples of `step_s`, into their packs. What was summed up of more stays: the minutes
 * of that time were forgotten, and a clock was wrong.
 */
static bool sum_up(
	struct store *s, const struct owner *of, const struct sample_pack *minutes, uint32_t step_s)
{
	static struct sample_pack to;
	unsigned int each = step_s / 60;
	enum pack_state state;

	if (!get_pack(s, of, step_s, minutes->at_s, &to, &state))
		return false;
	for (unsigned int i = 0; i < SAMPLES_IN_PACK; i += each) {
		struct sample sum = {.at_s = minutes->at_s + i * 60u};
		uint64_t place = (sum.at_s - to.at_s) / step_s;
		bool any = false;

		for (unsigned int k = i; k < i + each; k++) {
			if (minutes->there[k])
				sample_add(&sum, &minutes->samples[k]);
			any = any || minutes->there[k];
		}
		if (any && (!to.there[place] || to.samples[place].covered_s <= sum.covered_s))
			sample_pack_put(&to, &sum);
	}
	return put_pack(s, of, &to, false);
}

static bool close_pack(struct store *s, const struct owner *of, const struct sample_pack *minutes)
{
	return sum_up(s, of, minutes, store_steps[FIVES].step_s) &&
	       sum_up(s, of, minutes, store_steps[HOURS].step_s) && put_pack(s, of, minutes, false);
}

/* One of the hours before that one, which are over. False with *more: it cannot be. */
static bool finish_hour(struct store *s, uint64_t before_s, bool *more)
{
	static struct sample_pack minutes;
	enum pack_state state;
	struct owner of;
	uint64_t at_s = 0;
	int r;

	sqlite3_bind_int64(s->open_pack, 1, (sqlite3_int64)before_s);
	r = sqlite3_step(s->open_pack);
	*more = r == SQLITE_ROW;
	if (*more) {
		copy_text(of.site, s->open_pack, 0);
		copy_text(of.group, s->open_pack, 1);
		at_s = (uint64_t)sqlite3_column_int64(s->open_pack, 2);
	}
	sqlite3_reset(s->open_pack);
	if (!*more)
		return r == SQLITE_DONE;
	return get_pack(s, &of, 60, at_s, &minutes, &state) && close_pack(s, &of, &minutes);
}

/* Also those of sites that are gone, and those that a clock has left out. */
static bool finish_hours(struct store *s, uint64_t before_s)
{
	bool more = true;

	while (more) {
		if (!finish_hour(s, before_s, &more))
			return false;
	}
	return true;
}

static bool write_sample(struct store *s, const struct imsg_watch_sample *m)
{
	static struct sample_pack p;
	enum pack_state state;
	struct owner of;

	snprintf(of.site, sizeof(of.site), "%s", m->site);
	snprintf(of.group, sizeof(of.group), "%s", m->group);
	if (!finish_hours(s, sample_pack_at(m->sample.at_s, 60)) ||
		!get_pack(s, &of, 60, m->sample.at_s, &p, &state))
		return false;
	sample_pack_add(&p, &m->sample);
	return state == PACK_CLOSED ? close_pack(s, &of, &p) : put_pack(s, &of, &p, true);
}

/* The result of SQLite. */
static int write_all(
	struct store *s, const struct imsg_watch_sample *samples, size_t count, uint64_t lose)
{
	char ignored[STORE_WHY_SIZE];
	bool ok = store_run(s->begin);
	int r;

	if (lose)
		ok = ok && room_lose(s, lose);
	for (size_t i = 0; ok && i < count; i++)
		ok = write_sample(s, &samples[i]);
	ok = ok && (!s->also || s->also(s->also_context, s)) && store_run(s->commit);
	if (ok)
		return SQLITE_OK;
	r = sqlite3_errcode(s->db);
	if (!sqlite3_get_autocommit(s->db))
		(void)store_run(s->rollback);
	if (lose && !store_is_useless(r))
		(void)room_count(s, ignored);
	return r ? r : SQLITE_ERROR;
}

bool store_samples(struct store *s, const struct imsg_watch_sample *samples, size_t count,
	char why[STORE_WHY_SIZE])
{
	int r = write_all(s, samples, count, 0);

	if (store_is_full(s, r))
		r = write_all(s, samples, count, store_disk_is_full(s));
	if (r == SQLITE_OK)
		return true;
	(void)store_fail(s, "samples", why);
	if (store_is_useless(r))
		store_set_aside(s, why);
	return false;
}

/* ---- reading ---- */

/* What is asked for, and whom it is told. */
struct reading {
	const char *site, *group; /* group NULL: all */
	uint64_t from_s, to_s;
	void (*f)(void *context, const struct sample *sample, uint32_t step_s);
	void *context;
};

static bool each_of_step(struct store *s, const struct reading *g, uint32_t step_s, bool only_open)
{
	static struct sample_pack p;
	sqlite3_stmt *q;
	int r;

	if (sqlite3_prepare_v2(s->db,
		    "SELECT at, pack FROM samples WHERE site = ? AND step = ? AND at >= ? AND at < "
		    "? AND open >= ? AND (?6 IS NULL OR site_group = ?6) ORDER BY at",
		    -1, &q, NULL))
		return false;
	sqlite3_bind_text(q, 1, g->site, -1, SQLITE_STATIC);
	sqlite3_bind_int64(q, 2, step_s);
	sqlite3_bind_int64(q, 3, (sqlite3_int64)sample_pack_at(g->from_s, step_s));
	sqlite3_bind_int64(q, 4, (sqlite3_int64)g->to_s);
	sqlite3_bind_int(q, 5, only_open);
	if (g->group)
		sqlite3_bind_text(q, 6, g->group, -1, SQLITE_STATIC);
	while ((r = sqlite3_step(q)) == SQLITE_ROW) {
		p.step_s = step_s;
		p.at_s = (uint64_t)sqlite3_column_int64(q, 0);
		(void)sample_pack_read(
			&p, sqlite3_column_blob(q, 1), (size_t)sqlite3_column_bytes(q, 1));
		for (unsigned int i = 0; i < SAMPLES_IN_PACK; i++) {
			const struct sample *sample = &p.samples[i];

			if (p.there[i] && sample->at_s >= g->from_s && sample->at_s < g->to_s)
				g->f(g->context, sample, step_s);
		}
	}
	sqlite3_finalize(q);
	return r == SQLITE_DONE;
}

bool store_each_sample(struct store *s, const char *site, const char *group, uint64_t from_s,
	uint64_t to_s, uint64_t now_s,
	void (*f)(void *context, const struct sample *sample, uint32_t step_s), void *context,
	char why[STORE_WHY_SIZE])
{
	const struct reading g = {site, group, from_s, to_s, f, context};
	int step = MINUTES;
	bool ok = true;

	while (step < HOURS && from_s + store_steps[step].days * DAY_S < now_s)
		step++;
	if (step > MINUTES)
		ok = each_of_step(s, &g, store_steps[step].step_s, false);
	ok = ok && each_of_step(s, &g, 60, step > MINUTES);
	return ok || store_fail_for_good(s, "samples", why);
}
