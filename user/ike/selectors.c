/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/selectors.h"

#include <stdio.h>
#include <string.h>

enum ts_type {
	TS_IPV4_ADDR_RANGE = 7,
	TS_IPV6_ADDR_RANGE = 8,
};

#define TS_HEADER_LEN 8 /* type, protocol, length, ports */

bool selectors_decode(const void *body, size_t len, struct selector_set *set)
{
	struct rd r = rd_init(body, len);
	struct selector_set got = {0};
	unsigned int count = rd_u8(&r);

	rd_skip(&r, 3);
	if (r.bad || count == 0)
		return false;
	for (unsigned int i = 0; i < count; i++) {
		struct selector s = {0};
		uint8_t type = rd_u8(&r);

		s.protocol = rd_u8(&r);

		uint16_t ts_len = rd_u16(&r);

		if (r.bad || ts_len < TS_HEADER_LEN)
			return false;

		struct rd one = rd_sub(&r, ts_len - 4u);
		int family = type == TS_IPV4_ADDR_RANGE ? AF_INET : AF_INET6;
		size_t n = family == AF_INET ? 4 : 16;

		if (r.bad)
			return false;
		if (type != TS_IPV4_ADDR_RANGE && type != TS_IPV6_ADDR_RANGE)
			continue;
		s.first_port = rd_u16(&one);
		s.last_port = rd_u16(&one);
		if (rd_left(&one) != 2 * n)
			return false;
		s.first = addr_from_bytes(family, rd_bytes(&one, n));
		s.last = addr_from_bytes(family, rd_bytes(&one, n));
		/* 3.13.1: OPAQUE ports (65535..0) match nothing that a router sends. */
		if (addr_compare(&s.first, &s.last) > 0 || s.first_port > s.last_port)
			continue;
		if (got.count < SELECTORS_MAX)
			got.selectors[got.count++] = s;
	}
	if (rd_left(&r) != 0)
		return false;
	*set = got;
	return true;
}

void selectors_encode(struct wr *w, const struct selector_set *set)
{
	wr_u8(w, set->count);
	wr_zero(w, 3);
	for (unsigned int i = 0; i < set->count; i++) {
		const struct selector *s = &set->selectors[i];
		unsigned int n = addr_len(&s->first);

		wr_u8(w, n == 4 ? TS_IPV4_ADDR_RANGE : TS_IPV6_ADDR_RANGE);
		wr_u8(w, s->protocol);
		wr_u16(w, (uint16_t)(TS_HEADER_LEN + 2 * n));
		wr_u16(w, s->first_port);
		wr_u16(w, s->last_port);
		wr_bytes(w, s->first.bytes, n);
		wr_bytes(w, s->last.bytes, n);
	}
}

/* The selector that matches what both match; false when that is nothing. */
static bool intersect(const struct selector *a, const struct selector *b, struct selector *out)
{
	if (a->first.family != b->first.family)
		return false;
	if (a->protocol && b->protocol && a->protocol != b->protocol)
		return false;
	out->protocol = a->protocol ? a->protocol : b->protocol;
	out->first = addr_compare(&a->first, &b->first) > 0 ? a->first : b->first;
	out->last = addr_compare(&a->last, &b->last) < 0 ? a->last : b->last;
	out->first_port = a->first_port > b->first_port ? a->first_port : b->first_port;
	out->last_port = a->last_port < b->last_port ? a->last_port : b->last_port;
	return addr_compare(&out->first, &out->last) <= 0 && out->first_port <= out->last_port;
}

static bool covers(const struct selector *outer, const struct selector *inner)
{
	return outer->first.family == inner->first.family &&
	       (!outer->protocol || outer->protocol == inner->protocol) &&
	       addr_compare(&outer->first, &inner->first) <= 0 &&
	       addr_compare(&outer->last, &inner->last) >= 0 &&
	       outer->first_port <= inner->first_port && outer->last_port >= inner->last_port;
}

bool selectors_narrow(const struct selector_set *offered, const struct selector_set *allowed,
	struct selector_set *out)
{
	struct selector_set got = {0};

	for (unsigned int i = 0; i < allowed->count; i++) {
		for (unsigned int j = 0; j < offered->count; j++) {
			struct selector s = {0};
			bool known = false;

			if (!intersect(&allowed->selectors[i], &offered->selectors[j], &s))
				continue;
			for (unsigned int k = 0; k < got.count; k++)
				known = known || covers(&got.selectors[k], &s);
			if (!known && got.count < SELECTORS_MAX)
				got.selectors[got.count++] = s;
		}
	}
	if (!got.count)
		return false;
	*out = got;
	return true;
}

bool selectors_within(const struct selector_set *inner, const struct selector_set *outer)
{
	for (unsigned int i = 0; i < inner->count; i++) {
		bool found = false;

		for (unsigned int j = 0; j < outer->count; j++)
			found = found || covers(&outer->selectors[j], &inner->selectors[i]);
		if (!found)
			return false;
	}
	return true;
}

/* The length of the prefix that the addresses of a selector are; -1: they are none. */
static int prefix_bits(const struct selector *s)
{
	unsigned int bits = addr_bits(&s->first), same = 0;

	while (same < bits &&
		!((s->first.bytes[same / 8] ^ s->last.bytes[same / 8]) & 0x80 >> same % 8))
		same++;
	for (unsigned int bit = same; bit < bits; bit++) {
		uint8_t at = (uint8_t)(0x80 >> bit % 8);

		if (s->first.bytes[bit / 8] & at || !(s->last.bytes[bit / 8] & at))
			return -1;
	}
	return (int)same;
}

/* "10.0.0.0/8", "10.0.0.1-10.0.0.9", and after it in brackets what is not every packet. */
static void format_one(const struct selector *s, char *text, size_t size)
{
	char first[ADDR_STR_SIZE], last[ADDR_STR_SIZE], only[40] = "";
	int bits = prefix_bits(s);

	if (s->protocol || s->first_port || s->last_port != UINT16_MAX)
		snprintf(only, sizeof(only), "[proto %u ports %u-%u]", s->protocol, s->first_port,
			s->last_port);
	addr_format(&s->first, first);
	if (bits >= 0)
		snprintf(text, size, "%s/%d%s", first, bits, only);
	else
		snprintf(text, size, "%s-%s%s", first, addr_format(&s->last, last), only);
}

const char *selectors_format(const struct selector_set *set, char *text, size_t size)
{
	size_t at = 0;

	text[0] = '\0';
	for (unsigned int i = 0; i < set->count && at < size; i++) {
		if (i)
			at += (size_t)snprintf(text + at, size - at, ", ");
		if (at < size)
			format_one(&set->selectors[i], text + at, size - at);
		at += strlen(text + at);
	}
	return text;
}

const char *selectors_refused(const struct selector_set *theirs, const struct selector_set *ours,
	const struct selector_set *their_allowed, const struct selector_set *our_allowed,
	char *text, size_t size)
{
	char a[60], b[60], c[60], d[60];

	snprintf(text, size, "offered %s for its side and %s for ours; allowed %s and %s",
		selectors_format(theirs, a, sizeof(a)), selectors_format(ours, b, sizeof(b)),
		selectors_format(their_allowed, c, sizeof(c)),
		selectors_format(our_allowed, d, sizeof(d)));
	return text;
}
