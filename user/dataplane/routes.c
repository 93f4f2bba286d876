/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes into the kernel's table. Messages are laid out by hand: an object of libnl for each costs as
 * much as the kernel's own work. The kernel deals with all messages of one datagram before sendmsg
 * returns. It answers those that failed, by sequence number, and the last one in any case, which says
 * that it has come to the end.
 */
#include "dataplane/routes.h"

#include "dataplane/link.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROUTE_METRIC  83         /* ours alone: replacing never hits a route of others */
#define METRIC_CLOSED UINT32_MAX /* any other route of the prefix goes before */
#define MESSAGE_ROOM  160        /* bytes of the longest message, with all attributes in IPv6 */
#define ANSWER_ROOM   16384

/*
 * The one next hop of all our routes: RFC 7600's IPv4 dummy address, and a link-local address that
 * nobody answers for. The device has no ARP, so they are names of neighbour entries, no more.
 */
static const uint8_t gateway4[4] = {192, 0, 0, 8};
static const uint8_t gateway6[16] = {0xfe, 0x80, [15] = 0x01};

struct datagram {
	_Alignas(struct nlmsghdr) uint8_t bytes[ROUTES_BATCH * MESSAGE_ROOM];
	size_t len;
	struct nlmsghdr *last;
};

static void *put(struct datagram *d, const void *bytes, size_t len)
{
	void *at = d->bytes + d->len;

	memset((uint8_t *)at + len, 0, NLMSG_ALIGN(len) - len);
	memcpy(at, bytes, len);
	d->len += NLMSG_ALIGN(len);
	return at;
}

static void put_attribute(struct datagram *d, uint16_t type, const void *bytes, size_t len)
{
	struct rtattr a = {.rta_type = type, .rta_len = (uint16_t)RTA_LENGTH(len)};

	put(d, &a, sizeof(a));
	put(d, bytes, len);
}

static void put_u32(struct datagram *d, uint16_t type, uint32_t value)
{
	put_attribute(d, type, &value, sizeof(value));
}

static void put_mtu(struct datagram *d, uint32_t mtu)
{
	struct {
		struct rtattr head;
		uint32_t value;
	} metric = {{sizeof(metric), RTAX_MTU}, mtu};

	put_attribute(d, RTA_METRICS, &metric, sizeof(metric));
}

static void put_target(struct datagram *d, const struct route_socket *s, const struct fib_route *r)
{
	bool v6 = r->prefix.addr.family == AF_INET6;
	const struct ip_addr *source = v6 && !addr_is_set(&r->source) ? &s->source6 : &r->source;

	put_attribute(d, RTA_GATEWAY, v6 ? gateway6 : gateway4, addr_len(&r->prefix.addr));
	put_u32(d, RTA_OIF, s->ifindex);
	if (r->mtu)
		put_mtu(d, r->mtu);
	if (addr_is_set(source))
		put_attribute(d, RTA_PREFSRC, source->bytes, addr_len(source));
}

/* What is asked of the kernel for each route. */
struct verb {
	uint16_t type;
	uint16_t flags;
};

static const struct verb verb_set = {RTM_NEWROUTE, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_REPLACE};
static const struct verb verb_restore = {RTM_NEWROUTE, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL};
static const struct verb verb_del = {RTM_DELROUTE, NLM_F_REQUEST};

static void put_route(struct datagram *d, const struct route_socket *s, struct verb verb,
	const struct fib_route *r, uint32_t sequence)
{
	bool add = verb.type == RTM_NEWROUTE;
	uint32_t table = r->inside ? RT_TABLE_MAIN : s->table;
	struct nlmsghdr h = {
		.nlmsg_type = verb.type, .nlmsg_flags = verb.flags, .nlmsg_seq = sequence};
	struct rtmsg m = {.rtm_family = r->prefix.addr.family,
		.rtm_dst_len = r->prefix.len,
		.rtm_table = table < 256 ? (uint8_t)table : RT_TABLE_COMPAT,
		.rtm_protocol = LINK_ROUTE_PROTOCOL,
		.rtm_scope = RT_SCOPE_UNIVERSE,
		.rtm_type = r->closed ? RTN_UNREACHABLE : RTN_UNICAST,
		.rtm_flags = add && !r->closed ? RTNH_F_ONLINK : 0};
	size_t start = d->len;

	d->last = put(d, &h, sizeof(h));
	put(d, &m, sizeof(m));
	put_attribute(d, RTA_DST, r->prefix.addr.bytes, addr_len(&r->prefix.addr));
	put_u32(d, RTA_TABLE, table);
	put_u32(d, RTA_PRIORITY, r->closed ? METRIC_CLOSED : ROUTE_METRIC);
	if (add && !r->closed)
		put_target(d, s, r);
	d->last->nlmsg_len = (uint32_t)(d->len - start);
}

/* One datagram of answers. True when the one to the last message is among them. */
static bool take_answers(struct route_socket *s, const uint8_t *bytes, size_t len,
	struct fib_route *routes, size_t count, uint32_t first)
{
	for (size_t at = 0; at + NLMSG_LENGTH(sizeof(struct nlmsgerr)) <= len;) {
		struct nlmsghdr h;
		struct nlmsgerr e;
		uint32_t i;

		memcpy(&h, bytes + at, sizeof(h));
		memcpy(&e, bytes + at + NLMSG_HDRLEN, sizeof(e));
		if (h.nlmsg_len < sizeof(h))
			return false;
		i = h.nlmsg_seq - first;
		if (h.nlmsg_type == NLMSG_ERROR && i < count) {
			routes[i].failed = e.error != 0;
			if (h.nlmsg_seq == s->sequence)
				return true;
		}
		at += NLMSG_ALIGN(h.nlmsg_len);
	}
	return false;
}

