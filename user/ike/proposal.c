/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/proposal.h"

#include <stdio.h>

/* The transforms of one offered proposal, sorted by type. */
struct offer {
	uint8_t number, protocol, spi_len;
	uint8_t spi[8];
	bool unknown_type; /* a transform type we do not know: the proposal cannot be chosen */
	unsigned int count;
	struct {
		uint8_t type;
		uint16_t id, key_bits;
		uint16_t attribute; /* one that is not known; 0: none */
	} transforms[TRANSFORMS_MAX];
};

/* Leaves out what this build does not have: it could be offered, but not used. */
static void keep_known(struct algorithm_set *set, enum transform_type type)
{
	struct algorithm_set known = {0};

	for (unsigned int i = 0; i < set->count && i < ALGORITHMS_MAX; i++) {
		uint16_t id = set->items[i].id, bits = set->items[i].key_bits;
		bool found = (type == TRANSFORM_ENCR && cipher_find(id, bits)) ||
			     (type == TRANSFORM_PRF && prf_find(id)) ||
			     (type == TRANSFORM_INTEG && integ_find(id)) ||
			     (type == TRANSFORM_KE && (id == 0 || dh_group_find(id)));

		if (found)
			known.items[known.count++] = set->items[i];
	}
	*set = known;
}

static void keep_known_sets(struct proposal_policy *p)
{
	keep_known(&p->encr, TRANSFORM_ENCR);
	keep_known(&p->prf, TRANSFORM_PRF);
	keep_known(&p->integ, TRANSFORM_INTEG);
	keep_known(&p->ke, TRANSFORM_KE);
}

bool algorithms_equal(const struct algorithm_set *a, const struct algorithm_set *b)
{
	if (a->count != b->count)
		return false;
	for (unsigned int i = 0; i < a->count; i++) {
		if (a->items[i].id != b->items[i].id ||
			a->items[i].key_bits != b->items[i].key_bits)
			return false;
	}
	return true;
}

void proposal_policy_ike(const struct ike_options *o, struct proposal_policy *p)
{
	*p = (struct proposal_policy){.protocol = PROTOCOL_IKE,
		.encr = o->p1_encryption,
		.prf = o->p1_prf,
		.integ = o->p1_integrity,
		.ke = o->p1_groups,
		.ke_wanted = true};
	/* "Phase 1 integrity, also PRF": the PRF of the same hash. */
	for (unsigned int i = 0; !o->p1_prf.count && i < o->p1_integrity.count; i++) {
		uint16_t id = o->p1_integrity.items[i].id;

		p->prf.items[p->prf.count++].id = id == 2 ? 2 : (uint16_t)(id - 7);
	}
	keep_known_sets(p);
}

void proposal_policy_esp(const struct ike_options *o, bool ke_wanted, struct proposal_policy *p)
{
	*p = (struct proposal_policy){.protocol = PROTOCOL_ESP,
		.encr = o->p2_encryption,
		.integ = o->p2_integrity,
		.ke = o->p2_groups,
		.esn = o->esn,
		.ke_wanted = ke_wanted && o->p2_groups.count > 0};
	keep_known_sets(p);
}

static bool decode_attributes(struct rd *r, uint16_t *key_bits, uint16_t *unknown)
{
	while (rd_left(r)) {
		uint16_t type = rd_u16(r);
		uint16_t value = rd_u16(r);

		if (type == (ATTRIBUTE_KEY_LENGTH | ATTRIBUTE_SHORT)) {
			*key_bits = value;
			continue;
		}
		/* 3.3.6: such a transform is not to be chosen */
		*unknown = (uint16_t)(type & (ATTRIBUTE_SHORT - 1));
		if (!*unknown)
			*unknown = ATTRIBUTE_SHORT; /* number 0 is none either */
		if (!(type & ATTRIBUTE_SHORT))
			rd_skip(r, value);
	}
	return !r->bad;
}

