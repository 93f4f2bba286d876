/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * TCP MSS clamping on SYN and SYN-ACK (RFC 4459, RFC 6691): only ever lowered; the checksum is
 * adjusted by the difference (RFC 1624).
 */
#ifndef BPF_MSS_H
#define BPF_MSS_H

#include <linux/bpf.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define TCP_HEADER     20
#define TCP_HEADER_MAX 60
#define TCP_FLAGS_AT   13
#define TCP_SYN        0x02
#define TCP_CHECKSUM   16
#define OPTION_END     0
#define OPTION_NOP     1
#define OPTION_MSS     2
#define OPTION_MSS_LEN 4

/* The offset of the MSS option in the header, 0 when there is none or the options make no sense. */
static __always_inline __u32 mss_find(const __u8 tcp[64], __u32 len)
{
	__u32 at = TCP_HEADER;

	for (int i = 0; i < TCP_HEADER_MAX - TCP_HEADER; i++) {
		__u8 kind, length;

		if (at + OPTION_MSS_LEN > len || at > TCP_HEADER_MAX - OPTION_MSS_LEN)
			return 0;
		/* The compiler knows that the masks change nothing; the verifier of 6.1 needs them. */
		barrier_var(at);
		kind = tcp[at & 63];
		if (kind == OPTION_END)
			return 0;
		if (kind == OPTION_NOP) {
			at++;
			continue;
		}
		length = tcp[(at + 1) & 63];
		if (kind == OPTION_MSS)
			return length == OPTION_MSS_LEN ? at : 0;
		if (length < 2)
			return 0;
		at += length;
	}
	return 0;
}

/*
 * tcp_at: offset of the TCP header in the frame. limit 0: leave it. A function of its own: what follows
 * it is then not verified once for each way through the options.
 */
__noinline int mss_clamp(struct __sk_buff *skb, __u32 tcp_at, __u32 limit)
{
	__u8 tcp[64] = {};
	__u32 len, at, from, to;
	__be16 mss;

	if (!limit || bpf_skb_load_bytes(skb, tcp_at, tcp, TCP_HEADER))
		return 0;
	if (!(tcp[TCP_FLAGS_AT] & TCP_SYN))
		return 0;
	len = (tcp[12] >> 4) * 4;
	/* Compilers put the bounds on tcp[12] instead, and the verifier then sees none on len. */
	barrier_var(len);
	if (len < TCP_HEADER || len > TCP_HEADER_MAX || bpf_skb_load_bytes(skb, tcp_at, tcp, len))
		return 0;
	at = mss_find(tcp, len);
	if (!at)
		return 0;
	from = (__u32)tcp[(at + 2) & 63] << 8 | tcp[(at + 3) & 63];
	if (from <= limit)
		return 0;
	mss = bpf_htons(limit);
	to = mss;
	from = bpf_htons(from);
	if (at & 1) {
		/* The option sits across two checksum words: its bytes count swapped. */
		from = __builtin_bswap16(from);
		to = __builtin_bswap16(to);
	}
	bpf_l4_csum_replace(skb, tcp_at + TCP_CHECKSUM, from, to, sizeof(mss));
	bpf_skb_store_bytes(skb, tcp_at + at + 2, &mss, sizeof(mss), 0);
	return 1;
}

#endif
