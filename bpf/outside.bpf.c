/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * XDP on the outside devices: everything from the internet passes here first.
 *
 *   parse > classify > borrow from the aggregate > police the site > redirect to the worker's socket
 *
 * ESP is dropped here or redirected to a worker; the kernel sees only its fragments, which it reassembles. With
 * kernel ESP (dataplane: xfrm) packets go on to the kernel instead, on a CPU chosen by the tunnel. IKE is passed
 * on, limited for each source and for all strangers together: the cookies of RFC 7296 2.6 protect the engine's
 * state, this limit protects the socket in front of it. Anything else passes untouched if it ends at an address
 * of the hub, and is dropped if not: nobody gets to the networks behind the hub but through an SA.
 *
 * The program `leaving`, TC on the egress of the same devices, drops what the kernel would send out in clear:
 * what it forwards for others, and what the hub itself sends to prefixes that belong to sites (map `closed4`,
 * `closed6`).
 */
#include "classify.h"
#include "congestion.h"
#include "fragment.h"
#include "dhcp.h"
#include "guard.h"
#include "maps.h"
#include "parse.h"
#include "police.h"
#include "too_big.h"
#include "verdict.h"

#include <linux/pkt_cls.h>

#define IPV4_LEAST  20
#define IPV6_HEADER 40
#define ND_FIRST    133 /* ICMPv6 types of RFC 4861 */
#define ND_LAST     137

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Set before load. */
const volatile __u32 esp_cpus; /* kernel ESP: CPUs that tunnels are spread over; 0: AF_XDP */
const volatile __u64 ike_cost_ns = 5000000; /* one packet, at 200 per second */
const volatile __u64 ike_burst_ns = 2000000000;
/*
 * What all sources together may send: 50,000 first messages a second, 10,000 with a cookie, 2,000 for an
 * unknown SA.
 */
const volatile struct stranger_limit ike_strangers[SLUICE_IKE_STRANGERS] = {
	[IKE_FIRST] = {20000, 100000000},
	[IKE_COOKIE] = {100000, 100000000},
	[IKE_UNKNOWN] = {500000, 100000000},
};
const volatile struct stranger_limit ike_neighbours = {10000000, 1000000000}; /* 100 per second */

/* Set before load, and while it runs: bpf_plane_live_set(). */
__u32 ecn_marking;
__u32 outer_rates;        /* what is charged is the outer packet */
__u32 outside_forwarding; /* whoever wants may pass in clear */

__u64 ike_strangers_tat_ns[SLUICE_IKE_STRANGERS]; /* of all sources together */
__u64 ike_neighbours_tat_ns;
__u32 inside_ifindex;                      /* set before anything is attached to it */
__u32 outside_ifindex[SLUICE_MAX_OUTSIDE]; /* 0: there is no such device now */

/* What every packet reads and writes of its CPU, in one map value. */
struct outside_cpu {
	struct outside_stats stats;
	struct police_cpu police;
};

SHARED_ARRAY(sa_in, struct sa_in, SLUICE_SA_ENTRIES);
SHARED_ARRAY(bucket_in, struct rate_bucket, SLUICE_MAX_TUNNELS);
SHARED_ARRAY(bucket_aggregate, struct rate_bucket, SLUICE_DIRECTIONS);
COUNTER_ARRAY(site_in_stats, struct site_stats, SLUICE_MAX_SITES);
COUNTER_ARRAY(outside_drops, struct outside_cpu, 1);
COUNTER_ARRAY(site_loans, struct site_loan, SLUICE_MAX_TUNNELS);

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, SLUICE_MAX_OUTSIDE *SLUICE_MAX_QUEUES);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} xsks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_CPUMAP);
	__uint(max_entries, SLUICE_MAX_WORKERS);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} cpus SEC(".maps");

PLAIN_ARRAY(foreign_budget, __u64,
	SLUICE_MAX_TUNNELS); /* GCRA of packets from elsewhere than the peer: see `foreign` */
PLAIN_ARRAY(fragment_budget, __u64,
	SLUICE_MAX_TUNNELS); /* GCRA of datagrams in fragments from the peer itself */