static bool decode_transform(struct rd *r, bool last, struct offer *o)
{
	uint8_t more = rd_u8(r);

	rd_skip(r, 1);

	uint16_t len = rd_u16(r);
	struct rd t = rd_sub(r, len >= 4 ? len - 4u : 0);
	uint16_t key_bits = 0, unknown = 0;

	if (r->bad || len < 8 || more != (last ? 0 : MORE_TRANSFORMS))
		return false;

	uint8_t type = rd_u8(&t);

	rd_skip(&t, 1);

	uint16_t id = rd_u16(&t);

	if (!decode_attributes(&t, &key_bits, &unknown))
		return false;
	o->transforms[o->count].type = type;
	o->transforms[o->count].id = id;
	o->transforms[o->count].key_bits = key_bits;
	o->transforms[o->count].attribute = unknown;
	o->count++;
	if (type < TRANSFORM_ENCR || type > TRANSFORM_ESN)
		o->unknown_type = true;
	return true;
}

/* One proposal substructure. False when malformed. */
static bool decode_proposal(struct rd *r, bool *last, struct offer *o)
{
	uint8_t more = rd_u8(r);

	rd_skip(r, 1);

	uint16_t len = rd_u16(r);
	struct rd p = rd_sub(r, len >= 4 ? len - 4u : 0);

	if (r->bad || len < 8 || (more != 0 && more != MORE_PROPOSALS))
		return false;
	*last = more == 0;
	o->count = 0;
	o->unknown_type = false;
	o->number = rd_u8(&p);
	o->protocol = rd_u8(&p);
	o->spi_len = rd_u8(&p);

	unsigned int transforms = rd_u8(&p);

	if (o->spi_len > sizeof(o->spi))
		return false;
	rd_copy(&p, o->spi, o->spi_len);
	for (unsigned int i = 0; i < transforms; i++) {
		if (!decode_transform(&p, i + 1 == transforms, o))
			return false;
	}
	return !p.bad && rd_left(&p) == 0;
}

static bool offers(const struct offer *o, enum transform_type type, uint16_t id, uint16_t key_bits)
{
	for (unsigned int i = 0; i < o->count; i++) {
		if (o->transforms[i].type == type && o->transforms[i].id == id &&
			o->transforms[i].key_bits == key_bits && !o->transforms[i].attribute)
			return true;
	}
	return false;
}

static bool offers_type(const struct offer *o, enum transform_type type)
{
	for (unsigned int i = 0; i < o->count; i++) {
		if (o->transforms[i].type == type)
			return true;
	}
	return false;
}

/* The first of our set that is offered; false when none is. `id` is left 0 for "none". */
static bool pick(const struct offer *o, enum transform_type type, const struct algorithm_set *set,
	uint16_t *id)
{
	*id = 0;
	for (unsigned int i = 0; i < set->count; i++) {
		*id = set->items[i].id;
		if (offers(o, type, *id, 0))
			return true;
		/* 3.3.3: leaving the type out means NONE. */
		if (*id == 0 && !offers_type(o, type))
			return true;
	}
	*id = 0;
	return false;
}

/* 3.3.2: 1 is extended. Some leave the type out and mean 32 bits. */
static bool pick_esn(const struct offer *o, bool allowed, bool *esn)
{
	*esn = allowed && offers(o, TRANSFORM_ESN, 1, 0);
	return *esn || offers(o, TRANSFORM_ESN, 0, 0) || !offers_type(o, TRANSFORM_ESN);
}

/* The suite of this proposal with our encryption number `n`; false when it has none. */
static bool choose_with(
	const struct offer *o, const struct proposal_policy *p, unsigned int n, struct suite *out)
{
	uint16_t encr = p->encr.items[n].id, bits = p->encr.items[n].key_bits, id;
	struct suite s = {.protocol = p->protocol, .cipher = cipher_find(encr, bits)};

	if (!s.cipher || !offers(o, TRANSFORM_ENCR, encr, bits))
		return false;
	if (!cipher_is_aead(s.cipher)) {
		if (!pick(o, TRANSFORM_INTEG, &p->integ, &id) || !(s.integ = integ_find(id)))
			return false;
	} else if (offers_type(o, TRANSFORM_INTEG) && !offers(o, TRANSFORM_INTEG, 0, 0)) {
		return false; /* RFC 5282 8: no integrity transform but NONE beside AEAD */
	}
	if (p->protocol == PROTOCOL_IKE) {
		if (!pick(o, TRANSFORM_PRF, &p->prf, &id) || !(s.prf = prf_find(id)))
			return false;
	} else if (!pick_esn(o, p->esn, &s.esn)) {
		return false;
	}
	if (p->ke_wanted) {
		if (!pick(o, TRANSFORM_KE, &p->ke, &id))
			return false;
		s.ke = dh_group_find(id);
		if (!s.ke && (id || p->protocol == PROTOCOL_IKE))
			return false;
	} else if (p->protocol == PROTOCOL_ESP && p->ke.count == 0 &&
		   offers_type(o, TRANSFORM_KE) && !offers(o, TRANSFORM_KE, 0, 0)) {
		return false; /* the peer insists on PFS, we have no group */
	}
	*out = s;
	return true;
}

