/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which SA an ESP packet belongs to: the SPI is the hub's choice and carries its table index. */
#ifndef BPF_CLASSIFY_H
#define BPF_CLASSIFY_H

#include "parse.h"
#include "sluice/abi.h"

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

enum sa_match {
	SA_MATCH,
	SA_UNKNOWN,
	SA_WRONG_OUTER, /* right SPI, but not the address, family or form it was negotiated for */
};

/* By words, as the address of an IPv4 packet was written: a longer load would wait for the store. */
static __always_inline int same_address(__u8 family, const __u8 a[16], const __u8 b[16])
{
	const __u32 *x = (const __u32 *)a, *y = (const __u32 *)b;

	if (family == 4)
		return x[0] == y[0];
	return !((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3]));
}

static __always_inline enum sa_match classify(
	void *sa_in, const struct outside_packet *p, struct sa_in **found)
{
	__u32 index = SLUICE_SA_INDEX(p->spi);
	struct sa_in *sa = bpf_map_lookup_elem(sa_in, &index);

	if (!sa || !p->spi || sa->spi != p->spi)
		return SA_UNKNOWN;
	if (sa->outer_family != p->family || sa->udp_encap != p->udp_encap ||
		!same_address(p->family, sa->local, p->local))
		return SA_WRONG_OUTER;
	*found = sa;
	return SA_MATCH;
}

#endif
