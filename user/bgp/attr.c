/* SPDX-License-Identifier: Apache-2.0 */
/* The attribute table, and decoding by it. */
#include "bgp/attr.h"

#include "bgp/aspath.h"
#include "bgp/open.h"

#include <sys/socket.h>

enum attr_flags {
	FLAG_OPTIONAL = 0x80,
	FLAG_TRANSITIVE = 0x40,
	FLAG_PARTIAL = 0x20,
	FLAG_EXTENDED = 0x10,
	FLAGS_OF_TYPE = FLAG_OPTIONAL | FLAG_TRANSITIVE,
	WELL_KNOWN = FLAG_TRANSITIVE,
	OPTIONAL_TRANSITIVE = FLAG_OPTIONAL | FLAG_TRANSITIVE,
	OPTIONAL_LOCAL = FLAG_OPTIONAL,
};

struct attr_row {
	const char *name;
	uint8_t flags;   /* Optional and Transitive as they must be */
	uint8_t error;   /* enum attr_error: what a malformed one means */
	uint8_t subcode; /* enum notify_update, for ATTR_RESET */
	/* Reads the value; false when it is malformed. */
	bool (*decode)(struct rd v, const struct attr_context *context, struct attr_draft *d);
	/* Writes the whole attribute, or nothing; NULL: never sent. */
	void (*encode)(const struct attrs *a, const struct attr_export *x, struct wr *w);
};

/* ---- decoders ---- */

static bool decode_origin(struct rd v, const struct attr_context *context, struct attr_draft *d)
{
	(void)context;
	if (rd_left(&v) != 1)
		return false;
	d->origin = rd_u8(&v);
	return d->origin <= ORIGIN_INCOMPLETE;
}

static bool decode_as_path(struct rd v, const struct attr_context *context, struct attr_draft *d)
{
	return aspath_decode(v, context->four_octet_as, &d->path);
}

static bool decode_next_hop(struct rd v, const struct attr_context *context, struct attr_draft *d)
{
	(void)context;
	if (rd_left(&v) != 4)
		return false;
	d->next_hop = addr_from_bytes(AF_INET, rd_bytes(&v, 4));
	return true;
}

static bool decode_med(struct rd v, const struct attr_context *context, struct attr_draft *d)
{
	(void)context;
	d->has_med = rd_left(&v) == 4;
	d->med = rd_u32(&v);
	return d->has_med;
}

/* RFC 7606 7.5, 7.9, 7.10: meaningless from another AS, left out whatever it holds. */
static bool decode_nothing(struct rd v, const struct attr_context *context, struct attr_draft *d)
{
	(void)v;
	(void)context;
	(void)d;
	return true;
}

static bool decode_atomic(struct rd v, const struct attr_context *context, struct attr_draft *d)
{
	(void)context;
	d->atomic_aggregate = rd_left(&v) == 0;
	return d->atomic_aggregate;
}

static bool decode_aggregator(struct rd v, const struct attr_context *context, struct attr_draft *d)
{
	if (rd_left(&v) != (context->four_octet_as ? 8 : 6))
		return false;
	d->aggregator.as = context->four_octet_as ? rd_u32(&v) : rd_u16(&v);
	d->aggregator.id = rd_u32(&v);
	return d->aggregator.as != 0; /* RFC 7607 2 */
}

static bool decode_as4_aggregator(
	struct rd v, const struct attr_context *context, struct attr_draft *d)
{
	/* RFC 6793 6: between speakers of four octets it says nothing. */
	if (rd_left(&v) != 8)
		return false;
	if (context->four_octet_as)
		return true;
	d->as4_aggregator.as = rd_u32(&v);
	d->as4_aggregator.id = rd_u32(&v);
	return d->as4_aggregator.as != 0;
}

static bool decode_as4_path(struct rd v, const struct attr_context *context, struct attr_draft *d)
{
	struct as_path path;

	if (!aspath_decode(v, true, &path) || !path.len)
		return false;
	if (!context->four_octet_as)
		d->as4_path = path;
	return true;
}

static bool take_multiple(struct rd v, unsigned int unit, struct attr_span *to)
{
	size_t len = rd_left(&v);

	if (len == 0 || len % unit)
		return false;
	*to = (struct attr_span){.p = rd_bytes(&v, len), .len = (uint16_t)len};
	return true;
}

