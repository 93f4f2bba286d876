/* SPDX-License-Identifier: Apache-2.0 */
/* IKEv1 without engines: chains, SA payloads, client identities, key material, fragments. */
#include "crypto/hash.h"
#include "ike/v1/client.h"
#include "ike/v1/v1.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

static void test_chains(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		uint8_t first;
		bool padded, ok;
	} rows[] = {
		{"", 0, PAYLOAD_NONE, false, true},
		{"", 0, V1_NONCE, false, false}, /* announced, not there */
		{"\0\0\0\4", 4, V1_NONCE, false, true},
		{"\0\0\0\3", 4, V1_NONCE, false, false},    /* shorter than its header */
		{"\0\0\0\5", 4, V1_NONCE, false, false},    /* longer than the message */
		{"\0\1\0\4", 4, V1_NONCE, false, false},    /* RESERVED is not zero */
		{"\0\0\0\4pad", 7, V1_NONCE, false, false}, /* bytes after the end */
		{"\0\0\0\4pad", 7, V1_NONCE, true, true},
		{"\12\0\0\4\0\0\0\4", 8, V1_NONCE, false, false}, /* one payload twice */
		{"\0\0\0\4", 4, 200, false, true},                /* unknown */
		/* delete: one SPI, none there; of another DOI, left out; and a right one */
		{"\0\0\0\14\0\0\0\1\3\4\0\1", 12, V1_DELETE, false, false},
		{"\0\0\0\20\0\0\0\2\3\4\0\1abcd", 16, V1_DELETE, false, true},
		{"\0\0\0\20\0\0\0\1\3\4\0\1abcd", 16, V1_DELETE, false, true},
		/* notify: SPI not there; and a right one */
		{"\0\0\0\14\0\0\0\1\3\4\0\16", 12, V1_NOTIFY, false, false},
		{"\0\0\0\14\0\0\0\1\3\0\0\16", 12, V1_NOTIFY, false, true},
		{"\5\0\0\4\5\0\0\4\0\0\0\4", 12, V1_ID, false, false}, /* three identities */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct v1_payloads p;

		assert_int_equal(v1_payloads_decode(rows[i].bytes, rows[i].len, rows[i].first,
					 rows[i].padded, &p),
			rows[i].ok);
	}
}

/* What follows HASH, without the padding, is what HASH protects. */
static void test_sealed_round_trip(void **state)
{
	const struct cipher *c = cipher_find(12, 256);
	uint8_t buffer[256], key[32] = {1}, iv[2][CIPHER_IV_MAX] = {{7}, {7}};
	struct ike_header h = {.spi_i = 1, .spi_r = 2, .exchange = V1_QUICK, .id = 3}, back;
	struct message_writer w;
	struct v1_payloads p;
	size_t len;

	(void)state;
	v1_message_begin(&w, buffer, sizeof(buffer), &h);
	v1_payload(&w, V1_HASH, "0123456789", 10);
	v1_notification(&w, PROTOCOL_ESP, "spi!", 4, V1_NOTIFY_NO_PROPOSAL_CHOSEN, "data", 4);
	len = v1_message_end(&w, c, key, iv[0]);
	assert_true(header_decode(buffer, len, &back));
	assert_int_equal(back.version, 0x10);
	assert_int_equal(back.flags, V1_ENCRYPTED);
	assert_true(v1_decrypt(c, key, iv[1], buffer, len));
	assert_memory_equal(iv[0], iv[1], sizeof(iv[0])); /* both know the next one */
	assert_true(v1_payloads_decode(
		buffer + IKE_HEADER_LEN, len - IKE_HEADER_LEN, back.next_payload, true, &p));
	assert_int_equal(p.one[V1_HASH].len, 10);
	assert_int_equal(p.after_hash.len, 20);
	assert_int_equal(v1_find_error(&p)->type, V1_NOTIFY_NO_PROPOSAL_CHOSEN);
	assert_memory_equal(v1_find_error(&p)->data.bytes, "data", 4);
	for (size_t cut = 0; cut < len; cut++) {
		memset(iv[1], 7, 1);
		if (cut % 16 != IKE_HEADER_LEN % 16 || cut <= IKE_HEADER_LEN)
			assert_false(v1_decrypt(c, key, iv[1], buffer, cut));
	}
}

static struct algorithm_set set2(uint16_t a, uint16_t a_bits, uint16_t b, uint16_t b_bits)
{
	return (struct algorithm_set){.count = b ? 2 : 1, .items = {{a, a_bits}, {b, b_bits}}};
}

