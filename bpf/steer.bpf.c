/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which queue of the inside device a frame goes to: inside.bpf.c left the tunnel in the mark. */
#include "sluice/abi.h"

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("socket")
int steer(struct __sk_buff *skb)
{
	return SLUICE_STEER(skb->mark);
}
