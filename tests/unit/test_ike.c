/* SPDX-License-Identifier: Apache-2.0 */
/* Codecs both ways, proposals, selectors, identities, and every cell of the state tables. */
#include "crypto/hash.h"
#include "ike/internal.h"
#include "ike/v2/v2.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

static struct algorithm_set set2(uint16_t a, uint16_t a_bits, uint16_t b, uint16_t b_bits)
{
	return (struct algorithm_set){.count = b ? 2 : 1, .items = {{a, a_bits}, {b, b_bits}}};
}

static struct suite suite_of(uint16_t cipher, uint16_t bits, uint16_t integ)
{
	return (struct suite){.protocol = PROTOCOL_IKE,
		.cipher = cipher_find(cipher, bits),
		.integ = integ_find(integ),
		.prf = prf_find(5),
		.ke = dh_group_find(19)};
}

static void test_sealed_round_trip(void **state)
{
	static const struct {
		uint16_t id, bits, integ;
	} rows[] = {{20, 128, 0}, {20, 256, 0}, {12, 128, 2}, {12, 192, 12}, {12, 256, 13},
		{12, 256, 14}};

	(void)state;
	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		struct suite s = suite_of(rows[r].id, rows[r].bits, rows[r].integ);

		for (size_t extra = 0; extra < 20; extra++) {
			struct ike_header h = {.spi_i = 1,
				.spi_r = 2,
				.exchange = EXCHANGE_INFORMATIONAL,
				.flags = FLAG_RESPONSE,
				.id = 7};
			uint8_t buffer[IKE_MESSAGE_MAX], data[20] = {9}, iv[16] = {3}, critical;
			struct sk_keys keys = {.encr = {1}, .salt = {2}, .integ = {3}};
			struct message_writer w;
			struct payloads outer, p;
			struct ike_header got;
			struct span inner;
			size_t len;

			message_begin(&w, buffer, sizeof(buffer), &h);
			message_sk_begin(&w, &s, iv);
			message_notify(&w, PROTOCOL_ESP, "abcd", 4, NOTIFY_REKEY_SA, data, extra);
			message_payload(&w, PAYLOAD_NONCE, data, sizeof(data));
			len = message_end_sk(&w, &s, &keys);
			assert_true(len > 0);
			assert_true(header_decode(buffer, len, &got));
			assert_int_equal(got.id, 7);
			assert_int_equal(got.spi_r, 2);
			assert_int_equal(payloads_decode(buffer + 28, len - 28, got.next_payload,
						 &outer, &critical),
				DECODE_OK);
			/* One wrong bit anywhere is noticed. */
			for (size_t at = 0; at < len; at += 1 + len / 9) {
				uint8_t copy[IKE_MESSAGE_MAX];
				struct payloads shifted = outer;

				memcpy(copy, buffer, len);
				copy[at] ^= 0x10;
				shifted.one[PAYLOAD_SK - PAYLOAD_SA].bytes =
					copy + (outer.one[PAYLOAD_SK - PAYLOAD_SA].bytes - buffer);
				assert_false(sk_open(copy, len, &shifted, &s, &keys, &inner));
			}
			assert_true(sk_open(buffer, len, &outer, &s, &keys, &inner));
			assert_int_equal(payloads_decode(inner.bytes, inner.len, outer.sk_first, &p,
						 &critical),
				DECODE_OK);
			assert_int_equal(p.notifies, 1);
			assert_int_equal(p.notify[0].type, NOTIFY_REKEY_SA);
			assert_int_equal(p.notify[0].data.len, extra);
			assert_memory_equal(p.notify[0].spi.bytes, "abcd", 4);
			assert_int_equal(payload_get(&p, PAYLOAD_NONCE).len, sizeof(data));
		}
	}
}