static struct ike_options options(void)
{
	return (struct ike_options){.p1_encryption = set2(20, 256, 12, 256),
		.p1_integrity = set2(14, 0, 12, 0),
		.p1_prf = set2(5, 0, 0, 0),
		.p1_groups = set2(31, 0, 14, 0),
		.p2_encryption = set2(20, 128, 12, 128),
		.p2_integrity = set2(12, 0, 2, 0),
		.p2_groups = set2(19, 0, 14, 0),
		.p1_lifetime_s = 28800,
		.p2_lifetime_s = 100000};
}

static void test_ike_proposals(void **state)
{
	struct ike_options o = options();
	struct v1_policy ours, theirs;
	struct v1_choice c, again;
	uint8_t buffer[1024];
	struct wr w = wr_init(buffer, sizeof(buffer));
	char text[REASON_TEXT_SIZE];
	bool no_pfs;

	(void)state;
	v1_policy_ike(&o, &ours);
	/* What IKEv1 has no numbers for is not there: GCM, X25519; the hash is the PRF. */
	assert_int_equal(ours.sets.encr.count, 1);
	assert_int_equal(ours.sets.ke.count, 1);
	assert_int_equal(ours.sets.prf.count, 2);
	ours.auths = 1;
	ours.auth[0] = V1_AUTH_PSK;
	theirs = ours;
	theirs.sets.integ = set2(12, 0, 14, 0);
	v1_encode_ike_offer(&w, &theirs, 86400);
	assert_int_equal(
		v1_choose(buffer, wr_len(&w), &ours, &c, &no_pfs, text, sizeof(text)), PROPOSAL_OK);
	/* The order of preference is ours. */
	assert_string_equal(suite_format(&c.suite, text), "aes256-sha512-prfsha512-modp2048");
	assert_int_equal(c.lifetime_s, 86400);
	assert_int_equal(c.auth, V1_AUTH_PSK);
	assert_true(proposal_allows(&ours.sets, &c.suite));
	for (size_t len = 0; len < wr_len(&w); len++)
		assert_int_equal(v1_choose(buffer, len, &ours, &again, &no_pfs, text, sizeof(text)),
			PROPOSAL_MALFORMED);
	/* The answer repeats the transform and nothing else. */
	w = wr_init(buffer, sizeof(buffer));
	v1_encode_ike_choice(&w, &c);
	assert_int_equal(
		v1_choose(buffer, wr_len(&w), &theirs, &again, &no_pfs, text, sizeof(text)),
		PROPOSAL_OK);
	again.place = c.place; /* there it is the only one */
	assert_memory_equal(&c, &again, sizeof(c));
	/* Another method, or nothing in common. */
	ours.auth[0] = V1_AUTH_RSA;
	assert_int_equal(v1_choose(buffer, wr_len(&w), &ours, &again, &no_pfs, text, sizeof(text)),
		PROPOSAL_NONE);
	assert_non_null(strstr(text, "offered aes256-sha512-modp2048-psk; allowed aes256"));
	/* Another DOI or situation. */
	buffer[3] = 2;
	assert_int_equal(
		v1_choose(buffer, wr_len(&w), &theirs, &again, &no_pfs, text, sizeof(text)),
		PROPOSAL_MALFORMED);
	buffer[3] = 1;
	buffer[7] = 2;
	assert_int_equal(
		v1_choose(buffer, wr_len(&w), &theirs, &again, &no_pfs, text, sizeof(text)),
		PROPOSAL_MALFORMED);
}

