/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/v1/proposal_internal.h"

#include <stdio.h>

#define MORE_PROPOSALS  2
#define IKEV1_GROUP_MAX 24 /* later numbers of IKEv2 were never given to IKEv1 */

enum attribute {
	A_UNKNOWN,
	A_CIPHER,
	A_HASH, /* phase 1: hash; phase 2: authentication algorithm */
	A_AUTH,
	A_GROUP,
	A_LIFE_TYPE,
	A_LIFE,
	A_MODE,
	A_KEY_BITS,
	ATTRIBUTES
};

/* RFC 2409 appendix A; RFC 2407 4.5. What is not here makes a transform unusable. */
static const uint8_t phase1_attributes[] = {[1] = A_CIPHER,
	[2] = A_HASH,
	[3] = A_AUTH,
	[4] = A_GROUP,
	[11] = A_LIFE_TYPE,
	[12] = A_LIFE,
	[14] = A_KEY_BITS};
static const uint8_t phase2_attributes[] = {[1] = A_LIFE_TYPE,
	[2] = A_LIFE,
	[3] = A_GROUP,
	[4] = A_MODE,
	[5] = A_HASH,
	[6] = A_KEY_BITS};

static const struct hash_row hashes[] = {
	{2, 2, 2, 2},
	{4, 5, 5, 12},
	{5, 6, 6, 13},
	{6, 7, 7, 14},
};

const struct hash_row *hash_row_of_integ(uint16_t integ)
{
	for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++) {
		if (hashes[i].integ == integ)
			return &hashes[i];
	}
	return NULL;
}

static const struct hash_row *hash_row_of_number(enum ike_protocol protocol, uint32_t number)
{
	for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++) {
		if ((protocol == PROTOCOL_IKE ? hashes[i].phase1 : hashes[i].phase2) == number)
			return &hashes[i];
	}
	return NULL;
}

/* Drops the members of a set that IKEv1 cannot name. */
static void keep(struct algorithm_set *set, bool (*usable)(uint16_t id))
{
	struct algorithm_set kept = {0};

	for (unsigned int i = 0; i < set->count && i < ALGORITHMS_MAX; i++) {
		if (usable(set->items[i].id))
			kept.items[kept.count++] = set->items[i];
	}
	*set = kept;
}

static bool is_cbc(uint16_t id)
{
	return id == ESP_AES_CBC;
}

static bool is_cbc_or_gcm(uint16_t id)
{
	return id == ESP_AES_CBC || id == ESP_AES_GCM_16;
}

static bool is_v1_group(uint16_t id)
{
	return id <= IKEV1_GROUP_MAX;
}

static bool is_v1_hash(uint16_t id)
{
	return hash_row_of_integ(id) != NULL;
}

void v1_policy_ike(const struct ike_options *o, struct v1_policy *p)
{
	struct ike_options v1 = *o;

	/* GCM in phase 1 is IKEv2 only. The hash is integrity and PRF at once. */
	v1.p1_prf.count = 0;
	keep(&v1.p1_encryption, is_cbc);
	keep(&v1.p1_integrity, is_v1_hash);
	keep(&v1.p1_groups, is_v1_group);
	memset(p, 0, sizeof(*p));
	proposal_policy_ike(&v1, &p->sets);
}

void v1_policy_esp(const struct ike_options *o, bool udp, struct v1_policy *p)
{
	struct ike_options v1 = *o;

	keep(&v1.p2_encryption, is_cbc_or_gcm);
	keep(&v1.p2_integrity, is_v1_hash);
	keep(&v1.p2_groups, is_v1_group);
	memset(p, 0, sizeof(*p));
	p->mode = udp ? V1_UDP_TUNNEL_MODE : V1_TUNNEL_MODE;
	proposal_policy_esp(&v1, true, &p->sets);
}

/* ---- decoding ---- */

struct transform {
	uint8_t id;
	bool unknown;
	uint16_t unknown_attribute; /* the first one */
	uint32_t value[ATTRIBUTES]; /* by enum attribute; 0: not there */
	uint32_t seconds;
};

