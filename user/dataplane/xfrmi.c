/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/xfrmi.h"

#include "base/types.h"

#include <linux/if.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <netlink/route/link/xfrmi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MTU_START  1280  /* until SAs say what fits */
#define MTU_MIN    1280  /* RFC 8200 5: below it, the kernel turns IPv6 off */
#define FQ_PACKETS 20000 /* room: what waits is bounded by the pacing horizon, not here */

struct xfrmi {
	struct nl_sock *sock;
};

static bool is_ours(struct rtnl_link *link)
{
	const char *type = rtnl_link_get_type(link);
	uint32_t if_id;

	return type && !strcmp(type, "xfrm") && !rtnl_link_xfrmi_get_if_id(link, &if_id) &&
	       if_id >= SLUICE_IF_ID && if_id < SLUICE_IF_ID + SLUICE_MAX_TUNNELS;
}

static void remove_leftovers(struct xfrmi *x)
{
	struct nl_cache *cache;

	if (rtnl_link_alloc_cache(x->sock, AF_UNSPEC, &cache) < 0)
		return;
	for (struct nl_object *o = nl_cache_get_first(cache); o; o = nl_cache_get_next(o)) {
		if (is_ours((struct rtnl_link *)o))
			(void)rtnl_link_delete(x->sock, (struct rtnl_link *)o);
	}
	nl_cache_free(cache);
}

struct xfrmi *xfrmi_open(char error[DATAPLANE_ERROR_SIZE])
{
	struct xfrmi *x = calloc(1, sizeof(*x));

	if (x)
		x->sock = nl_socket_alloc();
	if (!x || !x->sock || nl_connect(x->sock, NETLINK_ROUTE) < 0) {
		snprintf(error, DATAPLANE_ERROR_SIZE, "cannot open netlink for xfrm interfaces");
		xfrmi_close(x);
		return NULL;
	}
	remove_leftovers(x);
	return x;
}

void xfrmi_close(struct xfrmi *x)
{
	if (x)
		nl_socket_free(x->sock);
	free(x);
}

/*
 * libnl has no fq. Without it departure times would be ignored, which is policing: bulk would lose
 * whole super-packets.
 */
static int set_queue(struct xfrmi *x, uint32_t ifindex)
{
	struct tcmsg tc = {
		.tcm_family = AF_UNSPEC, .tcm_ifindex = (int)ifindex, .tcm_parent = TC_H_ROOT};
	struct nl_msg *m =
		nlmsg_alloc_simple(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE | NLM_F_REQUEST);
	struct nlattr *options;
	int r = -NLE_NOMEM;

	if (!m || nlmsg_append(m, &tc, sizeof(tc), NLMSG_ALIGNTO) ||
		nla_put_string(m, TCA_KIND, "fq"))
		goto out;
	options = nla_nest_start(m, TCA_OPTIONS);
	if (!options || nla_put_u32(m, TCA_FQ_PLIMIT, FQ_PACKETS) ||
		nla_put_u32(m, TCA_FQ_FLOW_PLIMIT, FQ_PACKETS))
		goto out;
	nla_nest_end(m, options);
	r = nl_send_sync(x->sock, m);
	m = NULL; /* nl_send_sync frees it */
out:
	nlmsg_free(m);
	return r;
}

static struct rtnl_link *describe(uint32_t tunnel, uint32_t outside_ifindex, const char *site)
{
	struct rtnl_link *link = rtnl_link_xfrmi_alloc();
	char name[IFNAMSIZ], alias[64];

	if (!link)
		return NULL;
	snprintf(name, sizeof(name), "sl%u-%u", tunnel / TUNNELS_PER_SITE,
		tunnel % TUNNELS_PER_SITE);
	snprintf(alias, sizeof(alias), "%s tunnel %u", site, tunnel % TUNNELS_PER_SITE);
	rtnl_link_set_name(link, name);
	rtnl_link_set_ifalias(link, alias);
	rtnl_link_set_mtu(link, MTU_START);
	rtnl_link_xfrmi_set_link(link, outside_ifindex);
	rtnl_link_xfrmi_set_if_id(link, SLUICE_IF_ID + tunnel);
	return link;
}

static uint32_t index_of(struct xfrmi *x, const char *name)
{
	struct rtnl_link *link = NULL;
	uint32_t index = 0;

	if (!rtnl_link_get_kernel(x->sock, 0, name, &link)) {
		index = (uint32_t)rtnl_link_get_ifindex(link);
		rtnl_link_put(link);
	}
	return index;
}

static int set_up(struct xfrmi *x, uint32_t ifindex)
{
	struct rtnl_link *which = rtnl_link_alloc(), *change = rtnl_link_alloc();
	int r = -NLE_NOMEM;

	if (which && change) {
		rtnl_link_set_ifindex(which, (int)ifindex);
		rtnl_link_set_flags(change, IFF_UP);
		r = rtnl_link_change(x->sock, which, change, 0);
	}
	rtnl_link_put(which);
	rtnl_link_put(change);
	return r;
}

uint32_t xfrmi_add(struct xfrmi *x, uint32_t tunnel, uint32_t outside_ifindex, const char *site,
	char error[DATAPLANE_ERROR_SIZE])
{
	struct rtnl_link *link = describe(tunnel, outside_ifindex, site);
	uint32_t ifindex = 0;
	const char *what = "made";
	int r = link ? rtnl_link_add(x->sock, link, NLM_F_CREATE | NLM_F_EXCL) : -NLE_NOMEM;

	if (!r) {
		ifindex = index_of(x, rtnl_link_get_name(link));
		what = "given an fq queue";
		r = ifindex ? set_queue(x, ifindex) : -NLE_OBJ_NOTFOUND;
	}
	if (!r) {
		what = "set up";
		r = set_up(x, ifindex);
	}
	if (r) {
		snprintf(error, DATAPLANE_ERROR_SIZE, "xfrm interface %s cannot be %s: %s",
			link ? rtnl_link_get_name(link) : "", what, nl_geterror(r));
		if (ifindex)
			xfrmi_del(x, ifindex);
		ifindex = 0;
	}
	rtnl_link_put(link);
	return ifindex;
}

void xfrmi_del(struct xfrmi *x, uint32_t ifindex)
{
	struct rtnl_link *link = rtnl_link_alloc();

	if (!link)
		return;
	rtnl_link_set_ifindex(link, (int)ifindex);
	(void)rtnl_link_delete(x->sock, link);
	rtnl_link_put(link);
}

bool xfrmi_mtu_set(struct xfrmi *x, uint32_t ifindex, uint32_t mtu)
{
	struct rtnl_link *which = rtnl_link_alloc(), *change = rtnl_link_alloc();
	bool ok = false;

	if (which && change) {
		rtnl_link_set_ifindex(which, (int)ifindex);
		rtnl_link_set_mtu(change, mtu < MTU_MIN ? MTU_MIN : mtu);
		ok = !rtnl_link_change(x->sock, which, change, 0);
	}
	rtnl_link_put(which);
	rtnl_link_put(change);
	return ok;
}
