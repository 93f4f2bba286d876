/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes: a prefix is in the kernel's table and in the BPF trie exactly while bgp says that a tunnel
 * leads there and that tunnel is open.
 */
#include "hub/route/fib.h"

#include "base/clock.h"
#include "base/log.h"
#include "crypto/hash.h"
#include "hub/route/closed.h"
#include "ipc/msg_bgp.h"

#include <stdlib.h>

#define SWEEP_AFTER_MS 200 /* bgp moves routes of a closed tunnel before that */

struct fib *fib_new(void)
{
	struct fib *f = calloc(1, sizeof(*f));
	uint64_t key; /* not to be guessed */

	if (!f)
		abort();
	random_bytes(&key, sizeof(key));
	f->table = route_table_new(key);
	return f;
}

void fib_free(struct fib *f)
{
	if (!f)
		return;
	if (f->sweep)
		event_free(f->sweep);
	route_table_free(f->table);
	free(f);
}

const struct route_table *fib_table(const struct fib *f)
{
	return f->table;
}

/* RFC 8200 5: IPv6 needs 1280 bytes; where they do not fit, the outer packet is fragmented. */
static uint32_t route_mtu(const struct route_entry *e, uint32_t inner_mtu)
{
	return e->v6 && inner_mtu && inner_mtu < 1280 ? 1280 : inner_mtu;
}

/* What fits every tunnel that carries it. */
static uint32_t mtu_of(struct hub *h, const struct route_entry *e)
{
	const struct route_shares *shares = route_table_sharing(h->fib->table, e);
	uint32_t mtu = tunnel_mtu(site_tunnel_find(&h->model, e->tunnel));

	/* Workers make fragments or refuse to then; the kernel must not do either before. */
	if (h->config->concentrator.packets.df != DF_COPY && !e->v6)
		return 0;
	for (unsigned int i = 0; i < shares->count; i++) {
		const struct site_tunnel *other = site_tunnel_find(&h->model, shares->tunnels[i]);
		uint32_t its = other ? tunnel_mtu(other) : 0;

		mtu = its && its < mtu ? its : mtu;
	}
	return route_mtu(e, mtu);
}

/* Takes those that were refused out of the list, and out of the tables. */
static void give_up_failed(struct fib_batch *b, const char *why)
{
	size_t left = 0;
	char text[PREFIX_STR_SIZE];

	for (size_t i = 0; i < b->count; i++) {
		struct fib_route *r = &b->routes[i];
		struct route_entry *e = route_table_find(b->h->fib->table, &r->prefix);

		if (!r->failed) {
			b->routes[left++] = *r;
			continue;
		}
		log_error("route %s: %s", prefix_format(&r->prefix, text), why);
		r->failed = false;
		link_routes_del(b->h->link, r, 1); /* an older one may be there */
		maps_route_del(b->h->maps, &r->prefix);
		if (e)
			e->installed = false;
	}
	b->count = left;
}

/* The trie knows a prefix before the kernel does, and after: what the kernel sends, TC can place. */
void fib_batch_write(struct fib_batch *b)
{
	if (b->count && b->coming) {
		if (maps_routes_set(b->h->maps, b->routes, b->count))
			give_up_failed(b, "no room in the route map");
		if (link_routes_set(b->h->link, b->routes, b->count))
			give_up_failed(b, "the kernel refused it");
	} else if (b->count) {
		link_routes_del(b->h->link, b->routes, b->count);
		for (size_t i = 0; i < b->count; i++)
			b->routes[i].failed = false;
		maps_routes_del(b->h->maps, b->routes, b->count);
	}
	b->count = 0;
}

static struct fib_route *batch_add(struct fib_batch *b, bool coming, const struct ip_prefix *prefix)
{
	struct fib_route *r;

	if (b->count == ROUTES_BATCH || b->coming != coming)
		fib_batch_write(b);
	b->coming = coming;
	r = &b->routes[b->count++];
	*r = (struct fib_route){.prefix = *prefix};
	return r;
}

void fib_install(struct fib_batch *b, struct route_entry *e)
{
	const struct ip_prefix prefix = route_prefix(e);
	struct fib_route *r = batch_add(b, true, &prefix);

	r->mtu = mtu_of(b->h, e);
	e->mtu = (uint16_t)r->mtu;
	r->tunnel = e->tunnel;
	r->share = route_table_share(b->h->fib->table, e);
	e->installed = true;
}

struct mtu_change {
	struct fib_batch batch;
	uint32_t tunnel;
};

static bool leads_over(struct hub *h, const struct route_entry *e, uint32_t tunnel)
{
	const struct route_shares *shares = route_table_sharing(h->fib->table, e);

	for (unsigned int i = 0; i < shares->count; i++) {
		if (shares->tunnels[i] == tunnel)
			return true;
	}
	return e->tunnel == tunnel;
}

