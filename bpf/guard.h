/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What passes an outside device in clear is the hub's own: to or from one of its addresses. The kernel
 * forwards for the sites, and would forward for everybody else too.
 */
#ifndef BPF_GUARD_H
#define BPF_GUARD_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define FAMILY_IPV4 2 /* as the kernel counts them */
#define FAMILY_IPV6 10

#define IPV4_MULTICAST 224 /* first byte, up to the broadcast */
#define IPV6_MULTICAST 255 /* first byte */

/* RFC 4291 2.5.6, 2.7. */
static __always_inline int is_of_a_link(const __u8 to[16])
{
	return to[0] == IPV6_MULTICAST || (to[0] == 0xfe && (to[1] & 0xc0) == 0x80);
}

/*
 * 1: a packet to this address that comes by `ifindex` is not forwarded but the hub's own, for several or
 * for nobody. A device that forwards nothing of IPv4 does not. Of IPv6 the kernel says the same of what a rule drops
 * (hub's own for outside devices) as of what ends here, and looks at all devices together: so `other` is asked as well,
 * which forwards and has no such rule. Addresses of one link mean nothing by another.
 */
static __always_inline int ends_here(
	void *ctx, __u32 ifindex, __u32 other, __u8 family, const __u8 from[16], const __u8 to[16])
{
	struct bpf_fib_lookup f = {.ifindex = ifindex};
	int kind, by_other;

	if (family == 4) {
		if (to[0] >= IPV4_MULTICAST)
			return 1;
		f.family = FAMILY_IPV4;
		__builtin_memcpy(&f.ipv4_src, from, 4);
		__builtin_memcpy(&f.ipv4_dst, to, 4);
	} else {
		f.family = FAMILY_IPV6;
		__builtin_memcpy(f.ipv6_src, from, 16);
		__builtin_memcpy(f.ipv6_dst, to, 16);
	}
	kind = bpf_fib_lookup(ctx, &f, sizeof(f), 0);
	if (family == 6 && (kind == BPF_FIB_LKUP_RET_FWD_DISABLED ||
				   (kind == BPF_FIB_LKUP_RET_NOT_FWDED && !is_of_a_link(to)))) {
		f.ifindex = other;
		by_other = bpf_fib_lookup(ctx, &f, sizeof(f), 0);
		/* It may be away for a moment. Then what is said to end here does. */
		if (by_other >= 0 || kind == BPF_FIB_LKUP_RET_FWD_DISABLED)
			kind = by_other;
	}
	return kind == BPF_FIB_LKUP_RET_NOT_FWDED || kind == BPF_FIB_LKUP_RET_FWD_DISABLED;
}

enum answer {
	ANSWER_NO_ROUTE, /* none: a socket that is bound to the device would take everybody for a neighbour */
	ANSWER_NEIGHBOUR, /* by a neighbour that the kernel has to look for */
	ANSWER_ROUTE,
};

/* How an answer from `local` to `remote` leaves by the device that the question came by. */
static __always_inline enum answer answer_by(
	void *ctx, __u32 ifindex, __u8 family, const __u8 local[16], const __u8 remote[16])
{
	struct bpf_fib_lookup f = {.ifindex = ifindex};

	if (family == 4) {
		f.family = FAMILY_IPV4;
		__builtin_memcpy(&f.ipv4_src, local, 4);
		__builtin_memcpy(&f.ipv4_dst, remote, 4);
	} else {
		f.family = FAMILY_IPV6;
		__builtin_memcpy(f.ipv6_src, local, 16);
		__builtin_memcpy(f.ipv6_dst, remote, 16);
	}
	switch (bpf_fib_lookup(ctx, &f, sizeof(f), BPF_FIB_LOOKUP_OUTPUT)) {
	case BPF_FIB_LKUP_RET_BLACKHOLE:
	case BPF_FIB_LKUP_RET_UNREACHABLE:
	case BPF_FIB_LKUP_RET_PROHIBIT:
	case BPF_FIB_LKUP_RET_NOT_FWDED:
		return ANSWER_NO_ROUTE;
	case BPF_FIB_LKUP_RET_NO_NEIGH:
		/* IPv6 looks at all devices here, but takes nobody for a neighbour for want of a route. */
		return f.ifindex == ifindex ? ANSWER_NEIGHBOUR : ANSWER_ROUTE;
	default:
		return ANSWER_ROUTE; /* or the kernel does not tell: a device that does not forward */
	}
}

#endif
