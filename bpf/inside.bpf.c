/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * TC on both sides of the inside device.
 *
 *   inside     egress, for a site, on its way to a worker:
 *              parse > longest prefix > tunnel, of several by the flow > up? > hopeless? > clamp MSS > mark
 *   from_site  ingress, opened by a worker, on its way to the kernel: whose is it? > may it say so?
 *
 * The unit is a super-packet of up to 64 KB. Dropping those whole ruins TCP, so the rate is kept by
 * the worker, segment by segment, on the same bucket; here only what the worker would certainly
 * drop is dropped, so that one flooding site cannot fill the queues that all sites share.
 */
#include "maps.h"
#include "measure.h"
#include "mss.h"
#include "selectors.h"
#include "shape.h"
#include "source.h"
#include "verdict.h"

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/pkt_cls.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Set before load. */
const volatile __u32 bgp_uid; /* of the process that speaks BGP and BFD; root opens its sockets */

/* Set before load, and while it runs: bpf_plane_live_set(). */
__u64 horizon_ns;  /* how long a packet may wait in the worker */
__u32 sites_apart; /* what came in by the inside device does not leave by it */
__u32 ecn_marking; /* kernel ESP: who waits for nearly as long is told by ECN */

SHARED_ARRAY(bucket_out, struct rate_bucket, SLUICE_MAX_TUNNELS);
COUNTER_ARRAY(site_out_stats, struct site_stats, SLUICE_MAX_SITES);
COUNTER_ARRAY(site_in_stats, struct site_stats, SLUICE_MAX_SITES); /* that of outside.bpf.c */
COUNTER_ARRAY(inside_drops, struct inside_stats, 1);
SHARED_ARRAY(bucket_aggregate, struct rate_bucket, SLUICE_DIRECTIONS); /* that of outside.bpf.c */
SHARED_ARRAY(tunnel_stats, struct tunnel_stats, SLUICE_MAX_TUNNELS);   /* that of worker.bpf.c */
SHARED_ARRAY(selectors, struct tunnel_selectors, SLUICE_MAX_TUNNELS);
PLAIN_ARRAY(told_flows, __u64, SLUICE_TOLD_FLOWS);      /* when, by a hash of the flow */
PLAIN_ARRAY(control_budget, __u64, SLUICE_MAX_TUNNELS); /* when that of a tunnel is used up */
COUNTER_ARRAY(police_cpus_out, struct police_cpu, 1);
PLAIN_ARRAY(shares, struct route_share, SLUICE_MAX_SHARES);

#define IPV4_HEADER          20
#define IPV6_HEADER          40
#define IPV4_FRAGMENT_OFFSET 0x1fff
#define IPV4_FRAGMENT        0x3fff /* the offset, and "more fragments" */
#define IPV4_SOURCE          12     /* offsets in the headers; the destination follows */
#define IPV6_SOURCE          8

enum inside_kind {
	INSIDE_OK,
	INSIDE_MALFORMED,
	INSIDE_MULTICAST,
	INSIDE_NO_ROUTE,
};

struct inside_packet {
	struct route_target target;
	__u32 segments;
	__u32 bytes;     /* inner IP bytes of all segments */
	__u32 transport; /* offset of the TCP or UDP header in the frame */
	__u8 family;
	__u8 protocol;
	__u8 first_fragment; /* or no fragment: a transport header follows */
	__u8 whole;          /* no fragment */
};

