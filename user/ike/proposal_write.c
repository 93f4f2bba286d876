/* SPDX-License-Identifier: Apache-2.0 */
/* Proposals as they are sent: what a policy offers, and what was chosen. */
#include "ike/proposal.h"

#include <string.h>

/* Writes transforms of one proposal; patches the "more" byte of the last one at the end. */
struct proposal_writer {
	struct wr *w;
	size_t start;
	size_t last_transform;
	uint8_t transforms;
};

static struct proposal_writer proposal_begin(
	struct wr *w, uint8_t number, enum ike_protocol protocol, const void *spi, uint8_t spi_len)
{
	struct proposal_writer pw = {.w = w, .start = wr_len(w)};

	wr_u8(w, 0);
	wr_u8(w, 0);
	wr_u16(w, 0);
	wr_u8(w, number);
	wr_u8(w, (uint8_t)protocol);
	wr_u8(w, spi_len);
	wr_u8(w, 0);
	wr_bytes(w, spi, spi_len);
	return pw;
}

static void proposal_add(
	struct proposal_writer *pw, enum transform_type type, uint16_t id, uint16_t key_bits)
{
	pw->last_transform = wr_len(pw->w);
	pw->transforms++;
	wr_u8(pw->w, MORE_TRANSFORMS);
	wr_u8(pw->w, 0);
	wr_u16(pw->w, key_bits ? 12 : 8);
	wr_u8(pw->w, (uint8_t)type);
	wr_u8(pw->w, 0);
	wr_u16(pw->w, id);
	if (key_bits) {
		wr_u16(pw->w, ATTRIBUTE_KEY_LENGTH | ATTRIBUTE_SHORT);
		wr_u16(pw->w, key_bits);
	}
}

static void proposal_end(struct proposal_writer *pw, bool more)
{
	struct wr *w = pw->w;

	wr_set_u8(w, pw->start, more ? MORE_PROPOSALS : 0);
	wr_set_u16(w, pw->start + 2, (uint16_t)(wr_len(w) - pw->start));
	wr_set_u8(w, pw->start + 7, pw->transforms);
	wr_set_u8(w, pw->last_transform, 0);
}

static void add_set(
	struct proposal_writer *pw, enum transform_type type, const struct algorithm_set *set)
{
	for (unsigned int i = 0; i < set->count; i++)
		proposal_add(pw, type, set->items[i].id, set->items[i].key_bits);
}

static unsigned int count_ciphers(const struct proposal_policy *p, bool is_aead)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < p->encr.count; i++) {
		const struct cipher *c =
			cipher_find(p->encr.items[i].id, p->encr.items[i].key_bits);

		n += c && cipher_is_aead(c) == is_aead;
	}
	return n;
}

static void encode_group(struct wr *w, const struct proposal_policy *p, bool is_aead,
	uint8_t number, bool more, const void *spi, uint8_t spi_len)
{
	struct proposal_writer pw = proposal_begin(w, number, p->protocol, spi, spi_len);

	for (unsigned int i = 0; i < p->encr.count; i++) {
		uint16_t id = p->encr.items[i].id, bits = p->encr.items[i].key_bits;
		const struct cipher *c = cipher_find(id, bits);

		if (c && cipher_is_aead(c) == is_aead)
			proposal_add(&pw, TRANSFORM_ENCR, id, bits);
	}
	if (p->protocol == PROTOCOL_IKE)
		add_set(&pw, TRANSFORM_PRF, &p->prf);
	if (!is_aead)
		add_set(&pw, TRANSFORM_INTEG, &p->integ);
	if (p->ke_wanted)
		add_set(&pw, TRANSFORM_KE, &p->ke);
	if (p->esn)
		proposal_add(&pw, TRANSFORM_ESN, 1, 0);
	if (p->protocol == PROTOCOL_ESP)
		proposal_add(&pw, TRANSFORM_ESN, 0, 0);
	proposal_end(&pw, more);
}

void proposal_encode_offer(
	struct wr *w, const struct proposal_policy *p, const void *spi, uint8_t spi_len)
{
	const struct cipher *first =
		p->encr.count ? cipher_find(p->encr.items[0].id, p->encr.items[0].key_bits) : NULL;
	bool first_is_aead = first && cipher_is_aead(first);
	bool second = count_ciphers(p, !first_is_aead) > 0;

	/* RFC 5282 8: AEAD and others in proposals of their own; ours with the first choice leads. */
	encode_group(w, p, first_is_aead, 1, second, spi, spi_len);
	if (second)
		encode_group(w, p, !first_is_aead, 2, false, spi, spi_len);
}

void proposal_encode_choice(struct wr *w, const struct proposal_choice *c, const void *spi)
{
	const struct suite *s = &c->suite;
	struct proposal_writer pw = proposal_begin(w, c->number, s->protocol, spi, c->spi_len);

	proposal_add(&pw, TRANSFORM_ENCR, s->cipher->id, s->cipher->key_bits);
	if (s->prf)
		proposal_add(&pw, TRANSFORM_PRF, s->prf->id, 0);
	if (s->integ)
		proposal_add(&pw, TRANSFORM_INTEG, s->integ->id, 0);
	if (s->ke)
		proposal_add(&pw, TRANSFORM_KE, s->ke->id, 0);
	if (s->protocol == PROTOCOL_ESP)
		proposal_add(&pw, TRANSFORM_ESN, s->esn, 0);
	proposal_end(&pw, false);
}
