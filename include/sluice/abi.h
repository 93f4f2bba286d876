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

#define SLUICE_MAX_SITES        1024 /* size of the maps; configuration allows 100 per concentrator */
#define SLUICE_TUNNELS_PER_SITE 2    /* a tunnel is site * 2 + {0, 1} */
#define SLUICE_MAX_TUNNELS      (SLUICE_TUNNELS_PER_SITE * SLUICE_MAX_SITES)
#define SLUICE_MAX_WORKERS      16
#define SLUICE_MAX_ROUTES       131072
#define SLUICE_MAX_SHARES       256 /* different sets of tunnels that routes share; 0 is none */
#define SLUICE_SHARE_TUNNELS    16  /* of one such set */
#define SLUICE_TUNNEL_NONE      0xffffffffu
#define SLUICE_SITE_NAME_LEN    32

/* The routing protocols, whose packets both data planes count apart. */
#define SLUICE_PORT_BGP 179  /* RFC 4271 8.2.1 */
#define SLUICE_PORT_BFD 3784 /* RFC 5881 4; the next one is its echo */

/*
 * An inbound SPI, chosen by the hub, carries its place in the table: the low 14 bits are
 * tunnel * 8 + slot; the high 18 are random and never all zero (RFC 4303 2.1: 1..255 reserved).
 */
#define SLUICE_SA_SLOTS_PER_TUNNEL 8
#define SLUICE_SA_INDEX_BITS       14
#define SLUICE_SA_ENTRIES          (1 << SLUICE_SA_INDEX_BITS)
#define SLUICE_SA_INDEX(spi)       ((spi) & (SLUICE_SA_ENTRIES - 1))
#define SLUICE_SA_TUNNEL(spi)      (SLUICE_SA_INDEX(spi) / SLUICE_SA_SLOTS_PER_TUNNEL)

/*
 * The inside device is a TAP without ARP, so that TC can hand the tunnel number to the worker in
 * the destination MAC: 02:51:00:00:hi:lo. Frames without this mark are dropped (fail closed).
 */
#define SLUICE_MAC_MARK_0 0x02
#define SLUICE_MAC_MARK_1 0x51

/*
 * The other way the source MAC tells TC whose the packet is: 02:51:kind:00:hi:lo. Frames without this mark
 * are dropped, too.
 */
#define SLUICE_FROM_SITE 0 /* opened, of that tunnel */
#define SLUICE_FROM_HUB  1 /* a worker's own: an ICMP error */

/* The device's own address, which is what the kernel writes there before TC; not a mark. */
#define SLUICE_INSIDE_MAC                                                                          \
	{                                                                                          \
		0x02, 0x53, 0x4c, 0x00, 0x00, 0x01                                                 \
	}

/* The steering program spreads tunnels over queues by this; a site's two tunnels differ by one. */
#define SLUICE_STEER(tunnel) (((tunnel) >> 1) + ((tunnel)&1))

/* Outside devices; the AF_XDP socket of device d, receive queue q has key d * MAX_QUEUES + q. */
#define SLUICE_MAX_OUTSIDE 4
#define SLUICE_MAX_QUEUES  64

/*
 * What a CPU borrows from a bucket at a time for XDP: this part of the burst, at most that much, and
 * at least the packet. So all CPUs together may have passed less than the bucket says, by a loan each.
 */
#define SLUICE_LOAN_PART    32
#define SLUICE_LOAN_BYTES   65536
#define SLUICE_LOAN_PACKETS 64

#define SLUICE_SMALL_PACKET 128 /* inner bytes; see pay() in bpf/police.h */

/* A slow site has room for so many packets of full size: see bucket_horizon. */
#define SLUICE_HORIZON_PACKETS 8
#define SLUICE_PACKET_FULL     1500       /* bytes */
#define SLUICE_HORIZON_MAX     250000000u /* nanoseconds that they may take at most */

/*
 * What comes with an SPI of ours from elsewhere than where its peer is known to be: a peer that has moved,
 * or anybody at all. Until one of these packets has proved to be authentic, a tunnel takes few of them.
 */
#define SLUICE_FOREIGN_NS    5000000 /* for each: 200 a second */
#define SLUICE_FOREIGN_BURST 64      /* packets */

