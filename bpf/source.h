/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a site may send, once it is opened: from where, and to what of the hub's own. Both data planes ask
 * where the packet enters the inside; a super-packet is asked about once.
 */
#ifndef BPF_SOURCE_H
#define BPF_SOURCE_H

#include "guard.h"
#include "maps.h"
#include "selectors.h"

#include <linux/in6.h>

/* Set before anything is attached. */
__u32 inside_ifindex;

/* Counted on with every change of routes, tunnels and what is declared, after the change. */
__u64 source_generation;

PLAIN_ARRAY(tunnels, struct tunnel_record, SLUICE_MAX_TUNNELS);
ROUTE_TRIE(route4, struct route4_key, SLUICE_MAX_ROUTES);
ROUTE_TRIE(route6, struct route6_key, SLUICE_MAX_ROUTES);
SOURCE_TRIE(sources4, struct source4_key);
SOURCE_TRIE(sources6, struct source6_key);

PLAIN_ARRAY(strange_sessions, struct strange_session, SLUICE_MAX_TUNNELS);

PLAIN_ARRAY(hub_fragments, __u64, SLUICE_MAX_TUNNELS); /* when the budget of a tunnel is used up */
PLAIN_ARRAY(new_neighbours, __u64,
	SLUICE_MAX_TUNNELS); /* the same of those that have to be asked for */

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SLUICE_MAX_SERVICES);
	__type(key, __u32);
	__type(value, __u8);
} services SEC(".maps");

/*
 * To look up both ends of a packet costs as much as some of the kernel's forwarding. So what was found to
 * pass by the hub is remembered, by its addresses and tunnel, until something changes that we know of, and
 * for 64 ms at most where there are 250 jiffies in a second: the host may get an address without our knowing.
 */
#define JUDGED_PAIRS   1024 /* of this CPU: a power of two */
#define JUDGED_JIFFIES 16

struct judged {
	__be64 source[2], destination[2];
	__u32 tunnel;
	__u32 family; /* 0: free */
	__u64 jiffies, generation;
};

COUNTER_ARRAY(judged_pairs, struct judged, JUDGED_PAIRS);

#define LIST_BITS          32 /* of the list's number, in front of the address */
#define ICMP_ECHO_REPLY    0  /* RFC 792 */
#define ICMP_UNREACHABLE   3
#define ICMP_ECHO_REQUEST  8
#define ICMP_TIME_EXCEEDED 11
#define ICMP_PARAMETER     12
#define ICMP_QUOTE         8 /* offset of the packet that an error is about */
#define ICMP6_LAST_ERROR   4 /* RFC 4443 2.1 */
#define ICMP6_ECHO_REQUEST 128
#define ICMP6_ECHO_REPLY   129
#define IPV4_ADDRESSES     12 /* source, then destination */
#define IPV6_ADDRESSES     8

enum source_verdict {
	SOURCE_OK,
	SOURCE_WRONG,
	SOURCE_NO_SERVICE,
	SOURCE_NO_NEIGHBOUR,
};

enum served {
	SERVED_NOT,
	SERVED,
	SERVED_ERROR, /* if it is about something that the hub has sent there */
};

static __always_inline int is_zero(const __u8 *a, int words)
{
	__u32 any = 0;

	for (int i = 0; i < words; i++)
		any |= ((const __u32 *)a)[i];
	return !any;
}

/* An address of the packet is that inside address of the tunnel; one that it does not have is nobody's. */
static __always_inline int is_inside(
	__u8 family, const __be64 address[2], const __u8 v4[4], const __u8 v6[16])
{
	const __u32 *a = (const __u32 *)address, *b = (const __u32 *)v6;

	if (family == 4)
		return a[0] == *(const __u32 *)v4 && a[0];
	return !((a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]) | (a[3] ^ b[3])) && !is_zero(v6, 4);
}

static __always_inline const struct source_owner *declared(__u32 list, const struct selected *s)
{
	if (s->family == 4) {
		struct source4_key key = {.prefix_len = LIST_BITS + 32, .list = list};

		__builtin_memcpy(key.address, s->source, 4);
		return bpf_map_lookup_elem(&sources4, &key);
	}

	struct source6_key key = {.prefix_len = LIST_BITS + 128, .list = list};

	__builtin_memcpy(key.address, s->source, 16);
	return bpf_map_lookup_elem(&sources6, &key);
}

