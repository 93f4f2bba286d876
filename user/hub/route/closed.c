/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/route/closed.h"

#include "base/clock.h"
#include "base/log.h"
#include "crypto/hash.h"
#include "hub/route/fib.h"
#include "ipc/msg_bgp.h"

#include <stdlib.h>
#include <string.h>

#define SPARED_MAX  8192
#define AGED_MOST   1024           /* looked at in a second, at least */
#define HOLD_MAX_S  (24 * 60 * 60) /* from the withdrawal to the end */
#define SPARE_AGAIN (5 * CLOCK_SECOND)
#define SPARE_PART  20 /* of the time at most, where there is much to look at */

struct spared {
	size_t count;
	struct ip_prefix prefixes[SPARED_MAX]; /* in order */
};

/*
 * In an entry of the table, `tunnel` is one of the site that the prefix led to last. `mark_s` is the time, in
 * seconds of CLOCK_MONOTONIC, since when the prefix is known, or when it ends if it is `ending`.
 */
struct closed {
	struct route_table *table;
	uint32_t age_at; /* where closed_age goes on */
	uint32_t now_s;  /* when it was there last */
	uint32_t count[SITE_SLOTS];
	struct spared lists[2], *spared, *before;
	uint64_t spare_again_ns;
	bool full;
	bool unread; /* what others have routed, the last time */

	/* What TC is to be told with one system call. */
	bool coming;
	size_t waiting;
	struct fib_route batch[ROUTES_BATCH];
};

struct closed *closed_new(void)
{
	struct closed *c = calloc(1, sizeof(*c));
	uint64_t key; /* not to be guessed */

	if (!c)
		abort();
	random_bytes(&key, sizeof(key));
	c->table = route_table_new(key);
	c->now_s = (uint32_t)(clock_now() / CLOCK_SECOND);
	c->spared = &c->lists[0];
	c->before = &c->lists[1];
	return c;
}

void closed_free(struct closed *c)
{
	if (!c)
		return;
	route_table_free(c->table);
	free(c);
}

size_t closed_count(const struct closed *c)
{
	return route_table_count(c->table);
}

void closed_write(struct hub *h)
{
	struct closed *c = h->closed;

	if (c->waiting && !c->coming)
		maps_closed_del(h->maps, c->batch, c->waiting);
	else if (c->waiting && maps_closed_set(h->maps, c->batch, c->waiting) && !c->full) {
		c->full = true;
		log_warn("`closed4` and `closed6` have no room for more than %u prefixes: to "
			 "others, what the hub itself sends may leave in clear",
			SLUICE_MAX_CLOSED);
	}
	c->waiting = 0;
}

static int by_prefix(const void *a, const void *b)
{
	return prefix_compare(a, b);
}

static bool is_spared(const struct spared *s, const struct ip_prefix *p)
{
	return bsearch(p, s->prefixes, s->count, sizeof(*p), by_prefix);
}

/* What TC knows of the prefix follows, with closed_write at the latest. */
static void settle(struct hub *h, const struct ip_prefix *prefix)
{
	struct closed *c = h->closed;
	const struct route_entry *e = route_table_find(c->table, prefix);
	bool spared = is_spared(c->spared, prefix), coming = spared || e;

	if (c->waiting == ROUTES_BATCH || c->coming != coming)
		closed_write(h);
	c->coming = coming;
	c->batch[c->waiting++] = (struct fib_route){
		.prefix = *prefix, .tunnel = spared || !e ? SLUICE_NOT_CLOSED : e->tunnel};
}

static bool is_inside(const struct site *site, const struct ip_prefix *p)
{
	for (unsigned int t = 0; p->len == addr_bits(&p->addr) && t < TUNNELS_PER_SITE; t++) {
		struct ip_addr v4 = config_inside_site(&site->conf.tunnels[t].inside);
		struct ip_addr v6 = config_inside_site(&site->conf.tunnels[t].inside6);

		if (addr_equal(&v4, &p->addr) || addr_equal(&v6, &p->addr))
			return true;
	}
	return false;
}

struct forgetting {
	struct hub *h;
	uint32_t slot;
	bool withdrawn; /* only those that are */
};

static void forget(void *context, struct route_entry *e)
{
	const struct forgetting *f = context;
	const struct ip_prefix prefix = route_prefix(e);

	if (e->tunnel / TUNNELS_PER_SITE != f->slot)
		return;
	if (f->withdrawn && (route_table_find(f->h->fib->table, &prefix) ||
				    is_inside(f->h->model.sites[f->slot], &prefix)))
		return;
	route_table_remove(f->h->closed->table, &prefix);
	f->h->closed->count[f->slot]--;
	settle(f->h, &prefix);
}

