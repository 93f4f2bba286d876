/* SPDX-License-Identifier: Apache-2.0 */
/* The decision process, numbered as RFC 4271 9.1.2.2 and decide.c are; and the prefix guard. */
#include "bgp/aspath.h"
#include "bgp/decide.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define PATH_MAX_AS 4
#define NONE        UINT32_MAX /* no MED */

/* A path as a table line: AS path, origin, MED, BGP identifier, tunnel. */
struct line {
	uint32_t as[PATH_MAX_AS];
	uint8_t origin;
	uint32_t med;
	uint32_t identifier;
	uint32_t tunnel;
};

struct decide_case {
	const char *rule;
	int wins; /* index of the line that is chosen */
	struct line lines[4];
	int count;
};

static const struct decide_case cases[] = {
	{"a: shorter AS path", 1, {{{1, 2, 3}, 0, 0, 1, 0}, {{9, 8}, 2, 500, 9, 5}}, 2},
	{"a: before origin", 0, {{{1}, 2, 0, 1, 4}, {{2, 3}, 0, 0, 1, 0}}, 2},
	{"b: lower origin", 1, {{{1}, 2, 0, 1, 0}, {{2}, 1, 900, 9, 5}}, 2},
	{"b: before MED", 1, {{{1}, 1, 0, 1, 0}, {{1}, 0, 900, 9, 5}}, 2},
	{"c: lower MED, same neighbouring AS", 1, {{{1}, 0, 50, 1, 0}, {{1}, 0, 40, 9, 5}}, 2},
	{"c: no MED is 0", 1, {{{1}, 0, 1, 1, 0}, {{1}, 0, NONE, 9, 5}}, 2},
	{"c: not compared across ASes", 0, {{{1}, 0, 50, 1, 0}, {{2}, 0, 40, 9, 4}}, 2},
	{"c: the beaten one does not win by f", 2,
		{{{1}, 0, 50, 1, 0}, {{1}, 0, 40, 9, 2}, {{2}, 0, 90, 5, 4}}, 3},
	{"c: first AS counts, not the origin", 1, {{{1, 7}, 0, 50, 1, 0}, {{1, 8}, 0, 40, 9, 5}},
		2},
	{"f: lower identifier", 1, {{{1}, 0, 0, 9, 0}, {{2}, 0, 0, 1, 4}}, 2},
	{"g: lower tunnel number of one site", 1, {{{1}, 0, 0, 5, 1}, {{1}, 0, 0, 5, 0}}, 2},
	{"g: before the identifier within a site", 1, {{{1}, 0, 0, 1, 1}, {{1}, 0, 0, 9, 0}}, 2},
	{"f then g: the site by identifier, its tunnel by number", 1,
		{{{1}, 0, 0, 1, 5}, {{1}, 0, 0, 9, 4}, {{2}, 0, 0, 5, 0}}, 3},
};

#define BENCH_PATHS 20

struct bench {
	struct attr_store store;
	struct rib_peer peers[BENCH_PATHS];
	struct rib_path nothing, paths[BENCH_PATHS]; /* a pool: number 0 is nothing */
	uint8_t *chunk;
	struct pool pool;
};

/* The paths of a prefix, the last one first. */
static void chain(struct bench *b, struct rib_prefix *e, int first, int count)
{
	b->chunk = (uint8_t *)&b->nothing;
	b->pool = (struct pool){.chunks = &b->chunk, .size = sizeof(b->paths[0])};
	e->paths = 0;
	for (int i = first; i < first + count; i++) {
		b->paths[i].next = e->paths;
		e->paths = (uint32_t)i + 1;
	}
}

static void set_prefix(struct rib_prefix *e, const char *text)
{
	struct ip_prefix p;

	assert_true(prefix_parse(text, &p));
	e->len = p.len;
	memcpy(e->address, p.addr.bytes, 4);
}

