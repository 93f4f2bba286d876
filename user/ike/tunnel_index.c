/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tunnels by what is known of a peer that has not said who it is: its address and ours. A hub has a thousand sites
 * without an address and a handful of policies, so what a stranger costs must not grow with the sites: of each
 * tunnel a few bytes are looked at, and of those with a policy that was seen no more.
 */
#include "ike/credentials.h"
#include "ike/internal.h"

#include <stdlib.h>
#include <string.h>

#define CHOSEN_LIFE (600 * CLOCK_SECOND) /* devices try again within minutes, from the same port */

/* Different addresses seldom have the same; never 0. */
static uint32_t print_of(const struct engine *e, const struct ip_addr *a)
{
	return engine_bucket_of(e, a, UINT32_MAX) | 1;
}

static bool same_policy(const struct ike_options *a, const struct ike_options *b)
{
	return a->auth == b->auth && a->ikev1 == b->ikev1 && a->ikev2 == b->ikev2 &&
	       a->encap == b->encap && algorithms_equal(&a->p1_encryption, &b->p1_encryption) &&
	       algorithms_equal(&a->p1_integrity, &b->p1_integrity) &&
	       algorithms_equal(&a->p1_prf, &b->p1_prf) &&
	       algorithms_equal(&a->p1_groups, &b->p1_groups);
}

static const struct ip_addr *peer_address(const struct tunnel *t)
{
	return addr_is_set(&t->conf.remote) ? &t->conf.remote : &t->seen_at;
}

/* IKEv1 negotiates the kind of our key with the suite (RFC 2409 5.1, RFC 4754). */
static uint8_t key_of(const struct engine *e, const struct tunnel *t)
{
	const struct credential *own = credentials_own(e, t);

	return t->conf.options.auth == AUTH_CERT && own
		       ? (uint8_t)(1 + private_key_kind(credential_key(own)))
		       : 0;
}

/* The number of the policy, which counts one tunnel more. */
static uint16_t policy_use(struct policy_list *l, const struct ike_options *options, uint8_t key)
{
	unsigned int i, free_row = l->count;

	for (i = 0; i < l->count; i++) {
		if (l->rows[i].tunnels && l->rows[i].key == key &&
			same_policy(&l->rows[i].options, options))
			break;
		if (!l->rows[i].tunnels)
			free_row = i;
	}
	if (i == l->count && (i = free_row) == l->count) {
		l->rows = realloc(l->rows, (l->count + 1) * sizeof(*l->rows));
		if (!l->rows)
			abort();
		l->rows[l->count++].tunnels = 0;
	}
	l->rows[i].options = *options;
	l->rows[i].key = key;
	l->rows[i].tunnels++;
	return (uint16_t)i;
}

static void policy_drop(struct policy_list *l, uint16_t policy)
{
	l->rows[policy].tunnels--;
}

static bool is_seen(const struct policies_seen *seen, uint16_t policy)
{
	return seen->bits[policy / 64] >> policy % 64 & 1;
}

bool policy_is_new(struct policies_seen *seen, const struct tunnel *t)
{
	bool is_new = !is_seen(seen, t->policy);

	seen->bits[t->policy / 64] |= UINT64_C(1) << t->policy % 64;
	return is_new;
}

struct tunnel *tunnel_candidate(const struct engine *e, const struct ip_endpoint *local,
	const struct ip_endpoint *remote, unsigned int *cursor, bool *near,
	const struct policies_seen *seen)
{
	uint32_t ours = print_of(e, &local->addr), theirs = print_of(e, &remote->addr);

	while (*cursor < 2 * e->tunnel_end) {
		bool first = *cursor < e->tunnel_end;
		unsigned int number = first ? *cursor : *cursor - e->tunnel_end;
		const struct tunnel_print *p = &e->prints[number];
		const struct tunnel *t = e->tunnels[number];
		bool here;

		(*cursor)++;
		if (p->local != ours || (first ? p->peer != theirs : !p->any) ||
			(!first && seen && is_seen(seen, p->policy)))
			continue;
		/* That they differ says all; that they do not says little. */
		here = addr_equal(peer_address(t), &remote->addr);
		if (!addr_equal(&t->conf.local, &local->addr) || here != first)
			continue;
		*near = first;
		return e->tunnels[number];
	}
	return NULL;
}

