/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cause that an operator reads is true, is told of the tunnel that it belongs to, and gives way neither to
 * an older one nor to a vaguer one.
 */
#include "ike_cert_lab.h"
#include "ike_v1_lab.h"

#include "base/date.h"
#include "crypto/hash.h"

static void deliver(struct lab *l, const struct ike_sa *from, const void *bytes, size_t len)
{
	assert_true(len > 0 && from->local.port == IKE_PORT);
	engine_datagram(l->e[HUB], &from->remote, &from->local, bytes, len, l->now);
	settle(l);
}

/* ---- the device refuses the hub ---- */

static void site_refuses(struct lab *l, enum ike_notify type)
{
	struct ike_sa *sa = sa_of(l, SITE);
	uint8_t buffer[IKE_BUFFER_SIZE];
	struct message_writer w;

	sealed_begin(l->e[SITE], sa, &w, buffer, EXCHANGE_INFORMATIONAL, false);
	message_notify(&w, 0, NULL, 0, type, NULL, 0);
	deliver(l, sa, buffer, sealed_end(l->e[SITE], sa, &w));
}

static void test_device_refuses_the_hub(void **state)
{
	struct lab *l = lab_new();
	unsigned int sent;

	(void)state;
	site_starts(l);
	assert_int_equal(l->state[HUB].phase, PHASE_UP);
	sent = l->sent[HUB];
	site_refuses(l, NOTIFY_AUTHENTICATION_FAILED);
	assert_int_equal(l->sent[HUB], sent + 1); /* 1.4: every request has an answer */
	assert_int_equal(l->state[HUB].phase, PHASE_DOWN);
	assert_says(l, REASON_PEER_REFUSED,
		"AUTHENTICATION_FAILED: it expects another identity of the hub than fqdn:h");
	assert_int_equal(l->notes[HUB][REASON_PEER_REFUSED], 1);
	lab_free(l);
}

static void test_device_does_not_trust_the_hub(void **state)
{
	struct lab *l = cert_lab(KEY_P256, KEY_P256);
	char until[DATE_TEXT_SIZE], wanted[REASON_TEXT_SIZE];
	struct cert_facts facts;

	(void)state;
	starts(l, SITE);
	site_refuses(l, NOTIFY_AUTHENTICATION_FAILED);
	assert_int_equal(l->state[HUB].phase, PHASE_DOWN);
	cert_facts(credential_cert(l->e[HUB]->own), &facts);
	snprintf(wanted, sizeof(wanted), "our certificate CN=hub, valid until %s, or expects",
		date_format(facts.not_after, until));
	assert_says(l, REASON_PEER_REFUSED, wanted);
	assert_says(l, REASON_PEER_REFUSED, "fqdn:hub.example");
	lab_free(l);
}

/* What ends an SA after IKE_AUTH is no more than an error afterwards. */
static void test_other_errors_end_nothing(void **state)
{
	struct lab *l = lab_new();

	(void)state;
	site_starts(l);
	site_refuses(l, NOTIFY_NO_ADDITIONAL_SAS);
	assert_int_equal(l->state[HUB].phase, PHASE_UP);
	site_refuses(l, NOTIFY_INVALID_SYNTAX); /* with the number of the one before: a copy */
	assert_int_equal(l->state[HUB].phase, PHASE_UP);
	sa_of(l, SITE)->send_id++;
	site_refuses(l, NOTIFY_INVALID_SYNTAX);
	assert_int_equal(l->state[HUB].phase, PHASE_UP);
	lab_free(l);
	l = lab_new();
	site_starts(l);
	site_refuses(l, NOTIFY_INVALID_SYNTAX);
	assert_int_equal(l->state[HUB].phase, PHASE_DOWN);
	assert_says(l, REASON_PEER_REFUSED, "INVALID_SYNTAX");
	lab_free(l);
}

static bool lose_quick(struct lab *l, int from, const struct effect_send *s)
{
	(void)l;
	(void)from;
	return s->bytes[(s->local.port == IKE_PORT_NAT ? 4 : 0) + 18] == V1_QUICK;
}