static void lay_out(struct bench *b, const struct decide_case *c)
{
	*b = (struct bench){0};
	attr_store_init(&b->store, 1);
	for (int i = 0; i < c->count; i++) {
		const struct line *l = &c->lines[i];
		struct attr_draft d = {.origin = l->origin, .has_med = l->med != NONE};

		if (d.has_med)
			d.med = l->med;
		for (int k = PATH_MAX_AS - 1; k >= 0; k--) {
			struct as_path longer;

			if (!l->as[k])
				continue;
			aspath_prepend(d.path.bytes, d.path.len, l->as[k], &longer);
			d.path = longer;
		}
		b->peers[i].identifier = l->identifier;
		b->peers[i].conf.tunnel = l->tunnel;
		b->peers[i].conf.group = l->tunnel / TUNNELS_PER_SITE;
		b->paths[i] = (struct rib_path){
			.peer = &b->peers[i], .attrs = attr_intern(&b->store, &d)};
	}
}

static void the_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct decide_case *c = &cases[i];

		/* The order in which paths arrived must not matter: every rotation. */
		for (int turn = 0; turn < c->count; turn++) {
			struct bench b;
			struct rib_path *paths[4];

			lay_out(&b, c);
			for (int k = 0; k < c->count; k++)
				paths[k] = &b.paths[(k + turn) % c->count];

			struct rib_path *best = decide_best(paths, (unsigned int)c->count);

			if (best != &b.paths[c->wins])
				fail_msg("%s: line %d instead of %d", c->rule,
					(int)(best - b.paths), c->wins);
			attr_store_fini(&b.store);
		}
	}
}

/* What people are told must be what was decided, and the reason the rule that the case is about. */
static void the_table_explained(void **state)
{
	static const struct bgp_config config = {.local_as = 64512};
	static const struct claims claims;
	static const enum path_fate fates[] = {
		['a'] = PATH_LONGER, ['b'] = PATH_ORIGIN, ['c'] = PATH_MED};
	const struct policy policy = {.config = &config, .claims = &claims};
	unsigned int checked = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct decide_case *c = &cases[i];
		const struct rib_path *paths[RIB_PEERS_MAX];
		enum path_fate fate[RIB_PEERS_MAX];
		const struct rib_prefix *rivals[RIB_PEERS_MAX];
		struct rib_prefix e = {0};
		struct bench b;
		unsigned int n, best = 0;

		set_prefix(&e, "10.1.0.0/24");
		lay_out(&b, c);
		chain(&b, &e, 0, c->count);
		n = decide_explain(&policy, &b.pool, &e, paths, fate, rivals);
		assert_int_equal(n, c->count);
		for (unsigned int k = 0; k < n; k++) {
			best += fate[k] == PATH_BEST;
			if (fate[k] == PATH_BEST)
				assert_ptr_equal(paths[k], &b.paths[c->wins]);
			else if (c->count == 2 && strchr("abc", c->rule[0]) &&
				 !strstr(c->rule, "not compared")) {
				assert_int_equal(fate[k], fates[(int)c->rule[0]]);
				checked++;
			}
		}
		assert_int_equal(best, 1);
		attr_store_fini(&b.store);
	}
	assert_true(checked >= 6);
}

/* ---- the guard ---- */

static const struct decide_case two_locations = {
	"", 0, {{{100, 101}, 0, 0, 1, 0}, {{200}, 0, 0, 1, 2}}, 2};
static const struct decide_case same_origin = {
	"", 0, {{{100, 300}, 0, 0, 1, 0}, {{300}, 0, 0, 1, 2}}, 2};

static struct decision run(struct rib_prefix *e, struct bench *b, int first, int count)
{
	static const struct bgp_config config = {.local_as = 64512};
	static const struct claims claims;
	const struct policy policy = {.config = &config, .claims = &claims};

	chain(b, e, first, count);
	return decide(&policy, &b->pool, e);
}

