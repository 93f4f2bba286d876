/* SPDX-License-Identifier: Apache-2.0 */
/* UPDATE: what decodes is interned, sent on, and must be understood again. */
#include "bgp/attr.h"
#include "bgp/update.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

#define LOCAL_AS 64512u

static void again(struct attr_store *store, struct attrs *a, bool four_octets)
{
	static const uint8_t nlri[] = {24, 10, 1, 2};
	const struct attr_context context = {.remote_as = LOCAL_AS, .four_octet_as = four_octets};
	struct attr_export x = {.local_as = LOCAL_AS, .med = 100, .four_octet_as = four_octets};
	struct ip_addr hop = {.family = AF_INET, .bytes = {10, 0, 0, 1}};
	uint8_t out[MESSAGE_MAX];
	struct wr w = wr_init(out, sizeof(out));
	struct bgp_notify error;
	struct bgp_message m;
	struct update u;
	struct attrs *b;

	update_encode_reach(&w, BGP_IPV4, a, &x, &hop, nlri, sizeof(nlri));
	if (w.bad || bgp_message_decode(out, wr_len(&w), false, &m, &error) != MESSAGE_COMPLETE)
		abort();
	if (!update_decode(m.body, &context, &u, &error))
		abort();
	/* One AS more than ever accepted is the only thing that may be wrong with it. */
	if (u.result.error != ATTR_FINE) {
		if (a->hops < ATTR_PATH_HOPS_MAX && a->path_len + 6 <= ATTR_PATH_ACCEPT_MAX)
			abort();
		return;
	}
	b = attr_intern(store, &u.attrs);
	if (b && b->hops != a->hops + 1)
		abort();
	attr_unref(store, b);
}

static void read_list(struct rd list, enum bgp_family family)
{
	struct ip_prefix p;

	while (nlri_next(&list, family, &p)) {
		if (p.len > addr_bits(&p.addr))
			abort();
	}
	if (list.bad)
		abort(); /* update_decode has checked it */
}

/* The first byte says whether AS numbers have four octets, the next two are the peer's AS. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct rd r = rd_init(bytes, len);
	bool four_octets = rd_u8(&r) & 1;
	struct attr_context context = {.remote_as = rd_u16(&r), .four_octet_as = four_octets};
	struct attr_store store;
	struct bgp_notify error;
	struct update u;
	struct attrs *a;

	if (r.bad || !update_decode(r, &context, &u, &error))
		return 0;
	for (enum bgp_family f = 0; f < BGP_FAMILIES; f++) {
		for (int i = 0; i < 2; i++) {
			read_list(u.part[f].reach[i], f);
			read_list(u.part[f].unreach[i], f);
		}
	}
	if (u.result.error >= ATTR_WITHDRAW || !u.attrs.path.len)
		return 0;
	attr_store_init(&store, 1);
	a = attr_intern(&store, &u.attrs);
	if (a) {
		again(&store, a, true);
		again(&store, a, false);
		attr_unref(&store, a);
	}
	if (store.used)
		abort();
	attr_store_fini(&store);
	return 0;
}
