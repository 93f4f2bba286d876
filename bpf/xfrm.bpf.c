/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * TC on the xfrm interface of a tunnel, with kernel ESP.
 *
 *   xfrm_in    opened by the kernel, from the site: paid? > selectors > source > clamp MSS > inside device
 *   xfrm_out   from the inside device, to be sealed: when may it leave?
 *   cpu_queue  what the kernel loses between outside.bpf.c and its ESP: counted
 *
 * So everything enters and leaves through the inside device, as with workers: addresses of the hub,
 * routes, BGP, firewall rules of the host are the same with both backends.
 */
#include "maps.h"
#include "measure.h"
#include "mss.h"
#include "police.h"
#include "selectors.h"
#include "shape.h"
#include "source.h"
#include "verdict.h"

#include <linux/if_ether.h>
#include <linux/pkt_cls.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Set before anything is attached. */
__u32 cpus_id; /* of the map that names the CPUs */

__u64 cpu_queue_full; /* packets from outside.bpf.c that their CPU had no room for */

SHARED_ARRAY(bucket_in, struct rate_bucket, SLUICE_MAX_TUNNELS);       /* that of outside.bpf.c */
SHARED_ARRAY(bucket_aggregate, struct rate_bucket, SLUICE_DIRECTIONS); /* that of outside.bpf.c */
COUNTER_ARRAY(site_in_stats, struct site_stats, SLUICE_MAX_SITES);     /* that of outside.bpf.c */
PLAIN_ARRAY(site_credit, __u64, SLUICE_MAX_SITES);                     /* that of outside.bpf.c */
COUNTER_ARRAY(inside_drops, struct inside_stats, 1);                   /* that of inside.bpf.c */
SHARED_ARRAY(tunnel_stats, struct tunnel_stats, SLUICE_MAX_TUNNELS);   /* that of worker.bpf.c */
SHARED_ARRAY(selectors, struct tunnel_selectors, SLUICE_MAX_TUNNELS);  /* that of inside.bpf.c */

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SLUICE_MAX_TUNNELS);
	__type(key, __u32);   /* interface index */
	__type(value, __u32); /* tunnel */
} interfaces SEC(".maps");

struct opened {
	__u32 l2; /* bytes before the IP header: the kernel may leave the outer frame's address there */
	__u32 segments, bytes;
	struct selected ip;
};

/* Where the IP header is: right at the start, or behind a header of Ethernet. */
static __always_inline int find_ip(struct __sk_buff *skb, struct opened *o)
{
	__u64 ip[2], at[2];

	if (bpf_skb_load_bytes_relative(skb, 0, ip, sizeof(ip), BPF_HDR_START_NET))
		return 0;
	if (bpf_skb_load_bytes(skb, 0, at, sizeof(at)))
		return 0;
	if (ip[0] == at[0] && ip[1] == at[1]) {
		o->l2 = 0;
		return 1;
	}
	o->l2 = ETH_HLEN;
	return !bpf_skb_load_bytes(skb, ETH_HLEN, at, sizeof(at)) && ip[0] == at[0] &&
	       ip[1] == at[1];
}

static __always_inline int parse_opened(struct __sk_buff *skb, struct opened *o)
{
	__u32 headers;

	if (!find_ip(skb, o) || !selected_parse(skb, o->l2, &o->ip))
		return 0;
	o->segments = segments_of(skb, o->ip.protocol, o->ip.transport, &headers);
	o->bytes = skb->len - o->l2;
	if (o->segments > 1)
		o->bytes += (o->segments - 1) * (headers - o->l2);
	return 1;
}

/* Takes what XDP has charged for these bytes. Without it they came in fragments. */
static __always_inline int paid(__u64 *credit, __u64 bytes)
{
	__u64 old = *(volatile __u64 *)credit;

	for (int i = 0; i < 8; i++) {
		__u64 seen;

		if (old < bytes)
			return 0;
		seen = __sync_val_compare_and_swap(credit, old, old - bytes);
		if (seen == old)
			return 1;
		old = seen;
	}
	return 1;
}

/* What is in fragments is little, and pays into the concentrator's bucket without a loan. */
static __always_inline int police_fragments(
	struct rate_bucket *site, __u32 own_limits, __u64 now, __u64 bytes)
{
	__u32 direction = SLUICE_IN;
	struct rate_bucket *all = bpf_map_lookup_elem(&bucket_aggregate, &direction);
	__u64 price = all && !own_limits ? all->ns_per_byte_q16 : 0, start, departure;
	enum police_verdict v;

	if (all && price && bucket_word(&all->tat_ns) > now + all->burst_ns)
		return POLICE_AGGREGATE;
	v = shape(site, now, bytes, 1, 0, &departure);
	if (all && price && v == POLICE_PASS)
		bucket_charge(&all->tat_ns, now, bucket_cost(bytes, price), ~0ull, &start);
	return v;
}

static __always_inline int paid_for(
	const struct opened *o, __u32 tunnel, __u32 own_limits, struct site_stats *stats, __u64 now)
{
	__u32 site = tunnel / SLUICE_TUNNELS_PER_SITE, bucket_index = bucket_of(tunnel, own_limits);
	struct rate_bucket *bucket = bpf_map_lookup_elem(&bucket_in, &bucket_index);
	__u64 *credit = bpf_map_lookup_elem(&site_credit, &site);

	if (!bucket || !credit)
		return 0;
	if (paid(credit, o->bytes))
		return 1;
	count(&stats->offered, o->segments, o->bytes);
	switch (police_fragments(bucket, own_limits, now, o->bytes)) {
	case POLICE_SITE_PPS:
		count(&stats->site_pps, o->segments, o->bytes);
		return 0;
	case POLICE_SITE_RATE:
		count(&stats->site_rate, o->segments, o->bytes);
		return 0;
	case POLICE_AGGREGATE:
		count(&stats->aggregate_rate, o->segments, o->bytes);
		return 0;
	case POLICE_PASS:
		break;
	}
	return 1;
}