static bool decode_communities(
	struct rd v, const struct attr_context *context, struct attr_draft *d)
{
	(void)context;
	return take_multiple(v, 4, &d->communities);
}

static bool decode_ext(struct rd v, const struct attr_context *context, struct attr_draft *d)
{
	(void)context;
	return take_multiple(v, 8, &d->ext_communities);
}

static bool decode_large(struct rd v, const struct attr_context *context, struct attr_draft *d)
{
	(void)context;
	return take_multiple(v, 12, &d->large_communities);
}

/* RFC 4760 3; RFC 2545 3: 16 bytes, or 32 with a link-local address behind. RFC 8950 is not offered,
 * so an IPv4 prefix has a 4-byte next hop here too. */
static bool decode_reach(struct rd v, const struct attr_context *context, struct attr_draft *d)
{
	uint16_t afi = rd_u16(&v);
	uint8_t safi = rd_u8(&v);
	size_t hop_len = rd_u8(&v);
	const uint8_t *hop = rd_bytes(&v, hop_len);

	(void)context;
	rd_skip(&v, 1);
	if (v.bad)
		return false;
	d->reach.known = family_from_afi(afi, safi, &d->reach.family);
	if (!d->reach.known)
		return true;
	if (d->reach.family == BGP_IPV4 ? hop_len != 4 : hop_len != 16 && hop_len != 32)
		return false;
	d->reach.next_hop = addr_from_bytes(d->reach.family == BGP_IPV4 ? AF_INET : AF_INET6, hop);
	d->reach.nlri.len = (uint16_t)rd_left(&v);
	d->reach.nlri.p = rd_bytes(&v, d->reach.nlri.len);
	return true;
}

static bool decode_unreach(struct rd v, const struct attr_context *context, struct attr_draft *d)
{
	uint16_t afi = rd_u16(&v);
	uint8_t safi = rd_u8(&v);

	(void)context;
	if (v.bad)
		return false;
	d->unreach.known = family_from_afi(afi, safi, &d->unreach.family);
	d->unreach.nlri.len = (uint16_t)rd_left(&v);
	d->unreach.nlri.p = rd_bytes(&v, d->unreach.nlri.len);
	return true;
}

/* ---- encoders ---- */

static void put_header(struct wr *w, unsigned int flags, unsigned int type, size_t len)
{
	wr_u8(w, (uint8_t)(flags | (len > 255 ? FLAG_EXTENDED : 0)));
	wr_u8(w, (uint8_t)type);
	if (len > 255)
		wr_u16(w, (uint16_t)len);
	else
		wr_u8(w, (uint8_t)len);
}

static void put_bytes(
	struct wr *w, unsigned int flags, unsigned int type, const uint8_t *bytes, size_t len)
{
	if (!len)
		return;
	put_header(w, flags, type, len);
	wr_bytes(w, bytes, len);
}

static const uint8_t *communities_of(const struct attrs *a)
{
	return a->bytes + a->path_len;
}

static const uint8_t *ext_of(const struct attrs *a)
{
	return communities_of(a) + a->communities_len;
}

static const uint8_t *large_of(const struct attrs *a)
{
	return ext_of(a) + a->ext_len;
}

static void encode_origin(const struct attrs *a, const struct attr_export *x, struct wr *w)
{
	(void)x;
	put_header(w, WELL_KNOWN, ATTR_ORIGIN, 1);
	wr_u8(w, a->origin);
}

/* RFC 4271 5.1.2: our AS in front; the peer's own AS is replaced where that was asked for. */
static void make_path(const struct attrs *a, const struct attr_export *x, struct as_path *path)
{
	aspath_prepend(a->bytes, a->path_len, x->local_as, path);
	if (x->override_as)
		aspath_replace(path, x->override_as, x->local_as);
}

static void encode_as_path(const struct attrs *a, const struct attr_export *x, struct wr *w)
{
	struct as_path path;
	uint8_t narrow[ATTR_PATH_BYTES_MAX + 8];
	struct wr n = wr_init(narrow, sizeof(narrow));

	make_path(a, x, &path);
	aspath_encode(&path, x->four_octet_as, &n);
	put_header(w, WELL_KNOWN, ATTR_AS_PATH, wr_len(&n));
	wr_bytes(w, narrow, wr_len(&n));
}

