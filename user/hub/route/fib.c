/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes: a prefix is in the kernel's table and in the BPF trie exactly while bgp says that a tunnel
 * leads there and that tunnel is open.
 */
#include "hub/route/route.h"

#include "base/clock.h"
#include "base/log.h"
#include "ipc/msg_bgp.h"

#include <string.h>

#define SWEEP_AFTER_MS 200 /* bgp moves routes of a closed tunnel before that */
#define CHECK_ROUTES   512 /* looked at in one go: a millisecond or two */
#define CHECK_AGAIN_S  5   /* between the beginnings of two rounds */

/* RFC 8200 5: IPv6 needs 1280 bytes; where they do not fit, the outer packet is fragmented. */
static uint32_t route_mtu(const struct route_entry *e, uint32_t inner_mtu)
{
	return e->v6 && inner_mtu && inner_mtu < 1280 ? 1280 : inner_mtu;
}

/* What fits every tunnel that carries it. */
static uint32_t mtu_of(struct hub *h, const struct route_entry *e)
{
	const struct route_shares *shares = route_table_sharing(h->routes, e);
	uint32_t mtu = tunnel_mtu(site_tunnel_find(&h->model, e->tunnel));

	/* Workers make fragments or refuse to then; the kernel must not do either before. */
	if (h->config->concentrator.df != DF_COPY && !e->v6)
		return 0;
	for (unsigned int i = 0; i < shares->count; i++) {
		const struct site_tunnel *other = site_tunnel_find(&h->model, shares->tunnels[i]);
		uint32_t its = other ? tunnel_mtu(other) : 0;

		mtu = its && its < mtu ? its : mtu;
	}
	return route_mtu(e, mtu);
}

/*
 * What is to be written, a system call for many: either routes that come or routes that go, so that
 * the order is kept. In entries `installed` runs ahead of it and is put right if one is refused.
 */
struct batch {
	struct hub *h;
	bool coming;
	size_t count;
	struct fib_route routes[ROUTES_BATCH];
};