/* Where a transform stands among those of its type; 0 too when it is not offered. */
static unsigned int place_of(
	const struct offer *o, enum transform_type type, uint16_t id, uint16_t key_bits)
{
	unsigned int place = 0;

	for (unsigned int i = 0; i < o->count; i++) {
		if (o->transforms[i].type != type)
			continue;
		if (o->transforms[i].id == id && o->transforms[i].key_bits == key_bits)
			return place;
		place++;
	}
	return 0;
}

/* The place of a suite in the offer: by proposal, then by its transforms. */
static uint64_t suite_place(const struct offer *o, unsigned int proposal, const struct suite *s)
{
	uint64_t place = proposal;

	place = place * TRANSFORMS_MAX +
		place_of(o, TRANSFORM_ENCR, s->cipher->id, s->cipher->key_bits);
	place = place * TRANSFORMS_MAX + (s->ke ? place_of(o, TRANSFORM_KE, s->ke->id, 0) : 0);
	place = place * TRANSFORMS_MAX + (s->prf ? place_of(o, TRANSFORM_PRF, s->prf->id, 0) : 0);
	return place * TRANSFORMS_MAX +
	       (s->integ ? place_of(o, TRANSFORM_INTEG, s->integ->id, 0) : 0);
}

static size_t append(char *text, size_t size, size_t at, const char *word)
{
	return at < size ? at + (size_t)snprintf(text + at, size - at, "%s", word) : at;
}

/* What we do not have, and old devices do: names for what is told of their offers. */
static const char *old_name(uint8_t type, uint16_t id)
{
	static const struct {
		uint8_t type;
		uint16_t id;
		const char *name;
	} old[] = {{TRANSFORM_ENCR, 2, "des"}, {TRANSFORM_ENCR, 3, "3des"},
		{TRANSFORM_ENCR, 11, "null"}, {TRANSFORM_ENCR, 13, "aesctr"},
		{TRANSFORM_PRF, 1, "prfmd5"}, {TRANSFORM_INTEG, 1, "md5"},
		{TRANSFORM_KE, 1, "modp768"}};

	for (size_t i = 0; i < sizeof(old) / sizeof(old[0]); i++) {
		if (old[i].type == type && old[i].id == id)
			return old[i].name;
	}
	return NULL;
}

static const char *transform_name(uint8_t type, uint16_t id, uint16_t bits, char text[24])
{
	const struct cipher *c = type == TRANSFORM_ENCR ? cipher_find(id, bits) : NULL;
	const struct prf *p = type == TRANSFORM_PRF ? prf_find(id) : NULL;
	const struct integ *i = type == TRANSFORM_INTEG ? integ_find(id) : NULL;
	const struct dh_group *g = type == TRANSFORM_KE ? dh_group_find(id) : NULL;
	static const char *const kinds[] = {"type", "encr", "prf", "integ", "group", "esn"};

	if (c || p || i || g)
		return c ? c->name : p ? p->name : i ? i->name : g->name;
	if (old_name(type, id))
		return old_name(type, id);
	snprintf(text, 24, "%s%u", kinds[type <= TRANSFORM_ESN ? type : 0], id);
	return text;
}

