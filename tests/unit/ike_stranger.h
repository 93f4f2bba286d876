/* SPDX-License-Identifier: Apache-2.0 */
/* What a stranger sends to the hub of ike_lab.h, and what the hub did about it. */
#ifndef SLUICE_TESTS_UNIT_IKE_STRANGER_H
#define SLUICE_TESTS_UNIT_IKE_STRANGER_H

#include "ike_lab.h"

#define COOKIE_LEN 33 /* bytes of the hub's cookies */

/* An IKE_SA_INIT as a stranger at `source` would send it; with a cookie, unless that is NULL. */
static inline void stranger_with(
	struct lab *l, const char *source, uint64_t spi, bool valid_ke, const uint8_t *cookie)
{
	struct ike_header h = {
		.spi_i = spi, .exchange = EXCHANGE_IKE_SA_INIT, .flags = FLAG_INITIATOR};
	struct ip_endpoint from = {.port = IKE_PORT}, to = {l->conf[HUB].local, IKE_PORT};
	uint8_t buffer[1024], public[32] = {9}, nonce[32] = {1};
	struct proposal_policy policy;
	struct message_writer w;
	size_t len;

	addr_parse(source, &from.addr);
	proposal_policy_ike(&l->conf[HUB].options, &policy);
	message_begin(&w, buffer, sizeof(buffer), &h);
	if (cookie)
		message_notify(&w, 0, NULL, 0, NOTIFY_COOKIE, cookie, COOKIE_LEN);
	message_payload_begin(&w, PAYLOAD_SA);
	proposal_encode_offer(&w.w, &policy, NULL, 0);
	message_payload_end(&w);
	if (!valid_ke)
		memset(public, 0, sizeof(public));
	put_ke(&w, dh_group_find(31), public);
	message_payload(&w, PAYLOAD_NONCE, nonce, sizeof(nonce));
	len = message_end(&w);
	engine_datagram(l->e[HUB], &to, &from, buffer, len, l->now);
}

static inline void stranger(struct lab *l, const char *source, uint64_t spi, bool valid_ke)
{
	stranger_with(l, source, spi, valid_ke, NULL);
}

/* Counts what the hub did; true with the cookie that it asked for last. */
static inline bool drain_cookie(struct lab *l, uint8_t cookie[COOKIE_LEN])
{
	struct effect *f;
	bool asked = false;

	while ((f = engine_effect(l->e[HUB]))) {
		if (f->type == EFFECT_NOTE)
			l->notes[HUB][f->note.reason]++;
		l->sent[HUB] += f->type == EFFECT_SEND;
		if (f->type == EFFECT_SEND && f->send.len == IKE_HEADER_LEN + 8 + COOKIE_LEN &&
			f->send.bytes[16] == PAYLOAD_NOTIFY) {
			memcpy(cookie, f->send.bytes + IKE_HEADER_LEN + 8, COOKIE_LEN);
			asked = true;
		}
		effect_free(f);
	}
	return asked;
}

static inline void drain(struct lab *l)
{
	uint8_t cookie[COOKIE_LEN];

	(void)drain_cookie(l, cookie);
}

/* One who gets what is sent to him, and returns the cookie; never IKE_AUTH. */
static inline void patient_stranger(struct lab *l, const char *source, uint64_t spi, bool valid_ke)
{
	uint8_t cookie[COOKIE_LEN];

	stranger(l, source, spi, valid_ke);
	if (!drain_cookie(l, cookie))
		return;
	stranger_with(l, source, spi, valid_ke, cookie);
	drain(l);
}

#endif
