/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/api/refused.h"

#include "base/clock.h"
#include "hub/event/event.h"
#include "ipc/problem.h"
#include "ipc/verbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ASKERS_MAX 64 /* who were refused lately */
#define EACH_NS    (REFUSED_EACH_S * CLOCK_SECOND)
#define KEY_SIZE   (CERT_NAME_SIZE + 8)

struct place {
	char key[KEY_SIZE]; /* "": free */
	char actor[BUS_ACTOR_SIZE];
	bool outside;
	uint64_t paid_ns; /* when all of its events will have had their time */
	uint32_t left_out;
};

struct refused {
	struct place places[ASKERS_MAX];
	uint32_t others; /* of those whose place another one has now */
	uint64_t told_ns;
};

struct refused *refused_new(void)
{
	struct refused *r = calloc(1, sizeof(*r));

	if (!r)
		abort();
	return r;
}

void refused_free(struct refused *r)
{
	free(r);
}

/* Over TCP another port is nobody else. */
static void key_of(const struct asker *a, char key[KEY_SIZE])
{
	struct ip_prefix network;
	char text[PREFIX_STR_SIZE];

	if (a->by_token && a->token.id[0]) {
		snprintf(key, KEY_SIZE, "token %s", a->token.id);
	} else if (a->remote && a->subject[0]) {
		snprintf(key, KEY_SIZE, "%s", a->subject);
	} else if (a->remote) {
		network = addr_network(&a->from.addr);
		snprintf(key, KEY_SIZE, "%s", prefix_format(&network, text));
	} else {
		snprintf(key, KEY_SIZE, "uid %u", (unsigned int)a->who.uid);
	}
}

/* Its own place, or the one of who has been quiet for longest. */
static struct place *place_of(struct refused *r, const char *key)
{
	struct place *p = r->places;

	for (size_t i = 0; i < ASKERS_MAX && strcmp(p->key, key) != 0; i++) {
		if (!strcmp(r->places[i].key, key) || r->places[i].paid_ns < p->paid_ns)
			p = &r->places[i];
	}
	if (strcmp(p->key, key) != 0) {
		r->others += p->left_out;
		*p = (struct place){0};
		snprintf(p->key, sizeof(p->key), "%s", key);
	}
	return p;
}

static bool allows(struct place *p, uint64_t now)
{
	if (p->paid_ns < now)
		p->paid_ns = now;
	if (p->paid_ns - now > (REFUSED_BURST - 1) * EACH_NS)
		return false;
	p->paid_ns += EACH_NS;
	return true;
}

void hub_refused_tell(struct hub *h, const struct imsg_api_request *r, const struct asker *who,
	const json_t *problem, uint64_t now)
{
	const char *code = json_string_value(json_object_get(problem, "code"));
	const char *detail = json_string_value(json_object_get(problem, "detail"));
	bool unknown = problem_status(problem) == 401;
	char text[BUS_DETAIL_SIZE], verb[VERB_NAME_SIZE], key[KEY_SIZE];
	json_t *json = asker_json(who);
	struct place *p;

	key_of(who, key);
	p = place_of(h->refused, key);
	p->outside = who->remote && !who->subject[0] && unknown;
	hub_actor(json, p->actor);
	json_decref(json);
	if (!allows(p, now)) {
		p->left_out++;
		return;
	}
	snprintf(text, sizeof(text), "%s: %s", verb_name(&verbs[r->verb], verb),
		detail ? detail : "");
	hub_publish(
		h, &(struct happening){.kind = BUS_AUDIT,
			   .severity = BUS_WARNING,
			   .outside = p->outside,
			   .site = r->site[0] && !unknown ? site_find(&h->model, r->site) : NULL,
			   .tunnel = -1,
			   .reason = code,
			   .detail = text,
			   .actor = p->actor});
}

static void tell_more(struct hub *h, uint32_t count, const char *actor, bool outside)
{
	char text[80];

	snprintf(text, sizeof(text), "... and %u more%s", count,
		actor ? "" : ", of strangers or of those before them");
	hub_publish(h, &(struct happening){.kind = BUS_AUDIT,
			       .severity = BUS_WARNING,
			       .outside = outside,
			       .reason = "REFUSED_MORE",
			       .detail = text,
			       .actor = actor});
}

void hub_refused_look(struct hub *h, uint64_t now)
{
	struct refused *r = h->refused;
	uint32_t strangers = r->others;

	if (r->told_ns && now - r->told_ns < EACH_NS)
		return;
	r->told_ns = now;
	r->others = 0;
	for (struct place *p = r->places; p < r->places + ASKERS_MAX; p++) {
		if (p->left_out && !p->outside)
			tell_more(h, p->left_out, p->actor, false);
		else
			strangers += p->left_out;
		p->left_out = 0;
	}
	if (strangers)
		tell_more(h, strangers, NULL, true);
}