static void test_chain_errors(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		uint8_t first;
		enum decode_result result;
	} rows[] = {
		{"", 0, PAYLOAD_NONE, DECODE_OK},
		{"", 0, PAYLOAD_NONCE, DECODE_MALFORMED}, /* announced, not there */
		{"\0\0\0\4", 4, PAYLOAD_NONCE, DECODE_OK},
		{"\0\0\0\3", 4, PAYLOAD_NONCE, DECODE_MALFORMED},  /* shorter than its header */
		{"\0\0\0\5", 4, PAYLOAD_NONCE, DECODE_MALFORMED},  /* longer than the message */
		{"\0\0\0\4x", 5, PAYLOAD_NONCE, DECODE_MALFORMED}, /* bytes after the end */
		{"\50\0\0\4\0\0\0\4", 8, PAYLOAD_NONCE, DECODE_MALFORMED}, /* one payload twice */
		{"\0\0\0\4", 4, 200, DECODE_OK},                           /* unknown */
		{"\0\200\0\4", 4, 200, DECODE_CRITICAL},
		{"\0\0\0\10\3\4\0\1", 8, PAYLOAD_DELETE,
			DECODE_MALFORMED}, /* one SPI, none there */
		{"\0\0\0\14\3\4\0\1abcd", 12, PAYLOAD_DELETE, DECODE_OK},
		{"\0\0\0\10\1\0\0\0", 8, PAYLOAD_DELETE, DECODE_OK},
		{"\0\0\0\7\0\0\0", 7, PAYLOAD_NOTIFY, DECODE_MALFORMED},
		{"\0\0\0\10\0\4\0\1", 8, PAYLOAD_NOTIFY, DECODE_MALFORMED}, /* SPI not there */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct payloads p;
		uint8_t critical = 0;

		assert_int_equal(
			payloads_decode(rows[i].bytes, rows[i].len, rows[i].first, &p, &critical),
			rows[i].result);
		if (rows[i].result == DECODE_CRITICAL)
			assert_int_equal(critical, 200);
	}
}

static struct proposal_policy policy_ike(void)
{
	return (struct proposal_policy){.protocol = PROTOCOL_IKE,
		.encr = set2(20, 256, 12, 128),
		.prf = set2(6, 0, 5, 0),
		.integ = set2(12, 0, 0, 0),
		.ke = set2(20, 0, 14, 0),
		.ke_wanted = true};
}

static void test_proposals(void **state)
{
	struct proposal_policy ours = policy_ike(), theirs = policy_ike();
	struct proposal_choice c, again;
	uint8_t buffer[1024], spi[8] = "12345678";
	struct wr w = wr_init(buffer, sizeof(buffer));
	char text[240];

	(void)state;
	/* The order of preference is ours, whatever the peer's is. */
	theirs.encr = set2(12, 128, 20, 256);
	theirs.ke = set2(14, 0, 20, 0);
	proposal_encode_offer(&w, &theirs, spi, 8);
	assert_int_equal(
		proposal_choose(buffer, wr_len(&w), &ours, 8, &c, text, sizeof(text)), PROPOSAL_OK);
	assert_string_equal(suite_format(&c.suite, text), "aes256gcm16-prfsha384-ecp384");
	assert_int_equal(c.number, 2);
	assert_memory_equal(c.spi, spi, 8);
	assert_true(proposal_allows(&ours, &c.suite));
	/* The answer reads back as the same choice. */
	w = wr_init(buffer, sizeof(buffer));
	proposal_encode_choice(&w, &c, spi);
	assert_int_equal(
		proposal_choose(buffer, wr_len(&w), &theirs, 8, &again, text, sizeof(text)),
		PROPOSAL_OK);
	assert_memory_equal(&c.suite, &again.suite, sizeof(c.suite));
	assert_int_equal(
		proposal_choose(buffer, wr_len(&w), &theirs, 0, &again, text, sizeof(text)),
		PROPOSAL_MALFORMED);
	/* Nothing in common: both sides are named. */
	ours.ke = set2(31, 0, 0, 0);
	assert_int_equal(proposal_choose(buffer, wr_len(&w), &ours, 8, &again, text, sizeof(text)),
		PROPOSAL_NONE);
	assert_non_null(strstr(text, "offered aes256gcm16-prfsha384-ecp384"));
	assert_non_null(strstr(text, "x25519"));
	assert_false(proposal_allows(&ours, &c.suite));
	/* Every truncation is malformed, none is read beyond. */
	for (size_t len = 0; len < wr_len(&w); len++)
		assert_int_equal(
			proposal_choose(buffer, len, &theirs, 8, &again, text, sizeof(text)),
			PROPOSAL_MALFORMED);
}

