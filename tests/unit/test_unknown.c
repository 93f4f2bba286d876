/* SPDX-License-Identifier: Apache-2.0 */
/* Devices that nobody configured: who is listed, who makes room, and what hub believes of it. */
#include "ike_stranger.h"

#include "base/clock.h"
#include "crypto/hash.h"
#include "view/view.h"
#include "ipc/msg_ike.h"

#include <stdio.h>

static struct ip_endpoint at(const char *text, unsigned int n)
{
	struct ip_endpoint e = {.port = 500};

	addr_parse(text, &e.addr);
	e.addr.bytes[2] = (uint8_t)(n >> 8);
	e.addr.bytes[3] = (uint8_t)n;
	return e;
}

static void seen(
	struct unknown_table *u, const char *net, unsigned int n, bool proven, uint64_t now)
{
	struct ip_endpoint hub = at("192.0.2.0", 1), from = at(net, n);

	unknown_seen(u, &hub, &from, proven, REASON_NO_IKE_PROPOSAL, "text", now);
}

static const struct unknown_device *entry(
	const struct unknown_table *u, const char *net, unsigned int n)
{
	struct ip_endpoint from = at(net, n);

	for (int i = 0; i < UNKNOWN_MAX; i++) {
		if (u->devices[i].count && addr_equal(&u->devices[i].remote.addr, &from.addr))
			return &u->devices[i];
	}
	return NULL;
}

static void test_counts(void **state)
{
	struct unknown_table *u = calloc(1, sizeof(*u));
	const struct unknown_device *d;
	uint32_t place = UINT32_MAX;

	(void)state;
	seen(u, "10.0.0.0", 7, false, 1 * S);
	seen(u, "10.0.0.0", 7, false, 5 * S);
	seen(u, "10.0.0.0", 7, true,
		9 * S); /* it moves to the other part, with what is known of it */
	d = entry(u, "10.0.0.0", 7);
	assert_non_null(d);
	assert_true(d->proven && d - u->devices < UNKNOWN_PROVEN);
	assert_true(d->count == 3 && d->first == 1 * S && d->last == 9 * S);
	assert_int_equal(d->reason, REASON_NO_IKE_PROPOSAL);
	/* Both places are told, the one that is free now too; once. */
	assert_ptr_equal(unknown_next_change(u, &place), d);
	assert_int_equal(unknown_next_change(u, &place)->count, 0);
	assert_null(unknown_next_change(u, &place));
	assert_false(u->any_changed);
	unknown_forget(u, &d->local, &d->remote.addr);
	assert_null(entry(u, "10.0.0.0", 7));
	assert_true(u->any_changed);
	free(u);
}

/* A hundred thousand invented addresses: what was there stays, as far as it comes again or is verified. */
static void test_flood(void **state)
{
	struct unknown_table *u = calloc(1, sizeof(*u));
	uint64_t now = S;

	(void)state;
	for (unsigned int n = 0; n < UNKNOWN_PROVEN; n++)
		seen(u, "10.1.0.0", n, true, now);
	for (int i = 0; i < 5; i++, now += 5 * S) {
		for (unsigned int n = 0; n < 60; n++)
			seen(u, "10.2.0.0", n, false, now);
	}
	for (unsigned int n = 0; n < 100000; n++, now += S / 1000)
		seen(u, n & 1 << 16 ? "11.1.0.0" : "11.2.0.0", n & 0xffff, false, now);
	for (unsigned int n = 0; n < UNKNOWN_PROVEN; n++)
		assert_non_null(entry(u, "10.1.0.0", n));
	for (unsigned int n = 0; n < 60; n++)
		assert_non_null(entry(u, "10.2.0.0", n));
	/* Of those that are verified, the one that was not seen for longest goes. */
	seen(u, "10.1.0.0", 0, true, now);
	seen(u, "10.3.0.0", 1, true, now);
	assert_non_null(entry(u, "10.3.0.0", 1));
	assert_non_null(entry(u, "10.1.0.0", 0));
	assert_null(entry(u, "10.1.0.0", 1));
	free(u);
}

/* One who has a network, and gets what is sent to all its addresses, does not push out others. */
static void test_many_of_one_network(void **state)
{
	struct unknown_table *u = calloc(1, sizeof(*u));
	struct ip_endpoint hub = at("192.0.2.0", 1), from = {.port = 500};
	uint64_t now = S;

	(void)state;
	for (unsigned int n = 0; n < 100; n++)
		seen(u, "10.1.0.0", n << 8, true, now += S);
	addr_parse("2001:db8::", &from.addr);
	for (unsigned int n = 0; n < 5000; n++) {
		from.addr.bytes[7] = (uint8_t)n; /* of a /56 */
		from.addr.bytes[15] = (uint8_t)(n >> 8);
		unknown_seen(u, &hub, &from, true, REASON_NO_IKE_PROPOSAL, "text", now += S);
	}
	for (unsigned int n = 0; n < 100; n++)
		assert_non_null(entry(u, "10.1.0.0", n << 8));
	for (unsigned int n = 0; n < 10; n++) { /* while it goes on, others are listed */
		seen(u, "10.2.0.0", n << 8, true, now += S);
		unknown_seen(u, &hub, &from, true, REASON_NO_IKE_PROPOSAL, "text", now += S);
		from.addr.bytes[14]++;
	}
	for (unsigned int n = 0; n < 10; n++)
		assert_non_null(entry(u, "10.2.0.0", n << 8));
	free(u);
}

