/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two engines, a fake clock and a bad wire. Each seed draws its own loss, duplication, delay and
 * commands. What must hold: traffic that was under way is never lost by a rekey, however messages
 * cross; and when things are quiet, both ends have one IKE SA and one SA pair, the same one.
 */
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

static uint64_t draw(struct world *w)
{
	/* splitmix64 */
	uint64_t z = (w->random += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static bool chance(struct world *w, unsigned int percent)
{
	return draw(w) % 100 < percent;
}

static void world_random(void *context, void *bytes, size_t len)
{
	uint8_t *p = bytes;

	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)draw(context);
}

static void put_packet(struct world *w, struct packet p)
{
	assert_true(w->count < PACKETS_MAX);
	w->packets[w->count++] = p;
}

static void send_ike(struct world *w, int to, const struct effect_send *s, bool tamper)
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

static struct pair *find_pair(struct end *n, uint32_t spi_in)
{
	for (int i = 0; i < PAIRS_MAX; i++) {
		if (n->pairs[i].present && n->pairs[i].spi_in == spi_in)
			return &n->pairs[i];
	}
	return NULL;
}

static void add_pair(struct world *w, struct end *n, const struct effect_sa_add *a)
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

static void apply(struct world *w, int me)
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
			n->ups += f->state.phase == PHASE_UP;
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
}

/* One packet of user traffic on the pair in use. */
static void send_esp(struct world *w, int me)
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

static void deliver(struct world *w, struct packet *p)
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

static void step(struct world *w, bool traffic)
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

static void run(struct world *w, unsigned int seconds, bool traffic)
{
	uint64_t end = w->now + seconds * CLOCK_SECOND;

	while (w->now < end && !w->trouble)
		step(w, traffic);
}

static struct algorithm_set one(uint16_t id, uint16_t bits)
{
	return (struct algorithm_set){.count = 1, .items = {{id, bits}}};
}

static void make_engine(struct world *w, struct end *n)
{
	struct engine_env env = {.context = w, .random = world_random};
	struct engine_limits limits = engine_limits_default();
	struct secret psk;

	secret_set(&psk, "simulated", 9);
	n->engine = engine_new(&env, &limits);
	engine_tunnel_set(n->engine, &n->conf, &psk, w->now);
}

/* What a process that dies leaves behind is its checkpoint and the SAs of the data path. */
static void kill_engine(struct world *w, int me)
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

static void make_end(struct world *w, int me, bool starts)
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

static void end_world(struct world *w)
{
	for (unsigned int i = 0; i < w->count; i++)
		free(w->packets[i].bytes);
	engine_free(w->ends[0].engine);
	engine_free(w->ends[1].engine);
	free(w);
}

/* Long lifetimes: nothing more happens by itself. */
static void calm(struct world *w)
{
	struct secret psk;

	secret_set(&psk, "simulated", 9);
	for (int i = 0; i < 2; i++) {
		struct ike_options *o = &w->ends[i].conf.options;

		o->p1_lifetime_s = 28800;
		o->p2_lifetime_s = 3600;
		o->rekey_margin_s = 60;
		engine_tunnel_set(w->ends[i].engine, &w->ends[i].conf, &psk, w->now);
	}
	w->loss = w->duplicate = w->tampered = 0;
	w->delay = 20 * CLOCK_MILLISECOND;
	/* The pairs that are there still have the old times: let them be followed by new ones. */
	run(w, 260, true);
}

static void check_one_pair(struct world *w)
{
	struct engine_view v[2];

	for (int i = 0; i < 2; i++) {
		struct end *n = &w->ends[i];
		unsigned int installed = 0;

		engine_look(n->engine, n->conf.number, &v[i]);
		for (int k = 0; k < PAIRS_MAX; k++)
			installed += n->pairs[k].present;
		if (v[i].ike_sas != 1 || v[i].established != 1)
			w->trouble = "not exactly one IKE SA";
		else if (v[i].pairs != 1 || v[i].live_pairs != 1 || installed != 1)
			w->trouble = "not exactly one SA pair";
		else if (n->in_use < 0 || n->pairs[n->in_use].spi_in != v[i].spi_in)
			w->trouble = "the pair in use is not the one that is there";
		else if (engine_half_open(n->engine))
			w->trouble = "half-open SAs are left";
	}
	if (w->trouble)
		return;
	if (v[0].spi_in != v[1].spi_out || v[0].spi_out != v[1].spi_in)
		w->trouble = "the ends use different pairs";
	else if (v[0].ike_spi_i != v[1].ike_spi_i || v[0].ike_spi_r != v[1].ike_spi_r)
		w->trouble = "the ends have different IKE SAs";
}