static __always_inline enum inside_kind route_ipv4(struct __sk_buff *skb, struct inside_packet *p)
{
	struct route4_key key = {.prefix_len = 32};
	struct route_target *target;
	__u8 ip[IPV4_HEADER];

	if (bpf_skb_load_bytes(skb, ETH_HLEN, ip, sizeof(ip)))
		return INSIDE_MALFORMED;
	if (ip[0] >> 4 != 4 || (ip[0] & 15) < 5)
		return INSIDE_MALFORMED;
	p->family = 4;
	p->protocol = ip[9];
	p->first_fragment = !(((ip[6] << 8) | ip[7]) & IPV4_FRAGMENT_OFFSET);
	p->whole = !(((ip[6] << 8) | ip[7]) & IPV4_FRAGMENT);
	p->transport = ETH_HLEN + (ip[0] & 15) * 4;
	if (ip[16] >= 224)
		return INSIDE_MULTICAST;
	__builtin_memcpy(key.address, ip + 16, 4);
	target = bpf_map_lookup_elem(&route4, &key);
	if (!target)
		return INSIDE_NO_ROUTE;
	p->target = *target;
	return INSIDE_OK;
}

static __always_inline enum inside_kind route_ipv6(struct __sk_buff *skb, struct inside_packet *p)
{
	struct route6_key key = {.prefix_len = 128};
	struct route_target *target;
	__u8 ip[IPV6_HEADER];

	if (bpf_skb_load_bytes(skb, ETH_HLEN, ip, sizeof(ip)))
		return INSIDE_MALFORMED;
	if (ip[0] >> 4 != 6)
		return INSIDE_MALFORMED;
	p->family = 6;
	p->protocol = ip[6];
	p->first_fragment = p->whole = 1;
	p->transport = ETH_HLEN + IPV6_HEADER;
	if (ip[24] == 0xff)
		return INSIDE_MULTICAST;
	__builtin_memcpy(key.address, ip + 24, 16);
	target = bpf_map_lookup_elem(&route6, &key);
	if (!target)
		return INSIDE_NO_ROUTE;
	p->target = *target;
	return INSIDE_OK;
}

static __always_inline enum inside_kind parse_inside(struct __sk_buff *skb, struct inside_packet *p)
{
	/* wire_len is the exact sum of what the segments take on a wire, Ethernet included. */
	__u32 wire = skb->wire_len > skb->len ? skb->wire_len : skb->len, headers;
	enum inside_kind kind = INSIDE_MALFORMED;

	if (skb->protocol == bpf_htons(ETH_P_IP))
		kind = route_ipv4(skb, p);
	else if (skb->protocol == bpf_htons(ETH_P_IPV6))
		kind = route_ipv6(skb, p);
	p->segments = segments_of(skb, p->protocol, p->transport, &headers);
	p->bytes = wire - p->segments * ETH_HLEN;
	return kind;
}

/* From the hub's end of the tunnel to the site's: the session that runs through it. */
static __noinline int is_session(
	struct __sk_buff *skb, const struct inside_packet *p, const struct tunnel_record *record)
{
	__u32 at = ETH_HLEN + (p->family == 4 ? IPV4_SOURCE : IPV6_SOURCE);
	__u32 len = p->family == 4 ? 4 : 16;
	__be64 source[2] = {}, destination[2] = {};
	__be16 ports[2];

	if (skb->ingress_ifindex || !p->first_fragment ||
		bpf_skb_load_bytes(skb, p->transport, ports, sizeof(ports)))
		return 0;
	if (p->protocol == IPPROTO_TCP) {
		if (ports[0] != bpf_htons(SLUICE_PORT_BGP) &&
			ports[1] != bpf_htons(SLUICE_PORT_BGP))
			return 0;
	} else if (p->protocol != IPPROTO_UDP ||
		   (ports[1] != bpf_htons(SLUICE_PORT_BFD) &&
			   ports[1] != bpf_htons(SLUICE_PORT_BFD + 1))) {
		return 0;
	}
	if (len == 4 ? bpf_skb_load_bytes(skb, at, source, 4) ||
				bpf_skb_load_bytes(skb, at + 4, destination, 4)
		     : bpf_skb_load_bytes(skb, at, source, 16) ||
				bpf_skb_load_bytes(skb, at + 16, destination, 16))
		return 0;
	return is_inside(p->family, source, record->hub4, record->hub6) &&
	       is_inside(p->family, destination, record->peer4, record->peer6);
}

