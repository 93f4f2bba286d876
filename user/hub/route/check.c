/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Others change the kernel's table and the BPF trie too, and what the kernel refused once it may take later: hub
 * compares both with the routes that ought to stand there, some of them every second.
 */
#include "hub/route/fib.h"

#include "base/clock.h"
#include "base/log.h"

#define CHECK_ROUTES  512 /* looked at in one go: a millisecond or two */
#define CHECK_AGAIN_S 5   /* between the beginnings of two rounds */

struct check {
	struct fib_batch batch; /* what is put right at once */
	bool sweep_is_due;
	size_t count;
	struct fib_route routes[ROUTES_BATCH]; /* those that ought to be in the kernel's table */
};

static void mended(struct hub *h, const struct ip_prefix *prefix, const char *what)
{
	char text[PREFIX_STR_SIZE];

	h->model.plane.routes_mended++;
	log_warn("route %s %s", prefix_format(prefix, text), what);
}

static void check_kernel(struct check *c)
{
	struct hub *h = c->batch.h;

	if (c->count && link_routes_restore(h->link, c->routes, c->count) < c->count) {
		for (size_t i = 0; i < c->count; i++) {
			if (!c->routes[i].failed)
				mended(h, &c->routes[i].prefix, "was not in the kernel's table");
		}
	}
	c->count = 0;
}

static void expect(struct check *c, const struct fib_route *r)
{
	c->routes[c->count++] = *r;
	if (c->count == ROUTES_BATCH)
		check_kernel(c);
}

static void check_inside(struct check *c, const struct site *site, unsigned int t)
{
	struct hub *h = c->batch.h;
	struct fib_route host;

	for (int v6 = 0; v6 < 2; v6++) {
		if (!fib_inside_route(site, t, v6, &host))
			continue;
		if (!maps_route_leads(h->maps, &host.prefix, host.tunnel, 0)) {
			mended(h, &host.prefix, "was not in the BPF trie");
			maps_route_set(h->maps, &host.prefix, host.tunnel, 0);
		}
		expect(c, &host);
	}
}

static void check_route(void *context, struct route_entry *e)
{
	struct check *c = context;
	struct hub *h = c->batch.h;
	const struct ip_prefix prefix = route_prefix(e);

	if (!fib_tunnel_is_open(h, e->tunnel)) {
		if (c->sweep_is_due)
			return;
		mended(h, &prefix, "led to a tunnel that is closed");
		fib_remove(&c->batch, e);
	} else if (!e->installed) {
		fib_install(&c->batch, e);
	} else if (!maps_route_leads(
			   h->maps, &prefix, e->tunnel, route_table_share(h->fib->table, e))) {
		mended(h, &prefix, "was not in the BPF trie");
		fib_install(&c->batch, e);
	} else {
		expect(c, &(struct fib_route){.prefix = prefix, .mtu = e->mtu});
	}
}

void hub_routes_check(struct hub *h, uint64_t now)
{
	struct fib *f = h->fib;
	struct check c = {.batch.h = h};

	if (!f->check_at && now < f->check_again_ns)
		return;
	for (uint32_t i = 0; !f->check_at && i < SITE_SLOTS; i++) {
		for (unsigned int t = 0; h->model.sites[i] && t < TUNNELS_PER_SITE; t++) {
			if (h->model.sites[i]->tunnels[t].open)
				check_inside(&c, h->model.sites[i], t);
		}
	}
	if (!f->check_at)
		f->check_again_ns = now + CHECK_AGAIN_S * CLOCK_SECOND;
	c.sweep_is_due = f->sweep && evtimer_pending(f->sweep, NULL);
	f->check_at = route_table_some(f->table, f->check_at, CHECK_ROUTES, check_route, &c);
	check_kernel(&c);
	fib_batch_write(&c.batch);
}
