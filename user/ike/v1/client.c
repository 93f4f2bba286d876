/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/v1/client.h"

enum form { FORM_ADDRESS, FORM_SUBNET, FORM_RANGE };

/* RFC 2407 4.6.2.1. */
static const struct row {
	uint8_t type, form;
	int family;
} rows[] = {
	{1, FORM_ADDRESS, AF_INET},
	{4, FORM_SUBNET, AF_INET},
	{5, FORM_ADDRESS, AF_INET6},
	{6, FORM_SUBNET, AF_INET6},
	{7, FORM_RANGE, AF_INET},
	{8, FORM_RANGE, AF_INET6},
};

/* Ones, then zeroes. */
static bool is_mask(const struct ip_addr *mask)
{
	bool below = false;

	for (unsigned int bit = 0; bit < 8 * addr_len(mask); bit++) {
		bool one = mask->bytes[bit / 8] & 0x80 >> bit % 8;

		if (one && below)
			return false;
		below = !one;
	}
	return true;
}

bool v1_client_decode(const void *body, size_t len, struct selector *s)
{
	struct rd r = rd_init(body, len);
	uint8_t type = rd_u8(&r), protocol = rd_u8(&r);
	uint16_t port = rd_u16(&r);
	struct selector got = {
		.protocol = protocol, .first_port = port, .last_port = port ? port : UINT16_MAX};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned int n = rows[i].family == AF_INET ? 4 : 16;
		struct ip_addr second;

		if (rows[i].type != type)
			continue;
		if (rd_left(&r) != (rows[i].form == FORM_ADDRESS ? n : 2 * n))
			return false;
		got.first = got.last = addr_from_bytes(rows[i].family, rd_bytes(&r, n));
		if (rows[i].form != FORM_ADDRESS) {
			second = addr_from_bytes(rows[i].family, rd_bytes(&r, n));
			if (rows[i].form == FORM_SUBNET && !is_mask(&second))
				return false; /* no range of addresses */
			for (unsigned int b = 0; b < n && rows[i].form == FORM_SUBNET; b++) {
				got.first.bytes[b] &= second.bytes[b];
				got.last.bytes[b] |= (uint8_t)~second.bytes[b];
			}
			if (rows[i].form == FORM_RANGE)
				got.last = second;
		}
		if (addr_compare(&got.first, &got.last) > 0)
			return false;
		*s = got;
		return true;
	}
	return false;
}

/* The mask of a range that is a subnet. */
static bool mask_of(const struct selector *s, uint8_t mask[16])
{
	unsigned int n = addr_len(&s->first);
	bool below = false; /* the host part has begun */

	for (unsigned int bit = 0; bit < 8 * n; bit++) {
		uint8_t at = (uint8_t)(0x80 >> bit % 8);
		bool low = s->first.bytes[bit / 8] & at, high = s->last.bytes[bit / 8] & at;

		if (low != high && !low)
			below = true;
		else if (below || low != high)
			return false;
		if (bit % 8 == 0)
			mask[bit / 8] = 0;
		if (!below)
			mask[bit / 8] |= at;
	}
	return true;
}

void v1_client_encode(struct wr *w, const struct selector *s)
{
	unsigned int n = addr_len(&s->first);
	uint8_t mask[16];
	bool subnet = mask_of(s, mask);

	wr_u8(w, (uint8_t)((subnet ? 4 : 7) + (n == 4 ? 0 : subnet ? 2 : 1)));
	wr_u8(w, s->protocol);
	wr_u16(w, s->first_port == s->last_port ? s->first_port : 0);
	wr_bytes(w, s->first.bytes, n);
	wr_bytes(w, subnet ? mask : s->last.bytes, n);
}