/*
 * All answers are there when sendmsg has returned, more than one datagram of them only when routes
 * failed. False: one was lost, for want of room. The others must be read all the same.
 */
static bool read_answers(
	struct route_socket *s, struct fib_route *routes, size_t count, uint32_t first)
{
	uint8_t answer[ANSWER_ROOM];
	bool whole = false;
	ssize_t n;

	do {
		n = recv(nl_socket_get_fd(s->sock), answer, sizeof(answer), MSG_DONTWAIT);
		if (n > 0)
			whole = take_answers(s, answer, (size_t)n, routes, count, first);
	} while (!whole && (n > 0 || (n < 0 && (errno == ENOBUFS || errno == EINTR))));
	return whole;
}

/* Up to ROUTES_BATCH of them in one datagram. */
static void write_some(
	struct route_socket *s, struct verb verb, struct fib_route *routes, size_t count)
{
	struct datagram d;
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	uint32_t first = s->sequence + 1;
	ssize_t sent;

	d.len = 0;
	d.last = NULL;
	for (size_t i = 0; i < count; i++) {
		s->sequence++;
		if (!routes[i].failed)
			put_route(&d, s, verb, &routes[i], s->sequence);
	}
	if (!d.last)
		return;
	d.last->nlmsg_flags |= NLM_F_ACK;
	s->sequence = d.last->nlmsg_seq;
	sent = sendto(nl_socket_get_fd(s->sock), d.bytes, d.len, 0, (struct sockaddr *)&kernel,
		sizeof(kernel));
	if (sent == (ssize_t)d.len && read_answers(s, routes, count, first))
		return;
	for (size_t i = 0; i < count; i++)
		routes[i].failed = true;
}

static size_t write_all(
	struct route_socket *s, struct verb verb, struct fib_route *routes, size_t count)
{
	size_t failed = 0;

	for (size_t at = 0; at < count; at += ROUTES_BATCH) {
		size_t left = count - at;

		write_some(s, verb, routes + at, left < ROUTES_BATCH ? left : ROUTES_BATCH);
	}
	for (size_t i = 0; i < count; i++)
		failed += routes[i].failed;
	return failed;
}

size_t route_socket_set(struct route_socket *s, struct fib_route *routes, size_t count)
{
	return write_all(s, verb_set, routes, count);
}

size_t route_socket_restore(struct route_socket *s, struct fib_route *routes, size_t count)
{
	return write_all(s, verb_restore, routes, count);
}

size_t route_socket_del(struct route_socket *s, struct fib_route *routes, size_t count)
{
	return write_all(s, verb_del, routes, count);
}

/* ---- what others have put there ---- */

struct listing {
	struct ip_prefix *list;
	size_t count, max;
};

static int take_listed(struct nl_msg *answer, void *context)
{
	struct listing *l = context;
	struct nlmsghdr *h = nlmsg_hdr(answer);
	const struct nlattr *to = nlmsg_find_attr(h, sizeof(struct rtmsg), RTA_DST);
	const struct rtmsg *m = nlmsg_data(h);

	if (h->nlmsg_type != RTM_NEWROUTE || !to /* a default route */ ||
		m->rtm_flags & RTM_F_CLONED || m->rtm_protocol == LINK_ROUTE_PROTOCOL ||
		m->rtm_type != RTN_UNICAST)
		return NL_SKIP;
	if (l->count == l->max)
		return NL_STOP;
	l->list[l->count++] = (struct ip_prefix){
		.addr = addr_from_bytes(m->rtm_family, nla_data(to)), .len = m->rtm_dst_len};
	return NL_OK;
}

/* Asks the kernel to choose: who has a hundred thousand routes to sites reads only the others. */
static int list_routes(struct nl_sock *sock, int family, uint32_t ifindex)
{
	struct rtmsg m = {.rtm_family = (uint8_t)family, .rtm_type = RTN_UNICAST};
	struct nl_msg *ask = nlmsg_alloc_simple(RTM_GETROUTE, NLM_F_DUMP);
	int on = 1, r = -NLE_NOMEM;

	if (ask && !nlmsg_append(ask, &m, sizeof(m), NLMSG_ALIGNTO) &&
		!nla_put_u32(ask, RTA_OIF, ifindex))
		r = nl_connect(sock, NETLINK_ROUTE);
	if (!r && setsockopt(nl_socket_get_fd(sock), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on,
			  sizeof(on)))
		r = -NLE_OPNOTSUPP;
	if (!r)
		r = nl_send_auto(sock, ask);
	nlmsg_free(ask);
	return r < 0 ? r : nl_recvmsgs_default(sock);
}

bool routes_by_device(
	int family, uint32_t ifindex, struct ip_prefix *list, size_t max, size_t *count)
{
	struct listing l = {.list = list, .max = max};
	struct nl_sock *sock = nl_socket_alloc();
	int r = -NLE_NOMEM;

	if (sock && !nl_socket_modify_cb(sock, NL_CB_VALID, NL_CB_CUSTOM, take_listed, &l))
		r = list_routes(sock, family, ifindex);
	nl_socket_free(sock);
	*count = l.count;
	return r >= 0 || r == -NLE_NODEV;
}
