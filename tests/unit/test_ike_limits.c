/* SPDX-License-Identifier: Apache-2.0 */
/* Well-formed messages with more of something than a usual peer sends. */
#include "ike_v1_lab.h"

#include "crypto/hash.h"

static struct tunnel *tunnel_of(struct lab *l, int i)
{
	return tunnel_find(l->e[i], l->conf[i].number);
}

static void deliver(struct lab *l, const struct ike_sa *from, const void *bytes, size_t len)
{
	assert_true(len > 0);
	engine_datagram(l->e[HUB], &from->remote, &from->local, bytes, len, l->now);
	settle(l);
}

static void put_delete(struct message_writer *w, bool v1, uint32_t spi)
{
	message_payload_begin(w, v1 ? (enum ike_payload)V1_DELETE : PAYLOAD_DELETE);
	if (v1)
		wr_u32(&w->w, 1);
	wr_u8(&w->w, PROTOCOL_ESP);
	wr_u8(&w->w, 4);
	wr_u16(&w->w, 1);
	wr_u32(&w->w, spi);
	message_payload_end(w);
}

/* Deletes of pairs that nobody knows, and at the end that of ours. */
static void test_deletes(void **state)
{
	struct lab *l = lab_new();
	struct tunnel *t;
	uint8_t buffer[IKE_BUFFER_SIZE];
	struct message_writer w;
	struct ike_sa *sa;

	(void)state;
	site_starts(l);
	sa = sa_of(l, SITE);
	t = tunnel_of(l, SITE);
	sealed_begin(l->e[SITE], sa, &w, buffer, EXCHANGE_INFORMATIONAL, false);
	for (uint32_t i = 0; i < 20; i++)
		put_delete(&w, false, 0x5000 + i);
	put_delete(&w, false, t->children[t->in_use].spi_in);
	deliver(l, sa, buffer, sealed_end(l->e[SITE], sa, &w));
	assert_int_equal(l->notes[HUB][REASON_PEER_DELETED_CHILD], 1);
	assert_int_equal(l->notes[HUB][REASON_MALFORMED], 0);
	lab_free(l);
}

static void test_deletes_v1(void **state)
{
	struct lab *l = lab_v1();
	uint8_t buffer[IKE_BUFFER_SIZE], iv[CIPHER_IV_MAX];
	struct v1_writer vw;
	struct tunnel *t;
	struct ike_sa *sa;

	(void)state;
	site_starts(l);
	sa = sa_of(l, SITE);
	t = tunnel_of(l, SITE);
	v1_phase2_begin(sa, &vw, buffer, V1_INFORMATIONAL, v1_new_id(l->e[SITE]));
	for (uint32_t i = 0; i < 20; i++)
		put_delete(&vw.w, true, 0x5000 + i);
	put_delete(&vw.w, true, t->children[t->in_use].spi_in);
	assert_true(v1_iv_phase2(sa->suite.prf, &sa->v1_keys, vw.id, iv));
	deliver(l, sa, buffer, v1_phase2_end(sa, &vw, NULL, iv));
	assert_int_equal(l->notes[HUB][REASON_INTEGRITY], 0);
	assert_int_equal(l->notes[HUB][REASON_PEER_DELETED_CHILD], 1);
	lab_free(l);
}

/* Status notifications that mean nothing are ignored, however many; of others, what is too much. */
static void test_notifies(void **state)
{
	static const struct {
		uint16_t type;
		unsigned int count;
		bool over;
	} rows[] = {{40000, 200, false}, {NOTIFY_NAT_DETECTION_SOURCE_IP, 60, false},
		{NOTIFY_NAT_DETECTION_SOURCE_IP, 200, true}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lab *l = lab_new();
		uint8_t buffer[IKE_BUFFER_SIZE];
		struct message_writer w;
		struct ike_sa *sa;

		site_starts(l);
		sa = sa_of(l, SITE);
		sealed_begin(l->e[SITE], sa, &w, buffer, EXCHANGE_INFORMATIONAL, false);
		w.w.end = buffer + sizeof(buffer);
		for (unsigned int n = 0; n < rows[i].count; n++)
			message_notify(&w, 0, NULL, 0, (enum ike_notify)rows[i].type, "abc", 3);
		sa->fragmentation = false;
		deliver(l, sa, buffer, sealed_end(l->e[SITE], sa, &w));
		assert_int_equal(l->notes[HUB][REASON_MALFORMED], 0);
		assert_int_equal(l->notes[HUB][REASON_OVER_LIMIT], rows[i].over);
		assert_int_equal(sa_of(l, HUB)->recv_id, sa->send_id + 1); /* it was answered */
		lab_free(l);
	}
}

