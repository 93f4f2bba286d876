/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two engines, a fake clock and a bad wire. Each seed draws its own loss, duplication, delay and
 * commands. What must hold: traffic that was under way is never lost by a rekey, however messages
 * cross; and when things are quiet, both ends have one IKE SA and one SA pair, the same one.
 */
#include "ike_world.h"

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