static bool decode_attributes(struct rd *r, enum ike_protocol protocol, struct transform *t)
{
	const uint8_t *table = protocol == PROTOCOL_IKE ? phase1_attributes : phase2_attributes;
	size_t rows =
		protocol == PROTOCOL_IKE ? sizeof(phase1_attributes) : sizeof(phase2_attributes);

	while (rd_left(r)) {
		uint16_t type = rd_u16(r), number = type & (ATTRIBUTE_SHORT - 1);
		uint32_t value = rd_u16(r);
		enum attribute which = number < rows ? table[number] : A_UNKNOWN;

		if (!(type & ATTRIBUTE_SHORT)) {
			struct rd body = rd_sub(r, value);

			/* Only durations are long; one beyond 32 bits is as good as the most. */
			if (rd_left(&body) > 4)
				which = which == A_LIFE ? A_LIFE : A_UNKNOWN, value = UINT32_MAX;
			else
				for (value = 0; rd_left(&body);)
					value = value << 8 | rd_u8(&body);
		}
		if (which == A_UNKNOWN && !t->unknown)
			t->unknown_attribute = number;
		t->unknown = t->unknown || which == A_UNKNOWN;
		t->value[which] = value;
		/* RFC 2407 4.5: a type belongs to the duration after it. Kilobytes are not counted. */
		if (which == A_LIFE && t->value[A_LIFE_TYPE] == LIFE_SECONDS)
			t->seconds = value < V1_LIFETIME_MIN ? V1_LIFETIME_MIN : value;
	}
	return !r->bad;
}

uint32_t v1_decode_lifetime(enum ike_protocol protocol, const void *bytes, size_t len)
{
	struct rd r = rd_init(bytes, len);
	struct transform t = {0};

	return decode_attributes(&r, protocol, &t) ? t.seconds : 0;
}

/* The suite that a transform stands for; false when it is not one of ours. */
static bool suite_of(const struct transform *t, enum ike_protocol protocol, struct suite *s)
{
	const struct hash_row *h = hash_row_of_number(protocol, t->value[A_HASH]);
	uint16_t cipher = t->id;

	*s = (struct suite){.protocol = protocol};
	if (protocol == PROTOCOL_IKE)
		cipher = t->id == KEY_IKE && t->value[A_CIPHER] == IKE_AES_CBC ? ESP_AES_CBC : 0;
	s->cipher = cipher_find(cipher, (uint16_t)t->value[A_KEY_BITS]);
	s->ke = dh_group_find((uint16_t)t->value[A_GROUP]);
	if (!s->cipher || (t->value[A_GROUP] && !s->ke))
		return false;
	if (h && !cipher_is_aead(s->cipher))
		s->integ = integ_find(h->integ);
	if (h && protocol == PROTOCOL_IKE)
		s->prf = prf_find(h->prf);
	if (protocol == PROTOCOL_IKE)
		return s->prf && s->ke;
	return cipher_is_aead(s->cipher) || s->integ;
}

/* ---- choosing ---- */

/* Position in a set; its size when it is not in it. */
static unsigned int position(const struct algorithm_set *set, uint16_t id, uint16_t bits)
{
	unsigned int i = 0;

	while (i < set->count && (set->items[i].id != id || set->items[i].key_bits != bits))
		i++;
	return i;
}

static bool auth_allowed(const struct v1_policy *p, uint32_t method)
{
	for (unsigned int i = 0; i < p->auths; i++) {
		if (p->auth[i] == method)
			return true;
	}
	return false;
}

static bool mode_fits(const struct v1_policy *p, uint32_t mode)
{
	return mode == p->mode || (mode == V1_UDP_TUNNEL_MODE_OLD && p->mode == V1_UDP_TUNNEL_MODE);
}

#define UNRANKED UINT32_MAX

/* How much we like a transform: lower is better; UNRANKED when it is not allowed. */
static uint32_t rank(
	const struct transform *t, const struct v1_policy *p, const struct suite *s, bool *no_pfs)
{
	const struct proposal_policy *sets = &p->sets;
	unsigned int encr = position(&sets->encr, s->cipher->id, s->cipher->key_bits);
	unsigned int integ = s->integ ? position(&sets->integ, s->integ->id, 0) : 0;
	unsigned int ke = position(&sets->ke, s->ke ? s->ke->id : 0, 0);

	if (t->unknown || encr == sets->encr.count || (s->integ && integ == sets->integ.count))
		return UNRANKED;
	if (sets->protocol == PROTOCOL_IKE ? !auth_allowed(p, t->value[A_AUTH])
					   : !mode_fits(p, t->value[A_MODE]))
		return UNRANKED;
	if (ke == sets->ke.count && (sets->ke.count || s->ke)) {
		*no_pfs = *no_pfs || !s->ke;
		return UNRANKED;
	}
	return (encr * ALGORITHMS_MAX + integ) * (ALGORITHMS_MAX + 1) + ke;
}