/*
 * The hub's own routing protocols must get through a saturated tunnel, or it goes down. They are told by
 * ports and addresses and not by DSCP, which an answer copies from whatever a site has asked, and they have
 * a budget: what is beyond it waits and pays as all else.
 */
static __always_inline int is_control(const struct inside_packet *p, __u32 tunnel)
{
	__u64 cost = (__u64)p->bytes * SLUICE_CONTROL_NS_PER_BYTE, start;
	__u64 burst = (__u64)SLUICE_CONTROL_BURST * SLUICE_CONTROL_NS_PER_BYTE;
	__u64 *tat;

	if (!p->whole)
		return 0;
	tat = bpf_map_lookup_elem(&control_budget, &tunnel);
	return tat && bucket_charge(tat, bpf_ktime_get_ns(), cost, burst, &start);
}

/*
 * Any user of the host may have a socket at an address of the hub, and a site takes a second connection for its
 * neighbour that has started again. What has no socket is the kernel's own answer.
 */
static __always_inline int is_strangers(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;
	__u32 uid;

	if (!sk || sk->state == BPF_TCP_TIME_WAIT) /* an answer about a connection that is over */
		return 0;
	uid = bpf_get_socket_uid(skb);
	return uid && uid != bgp_uid;
}

static __always_inline int mark(struct __sk_buff *skb, __u32 tunnel, int control)
{
	__u8 mac[ETH_ALEN] = {SLUICE_MAC_MARK_0, SLUICE_MAC_MARK_1, control ? 1 : 0, 0,
		(__u8)(tunnel >> 8), (__u8)tunnel};

	if (bpf_skb_store_bytes(skb, 0, mac, sizeof(mac), 0))
		return TC_ACT_SHOT;
	skb->mark = tunnel; /* steer.bpf.c */
	return TC_ACT_OK;
}

/*
 * One number for all packets of a flow, the same on every CPU and after every restart. Fragments
 * have no ports, so a packet that is one counts with its addresses alone; so does what has none.
 */
static __always_inline __u64 flow_hash(struct __sk_buff *skb, const struct inside_packet *p)
{
	__u64 words[5] = {};
	__u64 hash = p->protocol;

	if (p->family == 4)
		bpf_skb_load_bytes(skb, ETH_HLEN + 12, words, 8);
	else
		bpf_skb_load_bytes(skb, ETH_HLEN + 8, words, 32);
	if (p->whole && (p->protocol == IPPROTO_TCP || p->protocol == IPPROTO_UDP))
		bpf_skb_load_bytes(skb, p->transport, &words[4], 4);
	for (int i = 0; i < 5; i++) {
		hash = (hash ^ words[i]) * 0xff51afd7ed558ccdull;
		hash ^= hash >> 32;
	}
	return hash;
}

/* The tunnel that the route names, or of those that share it the flow's; what is down has no part. */
static __always_inline __u32 choose_tunnel(struct __sk_buff *skb, const struct inside_packet *p)
{
	__u32 tunnel = p->target.tunnel, key = p->target.share;
	struct route_share *share;
	__u64 flow, highest = 0;

	if (!key)
		return tunnel;
	share = bpf_map_lookup_elem(&shares, &key);
	if (!share)
		return tunnel;
	flow = flow_hash(skb, p);
	for (int i = 0; i < SLUICE_SHARE_TUNNELS && share->members[i].weight; i++) {
		__u32 candidate = share->members[i].tunnel;
		__u64 score = share_score(flow, &share->members[i]);
		struct tunnel_record *record;

		if (score < highest)
			continue;
		record = bpf_map_lookup_elem(&tunnels, &candidate);
		if (!record || !record->up)
			continue;
		highest = score;
		tunnel = candidate;
	}
	return tunnel;
}

/*
 * Kernel ESP: nobody counts or paces after this, so both rates are kept here. A super-packet waits
 * as one; its departure time goes along in the mark (xfrm.bpf.c).
 */
