/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/connected.h"

#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/route.h>
#include <sys/socket.h>

struct collecting {
	const uint32_t *but;
	size_t but_count;
	struct ip_prefix *list;
	size_t count, max;
	bool full;
};

static bool is_left_out(const struct collecting *c, uint32_t ifindex)
{
	for (size_t i = 0; i < c->but_count; i++) {
		if (c->but[i] == ifindex)
			return true;
	}
	return false;
}

static void add(struct collecting *c, int family, const void *bytes, unsigned int len)
{
	struct ip_addr a = addr_from_bytes(family, bytes);

	if (!len)
		return;
	if (c->count == c->max)
		c->full = true;
	else
		c->list[c->count++] = prefix_make(&a, len);
}

static int take_address(struct nl_msg *answer, void *context)
{
	struct collecting *c = context;
	struct nlmsghdr *h = nlmsg_hdr(answer);
	const struct ifaddrmsg *m = nlmsg_data(h);
	const struct nlattr *network, *own;
	unsigned int bits;

	if (h->nlmsg_type != RTM_NEWADDR || is_left_out(c, m->ifa_index) ||
		(m->ifa_family != AF_INET && m->ifa_family != AF_INET6))
		return NL_SKIP;
	bits = m->ifa_family == AF_INET ? 32 : 128;
	network = nlmsg_find_attr(h, sizeof(*m), IFA_ADDRESS); /* of a link: the other end */
	own = nlmsg_find_attr(h, sizeof(*m), IFA_LOCAL);
	own = own ? own : network; /* IPv6 says it where there is another end only */
	if (network)
		add(c, m->ifa_family, nla_data(network), m->ifa_prefixlen);
	if (own)
		add(c, m->ifa_family, nla_data(own), bits);
	return NL_OK;
}

static void take_next_hop(struct rtnl_nexthop *hop, void *context)
{
	struct collecting *c = context;
	struct nl_addr *gateway = rtnl_route_nh_get_gateway(hop);

	if (!gateway)
		gateway = rtnl_route_nh_get_via(hop);
	if (!gateway || is_left_out(c, (uint32_t)rtnl_route_nh_get_ifindex(hop)))
		return;
	if (nl_addr_get_family(gateway) == AF_INET && nl_addr_get_len(gateway) == 4)
		add(c, AF_INET, nl_addr_get_binary_addr(gateway), 32);
	if (nl_addr_get_family(gateway) == AF_INET6 && nl_addr_get_len(gateway) == 16)
		add(c, AF_INET6, nl_addr_get_binary_addr(gateway), 128);
}

/* Without a next hop it leads to what is on the link. */
static bool is_on_link(struct collecting *c, struct rtnl_route *route)
{
	struct rtnl_nexthop *hop = rtnl_route_nexthop_n(route, 0);

	return rtnl_route_get_nnexthops(route) == 1 && !rtnl_route_nh_get_gateway(hop) &&
	       !rtnl_route_nh_get_via(hop) &&
	       !is_left_out(c, (uint32_t)rtnl_route_nh_get_ifindex(hop));
}

static int take_route(struct nl_msg *answer, void *context)
{
	struct collecting *c = context;
	struct nlmsghdr *h = nlmsg_hdr(answer);
	const struct rtmsg *m = nlmsg_data(h);
	struct rtnl_route *route = NULL;
	struct nl_addr *to;

	if (h->nlmsg_type != RTM_NEWROUTE || m->rtm_flags & RTM_F_CLONED ||
		m->rtm_type != RTN_UNICAST || rtnl_route_parse(h, &route))
		return NL_SKIP;
	to = rtnl_route_get_dst(route);
	rtnl_route_foreach_nexthop(route, take_next_hop, c);
	if (to && nl_addr_get_len(to) && is_on_link(c, route))
		add(c, m->rtm_family, nl_addr_get_binary_addr(to), m->rtm_dst_len);
	rtnl_route_put(route);
	return NL_OK;
}

/* One question and its answers. */
static bool ask(struct collecting *c, int type, const void *header, size_t len,
	int (*take)(struct nl_msg *, void *))
{
	struct nl_sock *sock = nl_socket_alloc();
	struct nl_msg *question = nlmsg_alloc_simple(type, NLM_F_DUMP);
	int on = 1;
	bool ok = sock && question && !nlmsg_append(question, (void *)header, len, NLMSG_ALIGNTO) &&
		  !nl_socket_modify_cb(sock, NL_CB_VALID, NL_CB_CUSTOM, take, c) &&
		  !nl_connect(sock, NETLINK_ROUTE) &&
		  !setsockopt(nl_socket_get_fd(sock), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on,
			  sizeof(on)) &&
		  nl_send_auto(sock, question) >= 0 && nl_recvmsgs_default(sock) >= 0;

	nlmsg_free(question);
	nl_socket_free(sock);
	return ok;
}

bool connected_list(
	const uint32_t *but, size_t but_count, struct ip_prefix *list, size_t max, size_t *count)
{
	/* The kernel chooses by protocol: of our own routes, who are many, it sends none. */
	static const uint8_t protocols[] = {RTPROT_BOOT, RTPROT_STATIC, RTPROT_RA, RTPROT_DHCP};
	static const uint8_t families[] = {AF_INET, AF_INET6};
	struct collecting c = {.but = but, .but_count = but_count, .list = list, .max = max};
	struct ifaddrmsg addresses = {0};
	bool ok = ask(&c, RTM_GETADDR, &addresses, sizeof(addresses), take_address);

	for (size_t i = 0; ok && i < sizeof(protocols) * sizeof(families); i++) {
		struct rtmsg m = {.rtm_family = families[i % 2],
			.rtm_type = RTN_UNICAST,
			.rtm_protocol = protocols[i / 2]};

		ok = ask(&c, RTM_GETROUTE, &m, sizeof(m), take_route);
	}
	*count = c.count;
	return ok && !c.full;
}