static void test_esp_proposals(void **state)
{
	struct ike_options o = options();
	struct v1_policy bare, udp;
	struct v1_choice c;
	uint8_t buffer[1024];
	struct wr w = wr_init(buffer, sizeof(buffer));
	char text[REASON_TEXT_SIZE];
	bool no_pfs;

	(void)state;
	v1_policy_esp(&o, false, &bare);
	v1_policy_esp(&o, true, &udp);
	v1_encode_esp_offer(&w, &bare, dh_group_find(14), o.p2_lifetime_s, 0x1234abcd);
	assert_int_equal(
		v1_choose(buffer, wr_len(&w), &bare, &c, &no_pfs, text, sizeof(text)), PROPOSAL_OK);
	assert_string_equal(suite_format(&c.suite, text), "aes128gcm16-modp2048");
	assert_int_equal(c.spi, 0x1234abcd);
	assert_int_equal(c.lifetime_s, 100000); /* in the long form */
	assert_int_equal(c.mode, V1_TUNNEL_MODE);
	for (size_t len = 0; len < wr_len(&w); len++)
		assert_int_equal(v1_choose(buffer, len, &bare, &c, &no_pfs, text, sizeof(text)),
			PROPOSAL_MALFORMED);
	/* Behind a NAT the mode must say so. */
	assert_int_equal(v1_choose(buffer, wr_len(&w), &udp, &c, &no_pfs, text, sizeof(text)),
		PROPOSAL_NONE);
	assert_false(no_pfs);
	/* Without a group, where one is wanted, and where "none" is allowed. */
	w = wr_init(buffer, sizeof(buffer));
	v1_encode_esp_offer(&w, &bare, NULL, 3600, 0x1234abcd);
	assert_int_equal(v1_choose(buffer, wr_len(&w), &bare, &c, &no_pfs, text, sizeof(text)),
		PROPOSAL_NONE);
	assert_true(no_pfs);
	bare.sets.ke.items[1].id = 0;
	assert_int_equal(
		v1_choose(buffer, wr_len(&w), &bare, &c, &no_pfs, text, sizeof(text)), PROPOSAL_OK);
	assert_null(c.suite.ke);
}

static void test_lifetimes(void **state)
{
	uint8_t buffer[32];
	struct wr w = wr_init(buffer, sizeof(buffer));

	(void)state;
	v1_encode_lifetime(&w, PROTOCOL_IKE, 28800);
	assert_int_equal(v1_decode_lifetime(PROTOCOL_IKE, buffer, wr_len(&w)), 28800);
	w = wr_init(buffer, sizeof(buffer));
	v1_encode_lifetime(&w, PROTOCOL_ESP, 3000000);
	assert_int_equal(v1_decode_lifetime(PROTOCOL_ESP, buffer, wr_len(&w)), 3000000);
	/* Kilobytes are nothing that we count. */
	assert_int_equal(v1_decode_lifetime(PROTOCOL_ESP, "\200\1\0\2\200\2\1\0", 8), 0);
	assert_int_equal(
		v1_decode_lifetime(PROTOCOL_ESP, "\200\1\0\2\200\2\1\0\200\1\0\1\200\2\16\20", 16),
		3600);
	assert_int_equal(v1_decode_lifetime(PROTOCOL_ESP, "\200\1\0\1\0\2\0\4\0", 9), 0);
	assert_int_equal(
		v1_decode_lifetime(PROTOCOL_ESP, "\200\1\0\1\200\2\0\1", 8), V1_LIFETIME_MIN);
}

static void test_clients(void **state)
{
	static const struct {
		const char *first, *last;
		uint8_t type;
	} rows[] = {
		{"0.0.0.0", "255.255.255.255", 4},
		{"10.1.0.0", "10.1.255.255", 4},
		{"10.1.2.3", "10.1.2.3", 4},
		{"10.1.2.3", "10.1.2.9", 7},
		{"10.0.0.1", "10.0.1.0", 7},
		{"::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 6},
		{"fd00::", "fd00::ffff", 6},
		{"fd00::1", "fd00::3", 8},
	};
	struct selector s = {0}, back;
	uint8_t buffer[64];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct wr w = wr_init(buffer, sizeof(buffer));

		s = (struct selector){.last_port = UINT16_MAX};
		assert_true(addr_parse(rows[i].first, &s.first));
		assert_true(addr_parse(rows[i].last, &s.last));
		v1_client_encode(&w, &s);
		assert_int_equal(buffer[0], rows[i].type);
		assert_true(v1_client_decode(buffer, wr_len(&w), &back));
		assert_memory_equal(&s, &back, sizeof(s));
		for (size_t len = 0; len < wr_len(&w); len++)
			assert_false(v1_client_decode(buffer, len, &back));
	}
	assert_true(v1_client_decode("\1\21\0\65\12\0\0\1", 8, &back)); /* UDP 53 at 10.0.0.1 */
	assert_int_equal(back.protocol, 17);
	assert_int_equal(back.first_port, 53);
	assert_int_equal(back.last_port, 53);
	assert_false(v1_client_decode("\2\0\0\0name", 8, &back)); /* a name is no client */
	assert_false(v1_client_decode("\7\0\0\0\12\0\0\2\12\0\0\1", 12, &back));
}

static void assert_hex(const uint8_t *bytes, const char *hex)
{
	for (size_t i = 0; hex[2 * i]; i++) {
		char two[3] = {hex[2 * i], hex[2 * i + 1], 0};

		assert_int_equal(bytes[i], strtoul(two, NULL, 16));
	}
}