static void guard_keeps_the_first_owner(void **state)
{
	struct bench b;
	struct rib_prefix e = {0};
	struct decision d;

	(void)state;
	set_prefix(&e, "10.1.0.0/24");
	lay_out(&b, &two_locations);
	d = run(&e, &b, 0, 1);
	assert_ptr_equal(d.best, &b.paths[0]);
	d = run(&e, &b, 0, 2); /* the other's path is shorter, and does not count */
	assert_ptr_equal(d.best, &b.paths[0]);
	assert_ptr_equal(d.quarantined, &b.paths[1]);
	assert_int_equal(d.candidates.all, 1);
	d = run(&e, &b, 1, 1); /* the owner withdrew */
	assert_ptr_equal(d.best, &b.paths[1]);
	assert_null(d.quarantined);
	d = run(&e, &b, 0, 2); /* and comes back as the second */
	assert_ptr_equal(d.best, &b.paths[1]);
	assert_ptr_equal(d.quarantined, &b.paths[0]);
	d = run(&e, &b, 0, 0);
	assert_null(d.best);
	d = run(&e, &b, 0, 1);
	assert_ptr_equal(d.best, &b.paths[0]);
	attr_store_fini(&b.store);
}

static void guard_lets_locations_share(void **state)
{
	struct bench b;
	struct rib_prefix e = {0};
	struct decision d;

	(void)state;
	set_prefix(&e, "10.1.0.0/24");
	/* Devices of one group may announce the same, the decision is by path. */
	lay_out(&b, &two_locations);
	b.peers[1].conf.group = b.peers[0].conf.group;
	run(&e, &b, 0, 1);
	d = run(&e, &b, 0, 2);
	assert_ptr_equal(d.best, &b.paths[1]);
	assert_int_equal(d.candidates.all, 2);
	attr_store_fini(&b.store);

	/* The same AS originated both: a way round, not another owner. */
	e = (struct rib_prefix){0};
	set_prefix(&e, "10.1.0.0/24");
	lay_out(&b, &same_origin);
	run(&e, &b, 0, 1);
	d = run(&e, &b, 0, 2);
	assert_ptr_equal(d.best, &b.paths[1]);
	assert_int_equal(d.candidates.all, 2);
	attr_store_fini(&b.store);
}

static void guard_leaves_default_routes(void **state)
{
	struct bench b;
	struct rib_prefix e = {0};
	struct decision d;

	(void)state;
	set_prefix(&e, "0.0.0.0/0");
	lay_out(&b, &two_locations);
	b.peers[0].conf.allow_default = b.peers[1].conf.allow_default = true;
	run(&e, &b, 0, 1);
	d = run(&e, &b, 0, 2);
	assert_ptr_equal(d.best, &b.paths[1]);
	b.peers[1].conf.allow_default = false;
	d = run(&e, &b, 0, 2);
	assert_ptr_equal(d.best, &b.paths[0]);
	attr_store_fini(&b.store);
}

/* ---- source class, and equal paths ---- */

static void fates_of(const struct bench *b, struct rib_prefix *e,
	enum path_fate fate[RIB_PEERS_MAX], const struct rib_path *paths[RIB_PEERS_MAX])
{
	static const struct bgp_config config = {.local_as = 64512};
	static const struct claims claims;
	const struct policy policy = {.config = &config, .claims = &claims};
	const struct rib_prefix *rivals[RIB_PEERS_MAX];

	decide_explain(&policy, &b->pool, e, paths, fate, rivals);
}

/* Static before BGP, whoever announced it first and however good its path is. */
static void static_goes_before_bgp(void **state)
{
	static const struct decide_case c = {"", 0, {{{100}, 0, 0, 1, 0}, {{0}, 2, 0, 9, 2}}, 2};
	const struct rib_path *paths[RIB_PEERS_MAX];
	enum path_fate fate[RIB_PEERS_MAX];
	struct bench b;
	struct rib_prefix e = {0};
	struct decision d;

	(void)state;
	set_prefix(&e, "10.1.0.0/24");
	lay_out(&b, &c);
	b.peers[1].conf.is_static = true;
	d = run(&e, &b, 0, 1);
	assert_ptr_equal(d.best, &b.paths[0]);
	d = run(&e, &b, 0, 2);
	assert_ptr_equal(d.best, &b.paths[1]);
	assert_null(d.quarantined);
	fates_of(&b, &e, fate, paths);
	for (int i = 0; i < 2; i++)
		assert_int_equal(fate[i], paths[i] == d.best ? PATH_BEST : PATH_SOURCE);
	d = run(&e, &b, 0, 1); /* its tunnel went down */
	assert_ptr_equal(d.best, &b.paths[0]);
	attr_store_fini(&b.store);
}

