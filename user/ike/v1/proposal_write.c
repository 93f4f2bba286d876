/* SPDX-License-Identifier: Apache-2.0 */
/* SA payloads of ours: what is offered, and the choice that answers an offer. RFC 2408 3.4 to 3.6. */
#include "ike/v1/proposal_internal.h"

static void put_short(struct wr *w, uint16_t type, uint16_t value)
{
	wr_u16(w, ATTRIBUTE_SHORT | type);
	wr_u16(w, value);
}

void v1_encode_lifetime(struct wr *w, enum ike_protocol protocol, uint32_t seconds)
{
	uint16_t type = protocol == PROTOCOL_IKE ? 11 : 1;

	put_short(w, type, LIFE_SECONDS);
	if (seconds <= UINT16_MAX) {
		put_short(w, (uint16_t)(type + 1), (uint16_t)seconds);
		return;
	}
	wr_u16(w, (uint16_t)(type + 1));
	wr_u16(w, 4);
	wr_u32(w, seconds);
}

/* An SA payload with one proposal, whose transforms are counted as they come. */
struct sa_writer {
	struct wr *w;
	size_t proposal, transform;
	uint8_t count;
};

static struct sa_writer sa_begin(
	struct wr *w, uint8_t number, enum ike_protocol protocol, uint32_t spi)
{
	struct sa_writer s = {.w = w};

	wr_u32(w, DOI_IPSEC);
	wr_u32(w, IDENTITY_ONLY);
	s.proposal = wr_len(w);
	wr_u8(w, 0);
	wr_u8(w, 0);
	wr_u16(w, 0);
	wr_u8(w, number);
	wr_u8(w, (uint8_t)protocol);
	wr_u8(w, protocol == PROTOCOL_ESP ? 4 : 0);
	wr_u8(w, 0);
	if (protocol == PROTOCOL_ESP)
		wr_u32(w, spi);
	return s;
}

static void transform_begin(struct sa_writer *s, uint8_t id)
{
	if (s->count)
		wr_set_u8(s->w, s->transform, MORE_TRANSFORMS);
	s->transform = wr_len(s->w);
	wr_u8(s->w, 0);
	wr_u8(s->w, 0);
	wr_u16(s->w, 0);
	wr_u8(s->w, ++s->count);
	wr_u8(s->w, id);
	wr_u16(s->w, 0);
}

static void transform_end(struct sa_writer *s)
{
	wr_set_u16(s->w, s->transform + 2, (uint16_t)(wr_len(s->w) - s->transform));
}

static void sa_end(struct sa_writer *s)
{
	wr_set_u16(s->w, s->proposal + 2, (uint16_t)(wr_len(s->w) - s->proposal));
	wr_set_u8(s->w, s->proposal + 7, s->count);
}

static void put_ike_transform(struct sa_writer *s, uint16_t key_bits, const struct hash_row *h,
	uint16_t group, uint16_t auth, uint32_t lifetime_s)
{
	transform_begin(s, KEY_IKE);
	put_short(s->w, 1, IKE_AES_CBC);
	put_short(s->w, 14, key_bits);
	put_short(s->w, 2, h->phase1);
	put_short(s->w, 4, group);
	put_short(s->w, 3, auth);
	v1_encode_lifetime(s->w, PROTOCOL_IKE, lifetime_s);
	transform_end(s);
}

void v1_encode_ike_offer(struct wr *w, const struct v1_policy *p, uint32_t lifetime_s)
{
	const struct proposal_policy *sets = &p->sets;
	struct sa_writer s = sa_begin(w, 1, PROTOCOL_IKE, 0);
	unsigned int total = (unsigned int)sets->encr.count * sets->integ.count * sets->ke.count;

	for (unsigned int i = 0; i < total * p->auths && s.count < V1_TRANSFORMS_OFFERED; i++) {
		unsigned int n = i / p->auths, ke = n % sets->ke.count,
			     integ = n / sets->ke.count % sets->integ.count,
			     encr = n / sets->ke.count / sets->integ.count;

		put_ike_transform(&s, sets->encr.items[encr].key_bits,
			hash_row_of_integ(sets->integ.items[integ].id), sets->ke.items[ke].id,
			p->auth[i % p->auths], lifetime_s);
	}
	sa_end(&s);
}

static void put_esp_transform(struct sa_writer *s, const struct cipher *c, const struct hash_row *h,
	const struct dh_group *group, uint16_t mode, uint32_t lifetime_s)
{
	transform_begin(s, (uint8_t)c->id);
	put_short(s->w, 6, c->key_bits);
	if (h)
		put_short(s->w, 5, h->phase2);
	put_short(s->w, 4, mode);
	if (group)
		put_short(s->w, 3, group->id);
	v1_encode_lifetime(s->w, PROTOCOL_ESP, lifetime_s);
	transform_end(s);
}

void v1_encode_esp_offer(struct wr *w, const struct v1_policy *p, const struct dh_group *group,
	uint32_t lifetime_s, uint32_t spi)
{
	const struct proposal_policy *sets = &p->sets;
	struct sa_writer s = sa_begin(w, 1, PROTOCOL_ESP, spi);

	for (unsigned int i = 0; i < sets->encr.count; i++) {
		const struct cipher *c =
			cipher_find(sets->encr.items[i].id, sets->encr.items[i].key_bits);
		unsigned int hash_count = cipher_is_aead(c) ? 1 : sets->integ.count;

		for (unsigned int k = 0; k < hash_count && s.count < V1_TRANSFORMS_OFFERED; k++)
			put_esp_transform(&s, c,
				cipher_is_aead(c) ? NULL
						  : hash_row_of_integ(sets->integ.items[k].id),
				group, p->mode, lifetime_s);
	}
	sa_end(&s);
}

static void put_choice(
	struct wr *w, const struct v1_choice *c, enum ike_protocol protocol, uint32_t spi)
{
	struct sa_writer s = sa_begin(w, c->number, protocol, spi);

	s.count = 1;
	wr_bytes(w, c->transform, c->transform_len);
	sa_end(&s);
}

void v1_encode_ike_choice(struct wr *w, const struct v1_choice *c)
{
	put_choice(w, c, PROTOCOL_IKE, 0);
}

void v1_encode_esp_choice(struct wr *w, const struct v1_choice *c, uint32_t spi)
{
	put_choice(w, c, PROTOCOL_ESP, spi);
}