void closed_forget_site(struct hub *h, uint32_t slot)
{
	struct forgetting f = {.h = h, .slot = slot};

	route_table_each(h->closed->table, forget, &f);
	closed_write(h);
}

static void make_room(struct hub *h, const struct site *site)
{
	struct forgetting f = {.h = h, .slot = site->slot, .withdrawn = true};

	if (h->closed->count[site->slot] < 2 * BGP_FAMILIES * site->conf.max_prefixes_in)
		return;
	log_warn(
		"site %s: more than %u different prefixes: to those that it has withdrawn, the hub "
		"itself may send in clear",
		site->conf.name, h->closed->count[site->slot]);
	route_table_each(h->closed->table, forget, &f);
}

void closed_add(struct hub *h, const struct ip_prefix *prefix, uint32_t tunnel)
{
	struct closed *c = h->closed;
	struct route_entry *e = route_table_find(c->table, prefix);
	const struct site *site = site_of_tunnel(&h->model, tunnel);

	if (!prefix->len || (e && e->tunnel / TUNNELS_PER_SITE == site->slot))
		return;
	if (e)
		c->count[e->tunnel / TUNNELS_PER_SITE]--;
	make_room(h, site);
	e = route_table_get(c->table, prefix);
	e->tunnel = (uint16_t)tunnel;
	e->ending = false;
	e->mark_s = c->now_s;
	c->count[site->slot]++;
	settle(h, prefix);
}

/* ---- how it ends ---- */

static bool has_session(const struct site *site)
{
	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
		if (site->tunnels[t].open && site->tunnels[t].bgp.state == BGP_ESTABLISHED)
			return true;
	}
	return false;
}

struct ageing {
	struct hub *h;
	uint32_t now_s;
	unsigned int ended[SITE_SLOTS];
	struct ip_prefix last[SITE_SLOTS];
};

static void age(void *context, struct route_entry *e)
{
	struct ageing *a = context;
	const struct ip_prefix prefix = route_prefix(e);
	uint32_t slot = e->tunnel / TUNNELS_PER_SITE, now = a->now_s;
	const struct site *site = a->h->model.sites[slot];
	bool withdrawn = has_session(site) && !route_table_find(a->h->fib->table, &prefix) &&
			 !is_inside(site, &prefix);

	if (!withdrawn &&
		e->ending) /* what was left of the hold counts as time that it was known */
		e->mark_s = now - (e->mark_s > now ? e->mark_s - now : 0);
	if (withdrawn && !e->ending)
		e->mark_s = now + (now - e->mark_s < HOLD_MAX_S ? now - e->mark_s : HOLD_MAX_S);
	e->ending = withdrawn;
	if (!withdrawn || now < e->mark_s)
		return;
	a->ended[slot]++;
	a->last[slot] = prefix;
	forget(&(struct forgetting){.h = a->h, .slot = slot}, e);
}

void closed_age(struct hub *h, uint64_t now)
{
	struct closed *c = h->closed;
	struct ageing a = {.h = h, .now_s = (uint32_t)(now / CLOCK_SECOND)};
	char text[PREFIX_STR_SIZE];

	c->now_s = a.now_s;
	c->age_at = route_table_some(c->table, c->age_at, AGED_MOST, age, &a);
	closed_write(h);
	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		if (a.ended[i])
			log_info("site %s: withdrawn some time ago, %s%s open again for what the "
				 "hub itself sends",
				h->model.sites[i]->conf.name, prefix_format(&a.last[i], text),
				a.ended[i] > 1 ? " and others are" : " is");
	}
}

static bool is_static(const struct hub *h, const struct ip_prefix *p)
{
	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		for (uint32_t k = 0; h->model.sites[i] && k < h->model.sites[i]->conf.statics.count;
			k++) {
			if (prefix_equal(&h->model.sites[i]->conf.statics.prefixes[k], p))
				return true;
		}
	}
	return false;
}

const char *closed_release(struct hub *h, const struct ip_prefix *prefix)
{
	struct route_entry *e = route_table_find(h->closed->table, prefix);
	char text[PREFIX_STR_SIZE];

	if (is_static(h, prefix))
		return "it is a static route of the configuration";
	if (!e)
		return "no such prefix is closed";
	if (route_table_find(h->fib->table, prefix))
		return "a site announces it: a route leads there";
	if (is_inside(h->model.sites[e->tunnel / TUNNELS_PER_SITE], prefix))
		return "it is the inside address of a tunnel";
	log_info("site %s: %s is released: what the hub itself sends there may leave in clear",
		h->model.sites[e->tunnel / TUNNELS_PER_SITE]->conf.name,
		prefix_format(prefix, text));
	forget(&(struct forgetting){.h = h, .slot = e->tunnel / TUNNELS_PER_SITE}, e);
	closed_write(h);
	return NULL;
}