static void test_esp_proposals(void **state)
{
	struct ike_options o = {.p2_encryption = set2(12, 128, 0, 0),
		.p2_integrity = set2(12, 0, 0, 0),
		.p2_groups = set2(14, 0, 0, 0)};
	struct proposal_policy first, rekey;
	struct proposal_choice c;
	uint8_t buffer[512];
	struct wr w = wr_init(buffer, sizeof(buffer));
	char text[240];

	(void)state;
	proposal_policy_esp(&o, false, &first);
	proposal_policy_esp(&o, true, &rekey);
	proposal_encode_offer(&w, &first, "abcd", 4);
	assert_int_equal(proposal_choose(buffer, wr_len(&w), &first, 4, &c, text, sizeof(text)),
		PROPOSAL_OK);
	assert_null(c.suite.ke);
	/* A rekey without a group is refused where PFS is wanted. */
	assert_int_equal(proposal_choose(buffer, wr_len(&w), &rekey, 4, &c, text, sizeof(text)),
		PROPOSAL_NONE);
	/* ESN only, where it is not allowed. The last transform is ESN, its value the last byte. */
	buffer[wr_len(&w) - 1] = 1;
	assert_int_equal(proposal_choose(buffer, wr_len(&w), &first, 4, &c, text, sizeof(text)),
		PROPOSAL_NONE);
	/* Where it is: taken, whether alone or one of both. */
	o.esn = true;
	proposal_policy_esp(&o, false, &first);
	assert_int_equal(proposal_choose(buffer, wr_len(&w), &first, 4, &c, text, sizeof(text)),
		PROPOSAL_OK);
	assert_true(c.suite.esn);
	w = wr_init(buffer, sizeof(buffer));
	proposal_encode_offer(&w, &first, "abcd", 4);
	assert_int_equal(proposal_choose(buffer, wr_len(&w), &first, 4, &c, text, sizeof(text)),
		PROPOSAL_OK);
	assert_true(c.suite.esn && proposal_allows(&first, &c.suite));
	o.esn = false;
	proposal_policy_esp(&o, false, &first);
	assert_false(proposal_allows(&first, &c.suite));
	assert_int_equal(proposal_choose(buffer, wr_len(&w), &first, 4, &c, text, sizeof(text)),
		PROPOSAL_OK);
	assert_false(c.suite.esn);
	/* The PRF follows the hash where none is set. */
	o.p1_integrity =
		(struct algorithm_set){.count = 4, .items = {{2, 0}, {12, 0}, {13, 0}, {14, 0}}};
	proposal_policy_ike(&o, &first);
	assert_int_equal(first.prf.count, 4);
	for (int i = 0; i < 4; i++)
		assert_non_null(prf_find(first.prf.items[i].id));
	/* What is not built in is not offered. */
	o.p1_groups = set2(1, 0, 14, 0);
	o.p1_encryption = set2(3, 0, 20, 128);
	proposal_policy_ike(&o, &first);
	assert_int_equal(first.ke.count, 1);
	assert_int_equal(first.encr.count, 1);
	assert_int_equal(proposal_first_group(&first)->id, 14);
}

static struct selector range(const char *first, const char *last)
{
	struct selector s = {.last_port = 65535};

	addr_parse(first, &s.first);
	addr_parse(last, &s.last);
	return s;
}

