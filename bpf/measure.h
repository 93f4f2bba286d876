/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How many packets a super-packet stands for. */
#ifndef BPF_MEASURE_H
#define BPF_MEASURE_H

#include <linux/bpf.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>

#define UDP_HEADER 8

/*
 * gso_segs is 0 for packets that came in through a TUN, so the segments are counted from gso_size.
 * *headers becomes the bytes before the payload, from the start of the frame; 0 for a lone packet.
 */
static __always_inline __u32 segments_of(
	struct __sk_buff *skb, __u8 protocol, __u32 transport, __u32 *headers)
{
	__u32 size = skb->gso_size, at = transport;
	__u8 offset = 0;

	*headers = 0;
	if (!size)
		return 1;
	if (protocol == IPPROTO_TCP) {
		bpf_skb_load_bytes(skb, transport + 12, &offset, 1);
		at += (offset >> 4) * 4;
	} else {
		at += UDP_HEADER;
	}
	if (skb->len <= at)
		return 1;
	*headers = at;
	return (skb->len - at + size - 1) / size;
}

#endif