static void test_device_refuses_the_hub_v1(void **state)
{
	struct lab *l = lab_v1();

	(void)state;
	l->drop = lose_quick;
	site_starts(l);
	assert_int_equal(l->state[HUB].phase, PHASE_NEGOTIATING);
	v1_send_notify(l->e[SITE], sa_of(l, SITE), PROTOCOL_IKE, V1_NOTIFY_AUTHENTICATION_FAILED);
	settle(l);
	assert_int_equal(l->state[HUB].phase, PHASE_DOWN);
	assert_says(l, REASON_PEER_REFUSED, "AUTHENTICATION-FAILED: it expects another identity");
	lab_free(l);
}

/* ---- who the peer is ---- */

static void dial_from(struct lab *l, const char *address)
{
	struct engine_env env = l->e[SITE]->env;
	struct engine_limits limits = engine_limits_default();

	addr_parse(address, &l->nat.addr);
	l->nat.port = 1000;
	engine_free(l->e[SITE]);
	l->e[SITE] = engine_new(&env, &limits);
	engine_start(l->e[SITE], l->now);
	l->conf[SITE].options.startup = STARTUP_START;
	configure(l, SITE, "key");
	engine_command(l->e[SITE], l->conf[SITE].number, ENGINE_UP, l->now);
	pass(l, 5 * S);
}

static struct lab *lab_of_any_address(bool v1)
{
	struct lab *l = v1 ? lab_v1() : lab_new();

	l->conf[HUB].remote = (struct ip_addr){0};
	configure(l, HUB, "key");
	return l;
}

static void assert_peer(struct lab *l, const char *address)
{
	struct ip_addr a;

	addr_parse(address, &a);
	assert_int_equal(l->state[HUB].phase, PHASE_UP);
	assert_true(addr_equal(&l->state[HUB].peer.addr, &a));
}

static void test_another_device_takes_the_tunnel(void **state)
{
	(void)state;
	for (int v1 = 0; v1 < 2; v1++) {
		struct lab *l = lab_of_any_address(v1);

		dial_from(l, "203.0.113.1");
		assert_peer(l, "203.0.113.1");
		assert_int_equal(l->afresh[HUB], 0);
		dial_from(l, "203.0.113.2");
		assert_peer(l, "203.0.113.2");
		assert_int_equal(l->afresh[HUB], !v1); /* IKEv1 is down until there is a new pair */
		pass(l, 100 * S);
		engine_command(l->e[HUB], l->conf[HUB].number, ENGINE_REKEY_IKE, l->now);
		pass(l, 100 * S);
		assert_int_equal(l->afresh[HUB], !v1); /* a rekey is no other peer */
		lab_free(l);
	}
}

static void test_two_devices(void **state)
{
	static const char *const places[] = {"203.0.113.1", "203.0.113.2"};

	(void)state;
	for (int v1 = 0; v1 < 2; v1++) {
		struct lab *l = lab_of_any_address(v1);

		for (int i = 0; i < 3; i++)
			dial_from(l, places[i % 2]);
		assert_int_equal(l->notes[HUB][REASON_TWO_DEVICES], 0); /* it may have been moved */
		for (int i = 3; i < 6; i++)
			dial_from(l, places[i % 2]);
		assert_int_equal(l->state[HUB].phase, PHASE_UP);
		assert_says(l, REASON_TWO_DEVICES, "5 times in 20 s");
		assert_says(l, REASON_TWO_DEVICES, "203.0.113.1:");
		assert_says(l, REASON_TWO_DEVICES, "203.0.113.2:");
		assert_int_equal(l->notes[HUB][REASON_TWO_DEVICES], 1);
		pass(l, 200 * S);
		assert_int_equal(l->state[HUB].reason, REASON_NONE);
		lab_free(l);
	}
}

/* The same device, started again and again, is one. */
static void test_one_device_again_and_again(void **state)
{
	struct lab *l = lab_of_any_address(false);

	(void)state;
	for (int i = 0; i < 8; i++)
		dial_from(l, "203.0.113.1");
	assert_int_equal(l->notes[HUB][REASON_TWO_DEVICES], 0);
	assert_int_equal(l->afresh[HUB], 7);
	lab_free(l);
}

/* ---- attempts that come to nothing ---- */

static bool lose_4500(struct lab *l, int from, const struct effect_send *s)
{
	(void)l;
	(void)from;
	return s->bytes[(s->local.port == IKE_PORT_NAT ? 4 : 0) + 18] == EXCHANGE_IKE_AUTH;
}

