/* SPDX-License-Identifier: Apache-2.0 */
/* SA pairs of a tunnel: slots, installation, which one is used, how they go. */
#include "ike/internal.h"

#include <assert.h>

#define S(state) (1u << (state))

static const uint8_t followers[CHILD_STATES] = {
	[CHILD_FREE] = S(CHILD_RESERVED),
	[CHILD_RESERVED] = S(CHILD_LIVE) | S(CHILD_DELETING) | S(CHILD_FREE),
	[CHILD_LIVE] = S(CHILD_REPLACED) | S(CHILD_DELETING) | S(CHILD_LINGER) | S(CHILD_FREE),
	[CHILD_REPLACED] = S(CHILD_LIVE) | S(CHILD_DELETING) | S(CHILD_LINGER) | S(CHILD_FREE),
	[CHILD_DELETING] = S(CHILD_LINGER) | S(CHILD_FREE),
	[CHILD_LINGER] = S(CHILD_FREE),
};

bool child_state_may_follow(enum child_state from, enum child_state to)
{
	return followers[from] & S(to);
}

void child_set_state(struct child *c, enum child_state state)
{
	assert(child_state_may_follow(c->state, state));
	c->state = state;
}

/* A device may rekey faster than old pairs linger: the one that has lingered longest gives way. */
static void make_room(struct engine *e, struct tunnel *t)
{
	int oldest = -1;

	for (int i = 0; i < (int)e->limits.spi_slots; i++) {
		const struct child *c = &t->children[i];

		if (c->state == CHILD_FREE)
			return;
		if (c->state == CHILD_LINGER &&
			(oldest < 0 || c->gone_at < t->children[oldest].gone_at))
			oldest = i;
	}
	if (oldest >= 0)
		child_release(e, t, oldest);
}

int child_reserve(struct engine *e, struct tunnel *t, struct ike_sa *sa)
{
	uint32_t index_bits = e->limits.spi_index_bits, slots = e->limits.spi_slots;

	make_room(e, t);
	/* Round robin, so that an SPI index rests between two users. */
	for (unsigned int i = 0; i < slots; i++) {
		unsigned int slot = (t->next_slot + i) % slots;
		struct child *c = &t->children[slot];
		uint32_t high = 0;

		if (c->state != CHILD_FREE)
			continue;
		while (!high) /* RFC 4303 2.1: 0 to 255 are reserved */
			high = (uint32_t)engine_random_u64(e) >> index_bits;
		t->next_slot = (uint8_t)((slot + 1) % slots);
		*c = (struct child){
			.ike = sa, .spi_in = high << index_bits | (t->conf.number * slots + slot)};
		child_set_state(c, CHILD_RESERVED);
		return (int)slot;
	}
	engine_note(e, t, NULL, true, REASON_NO_SLOT, "%u SA pairs exist", slots);
	return -1;
}

static struct effect *push_ref(
	struct engine *e, const struct tunnel *t, const struct child *c, enum effect_type type)
{
	struct effect *f = effect_push(&e->effects, type, t->conf.number);

	f->sa_ref.spi_in = c->spi_in;
	f->sa_ref.spi_out = c->spi_out;
	return f;
}

void child_info(struct engine *e, const struct tunnel *t, int slot)
{
	const struct child *c = &t->children[slot];
	struct effect *f = effect_push(&e->effects, EFFECT_SA_INFO, t->conf.number);

	f->info = (struct effect_sa_info){.spi_in = c->spi_in,
		.spi_out = c->spi_out,
		.cipher = c->suite.cipher,
		.integ = c->suite.integ,
		.created = c->created,
		.rekey_in_s = (uint32_t)((c->rekey_at - c->created) / CLOCK_SECOND),
		.expires_in_s = (uint32_t)((c->expire_at - c->created) / CLOCK_SECOND),
		.udp_encap = c->udp_encap,
		.outer_v6 = t->conf.local.family == AF_INET6,
		.in_use = t->in_use == slot};
	suite_format(&c->suite, f->info.proposal);
	f->info.suite = suite_numbers(&c->suite);
	selectors_format(&c->local_ts, f->info.local_ts, sizeof(f->info.local_ts));
	selectors_format(&c->remote_ts, f->info.remote_ts, sizeof(f->info.remote_ts));
}

void child_install(struct engine *e, struct tunnel *t, int slot, struct ike_sa *sa,
	uint32_t spi_out, const struct suite *suite, const struct selector_set *local_ts,
	const struct selector_set *remote_ts, const struct esp_keys *keys, uint64_t now)
{
	const struct ike_options *o = &t->conf.options;
	struct child *c = &t->children[slot];
	uint32_t life = o->p2_lifetime_s;
	struct effect *f;

	child_set_state(c, CHILD_LIVE);
	c->ike = sa;
	c->spi_out = spi_out;
	c->suite = *suite;
	c->local_ts = *local_ts;
	c->remote_ts = *remote_ts;
	c->created = now;
	if (c->lifetime_s && c->lifetime_s < life)
		life = c->lifetime_s;
	c->rekey_at = ike_rekey_time(e, o, life, now);
	c->expire_at = now + life * CLOCK_SECOND;
	c->installed = true;
	t->refused = REASON_NONE;
	c->udp_encap = sa->local.port == IKE_PORT_NAT &&
		       (sa->nat_here || sa->nat_there || sa->forced_encap);
	f = effect_push(&e->effects, EFFECT_SA_ADD, t->conf.number);
	f->sa_add = (struct effect_sa_add){.spi_in = c->spi_in,
		.spi_out = spi_out,
		.cipher = suite->cipher,
		.integ = suite->integ,
		.esn = suite->esn,
		.udp_encap = c->udp_encap,
		.replay_window = o->replay_window,
		.keys = *keys,
		.local = sa->local,
		.remote = sa->remote,
		.local_ts = *local_ts,
		.remote_ts = *remote_ts};
	child_info(e, t, slot);
	e->generation++;
}

