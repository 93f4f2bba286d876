/* SPDX-License-Identifier: Apache-2.0 */
/* Reasons of the catalogue that no other test brings about: each by what it stands for. */
#include "ike_lab.h"

#include "crypto/hash.h"
#include "proc/ike/messages.h"
#include "ipc/msg_ike.h"

#define MARKER(s) ((s)->local.port == IKE_PORT_NAT ? 4 : 0)

static struct lab *established(void)
{
	struct lab *l = lab_new();

	site_starts(l);
	assert_int_equal(l->state[HUB].phase, PHASE_UP);
	memset(l->seen, 0, sizeof(l->seen));
	return l;
}

static void expect(struct lab *l, int end, enum reason r)
{
	if (!l->seen[end][r])
		fail_msg("%s was not seen at the %s", reason_code(r), end == HUB ? "hub" : "site");
	assert_true(reason_sentence(r)[0] != '\0');
	lab_free(l);
}

/* ---- negotiation ---- */

static void test_ke_group(void **state)
{
	struct lab *l = lab_new();

	(void)state;
	l->conf[SITE].options.p1_groups = (struct algorithm_set){2, {{31, 0}, {19, 0}}};
	l->conf[HUB].options.p1_groups = one(19, 0);
	configure(l, HUB, "key");
	site_starts(l);
	assert_int_equal(l->state[HUB].phase, PHASE_UP); /* with the other group */
	expect(l, HUB, REASON_KE_GROUP);
}

static void test_wrong_local_id(void **state)
{
	struct lab *l = lab_new();

	(void)state;
	l->conf[SITE].remote_id.bytes[0] = 'x';
	site_starts(l);
	assert_non_null(strstr(l->state[HUB].detail, "wants "));
	expect(l, HUB, REASON_WRONG_LOCAL_ID);
}

/* What the state of a tunnel tells begins with the fact; what is special about this time follows. */
static void test_state_is_a_sentence(void **state)
{
	struct effect f = {.type = EFFECT_TUNNEL_STATE};
	struct imsg_tunnel_state m;

	(void)state;
	f.state.reason = REASON_UNKNOWN_ID;
	snprintf(f.state.detail, sizeof(f.state.detail), "identity fqdn:a");
	ike_message_state(&f, &m);
	assert_string_equal(m.detail,
		"no tunnel between these two addresses has the identity that the peer presents: "
		"identity fqdn:a");
	snprintf(f.state.detail, sizeof(f.state.detail), "%s", reason_sentence(REASON_UNKNOWN_ID));
	ike_message_state(&f, &m);
	assert_string_equal(m.detail, reason_sentence(REASON_UNKNOWN_ID));
	f.state.reason = REASON_NONE;
	f.state.detail[0] = '\0';
	ike_message_state(&f, &m);
	assert_string_equal(m.detail, "");
}

static bool lose_auth(struct lab *l, int from, const struct effect_send *s)
{
	(void)l;
	(void)from;
	return s->bytes[MARKER(s) + 18] == EXCHANGE_IKE_AUTH;
}

static struct ike_sa *only_sa(struct lab *l, int i)
{
	struct ike_sa *sa = TAILQ_FIRST(&l->e[i]->sas);

	assert_non_null(sa);
	return sa;
}

static void deliver(struct lab *l, int to, const struct ike_sa *from, const void *bytes, size_t len)
{
	assert_true(len > 0 && from->local.port == IKE_PORT);
	engine_datagram(l->e[to], &from->remote, &from->local, bytes, len, l->now);
	settle(l);
}

static void test_peer_auth(void **state)
{
	struct lab *l = lab_new();
	uint8_t buffer[IKE_BUFFER_SIZE];
	struct message_writer w;
	struct ike_sa *sa;

	(void)state;
	l->drop = lose_auth;
	site_starts(l);
	sa = only_sa(l, HUB);
	sealed_begin(l->e[HUB], sa, &w, buffer, EXCHANGE_IKE_AUTH, true);
	deliver(l, SITE, sa, buffer, sealed_end(l->e[HUB], sa, &w)); /* neither ID nor AUTH */
	expect(l, SITE, REASON_PEER_AUTH);
}

static void test_half_open_timeout(void **state)
{
	struct lab *l = lab_new();

	(void)state;
	l->drop = lose_auth;
	site_starts(l);
	pass(l, 40 * S);
	expect(l, HUB, REASON_HALF_OPEN_TIMEOUT);
}

static void test_half_open_total(void **state)
{
	struct lab *l = lab_new();

	(void)state;
	l->e[HUB]->limits.half_open_max = 0;
	l->conf[HUB].remote = (struct ip_addr){0}; /* a configured address always has room */
	configure(l, HUB, "key");
	site_starts(l);
	expect(l, HUB, REASON_HALF_OPEN_TOTAL);
}