/* As a frame that came in through the inside device. */
static __always_inline int to_inside(struct __sk_buff *skb, const struct opened *o)
{
	struct ethhdr eth = {
		.h_dest = SLUICE_INSIDE_MAC,
		.h_source = {0x02, 0x53, 0x4c, 0x00, 0x00, 0x02},
		.h_proto = o->ip.family == 4 ? bpf_htons(ETH_P_IP) : bpf_htons(ETH_P_IPV6),
	};

	if (!o->l2 && bpf_skb_change_head(skb, ETH_HLEN, 0))
		return TC_ACT_SHOT;
	if (bpf_skb_store_bytes(skb, 0, &eth, sizeof(eth), 0))
		return TC_ACT_SHOT;
	skb->mark = 0;
	return bpf_redirect(inside_ifindex, BPF_F_INGRESS);
}

/* As worker_in.c tells it apart: RFC 4271 8.2.1, RFC 5881 4. */
static __always_inline int is_control(const struct selected *s)
{
	if (s->protocol == IPPROTO_TCP)
		return s->source_port == SLUICE_PORT_BGP || s->destination_port == SLUICE_PORT_BGP;
	return s->protocol == IPPROTO_UDP && s->destination_port == SLUICE_PORT_BFD;
}

SEC("tc")
int xfrm_in(struct __sk_buff *skb)
{
	__u32 ifindex = skb->ifindex, zero = 0, site;
	__u32 *tunnel = bpf_map_lookup_elem(&interfaces, &ifindex);
	struct inside_stats *drops = bpf_map_lookup_elem(&inside_drops, &zero);
	__u64 now = bpf_ktime_get_ns();
	struct tunnel_record *record;
	struct tunnel_selectors *ts;
	struct site_stats *stats;
	struct tunnel_stats *t;
	struct opened o = {};
	__u32 number;

	if (!tunnel || !drops)
		return TC_ACT_SHOT;
	number = *tunnel;
	record = bpf_map_lookup_elem(&tunnels, &number);
	ts = bpf_map_lookup_elem(&selectors, &number);
	t = bpf_map_lookup_elem(&tunnel_stats, &number);
	site = number / SLUICE_TUNNELS_PER_SITE;
	stats = bpf_map_lookup_elem(&site_in_stats, &site);
	if (!record || !ts || !t || !stats) {
		count(&drops->tunnel_unknown, 1, skb->len);
		return TC_ACT_SHOT;
	}
	*(volatile __u64 *)&t->last_in_ns = now;
	if (!parse_opened(skb, &o)) {
		count(&stats->malformed, 1, skb->len);
		return TC_ACT_SHOT;
	}
	if (!paid_for(&o, number, record->own_limits, stats, now))
		return TC_ACT_SHOT;
	if (ts->restricted && !selected_in(ts, &o.ip)) {
		count(&stats->selector, o.segments, o.bytes);
		return TC_ACT_SHOT;
	}
	switch (source_check(skb, &o.ip, number)) {
	case SOURCE_WRONG:
		count(&stats->source, o.segments, o.bytes);
		return TC_ACT_SHOT;
	case SOURCE_NO_SERVICE:
		count(&stats->service, o.segments, o.bytes);
		return TC_ACT_SHOT;
	case SOURCE_NO_NEIGHBOUR:
		count(&stats->neighbour, o.segments, o.bytes);
		return TC_ACT_SHOT;
	case SOURCE_OK:
		break;
	}
	if (o.ip.protocol == IPPROTO_TCP && !o.ip.later)
		mss_clamp(skb, o.ip.transport, o.ip.family == 4 ? record->mss4 : record->mss6);
	count_tunnel(&t->in, &t->last_in_ns, o.segments, o.bytes, now);
	if (is_control(&o.ip))
		count_tunnel(&t->control_in, &t->last_in_ns, o.segments, o.bytes, now);
	count(&stats->delivered, o.segments, o.bytes);
	return to_inside(skb, &o);
}

SEC("tc")
int xfrm_out(struct __sk_buff *skb)
{
	__u32 mark = skb->mark, zero = 0, wait;
	__u64 now = bpf_ktime_get_ns() / 1000;
	struct inside_stats *drops;

	if ((mark & SLUICE_XFRM_MARK_MASK) != SLUICE_XFRM_MARK) {
		drops = bpf_map_lookup_elem(&inside_drops, &zero);
		if (drops)
			count(&drops->tunnel_unknown, 1, skb->len);
		return TC_ACT_SHOT;
	}
	skb->mark = 0;
	/* A turn that has passed since the packet got it looks as if it were far away. */
	wait = (mark - (__u32)now) & SLUICE_XFRM_TIME_MASK;
	if (wait && wait < SLUICE_XFRM_TURN_MAX)
		bpf_skb_set_tstamp(skb, (now + wait) * 1000, BPF_SKB_TSTAMP_DELIVERY_MONO);
	return TC_ACT_OK;
}

/* xdp_cpumap_enqueue and xdp_cpumap_kthread begin alike: map, packets that went on, packets dropped. */
SEC("raw_tp")
int cpu_queue(struct bpf_raw_tracepoint_args *ctx)
{
	__u32 dropped = ctx->args[2];

	if (dropped && (__u32)ctx->args[0] == cpus_id)
		__sync_fetch_and_add(&cpu_queue_full, dropped);
	return 0;
}
