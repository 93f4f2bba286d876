/* SPDX-License-Identifier: Apache-2.0 */
/* Two engines, a fake clock and a bad wire: a world that tests/sim/test_ike_sim.c lets live. */
#ifndef SLUICE_TESTS_SIM_IKE_WORLD_H
#define SLUICE_TESTS_SIM_IKE_WORLD_H

#include "base/clock.h"
#include "crypto/hash.h"
#include "ike/engine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define PAIRS_MAX   16
#define STEP        (10 * CLOCK_MILLISECOND)
#define PACKETS_MAX 4096

struct pair {
	uint32_t spi_in, spi_out;
	struct esp_keys keys;
	bool present;
};

struct end {
	struct engine *engine;
	struct ip_endpoint addr[2]; /* ports 500 and 4500 */
	struct pair pairs[PAIRS_MAX];
	int in_use;
	bool told_up; /* the state that was reported last */
	unsigned int ups, downs;
	struct engine_tunnel conf;
	bool verbose;
	char name;
};

struct packet {
	uint64_t at;
	bool esp;
	int to;
	struct ip_endpoint from, dest;
	uint32_t spi;
	uint8_t key[8];
	uint8_t *bytes;
	size_t len;
};

struct world {
	uint64_t now, random;
	unsigned int loss, duplicate; /* per cent */
	uint64_t delay;               /* longest, one way */
	struct end ends[2];
	struct packet packets[PACKETS_MAX];
	unsigned int count;
	unsigned int esp_sent, esp_lost, ike_sent;
	unsigned int version;  /* of IKE */
	unsigned int tampered; /* per cent of messages with a flipped bit, as copies */
	const char *trouble;
	bool verbose;
};