/*
 * Outer fragments of datagrams that begin with no SPI of ours, and of those whose beginning was not seen: of
 * all senders together. The kernel keeps what is not complete, for 30 s and in 4 MB by itself, for 2 s and in
 * 64 MB where `hub` may change that (link.c).
 */
#define SLUICE_FRAGMENT_NS    10000000 /* for each: 100 a second */
#define SLUICE_FRAGMENT_BURST 200      /* fragments */
/*
 * Datagrams that a site's peer sends in fragments, of each tunnel: a site that begins many and ends none must
 * not take the room that all sites share. What `hub` sets of the host (link.c) makes that room large enough
 * for some dozens of such sites.
 */
#define SLUICE_FRAGMENT_OWN_NS    1000000 /* for each: 1,000 a second */
#define SLUICE_FRAGMENT_OWN_BURST 500     /* datagrams */
#define SLUICE_MAX_FRAGMENTED     16384   /* datagrams whose first fragment is remembered */
#define SLUICE_FRAGMENTS_OWN      64 /* of a peer's datagram, after the first; all others pay for each */
#define SLUICE_FRAGMENTS_FOREIGN  4 /* the same with a known SPI from another address */

/* Fragments for the hub itself, of each tunnel: all share the kernel's room with outer ones. */
#define SLUICE_HUB_FRAGMENT_NS    100000000 /* for each: 10 a second */
#define SLUICE_HUB_FRAGMENT_BURST 50        /* fragments: an echo of 64 KiB */

/* Packets that make the kernel ask for a neighbour, of each tunnel: it keeps 1,024 of them, of all devices. */
#define SLUICE_NEIGHBOUR_NS    50000000 /* for each: 20 a second */
#define SLUICE_NEIGHBOUR_BURST 50       /* packets */

/*
 * What BGP and BFD of a tunnel may send past a queue that is full: so much over time, and so much at once.
 * Both are in nanoseconds of the same clock as the buckets.
 */
#define SLUICE_CONTROL_NS_PER_BYTE 31250 /* 256 kbit/s */
#define SLUICE_CONTROL_BURST       65536 /* bytes */

/* How many flows are remembered as told of congestion, and for how long beyond the horizon. */
#define SLUICE_TOLD_FLOWS 4096
#define SLUICE_TOLD_NS    100000000 /* the round trip that is reckoned with */

enum sluice_direction {
	SLUICE_IN,  /* site to hub */
	SLUICE_OUT, /* hub to site */
	SLUICE_DIRECTIONS,
};

/* ---- rates: GCRA, "virtual scheduling" of ITU-T I.371 ---- */

/*
 * One 64-bit word of state: the theoretical arrival time (tat) in CLOCK_MONOTONIC nanoseconds. A
 * packet conforms when tat is at most `burst_ns` ahead of now; conforming packets push tat on by
 * their cost. Costs are in nanoseconds scaled by 2^16 per byte, so 1 bit/s .. 100 Gbit/s fit.
 * rate 0 means "no limit".
 */
struct rate_bucket {
	__u64 tat_ns;            /* moved by compare-and-swap from BPF and workers alike */
	__u64 packet_tat_ns;     /* the same for packets per second */
	__u64 ns_per_byte_q16;   /* 8e9 * 65536 / rate_bits_per_second; 0: unlimited */
	__u64 ns_per_packet_q16; /* 1e9 * 65536 / packets_per_second; 0: unlimited */
	__u64 burst_ns;          /* how far tat may be ahead: burst_bytes * 8e9 / rate */
	__u64 packet_burst_ns;
	__u64 rate_bits_per_second; /* what the two above were made from, for people */
	__u64 packets_per_second;
};

/* Nanoseconds that `units` cost at the given price (units and price of bytes or of packets), to the nearest. */
static inline __attribute__((always_inline)) __u64 bucket_cost(__u64 units, __u64 ns_per_unit_q16)
{
	return (units * ns_per_unit_q16 + (1u << 15)) >> 16;
}

/* The word of a bucket as others may just have changed it. */
static inline __attribute__((always_inline)) __u64 bucket_word(const __u64 *word)
{
	return *(const volatile __u64 *)word;
}

/*
 * How long a packet may wait for its turn: the horizon, or where the price is so high that eight packets
 * take longer, as long as they take. TCP whose window is less than a few packets hears of most losses by a
 * timeout (RFC 5681 3.2). 0, which is to drop at once, stays 0.
 */
