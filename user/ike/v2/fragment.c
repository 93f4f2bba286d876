/* SPDX-License-Identifier: Apache-2.0 */
/* IKE fragmentation: RFC 7383. Each fragment is a message of its own, encrypted by itself. */
#include "ike/v2/v2.h"

#include <stdlib.h>

/* The largest piece of a chain that one fragment carries. */
static size_t fragment_room(const struct suite *s)
{
	const struct cipher *c = s->cipher;
	size_t icv_len = cipher_is_aead(c) ? c->tag_len : s->integ->icv_len;
	size_t room = IKE_FRAGMENT_SIZE - IKE_HEADER_LEN - 8 - c->iv_len - icv_len;

	return room - room % c->block - 1; /* the last byte is the pad length */
}

size_t fragments_write(struct engine *e, struct ike_sa *sa, struct message_writer *m)
{
	const struct sk_keys *keys = sa->initiator ? &sa->keys.i : &sa->keys.r;
	size_t chain_at = m->iv_at + sa->suite.cipher->iv_len, len = wr_len(&m->w) - chain_at;
	size_t room = fragment_room(&sa->suite), total = (len + room - 1) / room, done = 0;
	uint8_t *out = m->w.start, chain[IKE_MESSAGE_MAX], iv[CIPHER_IV_MAX];
	uint8_t first = out[m->sk_at];
	size_t written = 0;

	if (m->w.bad || total > IKE_FRAGMENTS_MAX)
		return 0;
	memcpy(chain, out + chain_at, len);
	for (uint16_t number = 1; number <= total; number++) {
		size_t piece = len - done < room ? len - done : room, one;
		struct message_writer f;

		e->env.random(e->env.context, iv, sizeof(iv));
		message_begin(&f, out + written, IKE_FRAGMENT_SIZE, &m->head);
		message_skf_begin(
			&f, &sa->suite, iv, number == 1 ? first : 0, number, (uint16_t)total);
		wr_bytes(&f.w, chain + done, piece);
		one = message_end_sk(&f, &sa->suite, keys);
		if (!one) {
			written = 0;
			break;
		}
		done += piece;
		written += one;
	}
	secret_wipe(chain, len);
	return written;
}

void fragments_free(struct reassembly *r)
{
	if (!r)
		return;
	for (unsigned int i = 0; i < IKE_FRAGMENTS_TAKEN; i++)
		blob_free(&r->parts[i]);
	blob_free(&r->whole);
	free(r);
}

/* All there: the chain in one piece. */
static void join(struct reassembly *r)
{
	size_t at = 0;

	blob_free(&r->whole);
	r->whole.bytes = malloc(r->len ? r->len : 1);
	if (!r->whole.bytes)
		abort();
	r->whole.len = r->len;
	for (unsigned int i = 0; i < r->total; i++) {
		memcpy(r->whole.bytes + at, r->parts[i].bytes, r->parts[i].len);
		at += r->parts[i].len;
		blob_free(&r->parts[i]);
	}
	r->got = 0;
}

bool fragments_add(struct ike_sa *sa, const struct message *m, const struct payloads *outer,
	struct span *inner, uint8_t *first)
{
	struct reassembly **at = &sa->partial[!!(m->head.flags & FLAG_RESPONSE)], *r = *at;
	unsigned int index = outer->fragment - 1u;

	/* 2.6: a peer that found a smaller size starts over with more fragments; fewer are old. */
	if (!r || r->id != m->head.id || outer->fragments > r->total) {
		fragments_free(r);
		r = *at = calloc(1, sizeof(*r));
		if (!r)
			abort();
		r->id = m->head.id;
		r->total = outer->fragments;
	}
	if (outer->fragments < r->total || r->parts[index].bytes ||
		r->len + inner->len > IKE_MESSAGE_MAX)
		return false;
	if (index == 0)
		r->first = outer->sk_first;
	blob_set(&r->parts[index], inner->bytes, inner->len);
	r->len += inner->len;
	if (++r->got < r->total)
		return false;
	join(r);
	r->len = 0;
	*inner = (struct span){r->whole.bytes, r->whole.len};
	*first = r->first;
	return true;
}