static inline uint64_t draw(struct world *w)
{
	/* splitmix64 */
	uint64_t z = (w->random += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static inline bool chance(struct world *w, unsigned int percent)
{
	return draw(w) % 100 < percent;
}

static inline void world_random(void *context, void *bytes, size_t len)
{
	uint8_t *p = bytes;

	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)draw(context);
}

static inline void put_packet(struct world *w, struct packet p)
{
	assert_true(w->count < PACKETS_MAX);
	w->packets[w->count++] = p;
}

static inline void send_ike(struct world *w, int to, const struct effect_send *s, bool tamper)
{
	struct packet p = {.at = w->now + 1 + draw(w) % w->delay,
		.to = to,
		.from = s->local,
		.dest = s->remote,
		.len = s->len,
		.bytes = malloc(s->len)};

	memcpy(p.bytes, s->bytes, s->len);
	if (tamper)
		p.bytes[draw(w) % s->len] ^= (uint8_t)(1 << draw(w) % 8);
	put_packet(w, p);
}

static inline struct pair *find_pair(struct end *n, uint32_t spi_in)
{
	for (int i = 0; i < PAIRS_MAX; i++) {
		if (n->pairs[i].present && n->pairs[i].spi_in == spi_in)
			return &n->pairs[i];
	}
	return NULL;
}

static inline void add_pair(struct world *w, struct end *n, const struct effect_sa_add *a)
{
	if (find_pair(n, a->spi_in))
		w->trouble = "an SPI was installed twice";
	if (n->engine != NULL && (a->spi_in & 0x3fff) / 8 != n->conf.number)
		w->trouble = "an SPI outside the tunnel's slots";
	for (int i = 0; i < PAIRS_MAX; i++) {
		if (n->pairs[i].present)
			continue;
		n->pairs[i] = (struct pair){a->spi_in, a->spi_out, a->keys, true};
		return;
	}
	w->trouble = "too many SA pairs";
}

static inline void apply(struct world *w, int me)
{
	struct end *n = &w->ends[me];
	struct effect *f;
	struct pair *p;

	while ((f = engine_effect(n->engine))) {
		switch (f->type) {
		case EFFECT_SEND:
			w->ike_sent++;
			if (f->send.len > 1 && !chance(w, w->loss))
				send_ike(w, !me, &f->send, false);
			if (f->send.len > 1 && chance(w, w->duplicate))
				send_ike(w, !me, &f->send, false);
			if (f->send.len > 1 && chance(w, w->tampered))
				send_ike(w, !me, &f->send, true);
			break;
		case EFFECT_SA_ADD:
			add_pair(w, n, &f->sa_add);
			break;
		case EFFECT_SA_USE:
			p = find_pair(n, f->sa_ref.spi_in);
			if (!p)
				w->trouble = "use of a pair that is not installed";
			n->in_use = p ? (int)(p - n->pairs) : -1;
			break;
		case EFFECT_SA_DEL:
			p = find_pair(n, f->sa_ref.spi_in);
			if (!p)
				w->trouble = "delete of a pair that is not installed";
			else
				p->present = false;
			if (p && n->in_use == p - n->pairs)
				n->in_use = -1;
			break;
		case EFFECT_TUNNEL_STATE:
			n->told_up = f->state.phase == PHASE_UP;
			n->ups += n->told_up;
			n->downs += f->state.phase == PHASE_DOWN;
			if (w->verbose)
				print_message("%8.3f %c state %d %s\n", (double)w->now / 1e9,
					n->name, f->state.phase, reason_code(f->state.reason));
			break;
		case EFFECT_NOTE:
			if (w->verbose)
				print_message("%8.3f %c %s %s\n", (double)w->now / 1e9, n->name,
					reason_code(f->note.reason), f->note.detail);
			break;
		default:
			break;
		}
		effect_free(f);
	}
	if (n->told_up != (n->in_use >= 0))
		w->trouble = n->told_up ? "up without a pair" : "not up with a pair";
}

/* One packet of user traffic on the pair in use. */
static inline void send_esp(struct world *w, int me)
{
	struct end *n = &w->ends[me];
	struct packet p = {.at = w->now + 1 + draw(w) % w->delay, .esp = true, .to = !me};

	if (n->in_use < 0)
		return;
	p.spi = n->pairs[n->in_use].spi_out;
	memcpy(p.key, n->pairs[n->in_use].keys.key_out, sizeof(p.key));
	w->esp_sent++;
	put_packet(w, p);
}

static inline void deliver(struct world *w, struct packet *p)
{
	struct end *n = &w->ends[p->to];
	struct pair *pair;

	if (!p->esp) {
		engine_datagram(n->engine, &p->dest, &p->from, p->bytes, p->len, w->now);
		free(p->bytes);
		apply(w, p->to);
		return;
	}
	pair = find_pair(n, p->spi);
	if (pair && memcmp(pair->keys.key_in, p->key, sizeof(p->key)) == 0) {
		engine_activity(n->engine, n->conf.number, 0, w->now);
		return;
	}
	w->esp_lost++;
	if (w->verbose)
		print_message("%8.3f %c lost ESP %08x\n", (double)w->now / 1e9, n->name, p->spi);
}

static inline void step(struct world *w, bool traffic)
{
	w->now += STEP;
	for (unsigned int i = 0; i < w->count;) {
		struct packet p = w->packets[i];

		if (p.at > w->now) {
			i++;
			continue;
		}
		w->packets[i] = w->packets[--w->count];
		deliver(w, &p);
	}
	for (int i = 0; i < 2; i++) {
		if (engine_next_timer(w->ends[i].engine) <= w->now)
			engine_timer(w->ends[i].engine, w->now);
		apply(w, i);
		if (traffic && w->now % (50 * CLOCK_MILLISECOND) == 0)
			send_esp(w, i);
	}
}

static inline void run(struct world *w, unsigned int seconds, bool traffic)
{
	uint64_t end = w->now + seconds * CLOCK_SECOND;

	while (w->now < end && !w->trouble)
		step(w, traffic);
}

static inline struct algorithm_set one(uint16_t id, uint16_t bits)
{
	return (struct algorithm_set){.count = 1, .items = {{id, bits}}};
}

static inline void make_engine(struct world *w, struct end *n)
{
	struct engine_env env = {.context = w, .random = world_random};
	struct engine_limits limits = engine_limits_default();
	struct secret psk;

	secret_set(&psk, "simulated", 9);
	n->engine = engine_new(&env, &limits);
	engine_tunnel_set(n->engine, &n->conf, &psk, w->now);
}

/* What a process that dies leaves behind is its checkpoint and the SAs of the data path. */
static inline void kill_engine(struct world *w, int me)
{
	struct end *n = &w->ends[me];
	size_t size = ENGINE_CHECKPOINT_SIZE(1), len;
	uint8_t *bytes = malloc(size);

	len = engine_checkpoint(n->engine, bytes, size, w->now);
	engine_free(n->engine);
	make_engine(w, n);
	if (!len || !engine_restore(n->engine, bytes, len, w->now))
		w->trouble = "the checkpoint was refused";
	engine_start(n->engine, w->now);
	apply(w, me);
	free(bytes);
}

static inline void make_end(struct world *w, int me, bool starts)
{
	struct end *n = &w->ends[me];
	struct engine_tunnel *c = &n->conf;

	*n = (struct end){.in_use = -1, .name = me ? 'B' : 'A'};
	c->number = me ? 7 : 3;
	c->local.family = c->remote.family = AF_INET;
	memcpy(c->local.bytes, me ? "\x0a\x00\x00\x02" : "\x0a\x00\x00\x01", 4);
	memcpy(c->remote.bytes, me ? "\x0a\x00\x00\x01" : "\x0a\x00\x00\x02", 4);
	c->local_id = (struct ike_identity){IKE_ID_KEY_ID, 1, {(uint8_t)n->name}};
	c->remote_id = (struct ike_identity){IKE_ID_KEY_ID, 1, {me ? 'A' : 'B'}};
	c->options = (struct ike_options){.ikev2 = true,
		.p1_encryption = one(20, 128),
		.p1_prf = one(5, 0),
		.p1_groups = one(31, 0),
		.p2_encryption = one(20, 128),
		.p2_groups = one(31, 0),
		.p1_lifetime_s = 200,
		.p2_lifetime_s = 100,
		.rekey_margin_s = 80,
		.rekey_fuzz_percent = 40,
		.dpd_interval_s = 10,
		.dpd_timeout_s = 30,
		.replay_window = 64,
		.startup = starts ? STARTUP_START : STARTUP_ADD,
		.dpd_action = DPD_RESTART,
		.encap = ENCAP_FORCE};
	if (w->version == 1) {
		c->options.ikev1 = true;
		c->options.ikev2 = false;
		c->options.p1_encryption = one(12, 128);
		c->options.p1_integrity = one(12, 0);
		c->options.p1_groups = c->options.p2_groups = one(19, 0);
	}
	for (int i = 0; i < 2; i++) {
		struct selector_set *set = i ? &c->local_ts : &c->remote_ts;

		set->count = 1;
		set->selectors[0].first.family = set->selectors[0].last.family = AF_INET;
		memset(set->selectors[0].last.bytes, 0xff, 4);
		set->selectors[0].last_port = 65535;
	}
	make_engine(w, n);
	engine_start(n->engine, w->now);
}

static inline void end_world(struct world *w)
{
	for (unsigned int i = 0; i < w->count; i++)
		free(w->packets[i].bytes);
	engine_free(w->ends[0].engine);
	engine_free(w->ends[1].engine);
	free(w);
}

#endif