static void test_remote_unknown(void **state)
{
	struct lab *l = lab_new();

	(void)state;
	l->conf[SITE].remote = (struct ip_addr){0};
	l->conf[SITE].options.dpd_action = DPD_RESTART;
	configure(l, SITE, "key");
	tunnel_initiate(l->e[SITE], tunnel_find(l->e[SITE], l->conf[SITE].number), l->now);
	settle(l);
	expect(l, SITE, REASON_REMOTE_UNKNOWN);
}

static void test_waiting_and_up(void **state)
{
	struct lab *l = lab_new();

	(void)state;
	settle(l);
	assert_true(l->seen[HUB][REASON_WAITING]);
	site_starts(l);
	expect(l, HUB, REASON_CHILD_UP);
}

/* ---- messages ---- */

static bool spoil(struct lab *l, int from, const struct effect_send *s)
{
	(void)l;
	(void)from;
	s->bytes[s->len - 1] ^= 1;
	return false;
}

static void test_integrity(void **state)
{
	struct lab *l = established();

	(void)state;
	l->drop = spoil;
	engine_command(l->e[SITE], l->conf[SITE].number, ENGINE_REKEY_CHILD, l->now);
	pass(l, S);
	l->drop = NULL;
	pass(l, 5 * S); /* the repetition is whole */
	assert_true(l->seen[HUB][REASON_CHILD_REKEYED]);
	expect(l, HUB, REASON_INTEGRITY);
}

static void test_unknown_spi(void **state)
{
	struct lab *l = established();
	struct ike_header h = {.spi_i = 1,
		.spi_r = 2,
		.exchange = EXCHANGE_INFORMATIONAL,
		.flags = FLAG_INITIATOR};
	struct message_writer w;
	uint8_t buffer[64];

	(void)state;
	message_begin(&w, buffer, sizeof(buffer), &h);
	deliver(l, HUB, sa_of(l, SITE), buffer, message_end(&w));
	expect(l, HUB, REASON_UNKNOWN_SPI);
}

/* An INFORMATIONAL of the site with one payload of this type, numbered `ahead` of what is due. */
static void send_payload(struct lab *l, uint8_t type, uint8_t flags, uint32_t ahead)
{
	struct ike_sa *sa = sa_of(l, SITE);
	uint8_t buffer[IKE_BUFFER_SIZE];
	struct message_writer w;

	sa->send_id += ahead;
	sealed_begin(l->e[SITE], sa, &w, buffer, EXCHANGE_INFORMATIONAL, false);
	wr_set_u8(&w.w, w.next_at, type);
	wr_u8(&w.w, PAYLOAD_NONE);
	wr_u8(&w.w, flags);
	wr_u16(&w.w, 4);
	deliver(l, HUB, sa, buffer, sealed_end(l->e[SITE], sa, &w));
	sa->send_id -= ahead;
}

static void test_critical_payload(void **state)
{
	struct lab *l = established();

	(void)state;
	send_payload(l, 60, 0, 0); /* unknown, not critical: no matter */
	assert_false(l->seen[HUB][REASON_CRITICAL_PAYLOAD]);
	send_payload(l, 60, 0x80, 1);
	expect(l, HUB, REASON_CRITICAL_PAYLOAD);
}

static void test_message_id(void **state)
{
	struct lab *l = established();

	(void)state;
	send_payload(l, PAYLOAD_VENDOR, 0, 5);
	expect(l, HUB, REASON_MESSAGE_ID);
}

/* ---- rekeys ---- */

static void test_child_not_found(void **state)
{
	struct lab *l = established();
	struct tunnel *t = tunnel_find(l->e[HUB], l->conf[HUB].number);

	(void)state;
	t->children[t->in_use].spi_out ^= 1; /* the hub knows it by another name */
	engine_command(l->e[SITE], l->conf[SITE].number, ENGINE_REKEY_CHILD, l->now);
	pass(l, S);
	expect(l, HUB, REASON_CHILD_NOT_FOUND);
}

static void test_temporary(void **state)
{
	struct lab *l = established();

	(void)state;
	l->cut = true;
	engine_command(l->e[HUB], l->conf[HUB].number, ENGINE_REKEY_IKE, l->now);
	settle(l);
	l->cut = false;
	engine_command(l->e[SITE], l->conf[SITE].number, ENGINE_REKEY_CHILD, l->now);
	settle(l);
	expect(l, HUB, REASON_TEMPORARY);
}