static inline __attribute__((always_inline)) __u64 bucket_horizon(
	__u64 horizon, __u64 packet_units, __u64 ns_per_unit_q16)
{
	__u64 least = bucket_cost(SLUICE_HORIZON_PACKETS * packet_units, ns_per_unit_q16);

	if (least > SLUICE_HORIZON_MAX)
		least = SLUICE_HORIZON_MAX;
	return horizon && least > horizon ? least : horizon;
}

/*
 * Who waits for so long is told by ECN: nearly as long as who is dropped, by an eighth or, where that is
 * longer, by the two packets that come at once. A sender that is told earlier and cuts its window by
 * 30 % (RFC 9438 4.6) no longer fills the way.
 */
static inline __attribute__((always_inline)) __u64 bucket_mark(__u64 horizon, __u64 ns_per_byte_q16)
{
	__u64 least = bucket_cost(2 * SLUICE_PACKET_FULL, ns_per_byte_q16), left = horizon >> 3;

	if (left < least)
		left = least;
	return left < horizon ? horizon - left : 0;
}

/*
 * Charges `cost` to the arrival time *tat when *tat is at most `ahead` beyond now, and says in
 * *start where the packet's time slice begins (now when the bucket was idle). Returns 0, with
 * nothing charged, when it is further ahead. A word that eight others changed in between is
 * charged without another look: the error is one packet's cost.
 */
static inline __attribute__((always_inline)) int bucket_charge(
	__u64 *tat, __u64 now, __u64 cost, __u64 ahead, __u64 *start)
{
	__u64 old = bucket_word(tat);

	for (int i = 0; i < 8; i++) {
		__u64 from = old > now ? old : now;
		__u64 seen;

		if (from - now > ahead)
			return 0;
		*start = from;
		seen = __sync_val_compare_and_swap(tat, old, from + cost);
		if (seen == old)
			return 1;
		old = seen;
	}
	*start = __sync_fetch_and_add(tat, cost);
	if (*start < now)
		*start = now;
	return 1;
}

/*
 * Which bucket a tunnel's packets pay into: that of its site's first tunnel, which is the site's limit,
 * or, for sites whose limits are for each tunnel (gateways), its own. The latter pay nothing into the
 * aggregate.
 */
static inline __attribute__((always_inline)) __u32 bucket_of(__u32 tunnel, __u32 own_limits)
{
	return own_limits ? tunnel : tunnel & ~1u;
}

/* ---- traffic accounting ---- */

struct traffic {
	__u64 packets;
	__u64 bytes; /* inner IP bytes, whatever is charged */
};

/*
 * What became of the packets of one site in one direction. The BPF program of the direction counts `offered`, a
 * super-packet as its segments, and what it drops itself. The worker counts the rest in the same unit, with one
 * exception: TC counts a packet from a site as `delivered` when it lets it into the inside device. Once nothing is in
 * flight, offered = delivered + the sum of the reasons. What vanished between the two, in the AF_XDP or TAP ring, is
 * seen by no program: the reader finds it as the difference and reports it as ring_full (maps.h).
 *
 * Bytes are inner IP bytes. XDP cannot see ESP padding and counts up to one cipher block more.
 * A packet fragmented before encryption is one packet here.
 */
struct site_stats {
	struct traffic offered;
	struct traffic delivered;
	struct traffic site_rate;      /* over the site's bits per second */
	struct traffic site_pps;       /* over the site's packets per second */
	struct traffic aggregate_rate; /* over the concentrator's rate */
	struct traffic tunnel_down;    /* no usable SA */
	struct traffic replay;         /* repeated or too old sequence number */
	struct traffic auth;           /* integrity check failed */
	struct traffic selector;       /* inner addresses outside the negotiated selectors */
	struct traffic source;         /* a source that the site has no right to */
	struct traffic service;        /* for the hub itself, closed to sites; errors; multicast */
	struct traffic
		neighbour; /* to hosts beside the hub that it has no MAC address of, beyond a budget */
	struct traffic foreign;   /* from another address than the peer's, beyond a budget */
	struct traffic isolation; /* from site to site, with site_to_site off */
	struct traffic malformed; /* lengths, padding or inner header make no sense */
	struct traffic ecn;       /* congestion that the inner packet cannot tell: RFC 6040 */
	struct traffic mtu;       /* too big, DF set */
	struct traffic horizon;   /* would have waited longer than the pacing horizon */
	struct traffic sequence;  /* sequence numbers exhausted, waiting for a rekey */
	struct traffic ring_full; /* AF_XDP or TAP ring had no room */
	struct traffic internal;  /* our own failure: send error, no memory */
};