/* IKE_SA_INIT of the site with `count` proposals that nobody has, or a payload that is critical. */
static size_t first_message(struct lab *l, unsigned int count, bool critical, uint8_t *buffer)
{
	struct ike_header h = {
		.spi_i = 77, .exchange = EXCHANGE_IKE_SA_INIT, .flags = FLAG_INITIATOR};
	uint8_t public[32] = {9}, nonce[32] = {1};
	struct proposal_policy policy;
	struct message_writer w;
	size_t start;

	message_begin(&w, buffer, IKE_MESSAGE_MAX, &h);
	message_payload_begin(&w, PAYLOAD_SA);
	for (unsigned int i = 1; i <= count; i++) {
		wr_bytes(&w.w, "\2\0\0\20", 4);
		wr_u8(&w.w, (uint8_t)i);
		wr_bytes(&w.w, "\1\0\1\0\0\0\10\1\0\0\3", 11);
	}
	start = wr_len(&w.w);
	proposal_policy_ike(&l->conf[HUB].options, &policy);
	proposal_encode_offer(&w.w, &policy, NULL, 0);
	wr_set_u8(&w.w, start + 4, (uint8_t)(count + 1));
	message_payload_end(&w);
	put_ke(&w, dh_group_find(31), public);
	message_payload(&w, PAYLOAD_NONCE, nonce, sizeof(nonce));
	if (critical) {
		wr_set_u8(&w.w, w.next_at, 120);
		wr_bytes(&w.w, "\0\x80\0\4", 4);
	}
	return message_end(&w);
}

static void test_proposals(void **state)
{
	struct lab *l = lab_new();
	struct ip_endpoint to = {l->conf[HUB].local, IKE_PORT},
			   from = {l->conf[SITE].local, IKE_PORT};
	uint8_t buffer[IKE_BUFFER_SIZE];
	size_t len;

	(void)state;
	settle(l);
	len = first_message(l, 200, false, buffer);
	engine_datagram(l->e[HUB], &to, &from, buffer, len, l->now);
	settle(l);
	assert_int_equal(engine_half_open(l->e[HUB]), 1);
	lab_free(l);
}

static bool keep_last(struct lab *l, int from, const struct effect_send *s)
{
	struct payloads *p = calloc(1, sizeof(*p));
	uint8_t critical;

	assert_int_equal(from, HUB);
	assert_int_equal(payloads_decode(s->bytes + IKE_HEADER_LEN, s->len - IKE_HEADER_LEN,
				 s->bytes[16], p, &critical),
		DECODE_OK);
	assert_int_equal(p->notifies, 1);
	assert_int_equal(p->notify[0].type, NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD);
	assert_int_equal(p->notify[0].data.len, 1);
	assert_int_equal(p->notify[0].data.bytes[0], 120);
	free(p);
	l->moved[HUB]++;
	return true;
}

/* RFC 7296 2.5: the refusal has the type, in IKE_SA_INIT, too. */
static void test_critical_in_the_first(void **state)
{
	struct lab *l = lab_new();
	struct ip_endpoint to = {l->conf[HUB].local, IKE_PORT},
			   from = {l->conf[SITE].local, IKE_PORT};
	uint8_t buffer[IKE_BUFFER_SIZE];
	size_t len;

	(void)state;
	settle(l);
	l->drop = keep_last;
	len = first_message(l, 0, true, buffer);
	engine_datagram(l->e[HUB], &to, &from, buffer, len, l->now);
	settle(l);
	assert_int_equal(l->moved[HUB], 1);
	assert_int_equal(l->notes[HUB][REASON_CRITICAL_PAYLOAD], 1);
	assert_int_equal(l->notes[HUB][REASON_MALFORMED], 0);
	assert_string_equal(l->last[HUB], "type 120 in IKE_SA_INIT");
	lab_free(l);
}

/* Addresses that differ in any part of theirs are spread: the last byte, the host, the site of a large block. */
static void test_buckets(void **state)
{
	enum { BUCKETS = 256, ADDRESSES = 4096, EVENLY = ADDRESSES / BUCKETS };
	struct lab *l = lab_new();

	(void)state;
	for (int byte = 0; byte < 15; byte++) {
		unsigned int in[BUCKETS] = {0};

		for (unsigned int i = 0; i < ADDRESSES; i++) {
			struct ip_addr a = {AF_INET6, {0x20, 1, 0xd, 0xb8}};
			unsigned int at;

			a.bytes[byte] ^= (uint8_t)(i >> 8);
			a.bytes[byte + 1] ^= (uint8_t)i;
			at = engine_bucket_of(l->e[HUB], &a, BUCKETS);
			assert_in_range(at, 0, BUCKETS - 1);
			in[at]++;
		}
		for (int i = 0; i < BUCKETS; i++)
			assert_in_range(in[i], 0, 4 * EVENLY);
	}
	lab_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_deletes),
		cmocka_unit_test(test_deletes_v1),
		cmocka_unit_test(test_notifies),
		cmocka_unit_test(test_proposals),
		cmocka_unit_test(test_critical_in_the_first),
		cmocka_unit_test(test_buckets),
	};

	if (!crypto_init())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