static struct named_bucket *named_bucket(const struct engine *e, const struct ip_addr *remote)
{
	return (struct named_bucket *)&e->named[engine_bucket_of(e, remote, NAMED_BUCKETS)];
}

static void tunnel_name(struct engine *e, struct tunnel *t)
{
	struct tunnel_print *p = &e->prints[t->conf.number];
	const struct ip_addr *peer = peer_address(t);

	*p = (struct tunnel_print){.local = print_of(e, &t->conf.local),
		.any = !addr_is_set(&t->conf.remote),
		.policy = t->policy};
	if (!addr_is_set(peer))
		return;
	p->peer = print_of(e, peer);
	LIST_INSERT_HEAD(named_bucket(e, peer), t, named);
}

static void tunnel_unname(struct engine *e, struct tunnel *t)
{
	if (e->prints[t->conf.number].peer)
		LIST_REMOVE(t, named);
	e->prints[t->conf.number] = (struct tunnel_print){0};
}

void tunnel_seen(struct engine *e, struct tunnel *t, const struct ip_addr *at)
{
	tunnel_unname(e, t);
	t->seen_at = *at;
	tunnel_name(e, t);
	unknown_forget(&e->unknown, &t->conf.local, at);
}

void tunnel_chosen_wrongly(
	struct engine *e, struct tunnel *t, const struct ip_endpoint *remote, uint64_t now)
{
	tunnel_seen(e, t, &remote->addr);
	t->chosen_wrongly = *remote;
	t->chosen_until = now + CHOSEN_LIFE;
}

void tunnel_forget(struct engine *e, struct tunnel *t)
{
	if (!e->prints[t->conf.number].local)
		return;
	policy_drop(&e->policies, t->policy);
	tunnel_unname(e, t);
}

void tunnel_configure(struct engine *e, struct tunnel *t, const struct engine_tunnel *conf)
{
	t->conf.number = conf->number; /* also of a new one */
	tunnel_forget(e, t);
	t->conf = *conf;
	t->policy = policy_use(&e->policies, &conf->options, key_of(e, t));
	tunnel_name(e, t);
	unknown_forget(&e->unknown, &conf->local, &conf->remote);
}

void tunnel_credential_changed(struct engine *e, struct tunnel *t)
{
	policy_drop(&e->policies, t->policy);
	t->policy = policy_use(&e->policies, &t->conf.options, key_of(e, t));
	e->prints[t->conf.number].policy = t->policy;
}

struct tunnel *tunnel_at(
	const struct engine *e, const struct ip_endpoint *local, const struct ip_endpoint *remote)
{
	struct tunnel *t, *found = NULL;

	LIST_FOREACH(t, named_bucket(e, &remote->addr), named) {
		if (!addr_equal(&t->conf.local, &local->addr) ||
			!addr_equal(&t->conf.remote, &remote->addr))
			continue;
		if (found)
			return NULL;
		found = t;
	}
	return found;
}

uint64_t tunnel_news(
	const struct engine *e, const struct ip_endpoint *local, const struct ip_endpoint *remote)
{
	const struct tunnel *t;
	uint64_t at = 0;

	LIST_FOREACH(t, named_bucket(e, &remote->addr), named) {
		if (addr_equal(&t->conf.local, &local->addr) &&
			addr_equal(peer_address(t), &remote->addr) && t->news_at > at)
			at = t->news_at;
	}
	return at;
}

bool tunnel_is_near(
	const struct engine *e, const struct ip_endpoint *local, const struct ip_endpoint *remote)
{
	struct tunnel *t;

	LIST_FOREACH(t, named_bucket(e, &remote->addr), named) {
		if (addr_equal(&t->conf.local, &local->addr) &&
			addr_equal(peer_address(t), &remote->addr))
			return true;
	}
	return false;
}