static void change_mtu(void *context, struct route_entry *e)
{
	struct mtu_change *c = context;
	struct hub *h = c->batch.h;

	if (e->installed && leads_over(h, e, c->tunnel) && e->mtu != mtu_of(h, e))
		fib_install(&c->batch, e);
}

void hub_routes_set_mtu(struct hub *h, uint32_t tunnel)
{
	struct mtu_change c = {.batch.h = h, .tunnel = tunnel};

	route_table_each(h->fib->table, change_mtu, &c);
	fib_batch_write(&c.batch);
}

static void count_route(struct hub *h, struct route_entry *e, int by)
{
	struct site *site = site_of_tunnel(&h->model, e->tunnel);

	if (site && (e->counted == (by < 0))) {
		site->routes = (uint32_t)((int)site->routes + by);
		e->counted = by > 0;
	}
}

void fib_remove(struct fib_batch *b, struct route_entry *e)
{
	const struct ip_prefix prefix = route_prefix(e);

	count_route(b->h, e, -1);
	if (e->installed)
		batch_add(b, false, &prefix);
	route_table_remove(b->h->fib->table, &prefix);
}

bool fib_tunnel_is_open(struct hub *h, uint32_t tunnel)
{
	const struct site_tunnel *state = site_tunnel_find(&h->model, tunnel);

	return state && state->open;
}

/* True, counted and logged, when there is a reason why the route is not `what`. */
static bool is_refused(
	struct hub *h, const struct imsg_route *route, const char *what, const char *why)
{
	struct site *site = site_of_tunnel(&h->model, route->tunnel);
	char text[PREFIX_STR_SIZE];

	if (!why)
		return false;
	if (site)
		site->routes_refused++;
	log_warn("site %s: route %s is not %s: %s", site ? site->conf.name : "-",
		prefix_format(&route->prefix, text), what, why);
	return true;
}

static void forget_route(struct fib_batch *b, const struct ip_prefix *prefix)
{
	struct route_entry *e = route_table_find(b->h->fib->table, prefix);

	if (e)
		fib_remove(b, e);
}

/* For TC. The classes of sites never change, so neither does what a set of them has for weights. */
static bool write_share(struct hub *h, uint16_t number, const struct route_shares *set)
{
	struct route_share value = {0};
	bool large = false, standard = false;

	for (unsigned int i = 0; i < set->count; i++) {
		const struct site *site = site_of_tunnel(&h->model, set->tunnels[i]);
		bool is_large = site->conf.bandwidth == BANDWIDTH_LARGE;

		large |= is_large;
		standard |= !is_large;
		value.members[i].tunnel = set->tunnels[i];
		value.members[i].weight = is_large ? SLUICE_SHARE_LARGE : 1;
	}
	for (unsigned int i = 0; i < set->count && !(large && standard); i++)
		value.members[i].weight = 1;
	return maps_share_set(h->maps, number, &value);
}

/* The number of the route's set of tunnels; 0: the best one carries it alone. */
static uint16_t share_of(struct fib_batch *b, const struct imsg_route *route)
{
	struct hub *h = b->h;
	struct shares *shares = route_table_shares(h->fib->table);
	uint16_t number = shares_find(shares, &route->shares);

	if (!route->shares.count ||
		is_refused(h, route, "shared as bgp says", hub_share_refusal(h, route)))
		return 0;
	if (number)
		return number;
	fib_batch_write(b); /* who had the number before must be out of the trie */
	number = shares_add(shares, &route->shares);
	if (number && write_share(h, number, &route->shares)) {
		h->fib->shares_short = false;
		return number;
	}
	if (!h->fib->shares_short)
		log_warn("more than %u different sets of tunnels share routes: of others, the "
			 "best one carries alone",
			SLUICE_MAX_SHARES - 1);
	h->fib->shares_short = true;
	return 0;
}

static void take_route(struct fib_batch *b, const struct imsg_route *route)
{
	struct hub *h = b->h;
	struct route_entry *e;
	uint16_t share;

	/* A path over a tunnel that has just closed: bgp learns of it any moment. */
	if (!fib_tunnel_is_open(h, route->tunnel) ||
		is_refused(h, route, "taken from bgp", hub_route_refusal(h, route))) {
		forget_route(b, &route->prefix);
		return;
	}
	share = share_of(b, route);
	e = route_table_get(h->fib->table, &route->prefix);

	bool moved = !e->installed || e->tunnel != route->tunnel ||
		     route_table_share(h->fib->table, e) != share;

	count_route(h, e, -1);
	e->moves += e->installed && moved && e->moves < UINT16_MAX;
	e->tunnel = (uint16_t)route->tunnel;
	route_table_set_facts(h->fib->table, e, route, share);
	e->stale = false;
	count_route(h, e, 1);
	if (!moved)
		return;
	fib_install(b, e);
	if (route->source != SOURCE_STATIC) /* hub_statics_close has them */
		closed_add(h, &route->prefix, route->tunnel);
}