/* A drained tunnel carries only where there is no other way, however good its path is. */
static void drained_goes_last(void **state)
{
	static const struct decide_case c = {
		"", 1, {{{100}, 0, 0, 1, 0}, {{100, 100}, 2, 50, 1, 1}}, 2};
	const struct rib_path *paths[RIB_PEERS_MAX];
	enum path_fate fate[RIB_PEERS_MAX];
	struct bench b;
	struct rib_prefix e = {0};
	struct decision d;

	(void)state;
	set_prefix(&e, "10.1.0.0/24");
	lay_out(&b, &c);
	d = run(&e, &b, 0, 2);
	assert_ptr_equal(d.best, &b.paths[0]);
	assert_int_equal(d.other, PATH_LONGER);
	b.peers[0].conf.draining = true;
	d = run(&e, &b, 0, 2);
	assert_ptr_equal(d.best, &b.paths[1]);
	assert_int_equal(d.other, PATH_DRAINING);
	fates_of(&b, &e, fate, paths);
	for (int i = 0; i < 2; i++)
		assert_int_equal(fate[i], paths[i] == d.best ? PATH_BEST : PATH_DRAINING);
	d = run(&e, &b, 0, 1); /* the other one has gone */
	assert_ptr_equal(d.best, &b.paths[0]);
	assert_int_equal(d.other, PATH_BEST);
	attr_store_fini(&b.store);
}