/* What happens before a site is known, per CPU. Begins key 0 of `outside_drops`. */
struct outside_stats {
	struct traffic esp; /* ESP seen, good or bad */
	struct traffic ike_passed;
	struct traffic ike_limited;       /* a source, or the peer of an SA, asked too often */
	struct traffic ike_first_limited; /* too many messages of no SA from everywhere */
	struct traffic ike_no_route;      /* of no SA; the answer has no way by this device */
	struct traffic unknown_spi;
	struct traffic wrong_outer;      /* right SPI, wrong outer family or destination */
	struct traffic fragment;         /* passed to the kernel for reassembly */
	struct traffic fragment_limited; /* of strangers, more than there is room for */
	struct traffic malformed;
	struct traffic no_socket;    /* XSKMAP empty: no worker */
	struct traffic not_ours;     /* passed to the kernel untouched */
	struct traffic keepalive;    /* NAT keep-alive bytes, dropped: RFC 3948 4 */
	struct traffic clear_in;     /* to others than the hub, and no ESP */
	struct traffic clear_out;    /* from others than the hub, and no ESP */
	struct traffic clear_own;    /* from the hub, for a site, and no ESP: see `closed4` */
	struct traffic too_big_icmp; /* errors about ICMP: anybody could have sent them */
};

/* Packets that reached the inside device but belong to no site, per CPU. Key 0 of `inside_drops`. */
struct inside_stats {
	struct traffic no_route;
	struct traffic malformed;
	struct traffic multicast;
	struct traffic tunnel_unknown; /* a route leads to a tunnel that has no record; no mark */
};

/* Written by one worker only: what the kernel's rings and the worker did. */
struct worker_stats {
	__u64 ring_full;  /* AF_XDP: no room in the receive ring */
	__u64 fill_empty; /* AF_XDP: no free buffer */
	__u64 no_mark;    /* frames of the inside device without TC's mark */
	__u64 no_buffer;  /* pacing wheel at its limit */
	__u64 sends;      /* system calls to send */
	__u64 tap_writes; /* system calls to write to the inside device */
	__u64 wakeups;
	__u64 not_esp;    /* frames or slow-path packets without a usable SA */
	__u64 error_lost; /* ICMP errors that could not be written */
	__u64 event_lost; /* could not tell the control thread */
	__u64 slow_lost;  /* ESP that the kernel reassembled, more than the slow path takes */
};

/* Written by workers only: one row per worker and tunnel. */
struct tunnel_stats {
	struct traffic in;
	struct traffic out;
	struct traffic control_in; /* of `in`: BGP and BFD by their ports */
	struct traffic
		control_out;    /* of `out`: BGP and BFD between the tunnel's inside addresses */
	struct traffic waiting; /* in the pacing wheel now: a level, not a count */
	__u64 last_in_ns;       /* last authenticated packet, CLOCK_MONOTONIC */
	__u64 last_out_ns;
};

/* ---- map values ---- */

/* `sa_in`, indexed by SLUICE_SA_INDEX(spi). Written by the data process through its mapping. */
struct sa_in {
	__u32 spi; /* host order; 0: free. Written last, cleared first. */
	__u16 site;
	__u16 tunnel;
	__u8 outer_family; /* 4 or 6 */
	__u8 udp_encap;    /* 1: ESP in UDP, 0: protocol 50; the other form is wrong_outer */
	__u16 overhead;    /* ESP bytes that are not inner packet: header, IV, trailer, ICV */
	__u8 local[16];    /* outside address of the hub, network order */
	__u8 remote[16];   /* that of the peer, as far as is known; changes while the SPI stands */
	__u8 own_limits;   /* see bucket_of */
	__u8 reserved[19];
};