static void print_views(struct world *w)
{
	for (int i = 0; i < 2; i++) {
		struct engine_view v;

		engine_look(w->ends[i].engine, w->ends[i].conf.number, &v);
		print_message("  %c: ike %u established %u pairs %u live %u in %08x out %08x "
			      "ike %016llx\n",
			w->ends[i].name, v.ike_sas, v.established, v.pairs, v.live_pairs, v.spi_in,
			v.spi_out, (unsigned long long)v.ike_spi_i);
	}
}

enum mode {
	MODE_REKEYS,  /* rekeys of both kinds by both ends, often at once: no packet is lost */
	MODE_DELETES, /* resets and downs as well: it comes back */
	MODE_CROSS,   /* both initiate at once */
	MODE_FORGED,  /* MODE_REKEYS with tampered copies on the wire */
	MODE_KILLED,  /* engines are killed and go on from their checkpoint */
	MODES
};

static void random_command(struct world *w, enum mode mode)
{
	static const enum engine_command commands[] = {
		ENGINE_REKEY_CHILD, ENGINE_REKEY_IKE, ENGINE_RESET};
	enum engine_command c = commands[draw(w) % (mode == MODE_DELETES ? 3 : 2)];
	int who = (int)(draw(w) % 3); /* 2: both, the crossing case */

	for (int i = 0; i < 2; i++) {
		if (who != i && who != 2)
			continue;
		if (w->verbose)
			print_message(
				"%8.3f %c command %d\n", (double)w->now / 1e9, w->ends[i].name, c);
		engine_command(w->ends[i].engine, w->ends[i].conf.number, c, w->now);
		apply(w, i);
		if (chance(w, 50)) /* and something else crosses it */
			c = commands[draw(w) % 2];
	}
}

/* NULL when all is well. */
static const char *simulate(uint64_t seed, enum mode mode, unsigned int version, bool verbose)
{
	struct world *w = calloc(1, sizeof(*w));
	const char *trouble;
	unsigned int loss;

	w->random = seed * 1000003 + mode;
	w->now = 1000 * CLOCK_SECOND;
	w->verbose = verbose;
	w->version = version;
	w->loss = loss = (unsigned int)(draw(w) % 20);
	w->duplicate = (unsigned int)(draw(w) % 20);
	w->delay = (1 + draw(w) % 400) * CLOCK_MILLISECOND;
	make_end(w, 0, true);
	make_end(w, 1, mode == MODE_CROSS);
	apply(w, 0);
	apply(w, 1);
	run(w, 60, mode != MODE_CROSS);
	for (int i = 0; i < 2; i++) {
		if (!w->ends[i].ups && !w->trouble)
			w->trouble = "not up after a minute";
	}
	w->esp_lost = 0;
	/* Only now: a forged IKE_SA_INIT does stop a negotiation, it is not authenticated. */
	w->tampered = mode == MODE_FORGED ? 30 : 0;
	for (int i = 0; i < 25 && !w->trouble; i++) {
		random_command(w, mode);
		if (mode == MODE_KILLED)
			run(w, (unsigned int)(draw(w) % 2), true);
		if (mode == MODE_KILLED)
			kill_engine(w, (int)(draw(w) % 2));
		run(w, 1 + (unsigned int)(draw(w) % 8), true);
	}
	calm(w);
	if (!w->trouble)
		check_one_pair(w);
	if (!w->trouble && mode != MODE_DELETES && mode != MODE_KILLED && w->esp_lost)
		w->trouble = "packets were lost";
	if (!w->trouble && w->esp_sent < 1000)
		w->trouble = "hardly any traffic flowed";
	trouble = w->trouble;
	if (trouble)
		print_message(
			"IKEv%u seed %llu mode %d: %s (loss %u%%, %u ESP lost of %u, now %.3f)\n",
			version, (unsigned long long)seed, mode, trouble, loss, w->esp_lost,
			w->esp_sent, (double)w->now / 1e9);
	if (trouble)
		print_views(w);
	end_world(w);
	return trouble;
}

static uint64_t number_of(const char *variable, uint64_t otherwise)
{
	const char *text = getenv(variable);

	return text ? strtoull(text, NULL, 10) : otherwise;
}

/* IKE_SIM_SEED=N IKE_SIM_MODE=M IKE_SIM_VERSION=V shows one run in full. */
static void test_one_seed(void **state)
{
	uint64_t seed = number_of("IKE_SIM_SEED", 0);

	(void)state;
	if (!seed)
		skip();
	assert_null(simulate(seed, (enum mode)number_of("IKE_SIM_MODE", MODE_REKEYS),
		(unsigned int)number_of("IKE_SIM_VERSION", 2), true));
}

