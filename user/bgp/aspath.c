/* SPDX-License-Identifier: Apache-2.0 */
#include "bgp/aspath.h"

#include "bgp/open.h"

uint16_t aspath_narrow(uint32_t as)
{
	return as > UINT16_MAX ? AS_TRANS : (uint16_t)as;
}

bool aspath_decode(struct rd v, bool four_octets, struct as_path *path)
{
	struct wr w = wr_init(path->bytes, ATTR_PATH_ACCEPT_MAX);
	bool zero = false;

	path->len = 0;
	while (rd_left(&v)) {
		uint8_t type = rd_u8(&v);
		uint8_t count = rd_u8(&v);

		/* RFC 7606 7.2; confederation segments (RFC 5065 5) have no place between ASes. */
		if ((type != AS_SET && type != AS_SEQUENCE) || count == 0)
			return false;
		wr_u8(&w, type);
		wr_u8(&w, count);
		for (unsigned int i = 0; i < count; i++) {
			uint32_t as = four_octets ? rd_u32(&v) : rd_u16(&v);

			zero |= as == 0;
			wr_u32(&w, as);
		}
	}
	if (v.bad || w.bad || zero)
		return false;
	if (aspath_hops(path->bytes, wr_len(&w)) > ATTR_PATH_HOPS_MAX)
		return false;
	path->len = (uint16_t)wr_len(&w);
	return true;
}

void aspath_encode(const struct as_path *path, bool four_octets, struct wr *w)
{
	struct rd r = rd_init(path->bytes, path->len);

	while (rd_left(&r)) {
		uint8_t type = rd_u8(&r);
		uint8_t count = rd_u8(&r);

		wr_u8(w, type);
		wr_u8(w, count);
		for (unsigned int i = 0; i < count; i++) {
			if (four_octets)
				wr_u32(w, rd_u32(&r));
			else
				wr_u16(w, aspath_narrow(rd_u32(&r)));
		}
	}
}

void aspath_prepend(const uint8_t *bytes, size_t len, uint32_t as, struct as_path *path)
{
	struct rd r = rd_init(bytes, len);
	struct wr w = wr_init(path->bytes, sizeof(path->bytes));
	uint8_t type = rd_u8(&r);
	uint8_t count = rd_u8(&r);

	wr_u8(&w, AS_SEQUENCE);
	if (len && type == AS_SEQUENCE && count < 255) {
		wr_u8(&w, (uint8_t)(count + 1));
		wr_u32(&w, as);
		wr_bytes(&w, bytes + 2, len - 2);
	} else {
		wr_u8(&w, 1);
		wr_u32(&w, as);
		wr_bytes(&w, bytes, len);
	}
	path->len = (uint16_t)wr_len(&w);
}

unsigned int aspath_hops(const uint8_t *bytes, size_t len)
{
	struct rd r = rd_init(bytes, len);
	unsigned int hops = 0;

	while (rd_left(&r)) {
		uint8_t type = rd_u8(&r);
		uint8_t count = rd_u8(&r);

		hops += type == AS_SET ? 1 : count;
		rd_skip(&r, count * 4u);
	}
	return hops;
}

void aspath_merge(struct as_path *path, const struct as_path *as4_path)
{
	unsigned int hops = aspath_hops(path->bytes, path->len);
	unsigned int as4_hops = aspath_hops(as4_path->bytes, as4_path->len);
	struct as_path merged;
	struct rd r = rd_init(path->bytes, path->len);
	struct wr w = wr_init(merged.bytes, ATTR_PATH_ACCEPT_MAX);

	if (hops < as4_hops)
		return;
	for (unsigned int lead = hops - as4_hops; lead > 0 && rd_left(&r);) {
		uint8_t type = rd_u8(&r);
		uint8_t count = rd_u8(&r);
		unsigned int take = type == AS_SET || count < lead ? count : lead;
		const uint8_t *as = rd_bytes(&r, count * 4u);

		wr_u8(&w, type);
		wr_u8(&w, (uint8_t)take);
		if (as)
			wr_bytes(&w, as, take * 4u);
		lead -= type == AS_SET ? 1 : take;
	}
	wr_bytes(&w, as4_path->bytes, as4_path->len);
	if (w.bad)
		return;
	merged.len = (uint16_t)wr_len(&w);
	*path = merged;
}

void aspath_replace(struct as_path *path, uint32_t from, uint32_t to)
{
	struct rd r = rd_init(path->bytes, path->len);
	struct as_path changed;
	struct wr w = wr_init(changed.bytes, sizeof(changed.bytes));

	while (rd_left(&r)) {
		wr_u8(&w, rd_u8(&r));

		unsigned int count = rd_u8(&r);

		for (wr_u8(&w, (uint8_t)count); count; count--) {
			uint32_t as = rd_u32(&r);

			wr_u32(&w, as == from ? to : as);
		}
	}
	memcpy(path->bytes, changed.bytes, path->len);
}

bool aspath_needs_four_octets(const struct as_path *path)
{
	struct rd r = rd_init(path->bytes, path->len);

	while (rd_left(&r)) {
		rd_skip(&r, 1);
		for (unsigned int count = rd_u8(&r); count; count--) {
			if (rd_u32(&r) > UINT16_MAX)
				return true;
		}
	}
	return false;
}

unsigned int attr_path_list(const struct attrs *a, uint32_t *as, unsigned int max)
{
	struct rd r = rd_init(a->bytes, a->path_len);
	unsigned int n = 0;

	while (rd_left(&r)) {
		rd_skip(&r, 1);
		for (unsigned int count = rd_u8(&r); count; count--) {
			uint32_t one = rd_u32(&r);

			if (n < max)
				as[n] = one;
			n++;
		}
	}
	return n;
}

unsigned int attr_path_count(const struct attrs *a, uint32_t as)
{
	struct rd r = rd_init(a->bytes, a->path_len);
	unsigned int found = 0;

	while (rd_left(&r)) {
		rd_skip(&r, 1);
		for (unsigned int count = rd_u8(&r); count; count--)
			found += rd_u32(&r) == as;
	}
	return found;
}

uint32_t attr_path_first(const struct attrs *a)
{
	struct rd r = rd_init(a->bytes, a->path_len);

	if (!a->path_len || rd_u8(&r) != AS_SEQUENCE)
		return 0;
	rd_skip(&r, 1);
	return rd_u32(&r);
}

uint32_t attr_path_origin(const struct attrs *a)
{
	struct rd r = rd_init(a->bytes, a->path_len);
	uint32_t last = 0;

	while (rd_left(&r)) {
		uint8_t type = rd_u8(&r);

		for (unsigned int count = rd_u8(&r); count; count--)
			last = rd_u32(&r);
		if (type == AS_SET)
			last = 0;
	}
	return last;
}