/* The engine: strangers are listed, sites are not, nor a stranger who turns out to be one. */
static void test_engine(void **state)
{
	struct lab *l = lab_new();
	const struct unknown_device *d;

	(void)state;
	settle(l);
	stranger(l, "192.0.2.2", 1, false); /* the site's address: its tunnel is told */
	settle(l);
	assert_false(engine_unknown_changed(l->e[HUB]));
	assert_int_equal(l->state[HUB].reason, REASON_KE_VALUE);
	stranger(l, "203.0.113.5", 2, false);
	settle(l);
	d = entry(&l->e[HUB]->unknown, "203.0.0.0", 113 << 8 | 5);
	assert_non_null(d);
	assert_int_equal(d->reason, REASON_NO_TUNNEL);
	assert_false(d->proven);
	l->e[HUB]->limits.cookie_threshold = 0; /* a flood */
	patient_stranger(l, "203.0.113.5", 3, false);
	d = entry(&l->e[HUB]->unknown, "203.0.0.0", 113 << 8 | 5);
	assert_true(d->proven && d->count == 2);
	/* A site without an address, once it has the right key. */
	l->e[HUB]->limits.cookie_threshold = 64;
	l->conf[HUB].remote = (struct ip_addr){0};
	configure(l, HUB, "key");
	pass(l, 5 * S);
	stranger(l, "192.0.2.2", 4, false);
	settle(l);
	assert_non_null(entry(&l->e[HUB]->unknown, "192.0.0.0", 2 << 8 | 2));
	site_starts(l);
	assert_int_equal(l->state[HUB].phase, PHASE_UP);
	assert_null(entry(&l->e[HUB]->unknown, "192.0.0.0", 2 << 8 | 2));
	/* Known to have been there, and refused before it says who it is: no tunnel is told, so the list is. */
	stranger(l, "192.0.2.2", 5, false);
	settle(l);
	d = entry(&l->e[HUB]->unknown, "192.0.0.0", 2 << 8 | 2);
	assert_non_null(d);
	assert_int_equal(d->reason, REASON_KE_VALUE);
	lab_free(l);
}

/* One who gets our answer on 500, and whose 4500 is blocked, is seen too. */
static void test_half_open(void **state)
{
	struct lab *l = lab_new();
	const struct unknown_device *d;

	(void)state;
	l->conf[HUB].remote = (struct ip_addr){0};
	configure(l, HUB, "key");
	stranger(l, "203.0.113.5", 2, true);
	pass(l, 40 * S);
	d = entry(&l->e[HUB]->unknown, "203.0.0.0", 113 << 8 | 5);
	assert_non_null(d);
	assert_int_equal(d->reason, REASON_HALF_OPEN_TIMEOUT);
	lab_free(l);
}

/* Hub believes no more of it than can be. */
static void test_hub_list(void **state)
{
	struct model *model = calloc(1, sizeof(*model));
	struct unknown_list *l = &model->unknown;
	struct imsg_unknown m = {.place = 3,
				    .count = 2,
				    .reason = REASON_NO_TUNNEL,
				    .proven = true},
			    wrong;
	json_t *shown, *o;
	char *text;
	size_t size;
	FILE *f;

	(void)state;
	m.local = at("192.0.2.0", 1).addr;
	m.remote = at("203.0.113.0", 9);
	m.last_wall_ns = clock_wall() - 2 * S;
	assert_true(unknown_list_take(l, &m));
	wrong = m;
	wrong.place = UNKNOWN_MAX;
	assert_false(unknown_list_take(l, &wrong));
	wrong = m;
	wrong.reason = REASONS;
	assert_false(unknown_list_take(l, &wrong));
	wrong = m;
	wrong.remote.addr.family = 77;
	assert_false(unknown_list_take(l, &wrong));
	wrong = m;
	wrong.place = 4;
	wrong.last_wall_ns = clock_wall() - S;
	memset(wrong.detail, 0xff, sizeof(wrong.detail)); /* neither an end nor UTF-8 */
	assert_true(unknown_list_take(l, &wrong));
	wrong.place = 5;
	memset(wrong.detail, 'x', sizeof(wrong.detail));
	assert_true(unknown_list_take(l, &wrong));
	memset(&wrong.proven, 200, sizeof(wrong.proven)); /* neither true nor false */
	assert_true(unknown_list_take(l, &wrong));
	f = open_memstream(&text, &size);
	view_unknown_metrics(f, model);
	fclose(f);
	assert_non_null(strstr(text, "{verified=\"no\"} 0\n"));
	assert_non_null(strstr(text, "{verified=\"yes\"} 3\n"));
	free(text);
	shown = view_unknown(model);
	assert_int_equal(json_array_size(json_object_get(shown, "unknown")), 3);
	o = json_array_get(json_object_get(shown, "unknown"), 2);
	assert_string_equal(json_string_value(json_object_get(o, "address")), "203.0.0.9");
	assert_string_equal(json_string_value(json_object_get(o, "reason_code")), "NO_TUNNEL");
	json_decref(shown);
	m.count = 0;
	assert_true(unknown_list_take(l, &m));
	shown = view_unknown(model);
	assert_int_equal(json_array_size(json_object_get(shown, "unknown")), 2);
	json_decref(shown);
	free(model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_flood),
		cmocka_unit_test(test_many_of_one_network),
		cmocka_unit_test(test_engine),
		cmocka_unit_test(test_half_open),
		cmocka_unit_test(test_hub_list),
	};

	return crypto_init() ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