void child_use(struct engine *e, struct tunnel *t, int slot)
{
	int before = t->in_use;

	t->children[slot].use_at = 0;
	if (before == slot)
		return;
	assert(t->children[slot].installed);
	t->in_use = slot;
	t->no_pair_until = 0;
	push_ref(e, t, &t->children[slot], EFFECT_SA_USE);
	child_info(e, t, slot);
	if (before >= 0 && t->children[before].installed)
		child_info(e, t, before);
	e->generation++;
	tunnel_report(e, t, REASON_NONE, "");
}

void child_use_later(struct engine *e, struct tunnel *t, int slot, uint64_t at)
{
	uint64_t expire_at = t->in_use < 0 ? at : t->children[t->in_use].expire_at;

	if (t->in_use < 0)
		child_use(e, t, slot);
	else
		t->children[slot].use_at = at < expire_at ? at : expire_at;
}

int child_live(const struct tunnel *t, const struct ike_sa *sa)
{
	int found = -1;

	for (int i = 0; i < IKE_SLOTS_MAX; i++) {
		const struct child *c = &t->children[i];

		if (c->state != CHILD_LIVE || c->want_delete || (sa && c->ike != sa))
			continue;
		if (found < 0 || c->created >= t->children[found].created)
			found = i;
	}
	return found;
}

void child_release(struct engine *e, struct tunnel *t, int slot)
{
	struct child *c = &t->children[slot];

	if (c->installed)
		push_ref(e, t, c, EFFECT_SA_DEL);
	child_set_state(c, CHILD_FREE);
	secret_wipe(c, sizeof(*c));
	e->generation++;
}

/* The pair in use ends: outbound moves to another one. False when there is none. */
static bool use_another(struct engine *e, struct tunnel *t, uint64_t now)
{
	struct child *c = &t->children[t->in_use];
	bool want_delete = c->want_delete;
	int other;

	c->want_delete = true; /* not a candidate itself */
	other = child_live(t, NULL);
	c->want_delete = want_delete;
	if (other >= 0) {
		child_use(e, t, other);
		return true;
	}
	t->in_use = -1;
	tunnel_await_pair(e, t, now);
	return false;
}

void child_remove(struct engine *e, struct tunnel *t, int slot, bool linger, uint64_t now)
{
	struct child *c = &t->children[slot];

	if (c->state == CHILD_FREE || c->state == CHILD_LINGER)
		return;
	if (t->in_use == slot)
		linger = use_another(e, t, now);
	if (linger && c->installed) {
		child_set_state(c, CHILD_LINGER);
		c->ike = NULL;
		c->use_at = 0;
		c->gone_at = now + LINGER;
		e->generation++;
		return;
	}
	child_release(e, t, slot);
}

int child_find_in(const struct tunnel *t, uint32_t spi_in)
{
	for (int i = 0; i < IKE_SLOTS_MAX; i++) {
		if (t->children[i].state != CHILD_FREE && t->children[i].spi_in == spi_in)
			return i;
	}
	return -1;
}

int child_find_out(const struct tunnel *t, uint32_t spi_out)
{
	for (int i = 0; i < IKE_SLOTS_MAX; i++) {
		const struct child *c = &t->children[i];

		if (c->state != CHILD_FREE && c->state != CHILD_RESERVED &&
			c->state != CHILD_LINGER && c->spi_out == spi_out)
			return i;
	}
	return -1;
}

void child_ask_delete(struct engine *e, struct tunnel *t, int slot, uint64_t now)
{
	struct child *c = &t->children[slot];

	if ((c->state != CHILD_LIVE && c->state != CHILD_REPLACED && c->state != CHILD_RESERVED) ||
		c->want_delete)
		return;
	c->want_delete = true;
	c->want_rekey = false;
	c->gone_at = 0;
	c->use_at = 0;
	c->ike->tasks |= TASK_DELETE_CHILD;
	request_next_task(e, c->ike, now);
}

void child_expire(struct engine *e, struct tunnel *t, int slot, uint64_t now)
{
	struct child *c = &t->children[slot];
	bool last = t->in_use == slot && !use_another(e, t, now);

	engine_note(e, t, NULL, true, REASON_CHILD_EXPIRED, "SPI %08x", c->spi_in);
	push_ref(e, t, c, EFFECT_SA_DEL);
	c->installed = false;
	e->generation++;
	if (last)
		tunnel_no_pair(e, t, REASON_CHILD_EXPIRED);
	if (last && t->conf.options.startup == STARTUP_START)
		c->ike->tasks |= TASK_NEW_CHILD;
	child_ask_delete(e, t, slot, now);
}
