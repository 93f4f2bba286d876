/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole engine. The input is a script: datagrams from strangers, IKE_SA_INIT chains, payloads
 * sealed with the keys of an established SA or of one in IKE_AUTH, answers, commands, time. An input
 * that begins with V1_MARK is the same for IKEv1.
 */
#include "ike/v1/v1.h"
#include "ike/v2/v2.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

#define TUNNEL  2
#define V1_MARK 0xf1

static bool v1; /* the version of this input; the first index of what follows */
static uint8_t checkpoints[2][2][ENGINE_CHECKPOINT_SIZE(1)];
static size_t checkpoint_lens[2][2];
static uint64_t random_state;
static const struct ip_endpoint endpoints[2] = {
	{{AF_INET, {10, 0, 0, 1}}, IKE_PORT_NAT}, {{AF_INET, {10, 0, 0, 2}}, IKE_PORT_NAT}};

static void fuzz_random(void *context, void *bytes, size_t len)
{
	uint8_t *p = bytes;

	(void)context;
	for (size_t i = 0; i < len; i++) {
		random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
		p[i] = (uint8_t)(random_state >> 56);
	}
}

static struct engine *make_engine(int me, bool starts, uint64_t now)
{
	struct engine_env env = {.random = fuzz_random};
	struct engine_limits limits = engine_limits_default();
	struct engine *e = engine_new(&env, &limits);
	struct engine_tunnel c = {.number = TUNNEL,
		.local = endpoints[me].addr,
		.remote = endpoints[!me].addr,
		.local_id = {IKE_ID_FQDN, 1, {(uint8_t)('a' + me)}},
		.remote_id = {IKE_ID_FQDN, 1, {(uint8_t)('b' - me)}},
		.options = {.ikev2 = true,
			.p1_encryption = {1, {{20, 128}}},
			.p1_prf = {1, {{5, 0}}},
			.p1_groups = {1, {{31, 0}}},
			.p2_encryption = {1, {{20, 128}}},
			.p2_groups = {1, {{31, 0}}},
			.p1_lifetime_s = 600,
			.p2_lifetime_s = 300,
			.rekey_margin_s = 100,
			.dpd_interval_s = 10,
			.dpd_timeout_s = 30,
			.replay_window = 64,
			.startup = starts ? STARTUP_START : STARTUP_ADD,
			.encap = ENCAP_FORCE}};
	struct secret psk;

	if (v1) {
		c.options.ikev1 = true;
		c.options.ikev2 = false;
		c.options.p1_encryption.items[0].id = 12;
		c.options.p1_integrity = (struct algorithm_set){1, {{12, 0}}};
		c.options.p1_groups.items[0].id = c.options.p2_groups.items[0].id = 19;
	}
	for (int i = 0; i < 2; i++) {
		struct selector_set *set = i ? &c.local_ts : &c.remote_ts;

		set->count = 1;
		set->selectors[0].first.family = set->selectors[0].last.family = AF_INET;
		memset(set->selectors[0].last.bytes, 0xff, 4);
		set->selectors[0].last_port = 65535;
	}
	secret_set(&psk, "fuzzed", 6);
	engine_tunnel_set(e, &c, &psk, now);
	return e;
}

/* Takes the effects of `from`; datagrams go to `to` unless that is NULL. */
static void exchange(struct engine *from, struct engine *to, uint64_t now)
{
	struct effect *f;

	while ((f = engine_effect(from))) {
		if (f->type == EFFECT_SEND && to)
			engine_datagram(to, &f->send.remote, &f->send.local, f->send.bytes,
				f->send.len, now);
		effect_free(f);
	}
}

static void establish(void)
{
	uint64_t now = CLOCK_SECOND;
	struct engine *e[2] = {make_engine(0, true, now), make_engine(1, false, now)};

	for (int i = 0; i < 2; i++)
		engine_start(e[i], now);
	for (int i = 0; i < 8; i++) {
		now += CLOCK_SECOND;
		engine_timer(e[0], now);
		exchange(e[0], e[1], now);
		exchange(e[1], e[0], now);
	}
	for (int i = 0; i < 2; i++) {
		checkpoint_lens[v1][i] = engine_checkpoint(
			e[i], checkpoints[v1][i], sizeof(checkpoints[v1][i]), now);
		if (checkpoint_lens[v1][i] < 100)
			abort();
		engine_free(e[i]);
	}
}

static struct ike_sa *find_state(struct engine *e, enum ike_state state)
{
	struct ike_sa *sa;

	TAILQ_FOREACH(sa, &e->sas, link) {
		if (sa->state == state && !sa->free_me)
			return sa;
	}
	return NULL;
}

