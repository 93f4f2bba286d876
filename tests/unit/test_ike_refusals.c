/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is refused as a whole, and how it is told: an offer that looks like what is allowed is not what
 * was refused. And what the responder of IKEv1 sends back as it came.
 */
#include "ike/v1/client.h"
#include "ike_v1_lab.h"

#include "crypto/hash.h"

/* ---- IKEv2 proposals ---- */

/* One transform in its eight bytes, and up to two attributes in short form (0: none). */
struct part {
	uint8_t type;
	uint16_t id, attributes[4];
};

static size_t put_proposal(uint8_t *buffer, size_t size, uint8_t protocol, const struct part *parts,
	unsigned int count)
{
	struct wr w = wr_init(buffer, size);
	size_t spi = protocol == PROTOCOL_ESP ? 4 : 0;

	wr_u16(&w, 0);
	wr_u16(&w, 0);
	wr_u8(&w, 1);
	wr_u8(&w, protocol);
	wr_u8(&w, (uint8_t)spi);
	wr_u8(&w, (uint8_t)count);
	wr_bytes(&w, "spi!", spi);
	for (unsigned int i = 0; i < count; i++) {
		size_t start = wr_len(&w);

		wr_u8(&w, i + 1 < count ? 3 : 0);
		wr_u8(&w, 0);
		wr_u16(&w, 0);
		wr_u8(&w, parts[i].type);
		wr_u8(&w, 0);
		wr_u16(&w, parts[i].id);
		for (int a = 0; a < 4 && parts[i].attributes[a]; a += 2) {
			wr_u16(&w, parts[i].attributes[a]);
			wr_u16(&w, parts[i].attributes[a + 1]);
		}
		wr_set_u16(&w, start + 2, (uint16_t)(wr_len(&w) - start));
	}
	wr_set_u16(&w, 2, (uint16_t)wr_len(&w));
	return wr_len(&w);
}

static void test_texts(void **state)
{
#define GCM                                                                                        \
	{                                                                                          \
		1, 20,                                                                             \
		{                                                                                  \
			0x800e, 256                                                                \
		}                                                                                  \
	}
	static const struct {
		uint8_t protocol;
		struct part parts[5];
		unsigned int count;
		const char *expected; /* NULL: it is chosen */
	} rows[] = {
		{PROTOCOL_IKE, {GCM, {2, 5, {0}}, {4, 31, {0}}}, 3, NULL},
		{PROTOCOL_IKE, {GCM, {2, 5, {0}}, {4, 31, {0}}, {6, 36, {0}}}, 4,
			"offered aes256gcm16-prfsha256-x25519-addke1:36; allowed "},
		{PROTOCOL_IKE, {GCM, {2, 5, {0}}, {4, 31, {0}}, {200, 7, {0}}}, 4,
			"offered aes256gcm16-prfsha256-x25519-type200:7; allowed "},
		{PROTOCOL_IKE, {{1, 20, {0x800e, 256, 0x8012, 1}}, {2, 5, {0}}, {4, 31, {0}}}, 3,
			"offered aes256gcm16(attribute 18)-prfsha256-x25519; allowed "},
		{PROTOCOL_IKE, {GCM, {2, 5, {0}}, {3, 12, {0}}, {4, 31, {0}}}, 4,
			"offered aes256gcm16-prfsha256-sha256(beside AEAD)-x25519; allowed "},
		{PROTOCOL_ESP, {GCM, {4, 31, {0}}, {5, 0, {0}}}, 3, NULL},
		{PROTOCOL_ESP, {GCM, {4, 31, {0}}, {5, 1, {0}}}, 3,
			"offered aes256gcm16-x25519-esn; allowed "},
	};
	struct ike_options o = {.p1_encryption = one(20, 256),
		.p1_integrity = one(12, 0),
		.p1_prf = one(5, 0),
		.p1_groups = one(31, 0),
		.p2_encryption = one(20, 256),
		.p2_groups = one(31, 0)};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct proposal_policy policy;
		struct proposal_choice choice;
		char text[REASON_TEXT_SIZE];
		uint8_t body[256];
		size_t len = put_proposal(
			body, sizeof(body), rows[i].protocol, rows[i].parts, rows[i].count);
		bool esp = rows[i].protocol == PROTOCOL_ESP;
		enum proposal_result got;

		if (esp)
			proposal_policy_esp(&o, true, &policy);
		else
			proposal_policy_ike(&o, &policy);
		got = proposal_choose(body, len, &policy, esp ? 4 : 0, &choice, text, sizeof(text));
		assert_int_equal(got, rows[i].expected ? PROPOSAL_NONE : PROPOSAL_OK);
		if (rows[i].expected && strncmp(text, rows[i].expected, strlen(rows[i].expected)))
			fail_msg("%s", text);
	}
}

