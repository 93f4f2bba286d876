/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Outer fragments, which the kernel puts together. It has so much room for them, for so long (SLUICE_FRAGMENT_NS),
 * of all senders together, and the slow path behind it takes a few thousand a second; neither asks whose they
 * are. So what begins with an SPI that nobody has ends here, what belongs to no datagram that has begun does,
 * too, and for strangers there is a budget.
 */
#ifndef BPF_FRAGMENT_H
#define BPF_FRAGMENT_H

#include "classify.h"
#include "parse.h"
#include "sluice/abi.h"

struct fragment_key {
	__u8 remote[16];
	__u32 id;
	__u8 family, protocol;
	__u8 reserved[2];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SLUICE_MAX_FRAGMENTED);
	__type(key, struct fragment_key);
	__type(value, __s32);
} fragmented SEC(".maps"); /* datagrams whose first fragment has passed: how many may follow */

__u64 fragment_tat_ns; /* when the strangers' budget is used up */

static __always_inline struct fragment_key fragment_key_of(const struct outside_packet *p)
{
	struct fragment_key key = {
		.id = p->fragment_id, .family = p->family, .protocol = p->protocol};

	__builtin_memcpy(key.remote, p->remote, sizeof(key.remote));
	return key;
}

/* A first fragment passes: so many that follow it may. */
static __noinline int fragment_remember(const struct outside_packet *p, __s32 followers)
{
	struct fragment_key key = fragment_key_of(p);

	return bpf_map_update_elem(&fragmented, &key, &followers, BPF_ANY) == 0;
}

/* One datagram in pieces of eight bytes would take all of the kernel's room. */
static __noinline int fragment_follows(const struct outside_packet *p)
{
	struct fragment_key key = fragment_key_of(p);
	__s32 *left = bpf_map_lookup_elem(&fragmented, &key);

	if (!left || *(volatile __s32 *)left <= 0)
		return 0;
	__sync_fetch_and_add(left, -1);
	return 1;
}

/* Whose datagram a fragment begins, or is of. */
enum fragment_of {
	FRAGMENT_OF_STRANGER,
	FRAGMENT_OF_PEER,  /* a site's own */
	FRAGMENT_OF_OTHER, /* with the SPI of a site, from elsewhere */
};

/* What comes from elsewhere in one piece has the same budget, and must not wait for what came in several. */
static __noinline int fragment_by_budget(__u64 *tat, enum fragment_of whose)
{
	__u64 cost = whose == FRAGMENT_OF_PEER ? SLUICE_FRAGMENT_OWN_NS : SLUICE_FRAGMENT_NS, start;
	__u64 burst = SLUICE_FRAGMENT_NS * (SLUICE_FRAGMENT_BURST - 1ull);

	if (whose == FRAGMENT_OF_PEER)
		burst = SLUICE_FRAGMENT_OWN_NS * (SLUICE_FRAGMENT_OWN_BURST - 1ull);
	else if (whose == FRAGMENT_OF_OTHER)
		burst = SLUICE_FOREIGN_NS * (SLUICE_FOREIGN_BURST - 1ull);
	return tat && bucket_charge(tat, bpf_ktime_get_ns(), cost, burst, &start);
}

#endif