static size_t append(char *text, size_t size, size_t at, const char *word)
{
	return at < size ? at + (size_t)snprintf(text + at, size - at, "%s", word) : at;
}

static size_t append_number(
	char *text, size_t size, size_t at, const char *word, unsigned int number)
{
	return at < size ? at + (size_t)snprintf(text + at, size - at, "-%s%u", word, number) : at;
}

/* All that can speak against a transform has to be seen: what looks like an allowed one is one. */
static size_t describe(const struct transform *t, const struct suite *s, bool known,
	const struct v1_policy *p, char *text, size_t size, size_t at)
{
	static const struct {
		uint16_t number;
		const char *name;
	} extras[] = {{V1_AUTH_PSK, "-psk"}, {V1_AUTH_RSA, "-rsa"},
		{V1_AUTH_ECDSA_256, "-ecdsa256"}, {V1_AUTH_ECDSA_384, "-ecdsa384"},
		{V1_AUTH_ECDSA_521, "-ecdsa521"}};
	char word[SUITE_STR_SIZE];
	bool named = false;

	if (known) {
		struct suite shown = *s;

		shown.prf = NULL; /* the hash says it */
		at = append(text, size, at, suite_format(&shown, word));
	} else {
		snprintf(word, sizeof(word), "encr%u/%u-hash%u-group%u",
			t->value[A_CIPHER] ? t->value[A_CIPHER] : t->id, t->value[A_KEY_BITS],
			t->value[A_HASH], t->value[A_GROUP]);
		at = append(text, size, at, word);
	}
	for (size_t i = 0; i < sizeof(extras) / sizeof(extras[0]); i++) {
		if (t->value[A_AUTH] != extras[i].number)
			continue;
		at = append(text, size, at, extras[i].name);
		named = true;
	}
	if (p->sets.protocol == PROTOCOL_IKE && !named)
		at = append_number(text, size, at, "auth", t->value[A_AUTH]);
	if (p->sets.protocol == PROTOCOL_ESP && !mode_fits(p, t->value[A_MODE]))
		at = append_number(text, size, at, "mode", t->value[A_MODE]);
	if (t->unknown)
		at = append_number(text, size, at, "attribute", t->unknown_attribute);
	return at;
}

/* State of one walk over an SA payload. */
struct walk {
	const struct v1_policy *policy;
	uint8_t twice[32]; /* bits: numbers of more than one proposal */
	struct v1_choice *choice;
	uint32_t best;
	uint32_t seen; /* transforms */
	bool no_pfs;
	char *text;
	size_t size, at;
};

static bool take_transform(struct walk *w, struct rd *r, uint8_t number, uint32_t spi, bool *more)
{
	enum ike_protocol protocol = w->policy->sets.protocol;
	const uint8_t *start = r->p;
	uint8_t next = rd_u8(r);
	struct transform t = {0};
	struct suite s;
	uint32_t rank_here = UNRANKED;
	bool known;

	rd_skip(r, 1);

	uint16_t len = rd_u16(r);
	struct rd body = rd_sub(r, len >= 4 ? len - 4u : 0);

	*more = next == MORE_TRANSFORMS;
	if (r->bad || len < 8 || (next != 0 && next != MORE_TRANSFORMS))
		return false;
	w->seen++;
	rd_skip(&body, 1);
	t.id = rd_u8(&body);
	rd_skip(&body, 2);
	if (!decode_attributes(&body, protocol, &t))
		return false;
	known = suite_of(&t, protocol, &s);
	if (known && len <= V1_TRANSFORM_MAX && !(w->twice[number / 8] & 1 << number % 8))
		rank_here = rank(&t, w->policy, &s, &w->no_pfs);
	if (w->at > sizeof("offered ") - 1)
		w->at = append(w->text, w->size / 2, w->at, ", ");
	if (w->at < w->size / 2)
		w->at = describe(&t, &s, known, w->policy, w->text, w->size / 2, w->at);
	if (w->twice[number / 8] & 1 << number % 8)
		w->at = append(w->text, w->size / 2, w->at, " with another protocol");
	if (len > V1_TRANSFORM_MAX)
		w->at = append(w->text, w->size / 2, w->at, " with too many attributes");
	if (rank_here >= w->best)
		return true;
	w->best = rank_here;
	*w->choice = (struct v1_choice){.suite = s,
		.auth = (uint16_t)t.value[A_AUTH],
		.mode = (uint16_t)t.value[A_MODE],
		.lifetime_s = t.seconds,
		.spi = spi,
		.number = number,
		.place = w->seen,
		.transform_len = (uint8_t)len};
	memcpy(w->choice->transform, start, len);
	w->choice->transform[0] = 0; /* the only one in the answer */
	return true;
}