PLAIN_ARRAY(told_sites, struct told, SLUICE_MAX_TUNNELS);
PLAIN_ARRAY(site_credit, __u64, SLUICE_MAX_SITES);
ROUTE_TRIE(closed4, struct route4_key, SLUICE_MAX_CLOSED);
ROUTE_TRIE(closed6, struct route6_key, SLUICE_MAX_CLOSED);

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct ike_source);
	__type(value, struct ike_budget);
} ike_guard SEC(".maps");

SHARED_ARRAY(ike_spis, struct ike_spi, SLUICE_IKE_SPI_ENTRIES);

/* Charges a bucket of packets that are not ESP; out of line, so that the program has it once. */
static __noinline int charge(__u64 *tat_ns, __u64 now, __u64 cost_ns, __u64 burst_ns)
{
	__u64 start;

	return tat_ns && bucket_charge(tat_ns, now, cost_ns, burst_ns, &start);
}

static __always_inline struct ike_source source_of(const struct outside_packet *p)
{
	struct ike_source source = {.family = p->family};

	__builtin_memcpy(source.prefix, p->remote, 8);
	if (p->family == 4)
		__builtin_memset(source.prefix + 4, 0, 4);
	return source;
}

static __always_inline struct ike_spi *ike_spi_at(__u64 spi)
{
	__u32 place = SLUICE_IKE_SPI_PLACE(spi);
	struct ike_spi *entry = spi ? bpf_map_lookup_elem(&ike_spis, &place) : 0;

	return entry && entry->spi == spi ? entry : 0;
}

/* Who knows an SPI that we gave an SA is its peer, or on the way there: it pays for itself, wherever it is. */
static __always_inline struct ike_spi *ike_sa_of(const struct outside_packet *p)
{
	struct ike_spi *entry = ike_spi_at(p->ike_spi[1]);

	return entry ? entry : ike_spi_at(p->ike_spi[0]);
}

/*
 * Limits IKE that belongs to no SA the ike process has. A source that asks too often uses up its own budget only; a
 * flood from everywhere is cut down to what the ike process can answer; and answers to hosts on the link, which the
 * kernel has to ask for (ARP), are too few to fill its table of neighbours.
 */
static __noinline int ike_of_stranger(struct xdp_md *ctx, const struct outside_packet *p,
	struct outside_stats *stats, __u64 bytes)
{
	struct ike_source source = source_of(p);
	struct ike_budget *budget = bpf_map_lookup_elem(&ike_guard, &source), first = {};
	__u64 now = bpf_ktime_get_ns();
	__u32 kind = p->ike_stranger;
	enum answer answer;

	if (kind >= SLUICE_IKE_STRANGERS)
		return XDP_DROP;
	if (budget && !charge(&budget->tat_ns, now, ike_cost_ns, ike_burst_ns)) {
		count(&stats->ike_limited, 1, bytes);
		return XDP_DROP;
	}
	if (!charge(&ike_strangers_tat_ns[kind], now, ike_strangers[kind].cost_ns,
		    ike_strangers[kind].burst_ns)) {
		count(&stats->ike_first_limited, 1, bytes);
		return XDP_DROP;
	}
	if (!budget) {
		first.tat_ns = now + ike_cost_ns;
		bpf_map_update_elem(&ike_guard, &source, &first, BPF_ANY);
	}
	answer = p->vlan ? ANSWER_ROUTE
			 : answer_by(ctx, ctx->ingress_ifindex, p->family, p->local, p->remote);
	if (answer == ANSWER_NO_ROUTE ||
		(answer == ANSWER_NEIGHBOUR &&
			!charge(&ike_neighbours_tat_ns, now, ike_neighbours.cost_ns,
				ike_neighbours.burst_ns))) {
		count(&stats->ike_no_route, 1, bytes);
		return XDP_DROP;
	}
	/* The rest of it pays as well. */
	if (p->fragment && !fragment_by_budget(&fragment_tat_ns, 0)) {
		count(&stats->fragment_limited, 1, bytes);
		return XDP_DROP;
	}
	count(&stats->ike_passed, 1, bytes);
	return XDP_PASS;
}