/* Only equals share, only of one location, only where all its sites want it. */
static void equals_share(void **state)
{
	enum { B = PATH_BEST, S = PATH_SHARES, G = PATH_TUNNEL, F = PATH_IDENTIFIER };
	static const struct {
		struct decide_case c;
		unsigned int ecmp; /* lines whose site has it, as bits */
		uint8_t group[4];
		uint8_t fates[4];
	} lines[] = {
		{{"equal", 0, {{{1}, 0, 0, 5, 0}, {{1}, 0, 0, 6, 1}}, 2}, 3, {0, 0}, {B, S}},
		{{"not asked for", 0, {{{1}, 0, 0, 5, 0}, {{1}, 0, 0, 6, 1}}, 2}, 0, {0, 0},
			{B, G}},
		{{"MED", 0, {{{1}, 0, 0, 5, 0}, {{1}, 0, 1, 6, 1}}, 2}, 3, {0, 0}, {B, PATH_MED}},
		{{"path", 1, {{{1, 1}, 0, 0, 5, 0}, {{1}, 0, 0, 6, 1}}, 2}, 3, {0, 0},
			{PATH_LONGER, B}},
		{{"origin", 0, {{{1}, 0, 0, 5, 0}, {{1}, 1, 0, 6, 1}}, 2}, 3, {0, 0},
			{B, PATH_ORIGIN}},
		{{"two sites of a group", 2,
			 {{{1}, 0, 0, 6, 2}, {{1}, 0, 0, 6, 3}, {{1}, 0, 0, 5, 4},
				 {{1}, 0, 0, 5, 5}},
			 4},
			15, {1, 1, 1, 1}, {S, S, B, S}},
		{{"with AS numbers of their own", 0, {{{1}, 0, 0, 5, 0}, {{2}, 0, 7, 6, 2}}, 2}, 3,
			{1, 1}, {B, S}},
		{{"no group", 0, {{{1}, 0, 0, 5, 0}, {{1}, 0, 0, 6, 2}}, 2}, 3, {0, 1},
			{B, PATH_APART}},
		{{"the other site has no ecmp", 0,
			 {{{1}, 0, 0, 5, 0}, {{1}, 0, 0, 6, 2}, {{1}, 0, 0, 5, 1}}, 3},
			5, {1, 1, 1}, {B, PATH_ALONE, S}},
		{{"neither has", 0, {{{1}, 0, 0, 5, 0}, {{1}, 0, 0, 6, 2}}, 2}, 0, {1, 1}, {B, F}},
		{{"MED of one AS, between sites", 0,
			 {{{1}, 0, 0, 5, 0}, {{1}, 0, 1, 6, 2}, {{1}, 0, 0, 5, 1}}, 3},
			7, {1, 1, 1}, {B, PATH_MED, S}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		const struct decide_case *c = &lines[i].c;
		const struct rib_path *paths[RIB_PEERS_MAX];
		enum path_fate fate[RIB_PEERS_MAX];
		struct rib_prefix e = {0};
		struct bench b;
		struct decision d;
		unsigned int sharing = 0;

		set_prefix(&e, "0.0.0.0/0");
		lay_out(&b, c);
		for (int k = 0; k < c->count; k++) {
			b.peers[k].conf.ecmp = lines[i].ecmp >> k & 1;
			b.peers[k].conf.group = lines[i].group[k];
			b.peers[k].conf.allow_default = true;
		}
		d = run(&e, &b, 0, c->count);
		if (d.best != &b.paths[c->wins])
			fail_msg("%s", c->rule);
		fates_of(&b, &e, fate, paths);
		for (int k = 0; k < c->count; k++) {
			long at = paths[k] - b.paths;
			bool used = fate[k] == PATH_SHARES || fate[k] == PATH_BEST;

			if (fate[k] != (enum path_fate)lines[i].fates[at])
				fail_msg("%s: line %ld is %d", c->rule, at, fate[k]);
			for (unsigned int s = 0; used && s < d.shares.count; s++)
				sharing += d.shares.tunnels[s] == c->lines[at].tunnel;
			assert_true(k == 0 || k >= d.shares.count ||
				    d.shares.tunnels[k] > d.shares.tunnels[k - 1]);
		}
		assert_int_equal(sharing, d.shares.count);
		for (int k = 0; k < c->count; k++)
			sharing -= lines[i].fates[k] == PATH_SHARES;
		assert_int_equal(sharing, d.shares.count ? 1 : 0); /* the best one */
		attr_store_fini(&b.store);
	}
}

/* More equals than can share: the lowest tunnels, and the best one in any case. */
static void too_many_equals(void **state)
{
	const struct rib_path *paths[RIB_PEERS_MAX];
	enum path_fate fate[RIB_PEERS_MAX];
	struct decide_case c = {.rule = "surplus"};
	struct rib_prefix e = {0};
	struct bench b;
	struct decision d;
	unsigned int surplus = 0;

	(void)state;
	set_prefix(&e, "0.0.0.0/0");
	lay_out(&b, &c);
	for (uint32_t i = 0; i < BENCH_PATHS; i++) {
		struct attr_draft draft = {0};

		aspath_prepend(NULL, 0, 7, &draft.path);
		b.peers[i].identifier = BENCH_PATHS - i;
		b.peers[i].conf = (struct bgp_neighbor){
			.tunnel = 2 * i, .group = 3, .ecmp = true, .allow_default = true};
		b.paths[i] = (struct rib_path){
			.peer = &b.peers[i], .attrs = attr_intern(&b.store, &draft)};
	}
	d = run(&e, &b, 0, BENCH_PATHS);
	assert_ptr_equal(d.best, &b.paths[BENCH_PATHS - 1]);
	assert_int_equal(d.shares.count, ROUTE_SHARES_MAX);
	for (uint32_t i = 0; i < ROUTE_SHARES_MAX - 1; i++)
		assert_int_equal(d.shares.tunnels[i], 2 * i);
	assert_int_equal(d.shares.tunnels[ROUTE_SHARES_MAX - 1], 2 * (BENCH_PATHS - 1));
	fates_of(&b, &e, fate, paths);
	for (int i = 0; i < BENCH_PATHS; i++)
		surplus += fate[i] == PATH_SURPLUS;
	assert_int_equal(surplus, BENCH_PATHS - ROUTE_SHARES_MAX);
	attr_store_fini(&b.store);
}

/* ---- import policy ---- */

static void import_policy(void **state)
{
	static const struct {
		const char *prefix;
		enum policy_verdict verdict;
	} wanted[] = {
		{"10.1.0.0/24", POLICY_ACCEPT},
		{"172.16.0.0/16", POLICY_HUB},
		{"172.16.5.0/24", POLICY_HUB},
		{"172.0.0.0/8", POLICY_ACCEPT},
		{"0.0.0.0/0", POLICY_DEFAULT},
		{"::/0", POLICY_DEFAULT},
		{"127.0.0.0/8", POLICY_MARTIAN},
		{"169.254.7.0/30", POLICY_MARTIAN},
		{"224.0.0.0/4", POLICY_MARTIAN},
		{"fe80::/64", POLICY_MARTIAN},
		{"ff02::/16", POLICY_MARTIAN},
		{"10.255.0.0/30", POLICY_INSIDE},
		{"10.255.0.2/32", POLICY_INSIDE},
		{"10.255.0.0/29", POLICY_ACCEPT},
		{"10.255.0.4/30", POLICY_ACCEPT},
		{"fd00::1/128", POLICY_INSIDE},
		{"fd01::/48", POLICY_ACCEPT},
	};
	static const struct bgp_config config = {.local_as = 64512};
	struct decide_case c = {"", 0, {{{100}, 0, 0, 1, 0}, {{100, 64512}, 0, 0, 1, 1}}, 2};
	struct rib_peer *peers[2];
	struct ip_prefix network, p;
	struct bench b;
	struct policy policy = {.config = &config,
		.networks = &network,
		.network_count = 1,
		.peers = peers,
		.peer_count = 2};

	(void)state;
	assert_true(prefix_parse("172.16.0.0/16", &network));
	lay_out(&b, &c);
	peers[0] = &b.peers[0];
	peers[1] = NULL;
	assert_true(addr_parse("10.255.0.1", &b.peers[0].conf.local4));
	assert_true(addr_parse("10.255.0.2", &b.peers[0].conf.peer4));
	assert_true(addr_parse("fd00::1", &b.peers[0].conf.local6));
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		assert_true(prefix_parse(wanted[i].prefix, &p));
		if (policy_import(&policy, &b.peers[0], &p, b.paths[0].attrs) != wanted[i].verdict)
			fail_msg("%s", wanted[i].prefix);
	}
	assert_true(prefix_parse("10.1.0.0/24", &p));
	assert_int_equal(policy_import(&policy, &b.peers[0], &p, b.paths[1].attrs), POLICY_OWN_AS);
	attr_store_fini(&b.store);
}