static bool lose_all_of_the_hub(struct lab *l, int from, const struct effect_send *s)
{
	(void)l;
	(void)s;
	return from == HUB;
}

static void dial(struct lab *l)
{
	engine_command(l->e[SITE], l->conf[SITE].number, ENGINE_RESET, l->now);
	pass(l, S);
}

static void test_old_attempt_says_nothing(void **state)
{
	(void)state;
	for (int configured = 0; configured < 2; configured++) {
		struct lab *l = configured ? lab_new() : lab_of_any_address(false);
		uint32_t at = UINT32_MAX;

		l->drop = lose_4500;
		site_starts(l);
		pass(l, 15 * S);
		assert_true(l->e[HUB]->half_open > 0);
		l->drop = NULL;
		dial(l);
		assert_int_equal(l->state[HUB].phase, PHASE_UP);
		pass(l, 60 * S);
		assert_int_equal(l->e[HUB]->half_open, 0);
		assert_int_equal(l->notes[HUB][REASON_HALF_OPEN_TIMEOUT], 0);
		assert_null(engine_unknown_next(l->e[HUB], &at));
		lab_free(l);
	}
}

static void test_deletion_is_newer(void **state)
{
	struct lab *l = lab_new();

	(void)state;
	l->drop = lose_4500;
	site_starts(l);
	l->drop = NULL;
	dial(l);
	l->conf[SITE].options.startup = 0;
	configure(l, SITE, "key");
	engine_command(l->e[SITE], l->conf[SITE].number, ENGINE_DOWN, l->now);
	pass(l, 60 * S);
	assert_int_equal(l->state[HUB].reason, REASON_PEER_DELETED_IKE);
	lab_free(l);
}

/* Our own dead peer detection is not news of the peer: what keeps it away is. */
static void test_blocked_after_it_was_up(void **state)
{
	struct lab *l = lab_new();

	(void)state;
	site_starts(l);
	l->drop = lose_4500;
	dial(l);
	pass(l, 100 * S);
	assert_says(l, REASON_HALF_OPEN_TIMEOUT, "UDP 4500 from it may be blocked");
	lab_free(l);
}

static void test_where_it_stopped(void **state)
{
	struct lab *l = lab_new();

	(void)state;
	l->drop = lose_4500;
	site_starts(l);
	pass(l, 35 * S);
	assert_says(l, REASON_HALF_OPEN_TIMEOUT, "it was answered and then silent: UDP 4500");
	lab_free(l);
	for (int v1 = 0; v1 < 2; v1++) {
		l = v1 ? lab_v1() : lab_new();
		l->drop = lose_all_of_the_hub;
		site_starts(l);
		pass(l, 35 * S);
		assert_says(
			l, REASON_HALF_OPEN_TIMEOUT, "our answers from UDP 500 do not reach it");
		lab_free(l);
	}
}

/* ---- trouble of a tunnel that is up ---- */

static void test_rekey_is_refused(void **state)
{
	char until[DATE_TEXT_SIZE], wanted[REASON_TEXT_SIZE];

	(void)state;
	for (int by_site = 0; by_site < 2; by_site++) {
		struct lab *l = lab_new();

		l->e[HUB]->env.wall = lab_wall;
		l->conf[SITE].options.p2_groups.count = 0;
		site_starts(l); /* without a group: that of IKE_AUTH has none */
		assert_int_equal(l->state[HUB].reason, REASON_NONE);
		engine_command(l->e[by_site ? SITE : HUB], l->conf[by_site ? SITE : HUB].number,
			ENGINE_REKEY_CHILD, l->now);
		settle(l);
		assert_int_equal(l->state[HUB].phase, PHASE_UP);
		snprintf(wanted, sizeof(wanted), "without one the tunnel ends at %s: ",
			date_format(wall_now + 3600 - 1, until));
		assert_says(l, REASON_PFS_REQUIRED, wanted);
		l->conf[SITE].options.p2_groups = one(31, 0);
		configure(l, SITE, "key");
		pass(l, 60 * S); /* it is tried again */
		engine_command(l->e[HUB], l->conf[HUB].number, ENGINE_REKEY_CHILD, l->now);
		pass(l, 60 * S);
		assert_int_equal(l->state[HUB].phase, PHASE_UP);
		assert_int_equal(l->state[HUB].reason, REASON_NONE);
		lab_free(l);
	}
}