static void test_redundant(void **state)
{
	struct lab *l = established();

	(void)state;
	engine_command(l->e[HUB], l->conf[HUB].number, ENGINE_REKEY_CHILD, l->now);
	engine_command(l->e[SITE], l->conf[SITE].number, ENGINE_REKEY_CHILD, l->now);
	pass(l, S);
	expect(l, l->seen[HUB][REASON_REDUNDANT] ? HUB : SITE, REASON_REDUNDANT);
}

static void test_replaced(void **state)
{
	struct lab *l = established();
	struct tunnel *t = tunnel_find(l->e[SITE], l->conf[SITE].number);

	(void)state;
	assert_true(sa_init_start(l->e[SITE], t, l->now)); /* a second IKE SA, no rekey */
	pass(l, 20 * S);
	assert_int_equal(tunnel_count_ike(t), 1);
	expect(l, HUB, REASON_REPLACED);
}

static void test_initial_contact(void **state)
{
	struct lab *l = established();
	struct engine_env env = l->e[SITE]->env;
	struct engine_limits limits = engine_limits_default();

	(void)state;
	engine_free(l->e[SITE]); /* lost its memory */
	l->e[SITE] = engine_new(&env, &limits);
	engine_start(l->e[SITE], l->now);
	configure(l, SITE, "key");
	pass(l, 20 * S);
	assert_int_equal(l->state[HUB].phase, PHASE_UP);
	expect(l, HUB, REASON_INITIAL_CONTACT);
}

static void test_ike_expired(void **state)
{
	struct lab *l = established();

	(void)state;
	sa_of(l, HUB)->expire_at = l->now + S;
	pass(l, 2 * S);
	expect(l, HUB, REASON_IKE_EXPIRED);
}

/* ---- by hand, and by the world ---- */

static void test_admin_reset(void **state)
{
	struct lab *l = established();

	(void)state;
	engine_command(l->e[HUB], l->conf[HUB].number, ENGINE_RESET, l->now);
	settle(l);
	expect(l, HUB, REASON_ADMIN_RESET);
}

static void test_shutdown(void **state)
{
	struct lab *l = established();

	(void)state;
	engine_shutdown(l->e[HUB], l->now);
	settle(l);
	expect(l, HUB, REASON_SHUTDOWN);
}

static void test_peer_moved(void **state)
{
	struct lab *l = lab_new();

	(void)state;
	l->conf[HUB].remote = (struct ip_addr){0};
	configure(l, HUB, "key");
	addr_parse("198.51.100.7", &l->nat.addr);
	l->nat.port = 10000;
	site_starts(l);
	assert_int_equal(l->state[HUB].phase, PHASE_UP);
	l->nat.port = 20000; /* the mapping is another one now */
	engine_command(l->e[SITE], l->conf[SITE].number, ENGINE_REKEY_CHILD, l->now);
	pass(l, S);
	assert_int_equal(l->state[HUB].peer.port, 20000 + 4500);
	expect(l, HUB, REASON_PEER_MOVED);
}

static void test_restored(void **state)
{
	static uint8_t saved[ENGINE_CHECKPOINT_SIZE(8)];
	struct lab *l = established();
	struct engine_env env = l->e[HUB]->env;
	struct engine_limits limits = engine_limits_default();
	size_t len = engine_checkpoint(l->e[HUB], saved, sizeof(saved), l->now);

	(void)state;
	engine_free(l->e[HUB]);
	l->e[HUB] = engine_new(&env, &limits);
	configure(l, HUB, "key");
	assert_true(engine_restore(l->e[HUB], saved, len, l->now));
	engine_start(l->e[HUB], l->now);
	settle(l);
	expect(l, HUB, REASON_RESTORED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ke_group),
		cmocka_unit_test(test_wrong_local_id),
		cmocka_unit_test(test_state_is_a_sentence),
		cmocka_unit_test(test_peer_auth),
		cmocka_unit_test(test_half_open_timeout),
		cmocka_unit_test(test_half_open_total),
		cmocka_unit_test(test_remote_unknown),
		cmocka_unit_test(test_waiting_and_up),
		cmocka_unit_test(test_integrity),
		cmocka_unit_test(test_unknown_spi),
		cmocka_unit_test(test_critical_payload),
		cmocka_unit_test(test_message_id),
		cmocka_unit_test(test_child_not_found),
		cmocka_unit_test(test_temporary),
		cmocka_unit_test(test_redundant),
		cmocka_unit_test(test_replaced),
		cmocka_unit_test(test_initial_contact),
		cmocka_unit_test(test_ike_expired),
		cmocka_unit_test(test_admin_reset),
		cmocka_unit_test(test_shutdown),
		cmocka_unit_test(test_peer_moved),
		cmocka_unit_test(test_restored),
	};

	if (!crypto_init())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
