/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/former.h"

#include <stdlib.h>

static void drop(struct engine *e, struct former *f)
{
	e->generation++;
	TAILQ_REMOVE(&e->formers, f, link);
	e->former_count--;
	free(f);
}

static void insert(struct engine *e, const struct former *new, uint64_t now)
{
	struct former *f;

	while ((f = TAILQ_FIRST(&e->formers)) && (f->until <= now || e->former_count >= FORMER_MAX))
		drop(e, f);
	f = malloc(sizeof(*f));
	if (!f)
		abort();
	*f = *new;
	TAILQ_INSERT_TAIL(&e->formers, f, link);
	e->former_count++;
	e->generation++;
}

void former_add(struct engine *e, const struct tunnel *t, uint64_t now)
{
	const struct engine_tunnel *c = &t->conf;
	struct former f = {.local = c->local,
		.peer = addr_is_set(&c->remote) ? c->remote : t->seen_at,
		.id = c->remote_id,
		.until = now + FORMER_LIFE};

	former_forget(e, c);
	insert(e, &f, now);
}

void former_restore(struct engine *e, const struct former *saved, uint64_t now)
{
	for (unsigned int i = 0; i < e->tunnel_end; i++) {
		const struct tunnel *t = tunnel_find(e, i);

		if (t && addr_equal(&t->conf.local, &saved->local) &&
			identity_equal(&t->conf.remote_id, &saved->id))
			return;
	}
	if (saved->until > now && saved->until <= now + FORMER_LIFE)
		insert(e, saved, now);
}

void former_forget(struct engine *e, const struct engine_tunnel *conf)
{
	struct former *f, *next;

	for (f = TAILQ_FIRST(&e->formers); f; f = next) {
		next = TAILQ_NEXT(f, link);
		if (addr_equal(&f->local, &conf->local) && identity_equal(&f->id, &conf->remote_id))
			drop(e, f);
	}
}

void former_free(struct engine *e)
{
	struct former *f;

	while ((f = TAILQ_FIRST(&e->formers)))
		drop(e, f);
}

bool former_has(const struct engine *e, const struct ip_addr *local, const struct ike_identity *id,
	uint64_t now)
{
	const struct former *f;

	TAILQ_FOREACH(f, &e->formers, link) {
		if (now < f->until && addr_equal(&f->local, local) && identity_equal(&f->id, id))
			return true;
	}
	return false;
}

bool former_at(const struct engine *e, const struct ip_endpoint *local,
	const struct ip_endpoint *remote, uint64_t now)
{
	const struct former *f;

	TAILQ_FOREACH(f, &e->formers, link) {
		if (now < f->until && addr_equal(&f->local, &local->addr) &&
			addr_is_set(&f->peer) && addr_equal(&f->peer, &remote->addr))
			return true;
	}
	return false;
}
