/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) OR Apache-2.0 */
/*
 * What the BPF programs and the daemon share: map keys, map values, limits, and the rate
 * arithmetic. The only header both include. Field names are what `bpftool map dump` prints, so
 * they are full words.
 */
#ifndef SLUICE_ABI_H
#define SLUICE_ABI_H

#include <linux/types.h>

#define SLUICE_PIN_DIR "/sys/fs/bpf/sluice"

/* ---- limits ---- */

#define SLUICE_MAX_SITES     1024 /* size of the maps; configuration allows 100 per concentrator */
#define SLUICE_MAX_TUNNELS   (2 * SLUICE_MAX_SITES)
#define SLUICE_MAX_WORKERS   16
#define SLUICE_MAX_ROUTES    131072
#define SLUICE_TUNNEL_NONE   0xffffffffu
#define SLUICE_SITE_NAME_LEN 32

/*
 * An inbound SPI, chosen by the hub, carries its place in the table: the low 14 bits are
 * tunnel * 8 + slot; the high 18 are random and never all zero (RFC 4303 2.1: 1..255 reserved).
 */
#define SLUICE_SA_SLOTS_PER_TUNNEL 8
#define SLUICE_SA_INDEX_BITS	   14
#define SLUICE_SA_ENTRIES	   (1 << SLUICE_SA_INDEX_BITS)
#define SLUICE_SA_INDEX(spi)	   ((spi) & (SLUICE_SA_ENTRIES - 1))
#define SLUICE_SA_TUNNEL(spi)	   (SLUICE_SA_INDEX(spi) / SLUICE_SA_SLOTS_PER_TUNNEL)

/*
 * The inside device is a TAP without ARP, so that TC can hand the tunnel number to the worker in
 * the destination MAC: 02:51:00:00:hi:lo. Frames without this mark are dropped (fail closed).
 */
#define SLUICE_MAC_MARK_0 0x02
#define SLUICE_MAC_MARK_1 0x51

/* ---- rates: GCRA, "virtual scheduling" of ITU-T I.371 ---- */

/*
 * One 64-bit word of state: the theoretical arrival time (tat) in CLOCK_MONOTONIC nanoseconds. A
 * packet conforms when tat is at most `burst_ns` ahead of now; conforming packets push tat on by
 * their cost. Costs are in nanoseconds scaled by 2^16 per byte, so 1 bit/s .. 100 Gbit/s fit.
 * rate 0 means "no limit".
 */
struct rate_bucket {
	__u64 tat_ns;		   /* moved by compare-and-swap from BPF and workers alike */
	__u64 packet_tat_ns;	   /* the same for packets per second */
	__u64 ns_per_byte_q16;	   /* 8e9 * 65536 / rate_bits_per_second; 0: unlimited */
	__u64 ns_per_packet_q16;   /* 1e9 * 65536 / packets_per_second; 0: unlimited */
	__u64 burst_ns;		   /* how far tat may be ahead: burst_bytes * 8e9 / rate */
	__u64 packet_burst_ns;
	__u64 rate_bits_per_second; /* what the two above were made from, for people */
	__u64 packets_per_second;
};

/* ---- traffic accounting ---- */

struct traffic {
	__u64 packets;
	__u64 bytes; /* inner IP bytes */
};

/* Why a packet of a known site was not delivered. One field each in struct site_stats. */
struct site_stats {
	struct traffic offered;
	struct traffic delivered;
	struct traffic site_rate;      /* over the site's bits per second */
	struct traffic site_pps;       /* over the site's packets per second */
	struct traffic aggregate_rate; /* over the concentrator's rate */
	struct traffic tunnel_down;    /* no usable SA */
	struct traffic replay;	       /* repeated or too old sequence number */
	struct traffic auth;	       /* integrity check failed */
	struct traffic selector;       /* inner addresses outside the negotiated selectors */
	struct traffic malformed;      /* lengths, padding or inner header make no sense */
	struct traffic mtu;	       /* too big, DF set */
	struct traffic horizon;	       /* would have waited longer than the pacing horizon */
	struct traffic sequence;       /* sequence numbers exhausted, waiting for a rekey */
	struct traffic ring_full;      /* AF_XDP or TAP ring had no room */
	struct traffic internal;       /* our own failure: send error, no memory */
};

/* Drops before a site is known. Key 0 of `outside_drops`. */
struct outside_stats {
	struct traffic esp;	       /* ESP seen, good or bad */
	struct traffic ike_passed;
	struct traffic ike_limited;    /* a source asked too often */
	struct traffic unknown_spi;
	struct traffic wrong_outer;    /* right SPI, wrong outer family or destination */
	struct traffic fragment;       /* passed to the kernel for reassembly */
	struct traffic malformed;
	struct traffic no_socket;      /* XSKMAP empty: no worker */
	struct traffic not_ours;       /* passed to the kernel untouched */
};

/* Packets that reached the inside device but belong to no site. Key 0 of `inside_drops`. */
struct inside_stats {
	struct traffic no_route;
	struct traffic malformed;
	struct traffic multicast;
};

/* Written by workers only: one row per worker and tunnel. */
struct tunnel_stats {
	struct traffic in;
	struct traffic out;
	__u64 last_in_ns; /* last authenticated packet, CLOCK_MONOTONIC */
	__u64 last_out_ns;
};

/* ---- map values ---- */

/* `sa_in`, indexed by SLUICE_SA_INDEX(spi). Written by the data process through its mapping. */
struct sa_in {
	__u32 spi;	/* host order; 0: free. Written last, cleared first. */
	__u16 site;
	__u16 tunnel;
	__u8 outer_family; /* 4 or 6 */
	__u8 udp_encap;	   /* 1: ESP in UDP, 0: protocol 50; the other form is wrong_outer */
	__u16 overhead;	   /* ESP bytes that are not inner packet: header, IV, trailer, ICV */
	__u8 local[16];	   /* outside address of the hub, network order */
	__u8 reserved[32];
};

/* `tunnels`, indexed by tunnel number. */
struct tunnel_record {
	__u32 site;
	__u32 up;	 /* 1: routes may lead here */
	__u32 inner_mtu;
	__u16 mss4, mss6; /* clamp for SYNs; 0: none */
};

/* `sites`, indexed by site number: names for people who read dumps. */
struct site_record {
	char name[SLUICE_SITE_NAME_LEN];
	__u32 present;
	__u32 asn;
};

/* Keys of the tries `route4` and `route6`; the value is struct route_target. */
struct route4_key {
	__u32 prefix_len;
	__u8 address[4];
};

struct route6_key {
	__u32 prefix_len;
	__u8 address[16];
};

struct route_target {
	__u32 tunnel;
	__u32 site;
};

#endif