/* Runs that once found something. */
static void test_known_seeds(void **state)
{
	static const struct {
		unsigned int version;
		enum mode mode;
		uint64_t seed;
	} rows[] = {{1, MODE_CROSS, 90}, {1, MODE_CROSS, 177}, {1, MODE_CROSS, 1995},
		{1, MODE_CROSS, 4719}, {1, MODE_REKEYS, 1924}, {1, MODE_DELETES, 1629},
		{1, MODE_DELETES, 4391}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_null(simulate(rows[i].seed, rows[i].mode, rows[i].version, false));
}

/* IKE_SIM_FIRST, IKE_SIM_SEEDS: which seeds; IKE_SIM_MODE, IKE_SIM_VERSION: only these. */
static void many(enum mode mode, unsigned int version)
{
	uint64_t first = number_of("IKE_SIM_FIRST", 1), count = number_of("IKE_SIM_SEEDS", 20);
	unsigned int failures = 0;

	if (number_of("IKE_SIM_MODE", mode) != mode ||
		number_of("IKE_SIM_VERSION", version) != version)
		skip();
	for (uint64_t seed = first; seed < first + count; seed++)
		failures += simulate(seed, mode, version, false) != NULL;
	assert_int_equal(failures, 0);
}

static void test_rekeys(void **state)
{
	(void)state;
	many(MODE_REKEYS, 2);
}

static void test_deletes(void **state)
{
	(void)state;
	many(MODE_DELETES, 2);
}

static void test_cross(void **state)
{
	(void)state;
	many(MODE_CROSS, 2);
}

static void test_forged(void **state)
{
	(void)state;
	many(MODE_FORGED, 2);
}

static void test_killed(void **state)
{
	(void)state;
	many(MODE_KILLED, 2);
}

static void test_rekeys_v1(void **state)
{
	(void)state;
	many(MODE_REKEYS, 1);
}

static void test_deletes_v1(void **state)
{
	(void)state;
	many(MODE_DELETES, 1);
}

static void test_cross_v1(void **state)
{
	(void)state;
	many(MODE_CROSS, 1);
}

static void test_forged_v1(void **state)
{
	(void)state;
	many(MODE_FORGED, 1);
}

static void test_killed_v1(void **state)
{
	(void)state;
	many(MODE_KILLED, 1);
}

/* Killed while nothing is under way: nobody notices, and rekeys go on. */
static void killed_at_rest(unsigned int version)
{
	struct world *w = calloc(1, sizeof(*w));

	w->version = version;
	w->random = 4711;
	w->now = 1000 * CLOCK_SECOND;
	w->delay = 20 * CLOCK_MILLISECOND;
	make_end(w, 0, true);
	make_end(w, 1, false);
	run(w, 5, true);
	calm(w);
	assert_int_equal(w->ends[0].ups + w->ends[1].ups, 2);
	w->esp_lost = 0;
	for (int i = 0; i < 6; i++) {
		struct engine_view before, after;

		engine_look(w->ends[0].engine, 3, &before);
		kill_engine(w, i % 2);
		engine_look(w->ends[0].engine, 3, &after);
		assert_memory_equal(&before, &after, sizeof(before));
		engine_command(w->ends[0].engine, 3, i < 3 ? ENGINE_REKEY_CHILD : ENGINE_REKEY_IKE,
			w->now);
		run(w, version == 1 ? 70 : 10, true); /* IKEv1 keeps old SAs for a while */
		engine_look(w->ends[0].engine, 3, &after);
		assert_true(i < 3 ? before.spi_in != after.spi_in
				  : before.ike_spi_i != after.ike_spi_i);
	}
	assert_null(w->trouble);
	assert_int_equal(w->esp_lost, 0);
	assert_int_equal(w->ends[0].downs + w->ends[1].downs, 2); /* the two at the start */
	check_one_pair(w);
	assert_null(w->trouble);
	end_world(w);
}

static void test_killed_at_rest(void **state)
{
	(void)state;
	killed_at_rest(2);
	killed_at_rest(1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_seed),
		cmocka_unit_test(test_known_seeds),
		cmocka_unit_test(test_rekeys),
		cmocka_unit_test(test_deletes),
		cmocka_unit_test(test_cross),
		cmocka_unit_test(test_forged),
		cmocka_unit_test(test_killed_at_rest),
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_rekeys_v1),
		cmocka_unit_test(test_deletes_v1),
		cmocka_unit_test(test_cross_v1),
		cmocka_unit_test(test_forged_v1),
		cmocka_unit_test(test_killed_v1),
	};

	if (!crypto_init())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
