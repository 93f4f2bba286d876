/* SPDX-License-Identifier: Apache-2.0 */
/* What a checkpoint holds of an IKEv1 SA beside the common part. */
#include "ike/v1/v1.h"

#include <stdlib.h>

#define SAVED_EXCHANGES_MAX 2 /* the newest ones */

static void put_nonce(struct wr *w, const struct nonce *n)
{
	wr_u16(w, n->len);
	wr_bytes(w, n->bytes, n->len);
}

static void get_nonce_saved(struct rd *r, struct nonce *n)
{
	uint16_t len = rd_u16(r);

	if (len > sizeof(n->bytes))
		r->bad = true;
	else
		rd_copy(r, n->bytes, n->len = len);
}

static void put_exchange(struct wr *w, const struct v1_exchange *x)
{
	wr_u32(w, x->id);
	wr_u8(w, x->pending);
	wr_u32(w, x->spi_in);
	wr_bytes(w, x->last, sizeof(x->last));
	wr_bytes(w, x->iv, sizeof(x->iv));
	wr_u32(w, x->gate);
	put_nonce(w, &x->ni);
	put_nonce(w, &x->nr);
	checkpoint_put_blob(w, &x->answer);
	wr_u64(w, x->give_up_at);
}

static void get_exchange(struct rd *r, struct v1_exchange *x)
{
	x->pending = rd_u8(r);
	x->spi_in = rd_u32(r);
	rd_copy(r, x->last, sizeof(x->last));
	rd_copy(r, x->iv, sizeof(x->iv));
	x->gate = rd_u32(r);
	get_nonce_saved(r, &x->ni);
	get_nonce_saved(r, &x->nr);
	checkpoint_get_blob(r, &x->answer);
	x->give_up_at = rd_u64(r);
	x->interval = RETRANSMIT_FIRST;
	x->resend_at = 0; /* at once: nobody knows how long the process was away */
}

/* The n-th newest exchange that is remembered, or NULL. */
static const struct v1_exchange *newest(const struct v1_sa *v1, unsigned int n)
{
	return v1->exchanges[(uint8_t)(v1->next_exchange - 1 - n) % V1_EXCHANGES_MAX];
}

void v1_save(struct wr *w, const struct ike_sa *sa)
{
	const struct v1_sa *v1 = sa->v1;
	uint8_t count = 0;

	wr_u8(w, v1->fragments);
	wr_u8(w, v1->confirmed);
	wr_u32(w, v1->dpd_sent);
	wr_u32(w, v1->dpd_seen);
	for (unsigned int i = 0; i < V1_SEEN_MAX; i++)
		wr_u32(w, v1->seen[i]);
	wr_u8(w, v1->next_seen);
	for (unsigned int i = 0; i < SAVED_EXCHANGES_MAX; i++)
		count += newest(v1, i) != NULL;
	wr_u8(w, count);
	for (unsigned int i = 0; i < SAVED_EXCHANGES_MAX; i++) {
		if (newest(v1, i))
			put_exchange(w, newest(v1, i));
	}
}

bool v1_load(struct rd *r, struct ike_sa *sa)
{
	struct v1_sa *v1 = sa->v1 = calloc(1, sizeof(*v1));
	unsigned int count;

	if (!v1)
		abort();
	v1->fragments = rd_u8(r);
	v1->confirmed = rd_u8(r);
	v1->dpd_sent = rd_u32(r);
	v1->dpd_seen = rd_u32(r);
	for (unsigned int i = 0; i < V1_SEEN_MAX; i++)
		v1->seen[i] = rd_u32(r);
	v1->next_seen = rd_u8(r);
	count = rd_u8(r);
	if (count > SAVED_EXCHANGES_MAX || !sa->suite.cipher || cipher_is_aead(sa->suite.cipher))
		return false;
	for (unsigned int i = 0; i < count && !r->bad; i++)
		get_exchange(r, v1_exchange_new(sa, rd_u32(r)));
	return !r->bad;
}