static __always_inline int ike(struct xdp_md *ctx, const struct outside_packet *p,
	struct outside_stats *stats, __u64 bytes)
{
	struct ike_spi *sa = ike_sa_of(p);

	if (!sa)
		return ike_of_stranger(ctx, p, stats, bytes);
	if (!charge(&sa->tat_ns, bpf_ktime_get_ns(), sa->cost_ns, ike_burst_ns)) {
		count(&stats->ike_limited, 1, bytes);
		return XDP_DROP;
	}
	if (p->fragment)
		fragment_remember(p, SLUICE_FRAGMENTS_OWN);
	count(&stats->ike_passed, 1, bytes);
	return XDP_PASS;
}

/* The key of this device and queue in xsks, or a key that is never filled. */
static __always_inline __u32 socket_key(struct xdp_md *ctx)
{
	__u32 queue = ctx->rx_queue_index;

	if (queue >= SLUICE_MAX_QUEUES)
		return SLUICE_MAX_OUTSIDE * SLUICE_MAX_QUEUES;
	for (__u32 i = 0; i < SLUICE_MAX_OUTSIDE; i++) {
		__u32 known = outside_ifindex[i];

		if (known && known == ctx->ingress_ifindex)
			return i * SLUICE_MAX_QUEUES + queue;
	}
	return SLUICE_MAX_OUTSIDE * SLUICE_MAX_QUEUES;
}

/* To the kernel's ESP, on the CPU of the tunnel: no site has a CPU alone, none carries all. */
static __always_inline int to_kernel(const struct sa_in *sa, __u64 bytes)
{
	__u32 site = sa->site;
	__u64 *credit = bpf_map_lookup_elem(&site_credit, &site);

	if (credit && *(volatile __u64 *)credit < SLUICE_CREDIT_MAX)
		__sync_fetch_and_add(credit, bytes);
	return bpf_redirect_map(&cpus, SLUICE_STEER(sa->tunnel) % esp_cpus, XDP_PASS);
}

/* Where there is no loan left. Apart from the rest, which is what most packets pass. */
static __noinline enum police_verdict police_by_buckets(const struct sa_in *sa,
	struct site_loan *loan, struct police_cpu *cpu, __u64 bytes, int small)
{
	__u32 bucket_index = bucket_of(sa->tunnel, sa->own_limits), direction = SLUICE_IN;
	struct rate_bucket *bucket = bpf_map_lookup_elem(&bucket_in, &bucket_index);
	struct rate_bucket *aggregate = bpf_map_lookup_elem(&bucket_aggregate, &direction);

	if (!bucket || !aggregate)
		return POLICE_SITE_RATE;
	return police(bucket, loan, aggregate, sa->own_limits, cpu, bytes, small);
}

/*
 * Apart as well: who does not mark needs no bucket for what its loan paid. A time that was read before
 * makes the bucket look fuller than it is.
 */
static __noinline int tell_if_congested(struct xdp_md *ctx, const struct outside_packet *p,
	const struct sa_in *sa, struct police_cpu *cpu)
{
	__u32 bucket_index = bucket_of(sa->tunnel, sa->own_limits);
	struct rate_bucket *bucket = bpf_map_lookup_elem(&bucket_in, &bucket_index);
	struct told *last;
	__u64 left, room;

	if (!bucket || !congested(bucket, clock_of(cpu, 0), &left, &room) ||
		!congested(bucket, clock_of(cpu, 1), &left, &room))
		return 0;
	last = bpf_map_lookup_elem(&told_sites, &bucket_index);
	if (last && may_tell(last, left, room, cpu->now) && tell_congestion(ctx, p)) {
		last->when = cpu->now;
		last->left = left;
	}
	return 0;
}

/*
 * A site must not pay for what others send in its name, and not be lost when its address changes. So what
 * comes from elsewhere has a budget of its own; a worker charges the site for it when it was authentic.
 * Nobody can do that behind the kernel's ESP: there it pays here as well.
 */