/* IKEv1: a phase 2 message with a right HASH; the answer to an exchange of the receiver, maybe. */
static void send_phase2(
	struct engine *from, struct engine *to, struct rd *r, bool response, uint64_t now)
{
	uint8_t buffer[IKE_BUFFER_SIZE], datagram[4 + IKE_BUFFER_SIZE] = {0}, iv[CIPHER_IV_MAX];
	struct ike_sa *sa = find_state(from, IKE_ESTABLISHED), *peer;
	uint8_t what = rd_u8(r), first = rd_u8(r);
	enum v1_exchange_type type = what & 1 ? V1_QUICK : V1_INFORMATIONAL;
	const struct nonce *nonce = NULL;
	uint32_t id = 1 + what / 2;
	struct v1_writer vw;
	size_t len;

	peer = sa ? ike_sa_find(to, sa->initiator ? sa->spi_r : sa->spi_i) : NULL;
	if (!peer || !v1_iv_phase2(sa->suite.prf, &sa->v1_keys, id, iv))
		return;
	if (response && v1_is_quick(peer->request.kind)) {
		type = V1_QUICK;
		id = peer->request.id;
		nonce = &peer->request.nonce;
		memcpy(iv, peer->v1->request_iv, sizeof(iv));
	}
	v1_phase2_begin(sa, &vw, buffer, type, id);
	wr_set_u8(&vw.w.w, vw.w.next_at, first);
	wr_bytes(&vw.w.w, r->p, rd_left(r));
	len = v1_phase2_end(sa, &vw, nonce, iv);
	memcpy(datagram + 4, buffer, len);
	engine_datagram(to, &endpoints[1], &endpoints[0], datagram, len + 4, now);
}

/* IKEv1: a chain as message 1, or as message 5 under the keys that the receiver expects. */
static void send_main(struct engine *to, struct rd *r, struct ike_sa *sa, uint64_t now)
{
	uint8_t buffer[IKE_BUFFER_SIZE], datagram[4 + IKE_BUFFER_SIZE] = {0}, first = rd_u8(r);
	struct ike_header h = {.spi_i = 0x1122334455667788, .exchange = V1_MAIN};
	struct message_writer w;
	size_t len;

	if (sa && !v1_derive(sa, &sa->tunnel->psk))
		return;
	if (sa) {
		v1_main_begin(sa, &w, buffer);
	} else {
		h.spi_i += rd_u8(r);
		v1_message_begin(&w, buffer, IKE_MESSAGE_MAX, &h);
	}
	wr_set_u8(&w.w, w.next_at, first);
	wr_bytes(&w.w, r->p, rd_left(r));
	len = sa ? v1_main_end(sa, &w, true) : message_end(&w);
	memcpy(datagram + 4, buffer, len);
	engine_datagram(to, &endpoints[1], &endpoints[0], datagram, len + 4, now);
}

/* Payload bytes of the input under the sender's keys. */
static void send_sealed(struct engine *from, struct engine *to, enum ike_state state, struct rd *r,
	bool response, uint64_t now)
{
	uint8_t buffer[IKE_BUFFER_SIZE], datagram[4 + IKE_BUFFER_SIZE] = {0};
	uint8_t exchange_type = (uint8_t)(EXCHANGE_IKE_SA_INIT + rd_u8(r) % 4), first = rd_u8(r);
	struct message_writer w;
	struct ike_sa *sa, *peer;
	size_t len;

	if (v1) {
		send_phase2(from, to, r, response, now);
		return;
	}
	sa = find_state(from, state);
	if (!sa)
		return;
	sealed_begin(from, sa, &w, buffer, exchange_type, response);
	if (first & 0x80) { /* one fragment of some message */
		struct ike_header h = w.head;
		uint16_t number = rd_u8(r) % 4 + 1u, total = rd_u8(r) % 20;
		uint8_t iv[CIPHER_IV_MAX] = {first};

		message_begin(&w, buffer, IKE_MESSAGE_MAX, &h);
		message_skf_begin(&w, &sa->suite, iv, first & 0x7f, number, total);
	} else {
		wr_set_u8(&w.w, w.next_at, first);
	}
	peer = ike_sa_find(to, sa->initiator ? sa->spi_r : sa->spi_i);
	/* The number that the receiver waits for: everything else is covered by raw datagrams. */
	if (peer)
		wr_set_u8(&w.w, 23, (uint8_t)(response ? peer->request.id : peer->recv_id));
	wr_bytes(&w.w, r->p, rd_left(r));
	len = sealed_end(from, sa, &w);
	memcpy(datagram + 4, buffer, len);
	engine_datagram(to, &endpoints[1], &endpoints[0], datagram, len + 4, now);
}

