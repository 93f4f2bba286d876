/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/api/groups.h"

#include "base/clock.h"
#include "base/log.h"
#include "hub/job.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>

#define KNOWN_MAX                                                                                  \
	(4 * CONFIG_ACCESS_MAX) /* also of configurations before: what goes back asks nobody */
#define SLOW_S 5

struct known {
	char name[sizeof(((struct user_grant *)NULL)->group)];
	enum group_known known;
	gid_t gid;
};

/* A question: its thread's while that runs. */
struct lookup {
	struct groups *of; /* for hub's loop only */
	size_t count;
	struct known list[CONFIG_ACCESS_MAX];
};

struct groups {
	void (*changed)(void *context);
	void *context;
	struct event_base *base;
	struct job *job; /* NULL: nobody is asked */
	struct lookup *asked;
	struct lookup *next; /* when that is answered; NULL: nothing */
	uint64_t since_ns;
	size_t count;
	struct known list[KNOWN_MAX]; /* the newest last */
};

struct groups *groups_new(void (*changed)(void *context), void *context)
{
	struct groups *g = calloc(1, sizeof(*g));

	if (!g)
		abort();
	g->changed = changed;
	g->context = context;
	return g;
}

void groups_free(struct groups *g)
{
	if (!g)
		return;
	if (!g->job || job_end(g->job, free))
		free(g->asked);
	free(g->next);
	free(g);
}

/* GROUP_UNKNOWN: whoever knows them does not answer. */
static void ask_for(struct known *k)
{
	struct group found, *g = NULL;
	size_t size = 1024;
	char *room = NULL;
	int error;

	do {
		size *= 2;
		free(room);
		room = malloc(size);
		if (!room)
			abort();
		error = getgrnam_r(k->name, &found, room, size, &g);
	} while (error == ERANGE && size < 16u << 20);
	if (g)
		k->gid = g->gr_gid;
	k->known = g ? GROUP_FOUND : error ? GROUP_UNKNOWN : GROUP_NONE;
	free(room);
}

static void ask(void *arg)
{
	struct lookup *l = arg;

	for (size_t i = 0; i < l->count; i++)
		ask_for(&l->list[i]);
}

/* ---- what is known ---- */

static struct known *find(struct groups *g, const char *name)
{
	for (size_t i = 0; i < g->count; i++) {
		if (!strcmp(g->list[i].name, name))
			return &g->list[i];
	}
	return NULL;
}

/* Whether that is new. */
static bool learn(struct groups *g, const struct known *k)
{
	struct known *was = find(g, k->name);
	bool is_new = !was || was->known != k->known || was->gid != k->gid;

	if (k->known == GROUP_UNKNOWN)
		return false;
	if (!was && g->count == KNOWN_MAX)
		memmove(g->list, g->list + 1, --g->count * sizeof(g->list[0]));
	if (!was)
		was = &g->list[g->count++];
	*was = *k;
	return is_new;
}

static void begin(struct groups *g, struct lookup *own);

static void on_answer(void *arg)
{
	struct lookup *l = arg, *next;
	struct groups *g = l->of;
	bool is_new = false;

	next = g->next;
	(void)job_end(g->job, NULL); /* it has ended */
	g->job = NULL;
	g->asked = g->next = NULL;
	for (size_t i = 0; i < l->count; i++)
		is_new |= learn(g, &l->list[i]);
	free(l);
	if (next)
		begin(g, next);
	if (is_new)
		g->changed(g->context);
}

static void begin(struct groups *g, struct lookup *own)
{
	g->since_ns = clock_now();
	g->job = job_start(g->base, ask, on_answer, own);
	if (!g->job) {
		log_error("access: groups cannot be looked up: %s", strerror(errno));
		free(own);
		return;
	}
	g->asked = own;
}

void groups_look_up(struct groups *g, struct event_base *base, const struct access_conf *conf)
{
	struct lookup *l;

	if (!conf->count)
		return;
	l = calloc(1, sizeof(*l));
	if (!l)
		abort();
	l->of = g;
	for (uint32_t i = 0; i < conf->count; i++) {
		if (conf->grants[i].group[0])
			memcpy(l->list[l->count++].name, conf->grants[i].group,
				sizeof(l->list[0].name));
	}
	g->base = base;
	if (!g->job) {
		begin(g, l);
		return;
	}
	if (clock_now() - g->since_ns > SLOW_S * CLOCK_SECOND)
		log_warn("access: whoever knows the groups of this host (nsswitch.conf) does not "
			 "answer; what was known before holds");
	free(g->next);
	g->next = l;
}

bool groups_are_looked_up(const struct groups *g)
{
	return g->job;
}

enum group_known groups_find(const struct groups *g, const char *name, gid_t *gid)
{
	const struct known *k = find((struct groups *)g, name);

	if (k)
		*gid = k->gid;
	return k ? k->known : GROUP_UNKNOWN;
}