static __always_inline enum police_verdict admit(struct rate_bucket *bucket,
	const struct inside_packet *p, int own_limits, int control, __u64 now, __u64 *departure)
{
	__u32 direction = SLUICE_OUT, zero = 0;
	struct rate_bucket *aggregate = bpf_map_lookup_elem(&bucket_aggregate, &direction);
	struct police_cpu *cpu = bpf_map_lookup_elem(&police_cpus_out, &zero);
	enum police_verdict v;

	if (!aggregate || !cpu)
		return POLICE_AGGREGATE;
	if (control) {
		__u64 ignored;

		shape(bucket, now, p->bytes, p->segments, ~0ull >> 1, &ignored);
		return POLICE_PASS;
	}
	if (!own_limits && !pay(aggregate, &cpu->aggregate, cpu, p->bytes,
				   p->bytes <= SLUICE_SMALL_PACKET ? PAY_SMALL : 0))
		return POLICE_AGGREGATE;
	v = shape(bucket, now, p->bytes, p->segments, horizon_ns, departure);
	if (v != POLICE_PASS && !own_limits)
		cpu->aggregate.units += p->bytes;
	return v;
}

/* As the worker's congestion.c does it; a super-packet is told as one. */
static __always_inline void tell_congestion(struct __sk_buff *skb, const struct inside_packet *p,
	const struct rate_bucket *bucket, __u64 now, __u64 departure)
{
	__u64 horizon = bucket_horizon(horizon_ns, SLUICE_PACKET_FULL, bucket->ns_per_byte_q16);
	__u32 flow;
	__u64 *told;

	if (!ecn_marking || departure == now ||
		departure - now < bucket_mark(horizon, bucket->ns_per_byte_q16))
		return;
	flow = (flow_hash(skb, p) >> 32) % SLUICE_TOLD_FLOWS;
	told = bpf_map_lookup_elem(&told_flows, &flow);
	if (told && now - *told >= SLUICE_TOLD_NS + horizon && bpf_skb_ecn_set_ce(skb))
		*told = now;
}

static __always_inline int to_interface(struct __sk_buff *skb, const struct inside_packet *p,
	__u32 tunnel, const struct tunnel_record *record, struct site_stats *stats,
	struct rate_bucket *bucket, int control)
{
	struct tunnel_stats *t = bpf_map_lookup_elem(&tunnel_stats, &tunnel);
	struct tunnel_selectors *ts = bpf_map_lookup_elem(&selectors, &tunnel);
	__u64 now = bpf_ktime_get_ns(), departure = now;
	struct selected ip = {};

	if (ts && ts->restricted &&
		!(selected_parse(skb, ETH_HLEN, &ip) && selected_out(ts, &ip))) {
		count(&stats->selector, p->segments, p->bytes);
		return TC_ACT_SHOT;
	}
	switch (admit(bucket, p, record->own_limits, control, now, &departure)) {
	case POLICE_AGGREGATE:
		count(&stats->aggregate_rate, p->segments, p->bytes);
		return TC_ACT_SHOT;
	case POLICE_SITE_PPS:
		count(&stats->site_pps, p->segments, p->bytes);
		return TC_ACT_SHOT;
	case POLICE_SITE_RATE:
		count(horizon_ns ? &stats->horizon : &stats->site_rate, p->segments, p->bytes);
		return TC_ACT_SHOT;
	case POLICE_PASS:
		break;
	}
	count(&stats->delivered, p->segments, p->bytes);
	if (t)
		count_tunnel(&t->out, &t->last_out_ns, p->segments, p->bytes, now);
	if (t && control)
		count_tunnel(&t->control_out, &t->last_out_ns, p->segments, p->bytes, now);
	skb->priority = control ? TC_PRIO_CONTROL : TC_PRIO_BESTEFFORT;
	tell_congestion(skb, p, bucket, now, departure);
	skb->mark = SLUICE_XFRM_MARK | (departure / 1000 & SLUICE_XFRM_TIME_MASK);
	return bpf_redirect(record->ifindex, 0);
}