/* One proposal; false when malformed. Protocols that are not asked for are read past. */
static bool take_proposal(struct walk *w, struct rd *r, bool *more)
{
	enum ike_protocol protocol = w->policy->sets.protocol;
	uint8_t next = rd_u8(r);

	rd_skip(r, 1);

	uint16_t len = rd_u16(r);
	struct rd p = rd_sub(r, len >= 4 ? len - 4u : 0);
	uint8_t number = rd_u8(&p), its_protocol = rd_u8(&p), spi_len = rd_u8(&p),
		count = rd_u8(&p);
	uint32_t spi = 0;
	bool more_transforms = true;

	*more = next == MORE_PROPOSALS;
	if (r->bad || p.bad || len < 8 || (next != 0 && next != MORE_PROPOSALS))
		return false;
	if (its_protocol != protocol)
		return true;
	if (protocol == PROTOCOL_ESP)
		spi = rd_u32(&p);
	else
		rd_skip(&p, spi_len); /* RFC 2408 3.5: of no use, the cookies are it */
	if (p.bad || (protocol == PROTOCOL_ESP && spi_len != 4) || spi_len > 16 || !count)
		return false;
	for (unsigned int i = 0; i < count; i++) {
		if (!more_transforms || !take_transform(w, &p, number, spi, &more_transforms))
			return false;
	}
	return !more_transforms && !rd_left(&p);
}

/*
 * RFC 2408 4.2: proposals of one number belong together, ESP with IPComp say. Whoever cannot have all
 * of them may take none.
 */
static void find_bundles(struct walk *w, struct rd r)
{
	uint8_t seen[sizeof(w->twice)] = {0}, next = MORE_PROPOSALS;

	while (next && rd_left(&r)) {
		next = rd_u8(&r);
		rd_skip(&r, 1);

		uint16_t len = rd_u16(&r);
		uint8_t number = rd_u8(&r), bit = (uint8_t)(1 << number % 8);

		if (r.bad || len < 5)
			return;
		w->twice[number / 8] |= seen[number / 8] & bit;
		seen[number / 8] |= bit;
		rd_skip(&r, len - 5u);
	}
}

enum proposal_result v1_choose(const void *body, size_t len, const struct v1_policy *p,
	struct v1_choice *choice, bool *no_pfs, char *text, size_t text_size)
{
	struct rd r = rd_init(body, len);
	struct walk w = {
		.policy = p, .choice = choice, .best = UNRANKED, .text = text, .size = text_size};
	uint32_t doi = rd_u32(&r), situation = rd_u32(&r);
	bool more = true;

	*no_pfs = false;
	w.at = append(text, text_size, 0, "offered ");
	if (r.bad || doi != DOI_IPSEC || situation != IDENTITY_ONLY)
		return PROPOSAL_MALFORMED;
	find_bundles(&w, r);
	for (unsigned int count = 0; more; count++) {
		if (count == PROPOSALS_MAX || !take_proposal(&w, &r, &more))
			return PROPOSAL_MALFORMED;
	}
	if (rd_left(&r))
		return PROPOSAL_MALFORMED;
	if (w.best != UNRANKED)
		return PROPOSAL_OK;
	*no_pfs = w.no_pfs;
	if (w.at >= text_size / 2)
		w.at = text_size / 2 - 1;
	w.at = append(text, text_size, w.at, "; allowed ");
	if (w.at < text_size)
		proposal_policy_format(&p->sets, text + w.at, text_size - w.at);
	return PROPOSAL_NONE;
}