static __noinline int foreign(
	const struct sa_in *sa, struct site_stats *site, struct outside_cpu *cpu, __u64 bytes)
{
	__u64 burst = (__u64)SLUICE_FOREIGN_NS * (SLUICE_FOREIGN_BURST - 1), start;
	__u32 tunnel = sa->tunnel;
	__u64 *tat = bpf_map_lookup_elem(&foreign_budget, &tunnel);

	if (tat && bucket_charge(tat, clock_of(&cpu->police, 1), SLUICE_FOREIGN_NS, burst, &start))
		return 1;
	count(&site->offered, 1, bytes);
	count(&site->foreign, 1, bytes);
	return 0;
}

/* `redirect`: what to return for a packet that may pass. */
static __always_inline int police_and_redirect(struct xdp_md *ctx, const struct outside_packet *p,
	const struct sa_in *sa, struct outside_cpu *cpu, int redirect)
{
	__u64 bytes = p->esp_len - sa->overhead, charged = outer_rates ? p->outer_len : bytes;
	__u32 site_index = sa->site, bucket_index = bucket_of(sa->tunnel, sa->own_limits);
	struct site_stats *site = bpf_map_lookup_elem(&site_in_stats, &site_index);
	struct site_loan *loan = bpf_map_lookup_elem(&site_loans, &bucket_index);

	if (!site || !loan) {
		count(&cpu->stats.unknown_spi, 1, bytes);
		return XDP_DROP;
	}
	if (!same_address(p->family, sa->remote, p->remote)) {
		if (!foreign(sa, site, cpu, bytes))
			return XDP_DROP;
		if (!esp_cpus) {
			count(&site->offered, 1, bytes);
			return redirect;
		}
	}
	count(&site->offered, 1, bytes);
	if (!spend(loan, sa->own_limits, &cpu->police, charged)) {
		switch (police_by_buckets(sa, loan, &cpu->police, charged,
			bytes <= SLUICE_SMALL_PACKET ? PAY_SMALL : 0)) {
		case POLICE_SITE_RATE:
			count(&site->site_rate, 1, bytes);
			return XDP_DROP;
		case POLICE_SITE_PPS:
			count(&site->site_pps, 1, bytes);
			return XDP_DROP;
		case POLICE_AGGREGATE:
			count(&site->aggregate_rate, 1, bytes);
			return XDP_DROP;
		case POLICE_PASS:
			break;
		}
	}
	if (ecn_marking)
		tell_if_congested(ctx, p, sa, &cpu->police);
	if (esp_cpus)
		return to_kernel(sa, bytes);
	return redirect;
}

static __always_inline int esp(
	struct xdp_md *ctx, const struct outside_packet *p, struct outside_cpu *cpu)
{
	struct outside_stats *stats = &cpu->stats;
	struct sa_in *sa = 0;
	int redirect = XDP_REDIRECT;

	count(&stats->esp, 1, p->esp_len);
	switch (classify(&sa_in, p, &sa)) {
	case SA_UNKNOWN:
		count(&stats->unknown_spi, 1, p->esp_len);
		return XDP_DROP;
	case SA_WRONG_OUTER:
		count(&stats->wrong_outer, 1, p->esp_len);
		return XDP_DROP;
	case SA_MATCH:
		break;
	}
	if (!sa || p->esp_len <= sa->overhead) {
		count(&stats->malformed, 1, p->esp_len);
		return XDP_DROP;
	}
	/* Only prepared: it holds when this is what the program returns. */
	if (!esp_cpus)
		redirect = bpf_redirect_map(&xsks, socket_key(ctx), XDP_DROP);
	if (redirect != XDP_REDIRECT) {
		count(&stats->no_socket, 1, p->esp_len);
		return XDP_DROP;
	}
	return police_and_redirect(ctx, p, sa, cpu, redirect);
}

