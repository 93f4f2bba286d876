/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fragmentation as vendors do it (vendor ID "FRAGMENTATION", payload 132): the bytes of a finished
 * message in pieces, each behind a header of its own. Nothing of it is authenticated; the whole is.
 */
#include "ike/v1/v1.h"

#include <stdlib.h>

#define LAST_FRAGMENT 1
#define OVERHEAD      (IKE_HEADER_LEN + 4 + 4) /* header, payload header, ID, number, flags */

size_t v1_fragment(const struct ike_sa *sa, uint8_t *buffer, size_t len)
{
	size_t total = (len + V1_FRAGMENT_DATA - 1) / V1_FRAGMENT_DATA, written = 0;
	struct ike_header h;
	uint8_t *whole;

	if (!sa->v1->fragments || total < 2 || total > V1_FRAGMENTS_MAX ||
		len + total * OVERHEAD > IKE_BUFFER_SIZE || !header_decode(buffer, len, &h))
		return len;
	whole = malloc(len);
	if (!whole)
		abort();
	memcpy(whole, buffer, len);
	h.flags = 0;
	for (size_t i = 0; i < total; i++) {
		size_t at = i * V1_FRAGMENT_DATA;
		size_t piece = len - at < V1_FRAGMENT_DATA ? len - at : V1_FRAGMENT_DATA;
		struct message_writer w;

		v1_message_begin(&w, buffer + written, IKE_BUFFER_SIZE - written, &h);
		v1_payload_begin(&w, V1_FRAGMENT);
		wr_u16(&w.w, 1);
		wr_u8(&w.w, (uint8_t)(i + 1));
		wr_u8(&w.w, i + 1 == total ? LAST_FRAGMENT : 0);
		wr_bytes(&w.w, whole + at, piece);
		message_payload_end(&w);
		written += message_end(&w);
	}
	free(whole);
	return written;
}

void v1_reassembly_free(struct v1_reassembly *r)
{
	if (!r)
		return;
	for (unsigned int i = 0; i < IKE_FRAGMENTS_TAKEN; i++)
		blob_free(&r->parts[i]);
	free(r);
}

/* All there: the message in one piece. */
static bool join(struct v1_reassembly *r, struct blob *own_whole)
{
	struct wr w;

	if (!r->last)
		return false;
	for (unsigned int i = 0; i < r->last; i++) {
		if (!r->parts[i].bytes)
			return false;
	}
	own_whole->bytes = malloc(r->len);
	if (!own_whole->bytes)
		abort();
	own_whole->len = r->len;
	w = wr_init(own_whole->bytes, r->len);
	for (unsigned int i = 0; i < r->last; i++)
		wr_bytes(&w, r->parts[i].bytes, r->parts[i].len);
	return !w.bad && wr_len(&w) == r->len;
}

bool v1_fragment_add(struct ike_sa *sa, const struct message *m, struct blob *own_whole)
{
	struct rd r = rd_init(m->raw.bytes, m->raw.len);
	struct v1_reassembly *to = sa->v1->partial;
	struct blob *part;
	bool whole;

	rd_skip(&r, IKE_HEADER_LEN + 2);

	uint16_t len = rd_u16(&r), id = rd_u16(&r);
	uint8_t number = rd_u8(&r), flags = rd_u8(&r);

	if (r.bad || !rd_left(&r) || len != rd_left(&r) + 8 || number == 0 ||
		number > IKE_FRAGMENTS_TAKEN)
		return false;
	if (!to || to->id != id) {
		v1_reassembly_free(to);
		to = sa->v1->partial = calloc(1, sizeof(*to));
		if (!to)
			abort();
		to->id = id;
	}
	/* Each message may have the same ID: a piece that differs begins anew. */
	part = &to->parts[number - 1];
	if (part->bytes && (part->len != rd_left(&r) || memcmp(part->bytes, r.p, part->len))) {
		for (unsigned int i = 0; i < IKE_FRAGMENTS_TAKEN; i++)
			blob_free(&to->parts[i]);
		to->len = 0;
		to->last = 0;
	}
	if (part->bytes || to->len + rd_left(&r) > IKE_MESSAGE_MAX)
		return false;
	to->len += rd_left(&r);
	blob_set(part, r.p, rd_left(&r));
	if (flags & LAST_FRAGMENT)
		to->last = number;
	whole = join(to, own_whole);
	if (!whole) {
		blob_free(own_whole);
		return false;
	}
	v1_reassembly_free(to);
	sa->v1->partial = NULL;
	return true;
}