/* ---- IKEv1 proposals ---- */

/* A phase 2 SA payload of two proposals, ESP as it is allowed and IPComp, numbered 1 and `number`. */
static size_t put_bundle(uint8_t *body, size_t size, const struct v1_policy *p, uint8_t number)
{
	struct wr w = wr_init(body, size);

	v1_encode_esp_offer(&w, p, NULL, 3600, 0x11223344);
	wr_set_u8(&w, 8, 2); /* more proposals */
	wr_bytes(&w, "\0\0\0\22", 4);
	wr_u8(&w, number);
	wr_bytes(&w, "\4\2\1\0\1\0\0\0\10\1\2\0\0", 13);
	return wr_len(&w);
}

static void test_bundle(void **state)
{
	struct ike_options o = {.p2_encryption = one(12, 128), .p2_integrity = one(12, 0)};
	struct v1_policy policy;
	struct v1_choice choice;
	char text[REASON_TEXT_SIZE];
	uint8_t body[256];
	bool no_pfs;
	size_t len;

	(void)state;
	v1_policy_esp(&o, false, &policy);
	len = put_bundle(body, sizeof(body), &policy, 2); /* one or the other */
	assert_int_equal(
		v1_choose(body, len, &policy, &choice, &no_pfs, text, sizeof(text)), PROPOSAL_OK);
	len = put_bundle(body, sizeof(body), &policy, 1); /* both */
	assert_int_equal(
		v1_choose(body, len, &policy, &choice, &no_pfs, text, sizeof(text)), PROPOSAL_NONE);
	assert_non_null(strstr(text, "offered aes128-sha256 with another protocol; allowed"));
}

static void test_texts_v1(void **state)
{
	struct ike_options o = {
		.p1_encryption = one(12, 128), .p1_integrity = one(12, 0), .p1_groups = one(14, 0)};
	struct v1_policy ours, theirs;
	struct v1_choice choice;
	char text[REASON_TEXT_SIZE];
	uint8_t body[256];
	struct wr w = wr_init(body, sizeof(body));
	bool no_pfs;

	(void)state;
	v1_policy_ike(&o, &ours);
	ours.auths = 1;
	ours.auth[0] = V1_AUTH_PSK;
	theirs = ours;
	theirs.auth[0] = 65001; /* XAUTH */
	v1_encode_ike_offer(&w, &theirs, 3600);
	assert_int_equal(v1_choose(body, wr_len(&w), &ours, &choice, &no_pfs, text, sizeof(text)),
		PROPOSAL_NONE);
	assert_non_null(strstr(text, "offered aes128-sha256-modp2048-auth65001; allowed"));
	/* In phase 2, behind a NAT, the mode of a device that knows of none. */
	o.p2_encryption = one(12, 128);
	o.p2_integrity = one(12, 0);
	v1_policy_esp(&o, true, &ours);
	v1_policy_esp(&o, false, &theirs);
	w = wr_init(body, sizeof(body));
	v1_encode_esp_offer(&w, &theirs, NULL, 3600, 0x11223344);
	assert_int_equal(v1_choose(body, wr_len(&w), &ours, &choice, &no_pfs, text, sizeof(text)),
		PROPOSAL_NONE);
	assert_non_null(strstr(text, "offered aes128-sha256-mode1; allowed"));
}

/* ---- identities of quick mode ---- */

static struct payload_ids {
	unsigned int count;
	uint8_t bytes[2][32];
	size_t len[2];
} returned;
static uint8_t quick_iv[CIPHER_IV_MAX];

