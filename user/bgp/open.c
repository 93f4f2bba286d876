/* SPDX-License-Identifier: Apache-2.0 */
#include "bgp/open.h"

enum parameter {
	PARAMETER_CAPABILITIES = 2,
	PARAMETER_EXTENDED = 255, /* RFC 9072 */
};

enum capability {
	CAPABILITY_MULTIPROTOCOL = 1,
	CAPABILITY_ROUTE_REFRESH = 2,
	CAPABILITY_EXTENDED_MESSAGE = 6,
	CAPABILITY_GRACEFUL_RESTART = 64,
	CAPABILITY_FOUR_OCTET_AS = 65,
	CAPABILITY_ENHANCED_REFRESH = 70,
};

enum restart_flags {
	RESTART_R = 0x8000, /* of the first two octets */
	RESTART_N = 0x4000,
	RESTART_TIME = 0x0fff,
	RESTART_F = 0x80, /* of a family */
};

struct draft {
	struct bgp_open open;
	bool multiprotocol; /* a multiprotocol capability was seen, of whatever family */
};

static void decode_restart(struct rd value, struct bgp_open *open)
{
	uint16_t first = rd_u16(&value);
	enum bgp_family family;

	open->graceful_restart = true;
	open->restarting = first & RESTART_R;
	open->restart_on_notify = first & RESTART_N;
	open->restart_time_s = first & RESTART_TIME;
	while (rd_left(&value) >= 4) {
		uint16_t afi = rd_u16(&value);
		uint8_t safi = rd_u8(&value), flags = rd_u8(&value);

		if (!family_from_afi(afi, safi, &family))
			continue;
		open->restart_family[family] = true;
		open->forwarding[family] = flags & RESTART_F;
	}
}

/*
 * RFC 5492 4: what is not known is ignored. A known capability of the wrong length is ignored too:
 * the session then simply lacks the feature.
 */
static void decode_capability(uint8_t code, struct rd value, struct draft *d)
{
	size_t len = rd_left(&value);
	enum bgp_family family;

	switch (code) {
	case CAPABILITY_MULTIPROTOCOL:
		if (len != 4)
			return;
		d->multiprotocol = true;

		uint16_t afi = rd_u16(&value);

		rd_skip(&value, 1);
		if (family_from_afi(afi, rd_u8(&value), &family))
			d->open.family[family] = true;
		return;
	case CAPABILITY_ROUTE_REFRESH:
		d->open.route_refresh = len == 0;
		return;
	case CAPABILITY_EXTENDED_MESSAGE:
		d->open.extended_message = len == 0;
		return;
	case CAPABILITY_ENHANCED_REFRESH:
		d->open.enhanced_refresh = len == 0;
		return;
	case CAPABILITY_GRACEFUL_RESTART:
		if (len >= 2 && len % 4 == 2)
			decode_restart(value, &d->open);
		return;
	case CAPABILITY_FOUR_OCTET_AS:
		if (len != 4)
			return;
		d->open.four_octet_as = true;
		d->open.as = rd_u32(&value);
		return;
	default:
		return;
	}
}

static bool decode_capabilities(struct rd list, struct draft *d)
{
	while (rd_left(&list)) {
		uint8_t code = rd_u8(&list);
		struct rd value = rd_sub(&list, rd_u8(&list));

		if (list.bad)
			return false;
		decode_capability(code, value, d);
	}
	return true;
}

static bool decode_parameters(struct rd *body, struct draft *d, struct bgp_notify *error)
{
	size_t total = rd_u8(body);
	bool extended = false;

	/* RFC 9072 2: a first parameter of type 255 says that all lengths have two octets. */
	if (total && rd_left(body) >= 3 && body->p[0] == PARAMETER_EXTENDED) {
		extended = true;
		rd_skip(body, 1);
		total = rd_u16(body);
	}

	struct rd list = rd_sub(body, total);

	*error = notify_make(NOTIFY_OPEN, 0); /* RFC 4271 6.2: malformed, subcode 0 */
	if (body->bad || rd_left(body))
		return false;
	while (rd_left(&list)) {
		uint8_t type = rd_u8(&list);
		struct rd value = rd_sub(&list, extended ? rd_u16(&list) : rd_u8(&list));

		if (list.bad)
			return false;
		if (type != PARAMETER_CAPABILITIES) {
			*error = notify_make(NOTIFY_OPEN, OPEN_BAD_PARAMETER);
			return false;
		}
		if (!decode_capabilities(value, d))
			return false;
	}
	return true;
}