static __always_inline const struct route_target *route_back(const struct selected *s)
{
	if (s->family == 4) {
		struct route4_key key = {.prefix_len = 32};

		__builtin_memcpy(key.address, s->source, 4);
		return bpf_map_lookup_elem(&route4, &key);
	}

	struct route6_key key = {.prefix_len = 128};

	__builtin_memcpy(key.address, s->source, 16);
	return bpf_map_lookup_elem(&route6, &key);
}

static __always_inline __u32 inside_of(struct __sk_buff *skb)
{
	return inside_ifindex ? inside_ifindex : skb->ifindex;
}

/*
 * Where the kernel sends what comes by the inside device. Its own table is asked, because addresses and
 * routes are the host's business and change when nobody tells us.
 */
static __always_inline int route_of(
	struct __sk_buff *skb, __u8 family, const __be64 address[2], __u32 *leaves_by)
{
	struct bpf_fib_lookup f = {.ifindex = inside_of(skb)};
	int kind;

	if (family == 4) {
		f.family = FAMILY_IPV4;
		__builtin_memcpy(&f.ipv4_dst, address, 4);
	} else {
		f.family = FAMILY_IPV6;
		__builtin_memcpy(f.ipv6_dst, address, 16);
	}
	kind = bpf_fib_lookup(skb, &f, sizeof(f), 0);
	*leaves_by = f.ifindex;
	return kind;
}

/*
 * It ends at the hub, or nowhere: a broadcast. Whoever gets no answer takes it for local, which few packets
 * may be.
 */
static __always_inline int leads_to_hub(int kind)
{
	return kind < 0 || kind == BPF_FIB_LKUP_RET_NOT_FWDED ||
	       kind == BPF_FIB_LKUP_RET_FWD_DISABLED;
}

static __always_inline int is_local(struct __sk_buff *skb, __u8 family, const __be64 address[2])
{
	__u32 ignored;

	return leads_to_hub(route_of(skb, family, address, &ignored));
}

/* For a host beside the hub: the kernel has to ask for its MAC address, and keeps a place for it meanwhile. */
static __always_inline int neighbour_by_budget(__u32 tunnel)
{
	__u64 burst = (__u64)SLUICE_NEIGHBOUR_NS * (SLUICE_NEIGHBOUR_BURST - 1), start;
	__u64 *tat = bpf_map_lookup_elem(&new_neighbours, &tunnel);

	return tat && bucket_charge(tat, bpf_ktime_get_ns(), SLUICE_NEIGHBOUR_NS, burst, &start);
}

static __always_inline int goes_to_sites(
	struct __sk_buff *skb, __u8 family, const __be64 address[2])
{
	__u32 leaves_by;
	int kind = route_of(skb, family, address, &leaves_by);

	return (kind == BPF_FIB_LKUP_RET_SUCCESS || kind == BPF_FIB_LKUP_RET_NO_NEIGH) &&
	       leaves_by == inside_of(skb);
}

/*
 * The longest match decides, of routes and of what is declared, as this site's or as somebody else's;
 * `strictly`, whatever it is let off. Where none but perhaps a default route leads, the hub's own and others' are
 * still theirs.
 */
static __noinline int source_belongs(
	struct __sk_buff *skb, const struct selected *s, __u32 tunnel, int strictly)
{
	const struct tunnel_record *record = bpf_map_lookup_elem(&tunnels, &tunnel), *back = 0;
	const struct source_owner *own, *owner;
	const struct route_target *target;
	int mine = 0, routed = 0, others = 0;
	__u32 check;