/* Reads message 2 as the site would. */
static bool read_second(struct lab *l, int from, const struct effect_send *s)
{
	uint8_t copy[IKE_BUFFER_SIZE];
	struct message m = {.raw = {copy, s->len}};
	struct v1_message vm = {.m = &m, .copy = copy};

	memcpy(copy, s->bytes, s->len);
	if (from != HUB || !header_decode(copy, s->len, &m.head) || m.head.exchange != V1_QUICK)
		return false;
	assert_true(v1_open(sa_of(l, SITE), &vm, quick_iv));
	returned.count = vm.p.ids;
	for (unsigned int i = 0; i < vm.p.ids; i++) {
		returned.len[i] = vm.p.id[i].len;
		memcpy(returned.bytes[i], vm.p.id[i].bytes, vm.p.id[i].len);
	}
	return true;
}

static void test_quick_ids(void **state)
{
	static const struct {
		const char *id;
		size_t len;
		bool taken;
	} rows[] = {
		{NULL, 0, true}, {"\1\0\0\0\12\1\1\1", 8, true},  /* a host */
		{"\7\0\0\0\12\1\0\0\12\1\0\377", 12, true},       /* a range that is a subnet */
		{"\4\0\0\0\12\1\0\115\377\377\377\0", 12, true},  /* bits of a host are set */
		{"\4\21\1\364\12\1\0\0\377\377\377\0", 12, true}, /* protocol and port */
		{"\4\0\0\0\12\0\1\0\377\0\377\0", 12, false},     /* a mask with a hole */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lab *l = lab_v1();
		struct span id = {(const uint8_t *)rows[i].id, rows[i].len};
		uint8_t buffer[IKE_BUFFER_SIZE], nonce[16] = {5};
		struct v1_policy policy;
		struct v1_writer vw;
		struct tunnel *t;
		struct ike_sa *sa;

		for (int e = 0; e < 2; e++) {
			l->conf[e].options.p2_groups.count = 0;
			configure(l, e, "key");
		}
		site_starts(l);
		l->conf[SITE].options.startup = STARTUP_ADD;
		configure(l, SITE, "key");
		t = tunnel_find(l->e[SITE], l->conf[SITE].number);
		child_ask_delete(l->e[SITE], t, t->in_use, l->now);
		pass(l, S);
		l->adds[HUB] = 0;
		memset(&returned, 0xff, sizeof(returned));
		l->drop = read_second;
		sa = sa_of(l, SITE);
		v1_policy_esp(&l->conf[SITE].options, false, &policy);
		v1_phase2_begin(sa, &vw, buffer, V1_QUICK, v1_new_id(l->e[SITE]));
		v1_payload_begin(&vw.w, V1_SA);
		v1_encode_esp_offer(&vw.w.w, &policy, NULL, 3600, 0x11223344);
		message_payload_end(&vw.w);
		v1_payload(&vw.w, V1_NONCE, nonce, sizeof(nonce));
		for (int n = 0; n < 2 && id.len; n++)
			v1_payload(&vw.w, V1_ID, id.bytes, id.len);
		assert_true(v1_iv_phase2(sa->suite.prf, &sa->v1_keys, vw.id, quick_iv));
		engine_datagram(l->e[HUB], &sa->remote, &sa->local, buffer,
			v1_phase2_end(sa, &vw, NULL, quick_iv), l->now);
		settle(l);
		assert_int_equal(l->adds[HUB], rows[i].taken);
		assert_int_equal(l->notes[HUB][REASON_TS_UNACCEPTABLE], !rows[i].taken);
		if (rows[i].taken)
			assert_int_equal(returned.count, id.len ? 2 : 0);
		for (int n = 0; n < 2 && id.len && rows[i].taken; n++) {
			assert_int_equal(returned.len[n], id.len);
			assert_memory_equal(returned.bytes[n], id.bytes, id.len);
		}
		lab_free(l);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_bundle),
		cmocka_unit_test(test_texts_v1),
		cmocka_unit_test(test_quick_ids),
	};

	if (!crypto_init())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