void hub_routes_take(struct hub *h, const struct imsg_route *routes, size_t count)
{
	struct fib_batch b = {.h = h};

	for (size_t i = 0; i < count; i++)
		take_route(&b, &routes[i]);
	closed_write(h);
	fib_batch_write(&b);
}

void hub_routes_gone(struct hub *h, const struct ip_prefix *prefixes, size_t count)
{
	struct fib_batch b = {.h = h};

	for (size_t i = 0; i < count; i++)
		forget_route(&b, &prefixes[i]);
	fib_batch_write(&b);
}

static void mark(void *context, struct route_entry *e)
{
	(void)context;
	e->stale = true;
}

void hub_routes_mark_stale(struct hub *h)
{
	route_table_each(h->fib->table, mark, NULL);
}

static void drop_if_stale(void *context, struct route_entry *e)
{
	if (e->stale)
		fib_remove(context, e);
}

void hub_routes_drop_stale(struct hub *h)
{
	struct fib_batch b = {.h = h};

	route_table_each(h->fib->table, drop_if_stale, &b);
	fib_batch_write(&b);
}

static void drop_if_closed(void *context, struct route_entry *e)
{
	struct fib_batch *b = context;

	if (!fib_tunnel_is_open(b->h, e->tunnel))
		fib_remove(b, e);
}

void hub_routes_sweep(struct hub *h)
{
	struct fib_batch b = {.h = h};

	route_table_each(h->fib->table, drop_if_closed, &b);
	fib_batch_write(&b);
}

/* Whether it would be taken now as it was then. */
static void judge_again(void *context, struct route_entry *e)
{
	struct fib_batch *b = context;
	const struct imsg_route route = {.prefix = route_prefix(e),
		.source = route_table_facts(b->h->fib->table, e)->source,
		.tunnel = e->tunnel,
		.shares = *route_table_sharing(b->h->fib->table, e)};

	if (is_refused(b->h, &route, "kept", hub_route_refusal(b->h, &route))) {
		fib_remove(b, e);
	} else if (route.shares.count &&
		   is_refused(b->h, &route, "shared as before", hub_share_refusal(b->h, &route))) {
		route_table_unshare(b->h->fib->table, e);
		fib_install(b, e);
	}
}

void hub_routes_judge(struct hub *h)
{
	struct fib_batch b = {.h = h};

	if (!h->fib->rules_changed)
		return;
	h->fib->rules_changed = false;
	route_table_each(h->fib->table, judge_again, &b);
	fib_batch_write(&b);
}

static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	hub_routes_sweep(arg);
	hub_routes_judge(arg);
}

void hub_routes_sweep_soon(struct hub *h)
{
	struct timeval after = {.tv_usec = SWEEP_AFTER_MS * 1000};

	if (!h->fib->sweep)
		h->fib->sweep = evtimer_new(h->base, on_sweep, h);
	event_add(h->fib->sweep, &after);
}

void hub_routes_judge_soon(struct hub *h)
{
	h->fib->rules_changed = true;
	hub_routes_sweep_soon(h);
}

static void write_again(void *context, struct route_entry *e)
{
	if (e->installed)
		fib_install(context, e);
}

void hub_routes_write_again(struct hub *h)
{
	struct fib_batch b = {.h = h};

	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		for (unsigned int t = 0; h->model.sites[i] && t < TUNNELS_PER_SITE; t++) {
			if (h->model.sites[i]->tunnels[t].open)
				hub_inside_route_set(h, h->model.sites[i], t, true);
		}
	}
	route_table_each(h->fib->table, write_again, &b);
	fib_batch_write(&b);
}

struct leaving {
	struct hub *h;
	size_t count;
	struct fib_route routes[ROUTES_BATCH];
};

static void leave_some(struct leaving *l)
{
	if (l->count)
		link_routes_del(l->h->link, l->routes, l->count);
	l->count = 0;
}

static void leave(void *context, struct route_entry *e)
{
	struct leaving *l = context;

	/* Also where the new table has refused it, and where it was not in the old one. */
	l->routes[l->count++] = (struct fib_route){.prefix = route_prefix(e)};
	if (l->count == ROUTES_BATCH)
		leave_some(l);
}

void hub_routes_move(struct hub *h, uint32_t table)
{
	const uint32_t before = link_table(h->link);
	struct leaving l = {.h = h};

	link_table_set(h->link, table);
	hub_statics_close_all(h, true);
	hub_routes_write_again(h);
	link_table_set(h->link, before);
	route_table_each(h->fib->table, leave, &l);
	leave_some(&l);
	hub_statics_close_all(h, false);
	link_table_set(h->link, table);
}