/* Takes those that were refused out of the list, and out of the tables. */
static void give_up_failed(struct batch *b, const char *why)
{
	size_t left = 0;
	char text[PREFIX_STR_SIZE];

	for (size_t i = 0; i < b->count; i++) {
		struct fib_route *r = &b->routes[i];
		struct route_entry *e = route_table_find(b->h->routes, &r->prefix);

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
static void batch_write(struct batch *b)
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

static struct fib_route *batch_add(struct batch *b, bool coming, const struct ip_prefix *prefix)
{
	struct fib_route *r;

	if (b->count == ROUTES_BATCH || b->coming != coming)
		batch_write(b);
	b->coming = coming;
	r = &b->routes[b->count++];
	*r = (struct fib_route){.prefix = *prefix};
	return r;
}

static void install(struct batch *b, struct route_entry *e)
{
	const struct ip_prefix prefix = route_prefix(e);
	struct fib_route *r = batch_add(b, true, &prefix);

	r->mtu = mtu_of(b->h, e);
	e->mtu = (uint16_t)r->mtu;
	r->tunnel = e->tunnel;
	r->share = route_table_share(b->h->routes, e);
	e->installed = true;
}

struct mtu_change {
	struct batch batch;
	uint32_t tunnel;
};

static bool leads_over(struct hub *h, const struct route_entry *e, uint32_t tunnel)
{
	const struct route_shares *shares = route_table_sharing(h->routes, e);

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
		install(&c->batch, e);
}

void hub_routes_set_mtu(struct hub *h, uint32_t tunnel)
{
	struct mtu_change c = {.batch.h = h, .tunnel = tunnel};

	route_table_each(h->routes, change_mtu, &c);
	batch_write(&c.batch);
}

static void count_route(struct hub *h, struct route_entry *e, int by)
{
	struct site *site = site_of_tunnel(&h->model, e->tunnel);

	if (site && (e->counted == (by < 0))) {
		site->routes = (uint32_t)((int)site->routes + by);
		e->counted = by > 0;
	}
}

static void remove_entry(struct batch *b, struct route_entry *e)
{
	const struct ip_prefix prefix = route_prefix(e);

	count_route(b->h, e, -1);
	if (e->installed)
		batch_add(b, false, &prefix);
	route_table_remove(b->h->routes, &prefix);
}

static bool is_open(struct hub *h, uint32_t tunnel)
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

static void forget_route(struct batch *b, const struct ip_prefix *prefix)
{
	struct route_entry *e = route_table_find(b->h->routes, prefix);

	if (e)
		remove_entry(b, e);
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
static uint16_t share_of(struct batch *b, const struct imsg_route *route)
{
	struct hub *h = b->h;
	struct shares *shares = route_table_shares(h->routes);
	uint16_t number = shares_find(shares, &route->shares);

	if (!route->shares.count ||
		is_refused(h, route, "shared as bgp says", hub_share_refusal(h, route)))
		return 0;
	if (number)
		return number;
	batch_write(b); /* who had the number before must be out of the trie */
	number = shares_add(shares, &route->shares);
	if (number && write_share(h, number, &route->shares)) {
		h->shares_short = false;
		return number;
	}
	if (!h->shares_short)
		log_warn("more than %u different sets of tunnels share routes: of others, the "
			 "best one carries alone",
			SLUICE_MAX_SHARES - 1);
	h->shares_short = true;
	return 0;
}

static void take_route(struct batch *b, const struct imsg_route *route)
{
	struct hub *h = b->h;
	struct route_entry *e;
	uint16_t share;

	/* A path over a tunnel that has just closed: bgp learns of it any moment. */
	if (!is_open(h, route->tunnel) ||
		is_refused(h, route, "taken from bgp", hub_route_refusal(h, route))) {
		forget_route(b, &route->prefix);
		return;
	}
	share = share_of(b, route);
	e = route_table_get(h->routes, &route->prefix);

	bool moved = !e->installed || e->tunnel != route->tunnel ||
		     route_table_share(h->routes, e) != share;

	count_route(h, e, -1);
	e->moves += e->installed && moved && e->moves < UINT16_MAX;
	e->tunnel = (uint16_t)route->tunnel;
	route_table_set_facts(h->routes, e, route, share);
	e->stale = false;
	count_route(h, e, 1);
	if (!moved)
		return;
	install(b, e);
	if (route->source != SOURCE_STATIC) /* hub_statics_close has them */
		closed_add(h, &route->prefix, route->tunnel);
}

void hub_routes_take(struct hub *h, const struct imsg_route *routes, size_t count)
{
	struct batch b = {.h = h};

	for (size_t i = 0; i < count; i++)
		take_route(&b, &routes[i]);
	closed_write(h);
	batch_write(&b);
}

void hub_routes_gone(struct hub *h, const struct ip_prefix *prefixes, size_t count)
{
	struct batch b = {.h = h};

	for (size_t i = 0; i < count; i++)
		forget_route(&b, &prefixes[i]);
	batch_write(&b);
}

static void mark(void *context, struct route_entry *e)
{
	(void)context;
	e->stale = true;
}

void hub_routes_mark_stale(struct hub *h)
{
	route_table_each(h->routes, mark, NULL);
}

static void drop_if_stale(void *context, struct route_entry *e)
{
	if (e->stale)
		remove_entry(context, e);
}

void hub_routes_drop_stale(struct hub *h)
{
	struct batch b = {.h = h};

	route_table_each(h->routes, drop_if_stale, &b);
	batch_write(&b);
}

static void drop_if_closed(void *context, struct route_entry *e)
{
	struct batch *b = context;

	if (!is_open(b->h, e->tunnel))
		remove_entry(b, e);
}

void hub_routes_sweep(struct hub *h)
{
	struct batch b = {.h = h};

	route_table_each(h->routes, drop_if_closed, &b);
	batch_write(&b);
}

/* Whether it would be taken now as it was then. */
static void judge_again(void *context, struct route_entry *e)
{
	struct batch *b = context;
	const struct imsg_route route = {.prefix = route_prefix(e),
		.source = route_table_facts(b->h->routes, e)->source,
		.tunnel = e->tunnel,
		.shares = *route_table_sharing(b->h->routes, e)};

	if (is_refused(b->h, &route, "kept", hub_route_refusal(b->h, &route))) {
		remove_entry(b, e);
	} else if (route.shares.count &&
		   is_refused(b->h, &route, "shared as before", hub_share_refusal(b->h, &route))) {
		route_table_unshare(b->h->routes, e);
		install(b, e);
	}
}

void hub_routes_judge(struct hub *h)
{
	struct batch b = {.h = h};

	if (!h->rules_changed)
		return;
	h->rules_changed = false;
	route_table_each(h->routes, judge_again, &b);
	batch_write(&b);
}

void hub_routes_sweep_soon(struct hub *h)
{
	struct timeval after = {.tv_usec = SWEEP_AFTER_MS * 1000};

	event_add(h->sweep, &after);
}

/* ---- the hosts at both ends of inside blocks ---- */

static struct ip_prefix host_prefix(const struct ip_addr *a)
{
	return prefix_make(a, addr_bits(a));
}

/* To the site's end of the block of one family. False: it has none. */
static bool inside_route(const struct site *site, unsigned int t, bool v6, struct fib_route *r)
{
	const struct tunnel_conf *conf = &site->conf.tunnels[t];
	const struct ip_prefix *block = v6 ? &conf->inside6 : &conf->inside;
	struct ip_addr peer = config_inside_site(block);

	*r = (struct fib_route){.prefix = host_prefix(&peer),
		.source = config_inside_hub(block),
		.inside = true,
		.tunnel = tunnel_number(site, t)};
	return addr_is_set(&peer);
}

void hub_inside_set(struct hub *h, const struct site *site, unsigned int t, bool present)
{
	const struct tunnel_conf *conf = &site->conf.tunnels[t];
	const struct ip_prefix *blocks[] = {&conf->inside, &conf->inside6};

	for (int i = 0; i < 2; i++) {
		struct ip_addr own = config_inside_hub(blocks[i]);

		if (!addr_is_set(&own))
			continue;
		if (present)
			link_address_set(h->link, &own);
		else
			link_address_del(h->link, &own);
	}
	for (int v6 = 0; present && v6 < 2; v6++) {
		struct fib_route host;

		if (inside_route(site, t, v6, &host))
			closed_add(h, &host.prefix, host.tunnel);
	}
	closed_write(h);
}

static bool has_prefix(const struct site_conf *c, const struct ip_prefix *p)
{
	for (uint32_t i = 0; i < c->statics.count; i++) {
		if (prefix_equal(&c->statics.prefixes[i], p))
			return true;
	}
	return false;
}

static bool is_static(const struct hub *h, const struct ip_prefix *p)
{
	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		if (h->model.sites[i] && has_prefix(&h->model.sites[i]->conf, p))
			return true;
	}
	return false;
}

void hub_statics_close(struct hub *h, const struct site_conf *conf, bool present)
{
	for (uint32_t i = 0; i < conf->statics.count; i++) {
		struct fib_route r = {.prefix = conf->statics.prefixes[i], .closed = true};

		/* Everything else the hub has to say would go there too. */
		if (!r.prefix.len)
			continue;
		if (!present && !is_static(h, &r.prefix))
			link_routes_del(h->link, &r, 1);
		else if (present && link_routes_set(h->link, &r, 1))
			log_warn("the kernel refused an unreachable route below a static one of "
				 "site %s",
				conf->name);
	}
}

void hub_inside_route_set(struct hub *h, const struct site *site, unsigned int t, bool present)
{
	struct fib_route host;

	for (int v6 = 0; v6 < 2; v6++) {
		if (!inside_route(site, t, v6, &host))
			continue;
		if (present) {
			maps_route_set(h->maps, &host.prefix, host.tunnel, 0);
			link_routes_set(h->link, &host, 1);
		} else {
			link_routes_del(h->link, &host, 1);
			maps_route_del(h->maps, &host.prefix);
		}
	}
}

static void write_again(void *context, struct route_entry *e)
{
	if (e->installed)
		install(context, e);
}

void hub_routes_write_again(struct hub *h)
{
	struct batch b = {.h = h};

	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		for (unsigned int t = 0; h->model.sites[i] && t < TUNNELS_PER_SITE; t++) {
			if (h->model.sites[i]->tunnels[t].open)
				hub_inside_route_set(h, h->model.sites[i], t, true);
		}
	}
	route_table_each(h->routes, write_again, &b);
	batch_write(&b);
}

/* ---- the check: others change tables too, and what the kernel refused it may take later ---- */

struct check {
	struct batch batch; /* what is put right at once */
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
		if (!inside_route(site, t, v6, &host))
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

	if (!is_open(h, e->tunnel)) {
		if (c->sweep_is_due)
			return;
		mended(h, &prefix, "led to a tunnel that is closed");
		remove_entry(&c->batch, e);
	} else if (!e->installed) {
		install(&c->batch, e);
	} else if (!maps_route_leads(
			   h->maps, &prefix, e->tunnel, route_table_share(h->routes, e))) {
		mended(h, &prefix, "was not in the BPF trie");
		install(&c->batch, e);
	} else {
		expect(c, &(struct fib_route){.prefix = prefix, .mtu = e->mtu});
	}
}

void hub_routes_check(struct hub *h, uint64_t now)
{
	struct check c = {.batch.h = h};

	if (!h->check_at && now < h->check_again_ns)
		return;
	for (uint32_t i = 0; !h->check_at && i < SITE_SLOTS; i++) {
		for (unsigned int t = 0; h->model.sites[i] && t < TUNNELS_PER_SITE; t++) {
			if (h->model.sites[i]->tunnels[t].open)
				check_inside(&c, h->model.sites[i], t);
		}
	}
	if (!h->check_at)
		h->check_again_ns = now + CHECK_AGAIN_S * CLOCK_SECOND;
	c.sweep_is_due = h->sweep && evtimer_pending(h->sweep, NULL);
	h->check_at = route_table_some(h->routes, h->check_at, CHECK_ROUTES, check_route, &c);
	check_kernel(&c);
	batch_write(&c.batch);
}
