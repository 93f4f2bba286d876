/* SPDX-License-Identifier: Apache-2.0 */
#include "bgp/message.h"

enum { MARKER_LEN = 16 };

/* RFC 4271 4.2 to 4.5, RFC 2918 3: the shortest message of each type. */
static const uint8_t shortest[] = {
	[MESSAGE_OPEN] = 29,
	[MESSAGE_UPDATE] = 23,
	[MESSAGE_NOTIFICATION] = 21,
	[MESSAGE_KEEPALIVE] = 19,
	[MESSAGE_ROUTE_REFRESH] = 23,
};

static bool length_is_right(uint8_t type, uint16_t len)
{
	if (len < shortest[type])
		return false;
	return type != MESSAGE_KEEPALIVE || len == MESSAGE_HEADER_LEN;
}

/* RFC 8654 4: OPEN and KEEPALIVE stay as short as they were. */
static uint32_t longest(uint8_t type, bool extended)
{
	bool may = extended && type != MESSAGE_OPEN && type != MESSAGE_KEEPALIVE;

	return may ? MESSAGE_EXTENDED : MESSAGE_MAX;
}

enum message_result bgp_message_decode(const uint8_t *bytes, size_t len, bool extended,
	struct bgp_message *m, struct bgp_notify *error)
{
	static const uint8_t marker[MARKER_LEN] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	struct rd r = rd_init(bytes, len);
	size_t compare = len < MARKER_LEN ? len : MARKER_LEN;

	m->len = 0;
	if (compare && memcmp(bytes, marker, compare) != 0) {
		*error = notify_make(NOTIFY_HEADER, HEADER_NOT_SYNCHRONIZED);
		return MESSAGE_BAD;
	}
	if (len < MESSAGE_HEADER_LEN)
		return MESSAGE_PARTIAL;
	rd_skip(&r, MARKER_LEN);

	const uint8_t *length_field = r.p;
	uint16_t length = rd_u16(&r);
	uint8_t type = rd_u8(&r);

	if (length < MESSAGE_HEADER_LEN || length > longest(type, extended)) {
		*error = notify_make_data(NOTIFY_HEADER, HEADER_BAD_LENGTH, length_field, 2);
		return MESSAGE_BAD;
	}
	if (type < MESSAGE_OPEN || type > MESSAGE_ROUTE_REFRESH) {
		*error = notify_make_data(NOTIFY_HEADER, HEADER_BAD_TYPE, &type, 1);
		return MESSAGE_BAD;
	}
	if (!length_is_right(type, length)) {
		*error = notify_make_data(NOTIFY_HEADER, HEADER_BAD_LENGTH, length_field, 2);
		return MESSAGE_BAD;
	}
	m->len = length;
	if (len < length)
		return MESSAGE_PARTIAL;
	*m = (struct bgp_message){
		.type = type, .len = length, .body = rd_sub(&r, length - MESSAGE_HEADER_LEN)};
	return MESSAGE_COMPLETE;
}

size_t bgp_message_begin(struct wr *w, enum message_type type)
{
	size_t place = wr_len(w);
	uint8_t *marker = wr_room(w, MARKER_LEN);

	if (marker)
		memset(marker, 0xff, MARKER_LEN);
	wr_u16(w, 0);
	wr_u8(w, (uint8_t)type);
	return place;
}

void bgp_message_end(struct wr *w, size_t place)
{
	wr_set_u16(w, place + MARKER_LEN, (uint16_t)(wr_len(w) - place));
}

void bgp_message_encode_keepalive(struct wr *w)
{
	bgp_message_end(w, bgp_message_begin(w, MESSAGE_KEEPALIVE));
}

void bgp_message_encode_notify(struct wr *w, const struct bgp_notify *n)
{
	size_t place = bgp_message_begin(w, MESSAGE_NOTIFICATION);

	notify_encode(n, w);
	bgp_message_end(w, place);
}

void bgp_message_encode_refresh(struct wr *w, enum bgp_family family, enum refresh_type type)
{
	size_t place = bgp_message_begin(w, MESSAGE_ROUTE_REFRESH);

	wr_u16(w, family_afi(family));
	wr_u8(w, (uint8_t)type);
	wr_u8(w, SAFI_UNICAST);
	bgp_message_end(w, place);
}

bool bgp_message_decode_refresh(struct rd *body, enum bgp_family *family, uint8_t *type)
{
	uint16_t afi = rd_u16(body);

	*type = rd_u8(body);

	uint8_t safi = rd_u8(body);

	return !body->bad && family_from_afi(afi, safi, family);
}

uint16_t family_afi(enum bgp_family family)
{
	return family == BGP_IPV4 ? 1 : 2;
}

bool family_from_afi(uint16_t afi, uint8_t safi, enum bgp_family *family)
{
	if ((afi != 1 && afi != 2) || safi != SAFI_UNICAST)
		return false;
	*family = afi == 1 ? BGP_IPV4 : BGP_IPV6;
	return true;
}