/* `tunnels`, indexed by tunnel number. */
struct tunnel_record {
	__u32 site;
	__u32 up; /* 1: routes may lead here */
	__u32 inner_mtu;
	__u16 mss4, mss6;   /* clamp for SYNs; 0: none */
	__u32 ifindex;      /* of its xfrm interface; 0: a worker seals */
	__u32 own_limits;   /* see bucket_of */
	__u32 group;        /* of its site, from 1: sites of one group may speak for each other */
	__u32 source_check; /* enum source_check */
	__u8 hub4[4], peer4[4];   /* inside addresses, while the tunnel is configured */
	__u8 hub6[16], peer6[16]; /* zero: none */
};

/* Which sources a site's packets may have, beside the inside address of the tunnel they come by. */
enum source_check {
	SOURCE_STRICT, /* where a route leads back to the group, and what is declared as the site's */
	SOURCE_LOOSE, /* anything but what is the hub's or another site's */
	SOURCE_OFF,
};

/*
 * `sources4` and `sources6`: what is declared, whether a route leads there or not. A site's own list has
 * its number in front of the prefix; SLUICE_OWNERS is the list of what belongs to whom, the hub included.
 */
#define SLUICE_OWNERS      0xffffffffu
#define SLUICE_GROUP_HUB   0xffffffffu
#define SLUICE_MAX_SOURCES 131072

struct source4_key {
	__u32 prefix_len; /* with the 32 bits of the list */
	__u32 list;
	__u8 address[4];
};

struct source6_key {
	__u32 prefix_len;
	__u32 list;
	__u8 address[16];
};

struct source_owner {
	__u32 group;
	__u32 len; /* of the prefix */
};

/*
 * `strange_sessions`, by tunnel: the last packet of BGP or BFD out of it that was not between its two inside
 * addresses, when one of BFD came last that was, and the last packet with a source that is not the site's. For people:
 * a device whose addresses differ gets no session, one that speaks BFD alone does not either, and a counter of wrong
 * sources does not say which.
 */
struct strange_session {
	__u64 at_ns; /* CLOCK_MONOTONIC; 0: there was none */
	__u8 family; /* 4 or 6 */
	__u8 protocol;
	__u8 wrong_family;
	__u8 reserved[5];
	__u8 source[16], destination[16]; /* of IPv4 in the first four bytes */
	__u64 bfd_ns;                     /* CLOCK_MONOTONIC; 0: there was none */
	__u64 wrong_ns;
	__u8 wrong_source[16];
};

/* `services`: what sites reach at the hub's own addresses. SLUICE_SERVICE_ANY: everything. */
#define SLUICE_MAX_SERVICES            64
#define SLUICE_SERVICE(protocol, port) ((__u32)(protocol) << 16 | (port))
#define SLUICE_SERVICE_ANY             0

/*
 * `selectors`, indexed by tunnel number: what its SAs were negotiated for (RFC 4301 5.2). Written by
 * the data process of the kernel's ESP. Addresses of IPv4 stand in the first four bytes.
 */
#define SLUICE_SELECTORS 8

struct selector_record {
	__u8 first[16], last[16];
	__u16 first_port, last_port; /* 0..65535: any, and packets without ports */
	__u8 family;                 /* 4 or 6; 0: the list ends */
	__u8 protocol;               /* 0: any */
	__u8 reserved[2];
};

struct tunnel_selectors {
	__u32 restricted; /* 0: everything may pass */
	struct selector_record local[SLUICE_SELECTORS], remote[SLUICE_SELECTORS];
};

/*
 * Kernel ESP. What inside.bpf.c sends to an xfrm interface has this in its mark: that it came from
 * there, and when its turn is: the low bits of the time in microseconds, so that packets whose turns
 * are in order leave in order, however long each took to get there. xfrm.bpf.c takes it off again.
 * No turn is SLUICE_XFRM_TURN_MAX or further away.
 */
#define SLUICE_XFRM_MARK      0x51500000u
#define SLUICE_XFRM_MARK_MASK 0xfff00000u
#define SLUICE_XFRM_TIME_MASK 0x000fffffu
#define SLUICE_XFRM_TURN_MAX  0x00080000u /* half of what the mask can tell */

/* Kernel ESP: interface, policy and SAs of tunnel n have if_id and reqid SLUICE_IF_ID + n. */
#define SLUICE_IF_ID 0x51000000u

/*
 * Kernel ESP: bytes of a site that XDP has charged and its interface has not yet seen. What comes to
 * the interface without such credit was in fragments, which XDP cannot charge, and pays there.
 */
#define SLUICE_CREDIT_MAX (8u << 20)

