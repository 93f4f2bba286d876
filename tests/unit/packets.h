/* SPDX-License-Identifier: Apache-2.0 */
/* Whole packets of both families, for the tests of what is done with them. */
#ifndef SLUICE_TESTS_UNIT_PACKETS_H
#define SLUICE_TESTS_UNIT_PACKETS_H

#include "base/wire.h"
#include "dataplane/checksum.h"
#include "esp/inner.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static const uint8_t v6_from[16] = {0xfd, [15] = 2}, v6_to[16] = {0xfd, 0x77, [15] = 2};

/* A whole TCP or UDP packet with right checksums; TCP has a 12-byte timestamp option. */
struct flow {
	bool v4, tcp;
	uint16_t port;
	uint32_t sequence;
	uint16_t id;
	uint8_t flags;
};

static inline uint32_t header_of(const struct flow *f)
{
	return (f->v4 ? 20 : 40) + (f->tcp ? 32 : 8);
}

static inline uint32_t packet(uint8_t *p, const struct flow *f, uint32_t payload)
{
	uint32_t ip = f->v4 ? 20 : 40, len = header_of(f) + payload, rest = len - ip;
	struct wr w = wr_init(p, len);
	uint8_t *t = p + ip;

	if (f->v4) {
		wr_u16(&w, 0x4500);
		wr_u16(&w, (uint16_t)len);
		wr_u16(&w, f->id);
		wr_u16(&w, 0x4000);
		wr_u16(&w, (uint16_t)(64 << 8 | (f->tcp ? 6 : 17)));
		wr_u16(&w, 0);
		wr_u32(&w, 0x0a010002);
		wr_u32(&w, 0x0a4d0102);
		checksum_store(p + 10, checksum_add(0, p, 20));
	} else {
		wr_u32(&w, 0x60000000);
		wr_u16(&w, (uint16_t)rest);
		wr_u16(&w, (uint16_t)((f->tcp ? 6 : 17) << 8 | 64));
		wr_bytes(&w, v6_from, 16);
		wr_bytes(&w, v6_to, 16);
	}
	wr_u16(&w, f->port);
	wr_u16(&w, 80);
	if (f->tcp) {
		wr_u32(&w, f->sequence);
		wr_u32(&w, 7);
		wr_u8(&w, 8 << 4);
		wr_u8(&w, f->flags);
		wr_u16(&w, 500);
		wr_u32(&w, 0);
		wr_u32(&w, 0x0101080a);
		wr_u32(&w, 11);
		wr_u32(&w, 22);
	} else {
		wr_u16(&w, (uint16_t)rest);
		wr_u16(&w, 0);
	}
	for (uint32_t i = 0; i < payload; i++)
		wr_u8(&w, (uint8_t)((f->sequence + i) * 31 >> 3));
	assert_false(w.bad);
	checksum_store(
		t + (f->tcp ? 16 : 6), checksum_add(checksum_pseudo(p + (f->v4 ? 12 : 8),
							    f->v4 ? 8 : 32, f->tcp ? 6 : 17, rest),
					       t, rest));
	return len;
}

static inline void parsed(const uint8_t *p, uint32_t len, struct inner *in)
{
	assert_true(inner_parse(p, len, in));
}

#endif
