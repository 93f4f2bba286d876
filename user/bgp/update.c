/* SPDX-License-Identifier: Apache-2.0 */
#include "bgp/update.h"

#include <sys/socket.h>

static unsigned int family_bits(enum bgp_family family)
{
	return family == BGP_IPV4 ? 32 : 128;
}

bool nlri_next(struct rd *list, enum bgp_family family, struct ip_prefix *p)
{
	struct ip_addr a = {.family = family == BGP_IPV4 ? AF_INET : AF_INET6};

	if (!rd_left(list))
		return false;

	unsigned int len = rd_u8(list);

	if (len > family_bits(family)) {
		list->bad = true;
		return false;
	}
	rd_copy(list, a.bytes, (len + 7) / 8);
	if (list->bad)
		return false;
	*p = prefix_make(&a, len);
	return true;
}

void nlri_put(struct wr *w, const struct ip_prefix *p)
{
	wr_u8(w, p->len);
	wr_bytes(w, p->addr.bytes, (p->len + 7u) / 8);
}

/* RFC 7606 5.3: the whole list is walked before any of it is believed. */
static bool nlri_is_sound(struct rd list, enum bgp_family family)
{
	while (rd_left(&list)) {
		unsigned int len = rd_u8(&list);

		if (len > family_bits(family))
			return false;
		rd_skip(&list, (len + 7) / 8);
	}
	return !list.bad;
}

/* RFC 4271 6.3: a next hop must be an address of one host. */
static bool next_hop_is_sound(const struct ip_addr *a)
{
	static const struct ip_addr zero4 = {.family = AF_INET}, zero6 = {.family = AF_INET6};

	if (!addr_is_set(a) || addr_equal(a, &zero4) || addr_equal(a, &zero6))
		return false;
	if (a->family == AF_INET)
		return a->bytes[0] != 127 && a->bytes[0] < 224;
	return a->bytes[0] != 0xff;
}

/* RFC 7606 3 d: prefixes need ORIGIN, AS_PATH and a next hop; RFC 4271 6.3: the neighbour is first. */
static void check_mandatory(struct update *u, const struct attr_context *context)
{
	struct attr_draft *d = &u->attrs;
	bool v4 = rd_left(&u->part[BGP_IPV4].reach[0]);
	uint8_t missing = 0;

	if (!attr_was_seen(d, ATTR_ORIGIN))
		missing = ATTR_ORIGIN;
	else if (!attr_was_seen(d, ATTR_AS_PATH))
		missing = ATTR_AS_PATH;
	else if (v4 && !next_hop_is_sound(&d->next_hop))
		missing = ATTR_NEXT_HOP;
	else if (d->reach.known && d->reach.nlri.len && !next_hop_is_sound(&d->reach.next_hop))
		missing = ATTR_MP_REACH;
	else if (d->path.len < 6 || d->path.bytes[0] != AS_SEQUENCE)
		missing = ATTR_AS_PATH;
	if (!missing) {
		struct rd r = rd_init(d->path.bytes + 2, 4);

		if (rd_u32(&r) != context->remote_as)
			missing = ATTR_AS_PATH;
	}
	if (missing && u->result.error < ATTR_WITHDRAW)
		u->result = (struct attr_result){.error = ATTR_WITHDRAW, .type = missing};
}

static bool take_multiprotocol(struct update *u)
{
	struct attr_draft *d = &u->attrs;

	if (d->reach.known) {
		struct update_part *part = &u->part[d->reach.family];
		struct rd list = rd_init(d->reach.nlri.p, d->reach.nlri.len);

		if (!nlri_is_sound(list, d->reach.family))
			return false;
		part->reach[1] = list;
	}
	if (d->unreach.known) {
		struct update_part *part = &u->part[d->unreach.family];
		struct rd list = rd_init(d->unreach.nlri.p, d->unreach.nlri.len);

		if (!nlri_is_sound(list, d->unreach.family))
			return false;
		if (rd_left(&list))
			part->unreach[1] = list;
		else
			part->end_of_rib =
				!attr_was_seen(d, ATTR_MP_REACH) && !attr_was_seen(d, ATTR_ORIGIN);
	}
	return true;
}

bool update_decode(struct rd body, const struct attr_context *context, struct update *u,
	struct bgp_notify *error)
{
	struct update_part *v4 = &u->part[BGP_IPV4];
	struct rd withdrawn = rd_sub(&body, rd_u16(&body));
	struct rd list = rd_sub(&body, rd_u16(&body));
	size_t attr_len = rd_left(&list);
	struct rd nlri = body;

	memset(u->part, 0, sizeof(u->part));
	if (body.bad) { /* RFC 7606 3 a, b: the fields do not fit into each other */
		*error = notify_make(NOTIFY_UPDATE, UPDATE_MALFORMED_LIST);
		return false;
	}
	if (!nlri_is_sound(withdrawn, BGP_IPV4) || !nlri_is_sound(nlri, BGP_IPV4)) {
		*error = notify_make(NOTIFY_UPDATE, UPDATE_BAD_NLRI);
		return false;
	}
	attr_decode(list, context, &u->attrs, &u->result);
	v4->unreach[0] = withdrawn;
	v4->reach[0] = nlri;
	v4->end_of_rib = !rd_left(&withdrawn) && !attr_len && !rd_left(&nlri);
	if (u->result.error == ATTR_RESET) {
		*error = notify_make_data(
			NOTIFY_UPDATE, u->result.subcode, u->result.data.p, u->result.data.len);
		return false;
	}
	if (!take_multiprotocol(u)) {
		*error = notify_make(NOTIFY_UPDATE, UPDATE_BAD_OPTIONAL);
		return false;
	}
	if (rd_left(&nlri) || u->attrs.reach.nlri.len)
		check_mandatory(u, context);
	return true;
}

void update_encode_reach(struct wr *w, enum bgp_family family, const struct attrs *a,
	const struct attr_export *x, const struct ip_addr *next_hop, const uint8_t *nlri,
	size_t len)
{
	size_t place = bgp_message_begin(w, MESSAGE_UPDATE);
	struct attr_export with_hop = *x;

	wr_u16(w, 0);

	size_t attr_len = wr_len(w);

	wr_u16(w, 0);
	if (family == BGP_IPV4) {
		with_hop.next_hop4 = *next_hop;
	} else {
		with_hop.next_hop4 = (struct ip_addr){0};
		attr_encode_reach(w, family, next_hop, nlri, len); /* RFC 7606 5.1: first */
	}
	attr_encode(a, &with_hop, w);
	wr_set_u16(w, attr_len, (uint16_t)(wr_len(w) - attr_len - 2));
	if (family == BGP_IPV4)
		wr_bytes(w, nlri, len);
	bgp_message_end(w, place);
}

void update_encode_unreach(struct wr *w, enum bgp_family family, const uint8_t *nlri, size_t len)
{
	size_t place = bgp_message_begin(w, MESSAGE_UPDATE);

	if (family == BGP_IPV4) {
		wr_u16(w, (uint16_t)len);
		wr_bytes(w, nlri, len);
		wr_u16(w, 0);
	} else {
		wr_u16(w, 0);

		size_t attr_len = wr_len(w);

		wr_u16(w, 0);
		attr_encode_unreach(w, family, nlri, len);
		wr_set_u16(w, attr_len, (uint16_t)(wr_len(w) - attr_len - 2));
	}
	bgp_message_end(w, place);
}

void update_encode_end_of_rib(struct wr *w, enum bgp_family family)
{
	update_encode_unreach(w, family, NULL, 0);
}