	if (!skb || !s || !record)
		return 0;
	check = strictly ? SOURCE_STRICT : record->source_check;
	if (check == SOURCE_OFF || is_inside(s->family, s->source, record->peer4, record->peer6))
		return 1;
	target = route_back(s);
	if (target) {
		__u32 to = target->tunnel;

		back = bpf_map_lookup_elem(&tunnels, &to);
		mine = record->group && back && back->group == record->group;
		routed = target->len;
	}
	owner = declared(SLUICE_OWNERS, s);
	if (owner && owner->group != record->group)
		others = owner->len +
			 (owner->group == SLUICE_GROUP_HUB); /* goes before an equal one */
	if (mine && routed && routed >= others)
		return 1;
	own = declared(record->site, s);
	if (own && own->len && (int)own->len >= routed && (int)own->len >= others)
		return 1;
	if (routed || others)
		return 0;
	if (check == SOURCE_STRICT && !mine && !own)
		return 0;
	return (owner && owner->len) || !is_local(skb, s->family, s->source);
}

/* What the hub itself asked for: a connection, or a UDP socket that has this one peer. */
static __always_inline int is_answer(struct __sk_buff *skb, const struct selected *s)
{
	struct bpf_sock_tuple t = {};
	struct bpf_sock *sk;
	__u32 len, state;

	if (s->family == 4) {
		len = sizeof(t.ipv4);
		__builtin_memcpy(&t.ipv4.saddr, s->source, 4);
		__builtin_memcpy(&t.ipv4.daddr, s->destination, 4);
		t.ipv4.sport = bpf_htons(s->source_port);
		t.ipv4.dport = bpf_htons(s->destination_port);
	} else {
		len = sizeof(t.ipv6);
		__builtin_memcpy(t.ipv6.saddr, s->source, 16);
		__builtin_memcpy(t.ipv6.daddr, s->destination, 16);
		t.ipv6.sport = bpf_htons(s->source_port);
		t.ipv6.dport = bpf_htons(s->destination_port);
	}
	/* Apart to the end: the verifier wants to know which kind of socket an instruction reads. */
	if (s->protocol == IPPROTO_TCP) {
		sk = bpf_skc_lookup_tcp(skb, &t, len, BPF_F_CURRENT_NETNS, 0);
		if (!sk)
			return 0;
		state = *(volatile __u32 *)&sk->state;
		bpf_sk_release(sk);
		return state != BPF_TCP_LISTEN;
	}
	sk = bpf_sk_lookup_udp(skb, &t, len, BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return 0;
	state = *(volatile __u32 *)&sk->state;
	bpf_sk_release(sk);
	return state == BPF_TCP_ESTABLISHED;
}

/*
 * An error about a packet that the hub sent to a site. The kernel asks for no more than the addresses of an
 * echo, and lowers the path MTU to wherever it went, be that another site's device. Who sent the error has
 * been judged: from here on `source` is where the packet that it quotes went, to be judged like that.
 */
static __noinline int is_about_hubs(struct __sk_buff *skb, struct selected *s)
{
	__be64 from[2] = {}, to[2] = {};
	__u32 at, len;
	__u8 version;

	if (!skb || !s)
		return 0;
	at = s->transport + ICMP_QUOTE;
	len = s->family == 4 ? 4 : 16;
	if (bpf_skb_load_bytes(skb, at, &version, 1) || version >> 4 != s->family)
		return 0;
	at += s->family == 4 ? IPV4_ADDRESSES : IPV6_ADDRESSES;
	if (len == 4 ? bpf_skb_load_bytes(skb, at, from, 4) ||
				bpf_skb_load_bytes(skb, at + 4, to, 4)
		     : bpf_skb_load_bytes(skb, at, from, 16) ||
				bpf_skb_load_bytes(skb, at + 16, to, 16))
		return 0;
	s->source[0] = to[0];
	s->source[1] = to[1];
	return from[0] == s->destination[0] && from[1] == s->destination[1] &&
	       goes_to_sites(skb, s->family, to);
}

/* Echo, and errors (RFC 792, RFC 4443). Neither redirects nor advertisements. */
static __always_inline enum served icmp_served(const struct selected *s)
{
	int error;

	if (s->protocol == IPPROTO_ICMPV6) {
		if (s->icmp_type == ICMP6_ECHO_REQUEST || s->icmp_type == ICMP6_ECHO_REPLY)
			return SERVED;
		error = s->icmp_type && s->icmp_type <= ICMP6_LAST_ERROR;
	} else {
		if (s->icmp_type == ICMP_ECHO_REQUEST || s->icmp_type == ICMP_ECHO_REPLY)
			return SERVED;
		error = s->icmp_type == ICMP_UNREACHABLE || s->icmp_type == ICMP_TIME_EXCEEDED ||
			s->icmp_type == ICMP_PARAMETER;
	}
	return error ? SERVED_ERROR : SERVED_NOT;
}

/* Headers of IPv6 behind which anything may be, such as an error. The hub has no need of them. */
static __always_inline int is_extension(const struct selected *s)
{
	return s->family == 6 &&
	       (s->protocol == IPPROTO_HOPOPTS || s->protocol == IPPROTO_ROUTING ||
		       s->protocol == IPPROTO_FRAGMENT || s->protocol == IPPROTO_DSTOPTS ||
		       s->protocol == IPPROTO_MH);
}

static __always_inline int is_service(__u8 protocol, __u16 port)
{
	__u32 key = SLUICE_SERVICE(protocol, port), any = SLUICE_SERVICE_ANY;

	return bpf_map_lookup_elem(&services, &key) || bpf_map_lookup_elem(&services, &any);
}

/* The kernel has one room for fragments of all senders, outside and inside, and keeps what is not complete. */
static __always_inline int fragment_for_hub(__u32 tunnel)
{
	__u64 burst = (__u64)SLUICE_HUB_FRAGMENT_NS * (SLUICE_HUB_FRAGMENT_BURST - 1), start;
	__u64 *tat = bpf_map_lookup_elem(&hub_fragments, &tunnel);

	return tat && bucket_charge(tat, bpf_ktime_get_ns(), SLUICE_HUB_FRAGMENT_NS, burst, &start);
}

/* Whether somebody here waits for it is not known here. Not atomic: only people read it. */
static __always_inline void note_bfd(__u32 tunnel)
{
	struct strange_session *x = bpf_map_lookup_elem(&strange_sessions, &tunnel);

	if (x)
		x->bfd_ns = bpf_ktime_get_ns();
}

/*
 * For the hub itself: sessions of this very tunnel (RFC 5881 3), ICMP, what was asked for, and what the
 * configuration opens. A fragment without ports is nothing without its first one, but takes room.
 */
static __noinline enum served is_served(
	struct __sk_buff *skb, const struct selected *s, __u32 tunnel)
{
	const struct tunnel_record *record = bpf_map_lookup_elem(&tunnels, &tunnel);
	__u16 port;

	if (!skb || !s || !record)
		return 0;
	if (s->fragment && !fragment_for_hub(tunnel))
		return 0;
	if (s->later)
		return 1;
	if (s->protocol == (s->family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
		return icmp_served(s);
	if (s->protocol != IPPROTO_TCP && s->protocol != IPPROTO_UDP)
		return !is_extension(s) && is_service(0, 0);
	port = s->protocol == IPPROTO_TCP ? SLUICE_PORT_BGP : SLUICE_PORT_BFD;
	if (s->destination_port == port &&
		is_inside(s->family, s->source, record->peer4, record->peer6) &&
		is_inside(s->family, s->destination, record->hub4, record->hub6)) {
		if (port == SLUICE_PORT_BFD)
			note_bfd(tunnel);
		return 1;
	}
	return is_service(s->protocol, s->destination_port) || is_answer(skb, s);
}

static __always_inline int is_multicast(const struct selected *s)
{
	__u8 first = *(const __u8 *)s->destination;

	return s->family == 4 ? first >= IPV4_MULTICAST : first == IPV6_MULTICAST;
}

static __always_inline struct judged *judged_find(
	__u32 tunnel, const __be64 source[2], const __be64 destination[2])
{
	__u64 h =
		(source[0] ^ (destination[0] << 7 | destination[0] >> 57)) ^
		(source[1] ^ (destination[1] << 7 | destination[1] >> 57)) * 0x9e3779b97f4a7c15ull;
	__u32 key;

	h = (h ^ tunnel) * 0xff51afd7ed558ccdull;
	key = (h >> 32) % JUDGED_PAIRS;
	return bpf_map_lookup_elem(&judged_pairs, &key);
}

static __always_inline int judged_holds(const struct judged *j, __u32 tunnel, __u32 family,
	const __be64 source[2], const __be64 destination[2])
{
	return j->family == family && j->tunnel == tunnel && j->source[0] == source[0] &&
	       j->source[1] == source[1] && j->destination[0] == destination[0] &&
	       j->destination[1] == destination[1] && j->generation == source_generation &&
	       bpf_jiffies64() - j->jiffies < JUDGED_JIFFIES;
}

/*
 * Dropped, or from the tunnel's end to another than the hub's: the device has other addresses than the hub. What
 * routers behind both say to each other is between neither of the two ends. Not atomic: only people read it.
 */
static __noinline int note_strange(const struct selected *s, __u32 tunnel, int dropped)
{
	const struct tunnel_record *record = bpf_map_lookup_elem(&tunnels, &tunnel);
	struct strange_session *x = bpf_map_lookup_elem(&strange_sessions, &tunnel);

	if (!s || !record || !x)
		return 0;
	if (!dropped && (!is_inside(s->family, s->source, record->peer4, record->peer6) ||
				is_inside(s->family, s->destination, record->hub4, record->hub6)))
		return 0;
	x->family = s->family;
	x->protocol = s->protocol;
	__builtin_memcpy(x->source, s->source, sizeof(x->source));
	__builtin_memcpy(x->destination, s->destination, sizeof(x->destination));
	x->at_ns = bpf_ktime_get_ns();
	return 0;
}

static __always_inline int is_routing_protocol(const struct selected *s)
{
	return (s->protocol == IPPROTO_TCP && s->destination_port == SLUICE_PORT_BGP) ||
	       (s->protocol == IPPROTO_UDP && s->destination_port == SLUICE_PORT_BFD);
}

static __always_inline enum source_verdict refuse(
	const struct selected *s, __u32 tunnel, enum source_verdict v)
{
	if (is_routing_protocol(s))
		note_strange(s, tunnel, 1);
	return v;
}

static __noinline int note_wrong(const struct selected *s, __u32 tunnel)
{
	struct strange_session *x = bpf_map_lookup_elem(&strange_sessions, &tunnel);

	if (!s || !x)
		return 0;
	x->wrong_family = s->family;
	__builtin_memcpy(x->wrong_source, s->source, sizeof(x->wrong_source));
	x->wrong_ns = bpf_ktime_get_ns();
	return 0;
}

static __always_inline enum source_verdict wrong_source(const struct selected *s, __u32 tunnel)
{
	note_wrong(s, tunnel);
	return refuse(s, tunnel, SOURCE_WRONG);
}

/* An opened packet of the tunnel. Multicast is for nobody but the hub, which hears none. */
static __always_inline enum source_verdict source_check(
	struct __sk_buff *skb, struct selected *s, __u32 tunnel)
{
	struct judged *j = judged_find(tunnel, s->source, s->destination);
	__u64 generation = *(volatile __u64 *)&source_generation;
	__u32 leaves_by;
	int kind;

	if (!j || judged_holds(j, tunnel, s->family, s->source, s->destination))
		return j ? SOURCE_OK : SOURCE_WRONG;
	if (is_multicast(s) && !is_service(0, 0))
		return SOURCE_NO_SERVICE;
	if (!source_belongs(skb, s, tunnel, 0))
		return wrong_source(s, tunnel);
	kind = route_of(skb, s->family, s->destination, &leaves_by);
	if (leads_to_hub(kind)) {
		enum served served = is_served(skb, s, tunnel);

		if (served == SERVED_ERROR)
			served = is_about_hubs(skb, s) && source_belongs(skb, s, tunnel, 1);
		return served ? SOURCE_OK : refuse(s, tunnel, SOURCE_NO_SERVICE);
	}
	if (kind == BPF_FIB_LKUP_RET_NO_NEIGH && leaves_by != inside_of(skb) &&
		!neighbour_by_budget(tunnel))
		return SOURCE_NO_NEIGHBOUR;
	if (is_routing_protocol(s))
		note_strange(s, tunnel, 0);
	__builtin_memcpy(j->source, s->source, sizeof(j->source));
	__builtin_memcpy(j->destination, s->destination, sizeof(j->destination));
	j->tunnel = tunnel;
	j->family = s->family;
	j->jiffies = bpf_jiffies64();
	j->generation = generation;
	return SOURCE_OK;
}

#endif