static void test_selectors(void **state)
{
	struct selector_set any = {.count = 2}, offer = {.count = 3}, got, back;
	uint8_t buffer[512];
	struct wr w = wr_init(buffer, sizeof(buffer));
	char text[200];

	(void)state;
	any.selectors[0] = range("0.0.0.0", "255.255.255.255");
	any.selectors[1] = range("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
	offer.selectors[0] = range("10.1.0.0", "10.1.255.255");
	offer.selectors[1] = range("fd00::", "fd00::ffff");
	offer.selectors[2] = range("10.1.2.0", "10.1.2.255"); /* within the first */
	selectors_encode(&w, &offer);
	assert_true(selectors_decode(buffer, wr_len(&w), &back));
	assert_memory_equal(&back, &offer, sizeof(back));
	for (size_t len = 0; len < wr_len(&w); len++)
		assert_false(selectors_decode(buffer, len, &back));
	assert_true(selectors_narrow(&offer, &any, &got));
	assert_int_equal(got.count, 2);
	assert_true(selectors_within(&got, &any) && selectors_within(&got, &offer));
	assert_false(selectors_within(&any, &offer));
	assert_string_equal(selectors_format(&got, text, sizeof(text)), "10.1.0.0/16, fd00::/112");
	assert_string_equal(selectors_format(&any, text, sizeof(text)), "0.0.0.0/0, ::/0");
	any.count = 1;
	any.selectors[0] = range("192.0.2.7", "192.0.2.7");
	assert_string_equal(selectors_format(&any, text, sizeof(text)), "192.0.2.7/32");
	any.selectors[0] = range("192.0.2.1", "192.0.2.6");
	any.selectors[0].protocol = 6;
	any.selectors[0].last_port = 80;
	assert_string_equal(selectors_format(&any, text, sizeof(text)),
		"192.0.2.1-192.0.2.6[proto 6 ports 0-80]");
	assert_string_equal(selectors_format(&any, text, 12), "192.0.2.1-1");
	any.selectors[0] = range("192.168.0.0", "192.168.0.255");
	assert_false(selectors_narrow(&offer, &any, &got));
	/* Ports and protocols narrow, too. */
	any.selectors[0] = range("10.1.0.0", "10.1.0.0");
	any.selectors[0].protocol = 17;
	any.selectors[0].first_port = 53;
	assert_true(selectors_narrow(&offer, &any, &got));
	assert_int_equal(got.selectors[0].protocol, 17);
	assert_int_equal(got.selectors[0].first_port, 53);
}

static void test_identities(void **state)
{
	struct ike_identity a = {IKE_ID_FQDN, 8, "Hub.Test"}, b = {IKE_ID_FQDN, 8, "hub.test"},
			    k = {IKE_ID_KEY_ID, 8, "Hub.Test"}, got;
	uint8_t buffer[4 + IDENTITY_MAX + 1] = {IKE_ID_FQDN};
	struct wr w = wr_init(buffer, sizeof(buffer));
	char text[IDENTITY_STR_SIZE];

	(void)state;
	assert_true(identity_equal(&a, &b));
	assert_false(identity_equal(&a, &k));
	b.type = IKE_ID_KEY_ID;
	assert_false(identity_equal(&b, &k)); /* key IDs are bytes */
	k.type = b.type = IKE_ID_DN;          /* no names, but the same bytes */
	k.bytes[0] = b.bytes[0];
	assert_true(identity_equal(&b, &b));
	assert_false(identity_equal(&b, &k));
	identity_encode(&w, &a);
	assert_true(identity_decode(buffer, wr_len(&w), &got));
	assert_memory_equal(&got, &a, sizeof(a));
	assert_false(identity_decode(buffer, 4, &got));
	assert_false(identity_decode(buffer, sizeof(buffer), &got));
	assert_false(identity_decode("\1\0\0\0abc", 7, &got)); /* an IPv4 address has four bytes */
	assert_true(identity_decode("\1\0\0\0\12\0\0\1", 8, &got));
	assert_string_equal(identity_format(&got, text), "ipv4:10.0.0.1");
	assert_true(identity_decode("\2\0\0\0a\nb", 7, &got));
	assert_string_equal(identity_format(&got, text), "fqdn:a\\x0ab");
}

/* Which request may arrive in which state: exactly these cells are filled. */
static void test_request_table(void **state)
{
	(void)state;
	for (int s = 0; s < IKE_STATES; s++) {
		for (unsigned int x = 0; x < 256; x++) {
			const struct request_row *row = request_row((enum ike_state)s, (uint8_t)x);
			exchange_handler *expected = NULL;
			bool living = s == IKE_ESTABLISHED || s == IKE_REKEYED || s == IKE_DELETING;

			if (s == IKE_INIT_ANSWERED && x == EXCHANGE_IKE_AUTH)
				expected = auth_request;
			else if (living && x == EXCHANGE_CREATE_CHILD_SA)
				expected = create_child_request;
			else if (living && x == EXCHANGE_INFORMATIONAL)
				expected = informational_request;
			assert_ptr_equal(row ? row->handle : NULL, expected);
		}
	}
}

static void test_answer_table(void **state)
{
	static const uint8_t exchanges[REQUEST_KINDS] = {0, 34, 35, 36, 36, 36, 37, 37, 37};

	(void)state;
	for (int k = 0; k < REQUEST_KINDS; k++) {
		const struct answer_row *row = answer_row((enum request_kind)k);

		assert_int_equal(row->exchange, exchanges[k]);
		assert_int_equal(row->handle != NULL, k != REQUEST_NONE);
		/* An answer never revives an SA that has failed, nor one that does not exist. */
		assert_int_equal(row->states & (1u << IKE_FAILED | 1u << IKE_NONE), 0);
	}
}

static void test_state_moves(void **state)
{
	static const char *const moves[IKE_STATES] = {
		/* to:             none is ia as es re de fa m1 m2 m3 m4 m5 */
		[IKE_NONE] = "0110100011000",
		[IKE_INIT_SENT] = "0001000000000",
		[IKE_INIT_ANSWERED] = "0000100100000",
		[IKE_AUTH_SENT] = "0000101000000",
		[IKE_ESTABLISHED] = "0000011100000",
		[IKE_REKEYED] = "0000001100000",
		[IKE_DELETING] = "0000000100000",
		[IKE_FAILED] = "0000000000000",
		[IKE_MAIN1_SENT] = "0000000000100",
		[IKE_MAIN2_SENT] = "0000000000010",
		[IKE_MAIN3_SENT] = "0000000000001",
		[IKE_MAIN4_SENT] = "0000100100000",
		[IKE_MAIN5_SENT] = "0000100000000",
	};
	static const char *const child_moves[CHILD_STATES] = {
		/* to:          fr re li rp de lg */
		[CHILD_FREE] = "010000",
		[CHILD_RESERVED] = "101010",
		[CHILD_LIVE] = "100111",
		[CHILD_REPLACED] = "101011",
		[CHILD_DELETING] = "100001",
		[CHILD_LINGER] = "100000",
	};

	(void)state;
	for (int a = 0; a < IKE_STATES; a++) {
		assert_non_null(ike_state_name((enum ike_state)a));
		for (int b = 0; b < IKE_STATES; b++)
			assert_int_equal(ike_state_may_follow((enum ike_state)a, (enum ike_state)b),
				moves[a][b] == '1');
	}
	for (int a = 0; a < CHILD_STATES; a++) {
		for (int b = 0; b < CHILD_STATES; b++)
			assert_int_equal(
				child_state_may_follow((enum child_state)a, (enum child_state)b),
				child_moves[a][b] == '1');
	}
}

static void test_reasons(void **state)
{
	(void)state;
	for (int r = 0; r < REASONS; r++) {
		const char *code = reason_code((enum reason)r);

		assert_non_null(code);
		assert_non_null(reason_advice((enum reason)r));
		assert_true(strlen(code) < REASON_CODE_SIZE);
		assert_true((r == REASON_NONE) == (code[0] == '\0'));
		assert_true(strlen(reason_sentence((enum reason)r)) < REASON_TEXT_SIZE / 2);
		for (int other = 0; other < r; other++)
			assert_string_not_equal(code, reason_code((enum reason)other));
	}
}

static void zero_random(void *context, void *bytes, size_t len)
{
	memset(bytes, *(uint8_t *)context, len);
}

/* Both edges of both readings, and the guard. */
static void test_rekey_time(void **state)
{
	uint8_t fill = 0;
	struct engine_env env = {.context = &fill, .random = zero_random};
	struct engine_limits limits = engine_limits_default();
	struct engine *e = engine_new(&env, &limits);
	struct ike_options o = {.rekey_margin_s = 540, .rekey_fuzz_percent = 100};

	(void)state;
	assert_int_equal(ike_rekey_time(e, &o, 3600, 0) / CLOCK_SECOND, 3060);
	for (fill = 1; fill; fill++) {
		uint64_t at = ike_rekey_time(e, &o, 3600, 0);

		assert_true(at >= 3060 * CLOCK_SECOND && at <= 3570 * CLOCK_SECOND);
	}
	o.fuzz_mode = FUZZ_EARLY;
	fill = 0;
	assert_int_equal(ike_rekey_time(e, &o, 3600, 0) / CLOCK_SECOND, 3060);
	for (fill = 1; fill; fill++) {
		uint64_t at = ike_rekey_time(e, &o, 3600, 0);

		assert_true(at >= 2520 * CLOCK_SECOND && at <= 3060 * CLOCK_SECOND);
	}
	o.rekey_fuzz_percent = 0;
	assert_int_equal(ike_rekey_time(e, &o, 3600, 5), 3060 * CLOCK_SECOND + 5);
	/* No room for the margin: a fifth of what there is. */
	assert_int_equal(ike_rekey_time(e, &o, 30, 0), 24 * CLOCK_SECOND);
	engine_free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sealed_round_trip),
		cmocka_unit_test(test_chain_errors),
		cmocka_unit_test(test_proposals),
		cmocka_unit_test(test_esp_proposals),
		cmocka_unit_test(test_selectors),
		cmocka_unit_test(test_identities),
		cmocka_unit_test(test_request_table),
		cmocka_unit_test(test_answer_table),
		cmocka_unit_test(test_state_moves),
		cmocka_unit_test(test_reasons),
		cmocka_unit_test(test_rekey_time),
	};

	if (!crypto_init())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