static void encode_next_hop(const struct attrs *a, const struct attr_export *x, struct wr *w)
{
	(void)a;
	put_bytes(w, WELL_KNOWN, ATTR_NEXT_HOP, x->next_hop4.bytes, addr_len(&x->next_hop4));
}

static void encode_med(const struct attrs *a, const struct attr_export *x, struct wr *w)
{
	(void)a; /* RFC 4271 5.1.4: a received MED goes no further than this AS */
	put_header(w, OPTIONAL_LOCAL, ATTR_MED, 4);
	wr_u32(w, x->med);
}

static void encode_atomic(const struct attrs *a, const struct attr_export *x, struct wr *w)
{
	(void)x;
	if (a->atomic_aggregate)
		put_header(w, WELL_KNOWN, ATTR_ATOMIC_AGGREGATE, 0);
}

static void encode_aggregator(const struct attrs *a, const struct attr_export *x, struct wr *w)
{
	if (!a->aggregator.as)
		return;
	put_header(w, OPTIONAL_TRANSITIVE, ATTR_AGGREGATOR, x->four_octet_as ? 8 : 6);
	if (x->four_octet_as)
		wr_u32(w, a->aggregator.as);
	else
		wr_u16(w, aspath_narrow(a->aggregator.as));
	wr_u32(w, a->aggregator.id);
}

static void encode_communities(const struct attrs *a, const struct attr_export *x, struct wr *w)
{
	(void)x;
	put_bytes(w, OPTIONAL_TRANSITIVE, ATTR_COMMUNITIES, communities_of(a), a->communities_len);
}

/* RFC 4360 6: extended communities with the T bit set do not cross an AS border. */
static void encode_ext(const struct attrs *a, const struct attr_export *x, struct wr *w)
{
	uint8_t kept[ATTR_BYTES_MAX];
	size_t len = 0;

	(void)x;
	for (const uint8_t *e = ext_of(a); e < large_of(a); e += 8) {
		if (e[0] & 0x40)
			continue;
		memcpy(kept + len, e, 8);
		len += 8;
	}
	put_bytes(w, OPTIONAL_TRANSITIVE, ATTR_EXT_COMMUNITIES, kept, len);
}

/* RFC 6793 4.2.2: the true path travels beside one in which AS_TRANS stands in. */
static void encode_as4_path(const struct attrs *a, const struct attr_export *x, struct wr *w)
{
	struct as_path path;

	if (x->four_octet_as)
		return;
	make_path(a, x, &path);
	if (aspath_needs_four_octets(&path))
		put_bytes(w, OPTIONAL_TRANSITIVE, ATTR_AS4_PATH, path.bytes, path.len);
}

static void encode_as4_aggregator(const struct attrs *a, const struct attr_export *x, struct wr *w)
{
	if (x->four_octet_as || a->aggregator.as <= UINT16_MAX)
		return;
	put_header(w, OPTIONAL_TRANSITIVE, ATTR_AS4_AGGREGATOR, 8);
	wr_u32(w, a->aggregator.as);
	wr_u32(w, a->aggregator.id);
}

static void encode_large(const struct attrs *a, const struct attr_export *x, struct wr *w)
{
	(void)x;
	put_bytes(w, OPTIONAL_TRANSITIVE, ATTR_LARGE_COMMUNITIES, large_of(a), a->large_len);
}