bool open_decode(struct rd *body, struct bgp_open *open, struct bgp_notify *error)
{
	struct draft d = {0};
	uint8_t version = rd_u8(body);

	d.open.as = rd_u16(body);
	d.open.hold_s = rd_u16(body);
	d.open.identifier = rd_u32(body);

	if (version != BGP_VERSION) {
		static const uint8_t supported[] = {0, BGP_VERSION};

		*error = notify_make_data(NOTIFY_OPEN, OPEN_BAD_VERSION, supported, 2);
		return false;
	}
	if (!decode_parameters(body, &d, error))
		return false;
	if (d.open.hold_s > 0 && d.open.hold_s < HOLD_TIME_MIN) {
		*error = notify_make(NOTIFY_OPEN, OPEN_BAD_HOLD_TIME);
		return false;
	}
	if (d.open.identifier == 0) {
		*error = notify_make(NOTIFY_OPEN, OPEN_BAD_IDENTIFIER);
		return false;
	}
	/* RFC 4760 8: who offers no family speaks IPv4 unicast. */
	if (!d.multiprotocol)
		d.open.family[BGP_IPV4] = true;
	*open = d.open;
	return true;
}

bool open_check(const struct bgp_open *open, uint32_t expected_as, struct bgp_notify *error)
{
	/* RFC 7607 2: AS 0 is never a peer's; it cannot be expected either. */
	if (open->as == 0 || open->as != expected_as) {
		*error = notify_make(NOTIFY_OPEN, OPEN_BAD_PEER_AS);
		return false;
	}
	return true;
}

static void encode_flag(struct wr *w, enum capability code, bool offered)
{
	if (!offered)
		return;
	wr_u8(w, (uint8_t)code);
	wr_u8(w, 0);
}

static void encode_restart(const struct bgp_open *open, struct wr *w)
{
	unsigned int first = open->restart_time_s & RESTART_TIME;
	size_t start = wr_len(w);

	if (!open->graceful_restart)
		return;
	first |= open->restarting ? RESTART_R : 0u;
	first |= open->restart_on_notify ? RESTART_N : 0u;
	wr_u8(w, CAPABILITY_GRACEFUL_RESTART);
	wr_u8(w, 0);
	wr_u16(w, (uint16_t)first);
	for (enum bgp_family f = 0; f < BGP_FAMILIES; f++) {
		if (!open->restart_family[f])
			continue;
		wr_u16(w, family_afi(f));
		wr_u8(w, SAFI_UNICAST);
		wr_u8(w, open->forwarding[f] ? RESTART_F : 0);
	}
	wr_set_u8(w, start + 1, (uint8_t)(wr_len(w) - start - 2));
}

static void encode_capabilities(const struct bgp_open *open, struct wr *w)
{
	for (int f = 0; f < BGP_FAMILIES; f++) {
		if (!open->family[f])
			continue;
		wr_u8(w, CAPABILITY_MULTIPROTOCOL);
		wr_u8(w, 4);
		wr_u16(w, family_afi(f));
		wr_u8(w, 0);
		wr_u8(w, SAFI_UNICAST);
	}
	encode_flag(w, CAPABILITY_ROUTE_REFRESH, open->route_refresh);
	encode_flag(w, CAPABILITY_ENHANCED_REFRESH, open->enhanced_refresh);
	encode_flag(w, CAPABILITY_EXTENDED_MESSAGE, open->extended_message);
	encode_restart(open, w);
	if (open->four_octet_as) {
		wr_u8(w, CAPABILITY_FOUR_OCTET_AS);
		wr_u8(w, 4);
		wr_u32(w, open->as);
	}
}

void open_encode(const struct bgp_open *open, struct wr *w)
{
	size_t place = bgp_message_begin(w, MESSAGE_OPEN);

	wr_u8(w, BGP_VERSION);
	wr_u16(w, open->as > UINT16_MAX ? AS_TRANS : (uint16_t)open->as);
	wr_u16(w, open->hold_s);
	wr_u32(w, open->identifier);

	size_t lengths = wr_len(w);

	wr_u8(w, 0);
	wr_u8(w, PARAMETER_CAPABILITIES);
	wr_u8(w, 0);
	encode_capabilities(open, w);

	size_t parameters = wr_len(w) - lengths - 1;

	wr_set_u8(w, lengths, (uint8_t)parameters);
	wr_set_u8(w, lengths + 2, (uint8_t)(parameters - 2));
	bgp_message_end(w, place);
}
