/* SPDX-License-Identifier: Apache-2.0 */
/* Whose attempt it was: the tunnel that is told of a wrong key, a wrong identity or another address. */
#include "ike_cert_lab.h"
#include "ike_v1_lab.h"

#include "crypto/hash.h"

#define OTHER 6 /* number of another tunnel of the hub */

/* ---- the wrong key of IKEv1 ---- */

static void add_other(struct lab *l, const char *address)
{
	struct engine_tunnel c = l->conf[HUB];
	struct secret psk;

	c.number = OTHER;
	c.remote = (struct ip_addr){0};
	if (address)
		addr_parse(address, &c.remote);
	c.remote_id.bytes[0] = 'o';
	secret_set(&psk, "other key", 9);
	engine_tunnel_set(l->e[HUB], &c, &psk, l->now);
	settle(l);
	memset(l->told, 0, sizeof(l->told));
}

static void test_wrong_key_is_told_of_its_tunnel(void **state)
{
	struct lab *l = lab_v1();

	(void)state;
	add_other(l, NULL);
	l->conf[SITE].options.startup = STARTUP_START;
	configure(l, SITE, "wrong");
	engine_command(l->e[SITE], l->conf[SITE].number, ENGINE_UP, l->now);
	pass(l, 25 * S);
	assert_says(l, REASON_WRONG_PSK,
		"message 5 does not decrypt with its key, nor with that of 1 other tunnel of any");
	assert_int_equal(l->told[HUB][OTHER], 0);
	assert_int_equal(l->notes[HUB][REASON_WRONG_PSK], 1); /* not once for each copy */
	pass(l, 20 * S);
	assert_int_equal(l->notes[HUB][REASON_HALF_OPEN_TIMEOUT], 0);
	lab_free(l);
}

/* One that only came from somewhere is told of with the devices that nobody knows. */
static void test_wrong_key_from_anywhere(void **state)
{
	struct lab *l = lab_v1();
	const struct unknown_device *d;
	uint32_t at = UINT32_MAX;

	(void)state;
	l->conf[HUB].remote = (struct ip_addr){0};
	configure(l, HUB, "key");
	add_other(l, NULL);
	l->conf[SITE].options.startup = STARTUP_START;
	configure(l, SITE, "wrong");
	engine_command(l->e[SITE], l->conf[SITE].number, ENGINE_UP, l->now);
	pass(l, 5 * S);
	d = engine_unknown_next(l->e[HUB], &at);
	assert_non_null(d);
	assert_int_equal(d->reason, REASON_WRONG_PSK);
	assert_non_null(strstr(d->detail, "any of 2 tunnels"));
	lab_free(l);
}

/* ---- a known device at another place ---- */

static const struct unknown_device *only_unknown(struct lab *l)
{
	uint32_t at = UINT32_MAX;
	const struct unknown_device *d = engine_unknown_next(l->e[HUB], &at);

	assert_non_null(d);
	assert_null(engine_unknown_next(l->e[HUB], &at));
	return d;
}

static void hub_expects(struct lab *l, const char *remote, const char *local)
{
	struct ip_addr first = l->conf[HUB].local;

	snprintf(l->conf[HUB].site, sizeof(l->conf[HUB].site), "shop");
	addr_parse(remote, &l->conf[HUB].remote);
	addr_parse(local, &l->conf[HUB].local);
	configure(l, HUB, "key");
	add_other(l, NULL);
	l->conf[HUB].local = first;
}

static void test_device_at_another_address(void **state)
{
	struct lab *l = lab_new();
	const struct unknown_device *d;

	(void)state;
	hub_expects(l, "198.51.100.7", "192.0.2.1");
	site_starts(l);
	d = only_unknown(l);
	assert_int_equal(d->reason, REASON_UNKNOWN_ID);
	assert_string_equal(d->detail,
		"identity fqdn:s: it is site 'shop' tunnel 0's, whose address is 198.51.100.7");
	assert_says(l, REASON_OTHER_ADDRESS, "it came from 192.0.2.2 to 192.0.2.1");
	assert_int_equal(l->state[SITE].reason, REASON_PEER_REFUSED);
	assert_string_equal(
		l->state[SITE].detail, "IKE_AUTH: the peer answered AUTHENTICATION_FAILED");
	lab_free(l);
}