/* clang-format off */
/* In the order they are sent (RFC 4271 5: ascending types). Errors: the RFC 7606 section named. */
static const struct attr_row rows[ATTR_TYPES] = {
	[ATTR_ORIGIN] = {"ORIGIN", WELL_KNOWN, ATTR_WITHDRAW /* 7.1 */, 0, decode_origin, encode_origin},
	[ATTR_AS_PATH] = {"AS_PATH", WELL_KNOWN, ATTR_WITHDRAW /* 7.2 */, 0, decode_as_path, encode_as_path},
	[ATTR_NEXT_HOP] = {"NEXT_HOP", WELL_KNOWN, ATTR_WITHDRAW /* 7.3 */, 0, decode_next_hop, encode_next_hop},
	[ATTR_MED] = {"MULTI_EXIT_DISC", OPTIONAL_LOCAL, ATTR_WITHDRAW /* 7.4 */, 0, decode_med, encode_med},
	[ATTR_LOCAL_PREF] = {"LOCAL_PREF", WELL_KNOWN, ATTR_DISCARD /* 7.5 */, 0, decode_nothing, NULL},
	[ATTR_ATOMIC_AGGREGATE] = {"ATOMIC_AGGREGATE", WELL_KNOWN, ATTR_DISCARD /* 7.6 */, 0, decode_atomic, encode_atomic},
	[ATTR_AGGREGATOR] = {"AGGREGATOR", OPTIONAL_TRANSITIVE, ATTR_DISCARD /* 7.7 */, 0,
		decode_aggregator, encode_aggregator},
	[ATTR_COMMUNITIES] = {"COMMUNITIES", OPTIONAL_TRANSITIVE, ATTR_WITHDRAW /* 7.8 */, 0,
		decode_communities, encode_communities},
	[ATTR_ORIGINATOR_ID] = {"ORIGINATOR_ID", OPTIONAL_LOCAL, ATTR_DISCARD /* 7.9 */, 0, decode_nothing, NULL},
	[ATTR_CLUSTER_LIST] = {"CLUSTER_LIST", OPTIONAL_LOCAL, ATTR_DISCARD /* 7.10 */, 0, decode_nothing, NULL},
	[ATTR_MP_REACH] = {"MP_REACH_NLRI", OPTIONAL_LOCAL, ATTR_RESET /* 7.11 */, UPDATE_BAD_OPTIONAL, decode_reach, NULL},
	[ATTR_MP_UNREACH] = {"MP_UNREACH_NLRI", OPTIONAL_LOCAL, ATTR_RESET /* 7.12 */, UPDATE_BAD_OPTIONAL,
		decode_unreach, NULL},
	[ATTR_EXT_COMMUNITIES] = {"EXTENDED COMMUNITIES", OPTIONAL_TRANSITIVE, ATTR_WITHDRAW /* 7.14 */, 0,
		decode_ext, encode_ext},
	[ATTR_AS4_PATH] = {"AS4_PATH", OPTIONAL_TRANSITIVE, ATTR_DISCARD /* RFC 6793 6 */, 0,
		decode_as4_path, encode_as4_path},
	[ATTR_AS4_AGGREGATOR] = {"AS4_AGGREGATOR", OPTIONAL_TRANSITIVE, ATTR_DISCARD /* RFC 6793 6 */, 0,
		decode_as4_aggregator, encode_as4_aggregator},
	[ATTR_LARGE_COMMUNITIES] = {"LARGE_COMMUNITY", OPTIONAL_TRANSITIVE, ATTR_WITHDRAW /* RFC 8092 5 */, 0,
		decode_large, encode_large},
};
/* clang-format on */

const char *attr_name(unsigned int type)
{
	return type < ATTR_TYPES && rows[type].name ? rows[type].name : "unknown attribute";
}

/* RFC 7606 3 h: of several errors the strongest counts. */
static void report(struct attr_result *result, enum attr_error error, unsigned int type,
	unsigned int subcode, struct attr_span data)
{
	if (error <= result->error)
		return;
	*result = (struct attr_result){
		.error = error, .type = (uint8_t)type, .subcode = (uint8_t)subcode, .data = data};
}

/* RFC 4271 5: an unknown well-known attribute ends the session, an unknown optional one is passed
 * on with the Partial bit if it is transitive, else left out. */
static void decode_unknown(unsigned int flags, unsigned int type, struct rd value,
	struct attr_draft *d, struct attr_span whole, struct attr_result *result)
{
	size_t len = rd_left(&value);
	struct wr w = wr_init(d->other + d->other_len, sizeof(d->other) - d->other_len);

	if (!(flags & FLAG_OPTIONAL)) {
		report(result, ATTR_RESET, type, UPDATE_UNKNOWN_WELL_KNOWN, whole);
		return;
	}
	if (!(flags & FLAG_TRANSITIVE))
		return;
	put_header(&w, OPTIONAL_TRANSITIVE | FLAG_PARTIAL, type, len);
	if (len)
		wr_bytes(&w, rd_bytes(&value, len), len);
	if (w.bad)
		report(result, ATTR_DISCARD, type, 0, whole);
	else
		d->other_len = (uint16_t)(d->other_len + wr_len(&w));
}

static void decode_one(unsigned int flags, unsigned int type, struct rd value,
	const struct attr_context *context, struct attr_draft *d, struct attr_span whole,
	struct attr_result *result)
{
	bool again = d->seen[type / 32] & 1u << type % 32;
	const struct attr_row *row = type < ATTR_TYPES ? &rows[type] : NULL;