/* Computed by another program from RFC 2409 5 and appendix B. */
static const struct vector {
	uint16_t prf;
	const char *d, *a, *key, *iv, *hash_i, *hash_r, *iv2, *in, *out, *signature;
} vectors[] = {
	{2, "7d1a0a164d56485614820659f4bef3bb97740faf", "478fe829785dfc915c9d7c05aaac6cc17b6c41ad",
		"a1c7b8f8172b5b07380859d0e46c83b3d25b507d91240416a16153af6c7beb4b",
		"c1ee75ecf807ae60c5e33d45619e78b6", "b9c9299aeab3d10c1f52136d4d8d7540df55f220",
		"0f19f153a1937e96ca7e873cd9f32d8c3b16e26f", "66a86cf587a7b6b9831214918da91c36",
		"7da77bb087d5de7dd9804e6f2f0f9cb10482a2cfe2d27d6e9eb68d0b6cc3961a16a05510",
		"032f8c669214d1118471c513f2568c2bb8e15a346c1ff62dcf6aef9ece66f8de48f91c07",
		"f4e369f74a8dc3ad444db39a41003a523ebe6524"},
	{5, "ea4a98b9a3c4683646f45e20897d9c9dd083ce0ada820a2efc9bcf122cda8ae0",
		"2c1ae9216e4e81212f22284dc2d504785ce7eb92d5cf8b9c76c3a469a2bf7fd6",
		"d9319bbcf81a765b75c4e21a90390777ae4811338166c067d867b6c7c1e72888",
		"863454817b1275e92b14dbbc4073fc98",
		"244e3f027f8140a12e230f9c49fb8b18b596935f05097b61df77a3c1bfc3d29c",
		"7c053c67c1a538b3cda8b5764c20ddffb62b3837f1173fbe4bf29cb3f1b5293e",
		"34b908056000d8c8b0f8595133ff7283",
		"765f1356c44b116d003c6baf71a033742ac4eb74d9afe42f364ae6b70f32e7cd370e1216",
		"7e20b5f45950f09bda6b5c3be62813cfaf2dd1a014ff694471af888cbd5f5a5e4c8fc6da",
		"e3c46a3b877df674b21f994a2b5541f8dec61b44b81e41d39f496a3d9be9a576"},
};

static void check_vector(const struct vector *v)
{
	static const uint8_t id[] = {2, 0, 0, 0, 's', 'i', 't', 'e'};
	struct suite s = {.cipher = cipher_find(12, 256), .prf = prf_find(v->prf)};
	struct suite esp = {.cipher = cipher_find(12, 128), .integ = integ_find(2)};
	uint8_t public_i[256], public_r[256], out[PRF_MAX];
	struct nonce ni = {.len = 16}, nr = {.len = 32};
	struct v1_facts f = {.spi_i = UINT64_C(0x0102030405060708),
		.spi_r = UINT64_C(0x1112131415161718),
		.public_i = {public_i, sizeof(public_i)},
		.public_r = {public_r, sizeof(public_r)},
		.sa = {(const uint8_t *)"body of the SA payload", 22}};
	struct dh_secret shared = {.len = 256};
	struct esp_keys esp_keys;
	struct secret psk;
	struct v1_keys k;

	for (int i = 0; i < 256; i++) {
		shared.bytes[i] = (uint8_t)(i * 7);
		public_i[i] = (uint8_t)(i * 3);
		public_r[i] = (uint8_t)(i * 5);
	}
	for (int i = 0; i < 32; i++) {
		ni.bytes[i] = (uint8_t)i;
		nr.bytes[i] = (uint8_t)(100 + i);
	}
	secret_set(&psk, "a shared secret", 15);
	assert_true(v1_skeyid_signature(s.prf, &shared, &ni, &nr, &k));
	assert_hex(k.skeyid, v->signature);
	assert_true(v1_skeyid_psk(s.prf, &psk, &ni, &nr, &k));
	assert_true(v1_keys_expand(&s, &shared, &f, &k));
	assert_hex(k.d, v->d);
	assert_hex(k.a, v->a);
	assert_hex(k.encr, v->key);
	assert_hex(k.iv, v->iv);
	assert_true(v1_hash_phase1(s.prf, s.prf, &k, &f, true, (struct span){id, sizeof(id)}, out));
	assert_hex(out, v->hash_i);
	assert_true(
		v1_hash_phase1(s.prf, s.prf, &k, &f, false, (struct span){id, sizeof(id)}, out));
	assert_hex(out, v->hash_r);
	assert_true(v1_iv_phase2(s.prf, &k, 0xcafe0001, out));
	assert_hex(out, v->iv2);
	assert_true(v1_keys_child(s.prf, &k, &shared, &ni, &nr, &esp, 0x1234, 5, &esp_keys));
	memcpy(out, esp_keys.key_in, 16);
	memcpy(out + 16, esp_keys.integ_in, 20);
	assert_hex(out, v->in);
	assert_true(v1_keys_child(s.prf, &k, NULL, &ni, &nr, &esp, 5, 0xc0ffee00, &esp_keys));
	memcpy(out, esp_keys.key_out, 16);
	memcpy(out + 16, esp_keys.integ_out, 20);
	assert_hex(out, v->out);
}