static void claims_are_found_by_the_longest(void **state)
{
	struct claims c = {0};
	struct ip_prefix p = {{AF_INET, {10, 1, 2}}, 24}, v6 = {{AF_INET6, {0xfd, 0, 0, 1}}, 48};

	(void)state;
	assert_null(claims_find(&c, &p));
	for (uint32_t i = 0; i < 100; i++) {
		struct ip_prefix other = {{AF_INET, {20, (uint8_t)i}}, 24};

		claims_add(&c, &other, 1000 + i);
	}
	claims_add(&c, &(struct ip_prefix){.addr = {AF_INET, {10}}, .len = 8}, 1);
	claims_add(&c, &(struct ip_prefix){.addr = {AF_INET, {10, 1}}, .len = 16}, 2);
	claims_add(&c, &(struct ip_prefix){.addr = {AF_INET6, {0xfd}}, .len = 8}, 3);
	claims_sort(&c);
	assert_int_equal(claims_find(&c, &p)->group, 2);
	p.len = 12;
	p.addr.bytes[1] = p.addr.bytes[2] = 0;
	assert_int_equal(claims_find(&c, &p)->group, 1);
	p.len = 4;
	p.addr.bytes[0] = 0;
	assert_null(claims_find(&c, &p));
	assert_int_equal(claims_find(&c, &v6)->group, 3);
	claims_clear(&c);
	assert_null(claims_find(&c, &v6));
	claims_fini(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table),
		cmocka_unit_test(the_table_explained),
		cmocka_unit_test(guard_keeps_the_first_owner),
		cmocka_unit_test(guard_lets_locations_share),
		cmocka_unit_test(guard_leaves_default_routes),
		cmocka_unit_test(static_goes_before_bgp),
		cmocka_unit_test(drained_goes_last),
		cmocka_unit_test(equals_share),
		cmocka_unit_test(too_many_equals),
		cmocka_unit_test(import_policy),
		cmocka_unit_test(claims_are_found_by_the_longest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
