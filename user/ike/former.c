/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/former.h"

#include <stdlib.h>

static void drop(struct engine *e, struct former *f)
{
	TAILQ_REMOVE(&e->formers, f, link);
	e->former_count--;
	free(f);
}

void former_add(struct engine *e, const struct tunnel *t, uint64_t now)
{
	const struct engine_tunnel *c = &t->conf;
	struct former *f;

	former_forget(e, c);
	while ((f = TAILQ_FIRST(&e->formers)) && (f->until <= now || e->former_count >= FORMER_MAX))
		drop(e, f);
	f = calloc(1, sizeof(*f));
	if (!f)
		abort();
	f->local = c->local;
	f->peer = addr_is_set(&c->remote) ? c->remote : t->seen_at;
	f->id = c->remote_id;
	f->until = now + FORMER_LIFE;
	TAILQ_INSERT_TAIL(&e->formers, f, link);
	e->former_count++;
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

	TAILQ_FOREACH(f, &e->formers, link)
	{
		if (now < f->until && addr_equal(&f->local, local) && identity_equal(&f->id, id))
			return true;
	}
	return false;
}

bool former_at(const struct engine *e, const struct ip_endpoint *local,
	const struct ip_endpoint *remote, uint64_t now)
{
	const struct former *f;

	TAILQ_FOREACH(f, &e->formers, link)
	{
		if (now < f->until && addr_equal(&f->local, &local->addr) &&
			addr_is_set(&f->peer) && addr_equal(&f->peer, &remote->addr))
			return true;
	}
	return false;
}
