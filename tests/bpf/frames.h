/* SPDX-License-Identifier: Apache-2.0 */
/* Frames for the BPF tests, written down byte by byte, and one run of a program on them. */
#ifndef TESTS_BPF_FRAMES_H
#define TESTS_BPF_FRAMES_H

#include "base/wire.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FRAME_SIZE 2048

struct frame {
	uint8_t bytes[FRAME_SIZE];
	uint32_t len;
};

static const uint8_t hub4[4] = {192, 0, 2, 1}, site4[4] = {203, 0, 113, 9};
static const uint8_t hub6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};
static const uint8_t site6[16] = {0x20, 0x01, 0x0d, 0xb8, 9, [15] = 9};

static inline void ethernet(struct wr *w, bool vlan, uint16_t type)
{
	wr_zero(w, 12);
	if (vlan) {
		wr_u16(w, 0x8100);
		wr_u16(w, 7);
	}
	wr_u16(w, type);
}

static inline void ipv4(struct wr *w, const uint8_t from[4], const uint8_t to[4], uint8_t protocol,
	uint16_t fragment, uint16_t payload)
{
	wr_u16(w, 0x4500);
	wr_u16(w, (uint16_t)(20 + payload));
	wr_u16(w, 1);
	wr_u16(w, fragment);
	wr_u8(w, 64);
	wr_u8(w, protocol);
	wr_u16(w, 0);
	wr_bytes(w, from, 4);
	wr_bytes(w, to, 4);
}

static inline void ipv6(struct wr *w, const uint8_t from[16], const uint8_t to[16],
	uint8_t protocol, uint16_t payload)
{
	wr_u32(w, 0x60000000);
	wr_u16(w, payload);
	wr_u8(w, protocol);
	wr_u8(w, 64);
	wr_bytes(w, from, 16);
	wr_bytes(w, to, 16);
}

static inline void udp(struct wr *w, uint16_t to, uint16_t payload)
{
	wr_u16(w, 4500);
	wr_u16(w, to);
	wr_u16(w, (uint16_t)(8 + payload));
	wr_u16(w, 0);
}

static inline void esp(struct wr *w, uint32_t spi, uint16_t len)
{
	wr_u32(w, spi);
	wr_u32(w, 1);
	wr_zero(w, len - 8u);
}

/* Runs a program once; the changed packet is left in f when `keep`. */
static inline int run_frame(int prog, struct frame *f, struct __sk_buff *skb, bool keep)
{
	uint8_t out[FRAME_SIZE];
	struct __sk_buff skb_out = {0};
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = f->bytes, .data_size_in = f->len,
		.data_out = out, .data_size_out = sizeof(out));

	if (skb) {
		o.ctx_in = skb;
		o.ctx_size_in = sizeof(*skb);
		o.ctx_out = &skb_out;
		o.ctx_size_out = sizeof(skb_out);
	}
	if (bpf_prog_test_run_opts(prog, &o))
		return -1;
	if (keep) {
		memcpy(f->bytes, out, o.data_size_out);
		f->len = o.data_size_out;
	}
	if (skb)
		*skb = skb_out;
	return (int)o.retval;
}

/*
 * Instructions of a program: the kernel's after its own rewriting, and how many the verifier walked
 * through. They do not depend on the machine's mood, as time does. 0: the kernel does not say.
 */
struct program_size {
	uint32_t instructions, verified;
};

static inline struct program_size program_size(int prog)
{
	struct bpf_prog_info info = {0};
	uint32_t len = sizeof(info);

	if (bpf_obj_get_info_by_fd(prog, &info, &len))
		return (struct program_size){0};
	return (struct program_size){info.xlated_prog_len / 8, info.verified_insns};
}

/*
 * What every packet passes must not grow unnoticed. A budget is what clang 14 makes of the program;
 * 17, 19 and 22 were seen to take up to 3 % more instructions, and 19 to cost the verifier 6 % more, so
 * others have a twentieth and a tenth more.
 */
static inline bool within_budget(int prog, uint32_t instructions, uint32_t verified)
{
	struct program_size size = program_size(prog);
	uint32_t allowed = BPF_CLANG == 14 ? instructions : instructions + instructions / 20;
	uint32_t effort = BPF_CLANG == 14 ? verified : verified + verified / 10;

	printf("%u instructions of %u, %u verified of %u (clang %d)\n", size.instructions, allowed,
		size.verified, effort, BPF_CLANG);
	return size.instructions > 0 && size.instructions <= allowed && size.verified <= effort;
}

/*
 * A network where the hub has its addresses, a way to the sites by the device that test runs come by, and
 * one to everything else: what is forwarded is known.
 */
static inline bool own_network(void)
{
	return !unshare(CLONE_NEWNET) &&
	       !system("ip link set lo up && ip addr add 192.0.2.1/32 dev lo &&"
		       "ip addr add 2001:db8::1/128 dev lo nodad &&"
		       "ip link add d0 type veth peer name d1 &&"
		       "ip addr add 10.0.0.1/24 dev d0 && ip addr add fd00:10::1/64 dev d0 nodad &&"
		       "ip link set d0 up && ip link set d1 up &&"
		       "ip route add default dev d0 && ip -6 route add default dev d0 &&"
		       "ip route add 203.0.0.0/16 dev lo &&"
		       "ip -6 route add 2001:db8:900::/40 dev lo &&"
		       "echo 1 >/proc/sys/net/ipv4/ip_forward &&"
		       "echo 1 >/proc/sys/net/ipv6/conf/all/forwarding");
}

static inline const char *test_pins(void)
{
	static char dir[64];

	snprintf(dir, sizeof(dir), "/sys/fs/bpf/sluice-test-%d", (int)getpid());
	return dir;
}

#endif