static void send_init(struct engine *to, struct rd *r, uint64_t now)
{
	struct ike_header h = {.spi_i = 0x1122334455667788,
		.exchange = EXCHANGE_IKE_SA_INIT,
		.flags = FLAG_INITIATOR};
	uint8_t buffer[IKE_MESSAGE_MAX + 4] = {0}, first = rd_u8(r);
	struct message_writer w;
	size_t len;

	h.spi_i += rd_u8(r);
	message_begin(&w, buffer + 4, IKE_MESSAGE_MAX, &h);
	wr_set_u8(&w.w, w.next_at, first);
	wr_bytes(&w.w, r->p, rd_left(r));
	len = message_end(&w);
	engine_datagram(to, &endpoints[1], &endpoints[0], buffer, len + 4, now);
}

/* A fresh initiator gets as far as IKE_AUTH, then says what the input says. */
static void send_auth(struct engine *to, struct rd *r, uint64_t now)
{
	struct engine *a = make_engine(0, true, now);
	struct ike_sa *sa;

	engine_start(a, now);
	now += CLOCK_SECOND;
	engine_timer(a, now);
	exchange(a, to, now);
	exchange(to, a, now);
	if (v1) { /* messages 3 and 4 */
		exchange(a, to, now);
		exchange(to, a, now);
	}
	exchange(a, NULL, now);
	sa = find_state(a, IKE_MAIN5_SENT);
	if (v1 && sa)
		send_main(to, r, sa, now);
	else
		send_sealed(a, to, IKE_AUTH_SENT, r, false, now);
	engine_free(a);
}

/* Any datagram; with `known`, one that belongs to an SA of the receiver. */
static void send_raw(struct engine *e[2], struct rd *r, bool known, uint64_t now)
{
	const struct ike_sa *sa = find_state(e[1], IKE_ESTABLISHED);
	uint8_t datagram[1024];
	size_t len = rd_left(r);
	struct wr w = wr_init(datagram + 4, 16);

	rd_copy(r, datagram, len);
	if (known && sa && len >= 20) {
		wr_u64(&w, sa->spi_i);
		wr_u64(&w, sa->spi_r);
	}
	engine_datagram(e[1], &endpoints[1], &endpoints[0], datagram, len, now);
}

static void one_step(struct engine *e[2], struct rd *r, uint64_t *now)
{
	uint8_t what = rd_u8(r);
	struct rd body = rd_sub(r, rd_u16(r) % 1024);

	if (body.bad)
		return;
	switch (what % 8) {
	case 0:
		send_raw(e, &body, what & 8, *now);
		break;
	case 1:
		send_sealed(e[0], e[1], IKE_ESTABLISHED, &body, false, *now);
		break;
	case 2:
		send_sealed(e[0], e[1], IKE_ESTABLISHED, &body, true, *now);
		break;
	case 3:
		if (v1)
			send_main(e[1], &body, NULL, *now);
		else
			send_init(e[1], &body, *now);
		break;
	case 4:
		send_auth(e[1], &body, *now);
		break;
	case 5:
		engine_command(e[1], TUNNEL, (enum engine_command)(1 + what / 8 % 5), *now);
		break;
	case 6:
		*now += (1 + what / 8) * CLOCK_SECOND;
		engine_timer(e[1], *now);
		break;
	default: /* the two talk to each other honestly */
		engine_command(
			e[0], TUNNEL, what & 8 ? ENGINE_REKEY_CHILD : ENGINE_REKEY_IKE, *now);
		exchange(e[0], e[1], *now);
		exchange(e[1], e[0], *now);
	}
	exchange(e[1], what & 128 ? e[0] : NULL, *now);
	exchange(e[0], NULL, *now);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct rd r = rd_init(bytes, len);
	uint64_t now = 20 * CLOCK_SECOND;
	struct engine *e[2];

	random_state = 1;
	v1 = len && bytes[0] == V1_MARK;
	if (v1)
		(void)rd_u8(&r);
	if (!checkpoint_lens[v1][0])
		establish();
	for (int i = 0; i < 2; i++) {
		e[i] = make_engine(i, false, now);
		if (!engine_restore(e[i], checkpoints[v1][i], checkpoint_lens[v1][i], now))
			abort();
		engine_start(e[i], now);
		exchange(e[i], NULL, now);
	}
	while (rd_left(&r))
		one_step(e, &r, &now);
	engine_free(e[0]);
	engine_free(e[1]);
	return 0;
}