/* `sites`, indexed by site number: names for people who read dumps. */
struct site_record {
	char name[SLUICE_SITE_NAME_LEN];
	__u32 present;
	__u32 asn;
};

/* Keys of the tries `route4`, `route6`, `closed4` and `closed6`; the value is struct route_target. */
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
	__u32 share; /* 0: this tunnel carries all; else the key of `shares` */
	__u32 len;   /* of the prefix */
};

/*
 * The tries `closed4` and `closed6` say where the hub itself must not send in clear by an outside device: to
 * prefixes that sites have announced since the hub started, whether they are routed into a tunnel now or not.
 * hub writes them (hub/route/closed.h), TC on the egress of the outside devices reads them. An entry whose
 * tunnel is SLUICE_NOT_CLOSED is an exception within such a prefix: a network or host that has a route by an
 * outside device of its own.
 */
#define SLUICE_NOT_CLOSED 0xffffffffu
#define SLUICE_MAX_CLOSED (2 * SLUICE_MAX_ROUTES)

/*
 * `shares`: tunnels, of one site or several, that carry flows together. The weight is 1, or
 * SLUICE_SHARE_LARGE for a site of the class "large" beside one that is "standard". A value
 * never changes while a route has its key.
 */
#define SLUICE_SHARE_LARGE 4

struct share_member {
	__u16 tunnel;
	__u16 weight; /* 0: the list ends */
};

struct route_share {
	struct share_member members[SLUICE_SHARE_TUNNELS];
};

/*
 * A flow takes the open member with the highest score (rendezvous hashing):
 * when one goes, nobody moves but its flows, and the same ones return to it. For flows all scores are
 * drawn evenly, from 0 to 1, say. That of a light member is raised to the power of the weight of the
 * heavy ones, which makes it the winner as much less often as its weight is less.
 */
static inline __attribute__((always_inline)) __u64 share_score(
	__u64 flow, const struct share_member *m)
{
	__u64 x = (flow ^ (m->tunnel + 1) * 0x9e3779b97f4a7c15ull) * 0xbf58476d1ce4e5b9ull;

	x = (x ^ x >> 29) * 0x94d049bb133111ebull;
	x >>= 32;
	if (m->weight == SLUICE_SHARE_LARGE)
		return x << 32;
	x = x * x >> 32;
	return x * x;
}

/* How much all strangers together may send, of each kind in enum ike_stranger of the program. */
#define SLUICE_IKE_STRANGERS 3

struct stranger_limit {
	__u64 cost_ns, burst_ns; /* as a bucket has them; of one message */
};

/* `ike_guard`: one entry per source address (IPv4) or /64 (IPv6). */
struct ike_source {
	__u8 family; /* 4 or 6 */
	__u8 reserved[3];
	__u8 prefix[8];
};

struct ike_budget {
	__u64 tat_ns;
};

/*
 * `ike_spis`: the SPI that the hub gave an IKE SA, host order, stands at the place that its low bits say.
 * Messages that have it in either field of their header are charged to it. The ike process writes it:
 * the cost first, and 0 when the SA is gone.
 */
#define SLUICE_IKE_SPI_BITS       14
#define SLUICE_IKE_SPI_ENTRIES    (1u << SLUICE_IKE_SPI_BITS)
#define SLUICE_IKE_SPI_PLACE(spi) ((__u32)(spi) & (SLUICE_IKE_SPI_ENTRIES - 1))

struct ike_spi {
	__u64 spi;
	__u64 tat_ns;
	__u64 cost_ns; /* of one message */
	__u64 reserved;
};

_Static_assert(SLUICE_HORIZON_MAX / 1000 < SLUICE_XFRM_TURN_MAX, "a turn fits into the mark");
_Static_assert(sizeof(struct rate_bucket) == 64, "one cache line per bucket");
_Static_assert(sizeof(struct sa_in) == 64, "one cache line per SA");
_Static_assert(sizeof(struct site_stats) == 21 * 16, "twenty-one counters");
_Static_assert(sizeof(struct tunnel_stats) == 96, "what workers write per tunnel");
_Static_assert(sizeof(struct route_share) == 64, "one cache line per set of tunnels");
_Static_assert(sizeof(struct selector_record) == 40, "no holes in a selector");
_Static_assert(sizeof(struct ike_source) == 12, "no holes in a hash key");

#endif