/* Whether the kernel may have it. The first fragment of IKE has been judged as IKE. */
static __noinline int fragment(
	const struct outside_packet *p, struct outside_stats *stats, __u64 bytes)
{
	__s32 followers = SLUICE_FRAGMENTS_OWN;
	struct sa_in *sa = 0;
	__u64 *tat = 0;
	enum fragment_of whose = FRAGMENT_OF_STRANGER;

	if (p->fragment == FRAGMENT_LATER && fragment_follows(p))
		goto pass;
	if (p->is_esp) {
		__u32 tunnel;

		switch (classify(&sa_in, p, &sa)) {
		case SA_UNKNOWN:
			count(&stats->unknown_spi, 1, bytes);
			return XDP_DROP;
		case SA_WRONG_OUTER:
			count(&stats->wrong_outer, 1, bytes);
			return XDP_DROP;
		case SA_MATCH:
			break;
		}
		if (!sa)
			return XDP_DROP;
		tunnel = sa->tunnel;
		whose = same_address(p->family, sa->remote, p->remote) ? FRAGMENT_OF_PEER
								       : FRAGMENT_OF_OTHER;
		tat = whose == FRAGMENT_OF_PEER ? bpf_map_lookup_elem(&fragment_budget, &tunnel)
						: bpf_map_lookup_elem(&foreign_budget, &tunnel);
	}
	if (!fragment_by_budget(tat ? tat : &fragment_tat_ns, whose)) {
		count(&stats->fragment_limited, 1, bytes);
		return XDP_DROP;
	}
	if (!tat) /* a stranger's: what follows pays as well */
		goto pass;
	if (whose == FRAGMENT_OF_OTHER)
		followers = SLUICE_FRAGMENTS_FOREIGN;
	fragment_remember(p, followers);
pass:
	count(&stats->fragment, 1, bytes);
	return XDP_PASS;
}

/* The hub's own, or for several, or nobody. A VLAN of the device is another device for the kernel. */
static __noinline int is_for_hub(struct xdp_md *ctx, const struct outside_packet *p)
{
	return ends_here(ctx, ctx->ingress_ifindex, inside_ifindex, p->family, p->remote, p->local);
}

/* What no SA is for. Apart from the rest, which is what every packet of a site passes. */
static __noinline int not_esp(struct xdp_md *ctx, const struct outside_packet *p,
	struct outside_stats *stats, enum outside_kind kind)
{
	__u64 bytes = (void *)(long)ctx->data_end - (void *)(long)ctx->data;

	if (kind == OUTSIDE_KEEPALIVE) {
		count(&stats->keepalive, 1, bytes);
		return XDP_DROP;
	}
	if (kind == OUTSIDE_MALFORMED) {
		count(&stats->malformed, 1, bytes);
		return XDP_DROP;
	}
	/* What follows goes to the kernel. */
	if (p->family && !p->vlan && !outside_forwarding && !is_for_hub(ctx, p) &&
		!dhcp_answer_kept(ctx, p)) {
		count(&stats->clear_in, 1, bytes);
		return XDP_DROP;
	}
	if (!p->vlan && too_big_about_icmp(ctx, p) && (!outside_forwarding || is_for_hub(ctx, p))) {
		count(&stats->too_big_icmp, 1, bytes);
		return XDP_DROP;
	}
	if (kind == OUTSIDE_IKE)
		return ike(ctx, p, stats, bytes);
	/* Others' are not put together here. */
	if (kind == OUTSIDE_FRAGMENT && !p->vlan && !outside_forwarding)
		return fragment(p, stats, bytes);
	if (kind == OUTSIDE_FRAGMENT)
		count(&stats->fragment, 1, bytes);
	else
		count(&stats->not_ours, 1, bytes);
	return XDP_PASS;
}

SEC("xdp")
int outside(struct xdp_md *ctx)
{
	struct outside_packet p = {};
	enum outside_kind kind;
	struct outside_cpu *cpu;
	__u32 zero = 0;

	cpu = bpf_map_lookup_elem(&outside_drops, &zero);
	if (!cpu)
		return XDP_DROP;
	kind = parse_outside(ctx, &p);
	if (kind == OUTSIDE_ESP)
		return esp(ctx, &p, cpu);
	return not_esp(ctx, &p, &cpu->stats, kind);
}