/* What the worker would certainly drop: further behind than the horizon. */
static __always_inline int hopeless(const struct rate_bucket *bucket)
{
	__u64 horizon = bucket_horizon(horizon_ns, SLUICE_PACKET_FULL, bucket->ns_per_byte_q16);
	__u64 tat = bucket_word(&bucket->tat_ns), ahead = bucket->burst_ns + horizon;
	__u32 zero = 0;
	struct police_cpu *cpu = bpf_map_lookup_elem(&police_cpus_out, &zero);

	return cpu && tat > clock_of(cpu, 0) + ahead && tat > clock_of(cpu, 1) + ahead;
}

static __always_inline int to_tunnel(
	struct __sk_buff *skb, const struct inside_packet *p, struct inside_stats *drops)
{
	__u32 tunnel = choose_tunnel(skb, p), site = tunnel / SLUICE_TUNNELS_PER_SITE;
	struct tunnel_record *record = bpf_map_lookup_elem(&tunnels, &tunnel);
	struct site_stats *stats = bpf_map_lookup_elem(&site_out_stats, &site);
	__u32 bucket_index = bucket_of(tunnel, record ? record->own_limits : 0);
	struct rate_bucket *bucket = bpf_map_lookup_elem(&bucket_out, &bucket_index);
	int control = 0;

	if (!record || !stats || !bucket) {
		count(&drops->tunnel_unknown, p->segments, p->bytes);
		return TC_ACT_SHOT;
	}
	count(&stats->offered, p->segments, p->bytes);
	/* Whatever its source says, it came out of a tunnel. */
	if (sites_apart && skb->ingress_ifindex && skb->ingress_ifindex == inside_ifindex) {
		count(&stats->isolation, p->segments, p->bytes);
		return TC_ACT_SHOT;
	}
	if (!record->up) {
		count(&stats->tunnel_down, p->segments, p->bytes);
		return TC_ACT_SHOT;
	}
	if (is_session(skb, p, record)) {
		if (is_strangers(skb)) {
			count(&stats->source, p->segments, p->bytes);
			return TC_ACT_SHOT;
		}
		control = is_control(p, tunnel);
	}
	if (!control && bucket->ns_per_byte_q16 && hopeless(bucket)) {
		if (horizon_ns)
			count(&stats->horizon, p->segments, p->bytes);
		else
			count(&stats->site_rate, p->segments, p->bytes);
		return TC_ACT_SHOT;
	}
	if (p->protocol == IPPROTO_TCP && p->first_fragment)
		mss_clamp(skb, p->transport, p->family == 4 ? record->mss4 : record->mss6);
	if (record->ifindex)
		return to_interface(skb, p, tunnel, record, stats, bucket, control);
	if (mark(skb, tunnel, control) == TC_ACT_OK)
		return TC_ACT_OK;
	count(&stats->internal, p->segments, p->bytes);
	return TC_ACT_SHOT;
}

SEC("tc")
int inside(struct __sk_buff *skb)
{
	struct inside_packet p = {};
	struct inside_stats *drops;
	__u32 zero = 0;

	drops = bpf_map_lookup_elem(&inside_drops, &zero);
	if (!drops)
		return TC_ACT_SHOT;
	switch (parse_inside(skb, &p)) {
	case INSIDE_OK:
		return to_tunnel(skb, &p, drops);
	case INSIDE_MULTICAST:
		count(&drops->multicast, p.segments, p.bytes);
		return TC_ACT_SHOT;
	case INSIDE_NO_ROUTE:
		count(&drops->no_route, p.segments, p.bytes);
		return TC_ACT_SHOT;
	case INSIDE_MALFORMED:
		break;
	}
	count(&drops->malformed, p.segments, p.bytes);
	return TC_ACT_SHOT;
}