struct showing {
	struct hub *h;
	void (*visit)(void *context, const struct closed_view *v);
	void *context;
};

static void show(void *context, struct route_entry *e)
{
	const struct showing *s = context;
	const struct closed *c = s->h->closed;
	const struct site *site = s->h->model.sites[e->tunnel / TUNNELS_PER_SITE];
	struct closed_view v = {
		.prefix = route_prefix(e), .tunnel = e->tunnel, .withdrawn = e->ending};

	v.inside = is_inside(site, &v.prefix);
	if (e->ending && e->mark_s > c->now_s)
		v.ends_in_s = e->mark_s - c->now_s;
	if (v.inside ? site->tunnels[e->tunnel % TUNNELS_PER_SITE].open
		     : route_table_find(s->h->fib->table, &v.prefix) != NULL)
		return;
	if (!is_spared(c->spared, &v.prefix))
		s->visit(s->context, &v);
}

void closed_each(
	struct hub *h, void (*visit)(void *context, const struct closed_view *v), void *context)
{
	struct showing s = {.h = h, .visit = visit, .context = context};

	route_table_each(h->closed->table, show, &s);
}

/* ---- what goes before ---- */

static void spare_host(struct spared *s, const struct ip_addr *a)
{
	if (addr_is_set(a) && s->count < SPARED_MAX)
		s->prefixes[s->count++] = prefix_make(a, addr_bits(a));
}

/* The outer addresses of sites, so that they can be looked for when a tunnel is down. */
static void spare_peers(const struct hub *h, struct spared *s)
{
	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		for (unsigned int t = 0; h->model.sites[i] && t < TUNNELS_PER_SITE; t++) {
			const struct site_tunnel *tunnel = &h->model.sites[i]->tunnels[t];

			spare_host(s, &h->model.sites[i]->conf.tunnels[t].address);
			if (tunnel->open)
				spare_host(s, &tunnel->ike.peer.addr);
		}
	}
}

/* False: the kernel did not say all that others have routed. */
static bool collect(const struct hub *h, struct spared *s)
{
	static const int families[] = {AF_INET, AF_INET6};
	const struct ip_prefix *martians = reserved_martians(&s->count);

	memcpy(s->prefixes, martians, s->count * sizeof(*martians));
	spare_peers(h, s);
	for (uint32_t i = 0; i < h->model.host.outside_count; i++) {
		for (int f = 0; f < 2 && h->model.host.outside[i].ifindex; f++) {
			size_t n;

			if (!routes_by_device(families[f], h->model.host.outside[i].ifindex,
				    s->prefixes + s->count, SPARED_MAX - s->count, &n))
				return false;
			s->count += n;
		}
	}
	qsort(s->prefixes, s->count, sizeof(s->prefixes[0]), by_prefix);
	return true;
}

/* Both lists are sorted. A prefix that stands in only one of them is written to TC again. */
static void settle_differences(struct hub *h, const struct spared *a, const struct spared *b)
{
	for (size_t i = 0, k = 0; i < a->count || k < b->count;) {
		int order = i == a->count   ? 1
			    : k == b->count ? -1
					    : prefix_compare(&a->prefixes[i], &b->prefixes[k]);

		if (order)
			settle(h, order < 0 ? &a->prefixes[i] : &b->prefixes[k]);
		i += order <= 0;
		k += order >= 0;
	}
	closed_write(h);
}

void closed_spare(struct hub *h, uint64_t now)
{
	struct closed *c = h->closed;
	struct spared *fresh = c->before;
	uint64_t started = clock_now(), took;

	if (now < c->spare_again_ns)
		return;
	if (!collect(h, fresh)) {
		if (!c->unread)
			log_warn("the kernel's routes by outside devices could not be read: those "
				 "that were known hold on");
		c->unread = true;
		c->spare_again_ns = now + SPARE_AGAIN;
		return;
	}
	c->unread = false;
	if (fresh->count == SPARED_MAX && c->spared->count < SPARED_MAX)
		log_warn("more than %u routes lead to outside devices: the others do not go before "
			 "less specific ones of sites",
			SPARED_MAX);
	c->before = c->spared;
	c->spared = fresh;
	settle_differences(h, c->before, c->spared);
	took = clock_now() - started;
	c->spare_again_ns =
		now + (took * SPARE_PART > SPARE_AGAIN ? took * SPARE_PART : SPARE_AGAIN);
}
