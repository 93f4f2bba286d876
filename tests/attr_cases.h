/* SPDX-License-Identifier: Apache-2.0 */
/* Bad path attributes and what is to become of them: RFC 7606, section by section. */
#ifndef SLUICE_TESTS_ATTR_CASES_H
#define SLUICE_TESTS_ATTR_CASES_H

#include "base/wire.h"
#include "bgp/attr.h"

#define ATTR_CASE_AS 65010u /* of the neighbour that sends them */

#define ORIGIN_OK   0x40, 1, 1, 0
#define PATH_OK     0x40, 2, 6, 2, 1, 0, 0, 0xfd, 0xf2
#define NEXT_HOP_OK 0x40, 3, 4, 10, 0, 0, 1
#define ALL_OK      ORIGIN_OK, PATH_OK, NEXT_HOP_OK

struct attr_case {
	const char *section; /* of RFC 7606, unless named otherwise */
	enum attr_error error;
	uint8_t type;
	uint8_t len;
	uint8_t list[64];
};

#define LIST(...)                                                                                  \
	sizeof((uint8_t[]){__VA_ARGS__}),                                                          \
	{                                                                                          \
		__VA_ARGS__                                                                        \
	}

static const struct attr_case attr_cases[] = {
	{"all is well", ATTR_FINE, 0, LIST(ALL_OK)},
	{"2545: IPv6 next hop of 32", ATTR_FINE, 0,
		LIST(ALL_OK, 0x80, 0xe, 0x25, 0, 2, 1, 0x20, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
			0, 0, 0, 1, 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0)},
	{"3 c: well-known marked optional", ATTR_WITHDRAW, 1,
		LIST(0xc0, 1, 1, 0, PATH_OK, NEXT_HOP_OK)},
	{"3 c: MED marked transitive", ATTR_WITHDRAW, 4, LIST(ALL_OK, 0xc0, 4, 4, 0, 0, 0, 1)},
	{"3 c: AGGREGATOR not transitive", ATTR_DISCARD, 7,
		LIST(ALL_OK, 0x80, 7, 8, 0, 0, 0, 9, 1, 1, 1, 1)},
	{"3 d: no ORIGIN", ATTR_WITHDRAW, 1, LIST(PATH_OK, NEXT_HOP_OK)},
	{"3 d: no AS_PATH", ATTR_WITHDRAW, 2, LIST(ORIGIN_OK, NEXT_HOP_OK)},
	{"3 d: no NEXT_HOP", ATTR_WITHDRAW, 3, LIST(ORIGIN_OK, PATH_OK)},
	{"3 g: ORIGIN twice", ATTR_DISCARD, 1, LIST(ALL_OK, ORIGIN_OK)},
	{"3 g: MP_UNREACH twice", ATTR_RESET, 15,
		LIST(ALL_OK, 0x80, 15, 3, 0, 2, 1, 0x80, 15, 3, 0, 2, 1)},
	{"4: length beyond the list", ATTR_WITHDRAW, 4, LIST(ALL_OK, 0x80, 4, 9, 0, 0)},
	{"4: header cut off", ATTR_WITHDRAW, 0, LIST(ALL_OK, 0x80)},
	{"4: MP_REACH beyond the list", ATTR_RESET, 14, LIST(ALL_OK, 0x80, 14, 9, 0, 0)},
	{"7.1: ORIGIN of 2 bytes", ATTR_WITHDRAW, 1, LIST(0x40, 1, 2, 0, 0, PATH_OK, NEXT_HOP_OK)},
	{"7.1: ORIGIN 3", ATTR_WITHDRAW, 1, LIST(0x40, 1, 1, 3, PATH_OK, NEXT_HOP_OK)},
	{"7.2: segment type 5", ATTR_WITHDRAW, 2,
		LIST(ORIGIN_OK, 0x40, 2, 6, 5, 1, 0, 0, 0xfd, 0xf2, NEXT_HOP_OK)},
	{"7.2: segment overrun", ATTR_WITHDRAW, 2,
		LIST(ORIGIN_OK, 0x40, 2, 6, 2, 2, 0, 0, 0xfd, 0xf2, NEXT_HOP_OK)},
	{"7.2: segment underrun", ATTR_WITHDRAW, 2,
		LIST(ORIGIN_OK, 0x40, 2, 7, 2, 1, 0, 0, 0xfd, 0xf2, 2, NEXT_HOP_OK)},
	{"7.2: segment of no AS", ATTR_WITHDRAW, 2,
		LIST(ORIGIN_OK, 0x40, 2, 8, 2, 1, 0, 0, 0xfd, 0xf2, 2, 0, NEXT_HOP_OK)},
	{"7607: AS 0", ATTR_WITHDRAW, 2,
		LIST(ORIGIN_OK, 0x40, 2, 10, 2, 2, 0, 0, 0xfd, 0xf2, 0, 0, 0, 0, NEXT_HOP_OK)},
	{"5065: confederation segment", ATTR_WITHDRAW, 2,
		LIST(ORIGIN_OK, 0x40, 2, 6, 3, 1, 0, 0, 0xfd, 0xf2, NEXT_HOP_OK)},
	{"4271 6.3: another AS first", ATTR_WITHDRAW, 2,
		LIST(ORIGIN_OK, 0x40, 2, 6, 2, 1, 0, 0, 0xfd, 0xf3, NEXT_HOP_OK)},
	{"7.3: NEXT_HOP of 5", ATTR_WITHDRAW, 3,
		LIST(ORIGIN_OK, PATH_OK, 0x40, 3, 5, 10, 0, 0, 1, 0)},
	{"4271 6.3: NEXT_HOP multicast", ATTR_WITHDRAW, 3,
		LIST(ORIGIN_OK, PATH_OK, 0x40, 3, 4, 224, 0, 0, 1)},
	{"7.4: MED of 3", ATTR_WITHDRAW, 4, LIST(ALL_OK, 0x80, 4, 3, 0, 0, 0)},
	{"7.5: LOCAL_PREF from outside", ATTR_FINE, 0, LIST(ALL_OK, 0x40, 5, 1, 0)},
	{"7.6: ATOMIC_AGGREGATE of 1", ATTR_DISCARD, 6, LIST(ALL_OK, 0x40, 6, 1, 0)},
	{"7.7: AGGREGATOR of 6", ATTR_DISCARD, 7, LIST(ALL_OK, 0xc0, 7, 6, 0, 9, 1, 1, 1, 1)},
	{"7.8: communities of 5", ATTR_WITHDRAW, 8, LIST(ALL_OK, 0xc0, 8, 5, 0, 1, 0, 1, 0)},
	{"7.8: communities of 0", ATTR_WITHDRAW, 8, LIST(ALL_OK, 0xc0, 8, 0)},
	{"7.9: ORIGINATOR_ID from outside", ATTR_FINE, 0, LIST(ALL_OK, 0x80, 9, 2, 0, 0)},
	{"7.10: CLUSTER_LIST from outside", ATTR_FINE, 0, LIST(ALL_OK, 0x80, 10, 2, 0, 0)},
	{"7.11: next hop of 5", ATTR_RESET, 14,
		LIST(ALL_OK, 0x80, 14, 10, 0, 2, 1, 5, 0, 0, 0, 0, 0, 0)},
	{"7.11: next hop beyond", ATTR_RESET, 14, LIST(ALL_OK, 0x80, 14, 5, 0, 2, 1, 16, 0)},
	{"7.12: MP_UNREACH of 2", ATTR_RESET, 15, LIST(ALL_OK, 0x80, 15, 2, 0, 2)},
	{"7.14: extended communities of 9", ATTR_WITHDRAW, 16,
		LIST(ALL_OK, 0xc0, 16, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0)},
	{"8092 5: large communities of 8", ATTR_WITHDRAW, 32,
		LIST(ALL_OK, 0xc0, 32, 8, 0, 0, 0, 0, 0, 0, 0, 0)},
	{"6793 6: AS4_PATH malformed", ATTR_DISCARD, 17, LIST(ALL_OK, 0xc0, 17, 3, 2, 1, 0)},
	{"6793 6: AS4_AGGREGATOR of 7", ATTR_DISCARD, 18,
		LIST(ALL_OK, 0xc0, 18, 7, 0, 0, 0, 0, 0, 0, 0)},
	{"4271 6.3: unknown well-known", ATTR_RESET, 99, LIST(ALL_OK, 0x40, 99, 1, 0)},
	{"unknown optional, transitive", ATTR_FINE, 0, LIST(ALL_OK, 0xc0, 99, 1, 7)},
	{"unknown optional", ATTR_FINE, 0, LIST(ALL_OK, 0x80, 99, 1, 7)},
};

/* The body of an UPDATE with this list and the prefix 10.1.0.0/16; its length. */
static inline size_t attr_case_body(const struct attr_case *c, uint8_t *space, size_t size)
{
	static const uint8_t nlri[] = {16, 10, 1};
	struct wr w = wr_init(space, size);

	wr_u16(&w, 0);
	wr_u16(&w, c->len);
	wr_bytes(&w, c->list, c->len);
	wr_bytes(&w, nlri, sizeof(nlri));
	return w.bad ? 0 : wr_len(&w);
}

#endif