	d->seen[type / 32] |= 1u << type % 32;
	if (again) { /* RFC 7606 3 g: the first one counts, but not of MP attributes */
		bool multiprotocol = type == ATTR_MP_REACH || type == ATTR_MP_UNREACH;

		report(result, multiprotocol ? ATTR_RESET : ATTR_DISCARD, type,
			UPDATE_MALFORMED_LIST, (struct attr_span){0});
		return;
	}
	if (!row || !row->name) {
		decode_unknown(flags, type, value, d, whole, result);
		return;
	}
	/* RFC 7606 3 c: wrong flags are as bad as a wrong value. */
	if ((flags & FLAGS_OF_TYPE) != row->flags)
		report(result, row->error, type, UPDATE_BAD_FLAGS, whole);
	else if (!row->decode(value, context, d))
		report(result, row->error, type, row->subcode, whole);
}

/* RFC 6793 4.2.3: put the true AS numbers back in place of AS_TRANS. */
static void restore_four_octets(const struct attr_context *context, struct attr_draft *d)
{
	if (context->four_octet_as)
		return;
	if (d->aggregator.as && d->as4_aggregator.as) {
		if (d->aggregator.as != AS_TRANS)
			return; /* AS4_PATH is not to be trusted either */
		d->aggregator = d->as4_aggregator;
	}
	if (d->as4_path.len)
		aspath_merge(&d->path, &d->as4_path);
}

void attr_decode(struct rd list, const struct attr_context *context, struct attr_draft *d,
	struct attr_result *result)
{
	memset(d, 0, sizeof(*d));
	*result = (struct attr_result){.error = ATTR_FINE};
	while (rd_left(&list)) {
		const uint8_t *start = list.p;
		size_t before = rd_left(&list);
		unsigned int flags = rd_u8(&list);
		unsigned int type = rd_u8(&list);
		size_t len = flags & FLAG_EXTENDED ? rd_u16(&list) : rd_u8(&list);
		struct rd value = rd_sub(&list, len);

		if (list.bad) {
			/* RFC 7606 4: the prefixes are still found, except those in here. */
			bool multiprotocol = type == ATTR_MP_REACH || type == ATTR_MP_UNREACH;

			report(result, multiprotocol ? ATTR_RESET : ATTR_WITHDRAW, type,
				UPDATE_MALFORMED_LIST, (struct attr_span){0});
			break;
		}
		decode_one(flags, type, value, context, d,
			(struct attr_span){start, (uint16_t)(before - rd_left(&list))}, result);
	}
	restore_four_octets(context, d);
}

void attr_encode(const struct attrs *a, const struct attr_export *x, struct wr *w)
{
	for (unsigned int type = 0; type < ATTR_TYPES; type++) {
		if (rows[type].encode)
			rows[type].encode(a, x, w);
	}
	wr_bytes(w, large_of(a) + a->large_len, a->other_len);
}

void attr_encode_reach(struct wr *w, enum bgp_family family, const struct ip_addr *next_hop,
	const uint8_t *nlri, size_t len)
{
	put_header(w, OPTIONAL_LOCAL, ATTR_MP_REACH, 5 + addr_len(next_hop) + len);
	wr_u16(w, family_afi(family));
	wr_u8(w, SAFI_UNICAST);
	wr_u8(w, (uint8_t)addr_len(next_hop));
	wr_bytes(w, next_hop->bytes, addr_len(next_hop));
	wr_u8(w, 0);
	wr_bytes(w, nlri, len);
}

void attr_encode_unreach(struct wr *w, enum bgp_family family, const uint8_t *nlri, size_t len)
{
	put_header(w, OPTIONAL_LOCAL, ATTR_MP_UNREACH, 3 + len);
	wr_u16(w, family_afi(family));
	wr_u8(w, SAFI_UNICAST);
	wr_bytes(w, nlri, len);
}

bool attr_stays_here(const struct attrs *a)
{
	struct rd r = rd_init(communities_of(a), a->communities_len);

	while (rd_left(&r)) {
		uint32_t community = rd_u32(&r);

		if (community >= COMMUNITY_NO_EXPORT && community <= COMMUNITY_NO_EXPORT_SUBCONFED)
			return true;
	}
	return false;
}