/* One transform as it is told of, with what may make it unusable. */
static size_t describe_transform(
	const struct offer *o, unsigned int i, bool aead, char *text, size_t size, size_t at)
{
	uint8_t type = o->transforms[i].type;
	uint16_t id = o->transforms[i].id;
	char name[24], more[32];

	if (type > TRANSFORM_ESN)
		snprintf(more, sizeof(more),
			type <= TRANSFORM_ADDKE_LAST ? "addke%u:%u" : "type%u:%u",
			type <= TRANSFORM_ADDKE_LAST ? type - TRANSFORM_ESN : type, id);
	else if (type == TRANSFORM_ESN)
		snprintf(more, sizeof(more), "%s", id ? "esn" : "noesn");
	at = append(text, size, at,
		type >= TRANSFORM_ESN ? more
				      : transform_name(type, id, o->transforms[i].key_bits, name));
	if (type == TRANSFORM_INTEG && aead) /* RFC 5282 8 */
		at = append(text, size, at, "(beside AEAD)");
	if (!o->transforms[i].attribute)
		return at;
	snprintf(more, sizeof(more), "(attribute %u)",
		o->transforms[i].attribute & (ATTRIBUTE_SHORT - 1));
	return append(text, size, at, more);
}

/* Nothing but AEAD ciphers. */
static bool all_aead(const struct offer *o)
{
	for (unsigned int i = 0; i < o->count; i++) {
		const struct cipher *c =
			cipher_find(o->transforms[i].id, o->transforms[i].key_bits);

		if (o->transforms[i].type == TRANSFORM_ENCR && (!c || !cipher_is_aead(c)))
			return false;
	}
	return true;
}

/*
 * "aes128/aes256-sha256-prfsha256-modp2048": sets of one offered proposal. All types are shown, or the
 * reason for a refusal may not be: extended sequence numbers where 32 bits are not offered beside.
 */
static size_t describe_offer(const struct offer *o, char *text, size_t size, size_t at)
{
	bool only_esn = offers_type(o, TRANSFORM_ESN) && !offers(o, TRANSFORM_ESN, 0, 0);
	const char *between = "";
	bool aead = all_aead(o);

	for (unsigned int type = 0; type <= UINT8_MAX; type++) {
		bool first = true;

		if (type == TRANSFORM_ESN && !only_esn)
			continue;
		for (unsigned int i = 0; i < o->count; i++) {
			if (o->transforms[i].type != type ||
				(!o->transforms[i].id && type <= TRANSFORM_ESN))
				continue;
			at = append(text, size, at, first ? between : "/");
			at = describe_transform(o, i, aead, text, size, at);
			first = false;
			between = "-";
		}
	}
	return at;
}

const char *proposal_policy_format(const struct proposal_policy *p, char *text, size_t size)
{
	const struct algorithm_set *sets[] = {[TRANSFORM_ENCR] = &p->encr,
		[TRANSFORM_PRF] = &p->prf,
		[TRANSFORM_INTEG] = &p->integ,
		[TRANSFORM_KE] = &p->ke};
	const char *between = "";
	size_t at = 0;
	char name[24];

	text[0] = '\0';
	for (uint8_t type = TRANSFORM_ENCR; type <= TRANSFORM_KE; type++) {
		if (type == TRANSFORM_KE && !p->ke_wanted)
			continue;
		for (unsigned int i = 0; i < sets[type]->count; i++) {
			at = append(text, size, at, i ? "/" : between);
			at = append(text, size, at,
				transform_name(type, sets[type]->items[i].id,
					sets[type]->items[i].key_bits, name));
			between = "-";
		}
	}
	return text;
}

enum proposal_result proposal_choose(const void *body, size_t len, const struct proposal_policy *p,
	uint8_t spi_len, struct proposal_choice *choice, char *text, size_t text_size)
{
	struct rd r = rd_init(body, len);
	unsigned int best = p->encr.count, count = 0;
	struct proposal_choice got = {0};
	bool last = false;
	struct offer o;
	size_t at = append(text, text_size, 0, "offered ");

	while (!last) {
		if (++count > PROPOSALS_MAX || !decode_proposal(&r, &last, &o))
			return PROPOSAL_MALFORMED;
		if (o.protocol != p->protocol)
			continue;
		if (o.spi_len != spi_len)
			return PROPOSAL_MALFORMED;
		if (at > sizeof("offered ") - 1)
			at = append(text, text_size, at, ", ");
		if (at < text_size / 2)
			at = describe_offer(&o, text, text_size / 2, at);
		for (unsigned int n = 0; n < best && !o.unknown_type; n++) {
			if (!choose_with(&o, p, n, &got.suite))
				continue;
			best = n;
			got.number = o.number;
			got.spi_len = o.spi_len;
			got.place = suite_place(&o, count, &got.suite);
			memcpy(got.spi, o.spi, sizeof(got.spi));
		}
	}
	if (rd_left(&r))
		return PROPOSAL_MALFORMED;
	if (best < p->encr.count) {
		*choice = got;
		return PROPOSAL_OK;
	}
	if (at >= text_size / 2)
		at = text_size / 2 ? text_size / 2 - 1 : 0;
	at = append(text, text_size, at, "; allowed ");
	if (at < text_size)
		proposal_policy_format(p, text + at, text_size - at);
	return PROPOSAL_NONE;
}

