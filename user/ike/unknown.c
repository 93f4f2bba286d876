/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/unknown.h"

#include "base/addr.h"
#include "base/clock.h"

#include <stdio.h>
#include <string.h>

/* Invented addresses are random: hardly one comes back, while a device tries for ever. */
#define AGAIN_COUNT 3
#define AGAIN_AFTER (10 * CLOCK_SECOND)

static uint32_t key_of(const struct ip_addr *local, const struct ip_addr *remote)
{
	uint32_t key = 1;

	for (size_t i = 0; i < sizeof(local->bytes); i++)
		key = key * 31 + (remote->bytes[i] ^ local->bytes[i] << 8);
	return key;
}

static struct unknown_device *find(
	struct unknown_table *u, const struct ip_addr *local, const struct ip_addr *remote)
{
	uint32_t key = key_of(local, remote);

	for (uint32_t i = 0; i < UNKNOWN_MAX; i++) {
		struct unknown_device *d = &u->devices[i];

		if (u->keys[i] == key && addr_equal(&d->remote.addr, remote) &&
			addr_equal(&d->local, local))
			return d;
	}
	return NULL;
}

static bool comes_again(const struct unknown_device *d)
{
	return d->count >= AGAIN_COUNT && d->last - d->first >= AGAIN_AFTER;
}

/* Free ones go first, then those that were seen once or twice, then the others; of each the oldest. */
static bool goes_before(const struct unknown_device *a, const struct unknown_device *b)
{
	bool free_a = !addr_is_set(&a->local), free_b = !addr_is_set(&b->local);

	if (free_a != free_b)
		return free_a;
	if (!a->proven && comes_again(a) != comes_again(b))
		return comes_again(b);
	return a->last < b->last;
}

static bool same_network(const struct ip_addr *a, const struct ip_addr *b)
{
	unsigned int bits = a->family == AF_INET ? UNKNOWN_BITS_V4 : UNKNOWN_BITS_V6;

	return a->family == b->family && !memcmp(a->bytes, b->bytes, bits / 8);
}

/* The one of a part that goes; `network`: of those there only, NULL when there are few of them. */
static struct unknown_device *first_to_go(
	struct unknown_table *u, bool proven, const struct ip_addr *network)
{
	uint32_t i = proven ? 0 : UNKNOWN_PROVEN, end = proven ? UNKNOWN_PROVEN : UNKNOWN_MAX;
	struct unknown_device *found = NULL;
	unsigned int count = 0;

	for (; i < end; i++) {
		struct unknown_device *d = &u->devices[i];

		if (network && (!addr_is_set(&d->local) || !same_network(&d->remote.addr, network)))
			continue;
		count++;
		if (!found || goes_before(d, found))
			found = d;
	}
	return network && count < UNKNOWN_OF_NETWORK ? NULL : found;
}

/* Who has many addresses takes them from himself, not from others. */
static struct unknown_device *make_room(
	struct unknown_table *u, bool proven, const struct ip_addr *remote)
{
	struct unknown_device *d = first_to_go(u, proven, NULL), *own = NULL;

	if (proven && addr_is_set(&d->local))
		own = first_to_go(u, proven, remote);
	return own ? own : d;
}

static void mark(struct unknown_table *u, const struct unknown_device *d)
{
	u->changed[d - u->devices] = u->any_changed = true;
}

static void clear(struct unknown_table *u, struct unknown_device *d)
{
	*d = (struct unknown_device){0};
	u->keys[d - u->devices] = 0;
	mark(u, d);
}

void unknown_seen(struct unknown_table *u, const struct ip_endpoint *local,
	const struct ip_endpoint *remote, bool proven, enum reason why, const char *detail,
	uint64_t now)
{
	struct unknown_device *d = find(u, &local->addr, &remote->addr), before = {.first = now};

	if (d && proven && !d->proven) {
		before = *d; /* it moves to the other part */
		clear(u, d);
		d = NULL;
	}
	if (!d) {
		d = make_room(u, proven, &remote->addr);
		*d = before;
		d->proven = proven;
		d->local = local->addr;
		u->keys[d - u->devices] = key_of(&local->addr, &remote->addr);
	}
	d->remote = *remote;
	d->reason = why;
	snprintf(d->detail, sizeof(d->detail), "%s", detail);
	d->count += d->count < UINT32_MAX;
	d->last = now;
	mark(u, d);
}

uint64_t unknown_news(
	struct unknown_table *u, const struct ip_addr *local, const struct ip_addr *remote)
{
	const struct unknown_device *d = find(u, local, remote);

	return d && d->reason != REASON_HALF_OPEN_TIMEOUT ? d->last : 0;
}

void unknown_forget(
	struct unknown_table *u, const struct ip_addr *local, const struct ip_addr *remote)
{
	struct unknown_device *d = find(u, local, remote);

	if (d)
		clear(u, d);
}

const struct unknown_device *unknown_next_change(struct unknown_table *u, uint32_t *at)
{
	while (++*at < UNKNOWN_MAX) {
		if (!u->changed[*at])
			continue;
		u->changed[*at] = false;
		return &u->devices[*at];
	}
	u->any_changed = false;
	return NULL;
}
