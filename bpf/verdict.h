/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* No packet leaves without being counted: one helper, and the sentence every program ends with. */
#ifndef BPF_VERDICT_H
#define BPF_VERDICT_H

#include "sluice/abi.h"

#include <bpf/bpf_helpers.h>

/* Adds to a per-CPU counter. */
static __always_inline void count(struct traffic *t, __u64 packets, __u64 bytes)
{
	t->packets += packets;
	t->bytes += bytes;
}

/* Adds to a tunnel's counters, which all CPUs share, and notes when. */
static __always_inline void count_tunnel(
	struct traffic *t, __u64 *last_ns, __u64 packets, __u64 bytes, __u64 now)
{
	__sync_fetch_and_add(&t->packets, packets);
	__sync_fetch_and_add(&t->bytes, bytes);
	*(volatile __u64 *)last_ns = now;
}

#endif