const struct dh_group *proposal_first_group(const struct proposal_policy *p)
{
	for (unsigned int i = 0; p->ke_wanted && i < p->ke.count; i++) {
		const struct dh_group *g = dh_group_find(p->ke.items[i].id);

		if (g)
			return g;
	}
	return NULL;
}

static bool has(const struct algorithm_set *set, uint16_t id, uint16_t bits)
{
	for (unsigned int i = 0; i < set->count; i++) {
		if (set->items[i].id == id && set->items[i].key_bits == bits)
			return true;
	}
	return false;
}

bool proposal_allows(const struct proposal_policy *p, const struct suite *s)
{
	return has(&p->encr, s->cipher->id, s->cipher->key_bits) &&
	       (!s->prf || has(&p->prf, s->prf->id, 0)) &&
	       (!s->integ || has(&p->integ, s->integ->id, 0)) &&
	       (!p->ke_wanted || has(&p->ke, s->ke ? s->ke->id : 0, 0)) && (p->esn || !s->esn);
}

struct suite_numbers suite_numbers(const struct suite *s)
{
	return (struct suite_numbers){.encryption = s->cipher ? s->cipher->id : 0,
		.key_bits = s->cipher ? s->cipher->key_bits : 0,
		.prf = s->prf ? s->prf->id : 0,
		.integrity = s->integ ? s->integ->id : 0,
		.group = s->ke ? s->ke->id : 0,
		.esn = s->esn};
}

bool suite_of_numbers(const struct suite_numbers *n, enum ike_protocol protocol, struct suite *s)
{
	*s = (struct suite){.protocol = protocol,
		.cipher = cipher_find(n->encryption, n->key_bits),
		.prf = n->prf ? prf_find(n->prf) : NULL,
		.integ = n->integrity ? integ_find(n->integrity) : NULL,
		.ke = n->group ? dh_group_find(n->group) : NULL,
		.esn = n->esn};
	return s->cipher && !n->prf == !s->prf && !n->integrity == !s->integ && !n->group == !s->ke;
}

const char *suite_format(const struct suite *s, char text[SUITE_STR_SIZE])
{
	size_t at = append(text, SUITE_STR_SIZE, 0, s->cipher->name);

	if (s->integ) {
		at = append(text, SUITE_STR_SIZE, at, "-");
		at = append(text, SUITE_STR_SIZE, at, s->integ->name);
	}
	if (s->prf) {
		at = append(text, SUITE_STR_SIZE, at, "-");
		at = append(text, SUITE_STR_SIZE, at, s->prf->name);
	}
	if (s->ke) {
		at = append(text, SUITE_STR_SIZE, at, "-");
		at = append(text, SUITE_STR_SIZE, at, s->ke->name);
	}
	if (s->esn)
		append(text, SUITE_STR_SIZE, at, "-esn");
	return text;
}

const char *refused_suite_format(
	const struct proposal_policy *p, const struct suite *s, char *text, size_t size)
{
	char suite[SUITE_STR_SIZE];
	size_t at = (size_t)snprintf(text, size, "chosen before the peer was known: %s; allowed ",
		suite_format(s, suite));

	if (at < size)
		proposal_policy_format(p, text + at, size - at);
	return text;
}

const char *proposal_groups_format(
	const char *lead, const struct proposal_policy *p, char *text, size_t size)
{
	struct proposal_policy groups = {.ke = p->ke, .ke_wanted = true};
	size_t at = append(text, size, append(text, size, 0, lead), "; allowed ");

	if (at < size)
		proposal_policy_format(&groups, text + at, size - at);
	return text;
}