/* Forwarded, on its way out: from a host behind the hub, or from a site. NAT makes it the hub's own. */
static __always_inline int is_others(struct __sk_buff *skb)
{
	__u8 from[16] = {}, none[16] = {}, family;
	int r;

	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		family = 4;
		r = bpf_skb_load_bytes_relative(skb, IPV4_SOURCE_AT, from, 4, BPF_HDR_START_NET);
	} else if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
		family = 6;
		r = bpf_skb_load_bytes_relative(skb, IPV6_SOURCE_AT, from, 16, BPF_HDR_START_NET);
	} else {
		return 0; /* nothing that the kernel forwards */
	}
	return r || !ends_here(skb, skb->ingress_ifindex, inside_ifindex, family, none, from);
}

/* ESP and IKE, and how neighbours are found: no prefix that a site announces can stop these. */
static __always_inline int is_vital(struct __sk_buff *skb)
{
	const __u8 *ip = (const __u8 *)(long)skb->data + ETH_HLEN,
		   *end = (void *)(long)skb->data_end;
	__u8 protocol;
	__u16 port;

	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		if (ip + IPV4_LEAST + 4 > end)
			return 0;
		protocol = ip[9];
		if (protocol == IPPROTO_UDP && (ip[0] != 0x45 || ip[6] & 0x1f || ip[7]))
			return 0; /* no port is where we look */
		ip += IPV4_LEAST;
	} else {
		if (ip + IPV6_HEADER + 4 > end)
			return 0;
		protocol = ip[6];
		ip += IPV6_HEADER;
		if (protocol == IPPROTO_ICMPV6 && ip[0] >= ND_FIRST && ip[0] <= ND_LAST)
			return 1;
	}
	port = ip[0] << 8 | ip[1];
	return protocol == IPPROTO_ESP ||
	       (protocol == IPPROTO_UDP && (port == PORT_IKE || port == PORT_IKE_NATT));
}

/* Whoever binds a socket to the device has not asked the routing table for it. */
static __always_inline int is_bound(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;

	if (sk)
		sk = bpf_sk_fullsock(sk);
	return sk && sk->bound_dev_if == skb->ifindex;
}

/* The hub's own, or behind its NAT, to where a site is or was: its route has gone, the next leads here. */
static __always_inline int is_for_site(struct __sk_buff *skb)
{
	struct route4_key k4 = {.prefix_len = 32};
	struct route6_key k6 = {.prefix_len = 128};
	struct route_target *target = 0;

	if (skb->protocol != bpf_htons(ETH_P_IP) && skb->protocol != bpf_htons(ETH_P_IPV6))
		return 0;
	if (is_vital(skb) || is_bound(skb))
		return 0;
	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		if (!bpf_skb_load_bytes_relative(
			    skb, IPV4_TARGET_AT, k4.address, 4, BPF_HDR_START_NET))
			target = bpf_map_lookup_elem(&closed4, &k4);
	} else {
		if (!bpf_skb_load_bytes_relative(
			    skb, IPV6_TARGET_AT, k6.address, 16, BPF_HDR_START_NET))
			target = bpf_map_lookup_elem(&closed6, &k6);
	}
	return target && target->tunnel != SLUICE_NOT_CLOSED;
}

static __always_inline int drop_clear(struct __sk_buff *skb, int own)
{
	__u32 zero = 0;
	struct outside_cpu *cpu = bpf_map_lookup_elem(&outside_drops, &zero);

	if (cpu && own)
		count(&cpu->stats.clear_own, 1, skb->len);
	else if (cpu)
		count(&cpu->stats.clear_out, 1, skb->len);
	return TC_ACT_SHOT;
}

SEC("tc")
int leaving(struct __sk_buff *skb)
{
	/* A VLAN of the device is another device, as on the way in. */
	if (outside_forwarding || skb->vlan_present)
		return TC_ACT_OK;
	if (skb->ingress_ifindex && is_others(skb))
		return drop_clear(skb, 0);
	return is_for_site(skb) ? drop_clear(skb, 1) : TC_ACT_OK;
}