/* Anybody may say the name: the tunnel itself hears of who has its key only. */
static void test_who_only_says_so_changes_no_tunnel(void **state)
{
	struct lab *l = lab_new();

	(void)state;
	hub_expects(l, "198.51.100.7", "192.0.2.1");
	l->conf[SITE].options.startup = STARTUP_START;
	configure(l, SITE, "wrong");
	engine_command(l->e[SITE], l->conf[SITE].number, ENGINE_UP, l->now);
	pass(l, S);
	assert_non_null(strstr(only_unknown(l)->detail, "it is site 'shop' tunnel 0's"));
	assert_int_equal(l->told[HUB][l->conf[HUB].number], 0);
	assert_int_equal(l->notes[HUB][REASON_OTHER_ADDRESS], 0);
	lab_free(l);
}

static void test_device_at_the_other_address_of_the_hub(void **state)
{
	struct lab *l = lab_new();
	struct engine_tunnel c = l->conf[HUB];
	struct secret psk;

	(void)state;
	hub_expects(l, "192.0.2.2", "198.51.100.1");
	c.number = OTHER;
	c.remote = (struct ip_addr){0};
	c.remote_id.bytes[0] = 'o';
	secret_set(&psk, "other key", 9);
	engine_tunnel_set(l->e[HUB], &c, &psk, l->now);
	site_starts(l);
	assert_string_equal(only_unknown(l)->detail,
		"identity fqdn:s: it is site 'shop' tunnel 0's, on 198.51.100.1 of the hub");
	assert_says(l, REASON_OTHER_ADDRESS, "it came from 192.0.2.2 to 192.0.2.1");
	lab_free(l);
}

/* An identity that nobody has, from an address that one tunnel has. */
static void test_identity_that_is_expected(void **state)
{
	struct lab *l = lab_new();

	(void)state;
	l->conf[HUB].remote_id.bytes[0] = 'x';
	configure(l, HUB, "key");
	site_starts(l);
	assert_says(l, REASON_UNKNOWN_ID, "identity fqdn:s, expected fqdn:x");
	lab_free(l);
}

/* The device has the key of one tunnel between these addresses, and the identity of another. */
static void has_key_of_other(void (*change)(struct engine_tunnel *), const char *told)
{
	struct lab *l = lab_v1();

	hub_expects(l, "192.0.2.2", "192.0.2.1");
	if (change) {
		change(&l->conf[HUB]);
		configure(l, HUB, "key");
	}
	l->conf[SITE].options.startup = STARTUP_START;
	configure(l, SITE, "other key");
	engine_command(l->e[SITE], l->conf[SITE].number, ENGINE_UP, l->now);
	pass(l, S);
	assert_string_equal(l->note[HUB][REASON_UNKNOWN_ID].detail, told);
	assert_int_equal(l->told[HUB][OTHER], 1);
	lab_free(l);
}

static void make_v2(struct engine_tunnel *c)
{
	c->options.ikev1 = false;
	c->options.ikev2 = true;
}

static void test_key_of_another_tunnel(void **state)
{
	(void)state;
	has_key_of_other(NULL,
		"identity fqdn:s: it is site 'shop' tunnel 0's, whose pre-shared key is "
		"another one");
	has_key_of_other(make_v2,
		"identity fqdn:s: it is site 'shop' tunnel 0's, which has another "
		"version of IKE");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wrong_key_is_told_of_its_tunnel),
		cmocka_unit_test(test_wrong_key_from_anywhere),
		cmocka_unit_test(test_device_at_another_address),
		cmocka_unit_test(test_who_only_says_so_changes_no_tunnel),
		cmocka_unit_test(test_device_at_the_other_address_of_the_hub),
		cmocka_unit_test(test_identity_that_is_expected),
		cmocka_unit_test(test_key_of_another_tunnel),
	};

	if (!crypto_init())
		return 1;
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