/* By the mark that the worker has left in the source MAC; SLUICE_TUNNEL_NONE: it is no site's packet. */
static __always_inline int read_mark(struct __sk_buff *skb, __u32 *tunnel)
{
	__u8 mac[ETH_ALEN];

	if (bpf_skb_load_bytes(skb, ETH_ALEN, mac, sizeof(mac)) || mac[0] != SLUICE_MAC_MARK_0 ||
		mac[1] != SLUICE_MAC_MARK_1 || mac[2] > SLUICE_FROM_HUB)
		return 0;
	*tunnel = mac[2] == SLUICE_FROM_HUB ? SLUICE_TUNNEL_NONE : (__u32)mac[4] << 8 | mac[5];
	return 1;
}

/*
 * A lone packet whose like has just passed: without any helper. Everything is read from the packet's own
 * first bytes; where they are not at hand, or it is not so simple, the long way is taken.
 */
static __always_inline int is_known(struct __sk_buff *skb, __u32 tunnel)
{
	const __u8 *ip = (const __u8 *)(long)skb->data + ETH_HLEN,
		   *end = (void *)(long)skb->data_end;
	__be64 source[2] = {}, destination[2] = {};
	const struct judged *j;
	__u32 family = 4;

	if (skb->gso_size || ip + IPV4_HEADER > end)
		return 0;
	if (ip[0] >> 4 == 4 && (ip[0] & 15) >= 5) {
		__builtin_memcpy(source, ip + 12, 4);
		__builtin_memcpy(destination, ip + 16, 4);
	} else if (ip[0] >> 4 == 6 && ip + IPV6_HEADER <= end) {
		family = 6;
		__builtin_memcpy(source, ip + 8, 16);
		__builtin_memcpy(destination, ip + 24, 16);
	} else {
		return 0;
	}
	j = judged_find(tunnel, source, destination);
	return j && judged_holds(j, tunnel, family, source, destination);
}

SEC("tc")
int from_site(struct __sk_buff *skb)
{
	__u32 zero = 0, tunnel, site, headers, segments, bytes;
	struct inside_stats *drops = bpf_map_lookup_elem(&inside_drops, &zero);
	struct selected ip = {};
	struct site_stats *stats;

	if (!drops)
		return TC_ACT_SHOT;
	if (!read_mark(skb, &tunnel)) {
		count(&drops->tunnel_unknown, 1, skb->len);
		return TC_ACT_SHOT;
	}
	if (tunnel == SLUICE_TUNNEL_NONE)
		return TC_ACT_OK;
	site = tunnel / SLUICE_TUNNELS_PER_SITE;
	stats = bpf_map_lookup_elem(&site_in_stats, &site);
	if (!stats) {
		count(&drops->tunnel_unknown, 1, skb->len);
		return TC_ACT_SHOT;
	}
	bytes = skb->len - ETH_HLEN;
	if (is_known(skb, tunnel)) {
		count(&stats->delivered, 1, bytes);
		return TC_ACT_OK;
	}
	if (!selected_parse(skb, ETH_HLEN, &ip)) {
		count(&stats->malformed, 1, bytes);
		return TC_ACT_SHOT;
	}
	segments = segments_of(skb, ip.protocol, ip.transport, &headers);
	if (segments > 1)
		bytes += (segments - 1) * (headers - ETH_HLEN);
	switch (source_check(skb, &ip, tunnel)) {
	case SOURCE_WRONG:
		count(&stats->source, segments, bytes);
		return TC_ACT_SHOT;
	case SOURCE_NO_SERVICE:
		count(&stats->service, segments, bytes);
		return TC_ACT_SHOT;
	case SOURCE_NO_NEIGHBOUR:
		count(&stats->neighbour, segments, bytes);
		return TC_ACT_SHOT;
	case SOURCE_OK:
		break;
	}
	count(&stats->delivered, segments, bytes);
	return TC_ACT_OK;
}