static void test_rekey_of_the_ike_sa_is_refused(void **state)
{
	char until[DATE_TEXT_SIZE], wanted[REASON_TEXT_SIZE];
	struct lab *l = lab_new();

	(void)state;
	l->e[HUB]->env.wall = lab_wall;
	site_starts(l);
	tunnel_find(l->e[SITE], l->conf[SITE].number)->conf.options.p1_groups = one(19, 0);
	engine_command(l->e[SITE], l->conf[SITE].number, ENGINE_REKEY_IKE, l->now);
	settle(l);
	assert_int_equal(l->state[HUB].phase, PHASE_UP);
	snprintf(wanted, sizeof(wanted),
		"a new IKE SA was refused, and without one the tunnel ends at %s: ",
		date_format(wall_now + 28800 - 1, until));
	assert_says(l, REASON_NO_IKE_PROPOSAL, wanted);
	tunnel_find(l->e[SITE], l->conf[SITE].number)->conf.options.p1_groups = one(31, 0);
	engine_command(l->e[HUB], l->conf[HUB].number, ENGINE_REKEY_IKE, l->now);
	pass(l, 2 * S);
	assert_int_equal(l->notes[HUB][REASON_IKE_REKEYED], 1);
	assert_int_equal(l->state[HUB].reason, REASON_NONE);
	lab_free(l);
}

/* ---- words ---- */

static void test_words(void **state)
{
	struct lab *l = lab_new();
	struct ike_header h = {.spi_i = 1, .spi_r = 2, .flags = FLAG_INITIATOR};
	static const struct {
		uint8_t exchange;
		const char *text;
	} rows[] = {{EXCHANGE_INFORMATIONAL, "0000000000000002, INFORMATIONAL"},
		{EXCHANGE_CREATE_CHILD_SA, "0000000000000002, CREATE_CHILD_SA"},
		{99, "0000000000000002, exchange 99"}};

	(void)state;
	site_starts(l);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct message_writer w;
		uint8_t buffer[64];

		h.exchange = rows[i].exchange;
		message_begin(&w, buffer, sizeof(buffer), &h);
		deliver(l, sa_of(l, SITE), buffer, message_end(&w));
		assert_string_equal(l->note[HUB][REASON_UNKNOWN_SPI].detail, rows[i].text);
	}
	engine_command(l->e[HUB], l->conf[HUB].number, ENGINE_RESET, l->now);
	settle(l);
	assert_string_equal(l->note[HUB][REASON_ADMIN_RESET].detail, "ended by the hub");
	pass(l, 5 * S);
	engine_tunnel_remove(l->e[HUB], l->conf[HUB].number, l->now);
	settle(l);
	assert_int_equal(l->notes[HUB][REASON_REMOVED], 1);
	assert_int_equal(l->notes[HUB][REASON_CONFIG_CHANGED], 0);
	lab_free(l);
}

/* ---- what is told stays ---- */

/* The peer's answer to the delete comes later, and says less. */
static void test_answer_to_a_delete_says_nothing(void **state)
{
	struct lab *l = cert_lab(KEY_P256, KEY_P256);

	(void)state;
	starts(l, SITE);
	l->conf[SITE].options.startup = 0;
	configure(l, SITE, "key");
	revoke(l, HUB, &pki.site[KEY_P256], false);
	pass(l, S);
	assert_int_equal(engine_half_open(l->e[HUB]), 0);
	assert_says(l, REASON_CERT_REVOKED, "CN=site: ");
	lab_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_device_refuses_the_hub),
		cmocka_unit_test(test_device_does_not_trust_the_hub),
		cmocka_unit_test(test_other_errors_end_nothing),
		cmocka_unit_test(test_device_refuses_the_hub_v1),
		cmocka_unit_test(test_another_device_takes_the_tunnel),
		cmocka_unit_test(test_two_devices),
		cmocka_unit_test(test_one_device_again_and_again),
		cmocka_unit_test(test_old_attempt_says_nothing),
		cmocka_unit_test(test_deletion_is_newer),
		cmocka_unit_test(test_blocked_after_it_was_up),
		cmocka_unit_test(test_where_it_stopped),
		cmocka_unit_test(test_rekey_is_refused),
		cmocka_unit_test(test_rekey_of_the_ike_sa_is_refused),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_answer_to_a_delete_says_nothing),
	};

	if (!crypto_init())
		return 1;
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