static void test_key_material(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
		check_vector(&vectors[i]);
}

/* Takes the fragments in `order`; true when the last of them makes the message whole. */
static bool reassemble(struct ike_sa *sa, const uint8_t *bytes, const size_t *ends, size_t count,
	const uint8_t *order, struct blob *whole)
{
	bool done = false;

	for (size_t i = 0; i < count; i++) {
		size_t at = order[i] ? ends[order[i] - 1] : 0;
		struct message m = {.raw = {bytes + at, ends[order[i]] - at}};

		assert_false(done);
		done = v1_fragment_add(sa, &m, whole);
	}
	return done;
}

static void test_fragments(void **state)
{
	static const uint8_t orders[][5] = {{0, 1, 2}, {2, 0, 1}, {1, 2, 0}};
	struct v1_sa v1 = {.fragments = true};
	struct ike_sa sa = {.v1 = &v1};
	struct ike_header h = {.spi_i = 1, .spi_r = 2, .exchange = V1_MAIN};
	uint8_t buffer[IKE_BUFFER_SIZE], body[3000], copy[3100];
	struct message_writer w;
	struct message torn;
	size_t len, whole_len, count = 0, ends[4];
	struct blob whole = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(body); i++)
		body[i] = (uint8_t)(i * 31);
	v1_message_begin(&w, buffer, IKE_MESSAGE_MAX, &h);
	v1_payload(&w, V1_CERT, body, sizeof(body));
	whole_len = message_end(&w);
	memcpy(copy, buffer, whole_len);
	len = v1_fragment(&sa, buffer, whole_len);
	for (size_t at = 0; at < len; at = ends[count++]) {
		ends[count] = at + (size_t)(buffer[at + 26] << 8 | buffer[at + 27]);
		assert_true(ends[count] - at <= 1220);
	}
	assert_int_equal(count, 3);
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		assert_true(reassemble(&sa, buffer, ends, 3, orders[i], &whole));
		assert_int_equal(whole.len, whole_len);
		assert_memory_equal(whole.bytes, copy, whole_len);
		blob_free(&whole);
	}
	/* One is missing, others come twice: never whole. */
	assert_false(reassemble(&sa, buffer, ends, 4, (const uint8_t[]){0, 2, 0, 2}, &whole));
	/* Every truncation is refused. */
	for (size_t n = 0; n < ends[0]; n++) {
		torn = (struct message){.raw = {buffer, n}};
		assert_false(v1_fragment_add(&sa, &torn, &whole));
	}
	/* Numbers beyond the limit, and more bytes than a message may have. */
	torn = (struct message){.raw = {buffer, ends[0]}};
	buffer[34] = 0;
	assert_false(v1_fragment_add(&sa, &torn, &whole));
	buffer[34] = V1_FRAGMENTS_MAX + 1;
	assert_false(v1_fragment_add(&sa, &torn, &whole));
	buffer[33] = 9; /* of another message, to which the others do not belong */
	for (uint8_t n = 1; n <= V1_FRAGMENTS_MAX; n++) {
		buffer[34] = n;
		assert_false(v1_fragment_add(&sa, &torn, &whole));
	}
	assert_true(v1.partial->len <= IKE_MESSAGE_MAX);
	v1_reassembly_free(v1.partial);
	/* A peer that takes none gets none. */
	v1.fragments = false;
	memcpy(buffer, copy, whole_len);
	assert_int_equal(v1_fragment(&sa, buffer, whole_len), whole_len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chains),
		cmocka_unit_test(test_sealed_round_trip),
		cmocka_unit_test(test_ike_proposals),
		cmocka_unit_test(test_esp_proposals),
		cmocka_unit_test(test_lifetimes),
		cmocka_unit_test(test_clients),
		cmocka_unit_test(test_key_material),
		cmocka_unit_test(test_fragments),
	};

	if (!crypto_init())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
