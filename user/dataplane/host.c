/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/host.h"

#include "dataplane/link.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/rule.h>
#include <netlink/socket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WATCHED_MAX   16
#define WATCH_BUFFER  (4 << 20) /* bytes: others may change thousands of addresses at once */
#define RULE_PRIORITY 1         /* after the table of local addresses */

struct watched {
	char name[IFNAMSIZ];
	uint32_t ifindex; /* 0: there is none of that name */
	bool gone;        /* one has gone, and nobody has asked yet */
};

struct host_watch {
	struct nl_sock *sock;
	struct watched devices[WATCHED_MAX];
	size_t count;
	bool changed; /* while messages are read */
	bool missed;  /* some had when a device was added */
};

/* ---- what has changed ---- */

static bool on_link(struct host_watch *w, struct nlmsghdr *h)
{
	const struct ifinfomsg *m = nlmsg_data(h);
	const struct nlattr *name = nlmsg_find_attr(h, sizeof(*m), IFLA_IFNAME);

	for (size_t i = 0; i < w->count; i++) {
		struct watched *d = &w->devices[i];
		bool same = d->ifindex && d->ifindex == (uint32_t)m->ifi_index;

		if (name && !nla_strcmp(name, d->name)) {
			bool gone = h->nlmsg_type == RTM_DELLINK;

			d->gone |= gone && same; /* not one that had the name before */
			if (!gone || same)
				d->ifindex = gone ? 0 : (uint32_t)m->ifi_index;
			return true;
		}
		if (same) { /* it has another name now */
			d->gone = true;
			d->ifindex = 0;
			return true;
		}
	}
	return false;
}

static bool is_watched(const struct host_watch *w, uint32_t ifindex)
{
	for (size_t i = 0; i < w->count; i++) {
		if (w->devices[i].ifindex == ifindex)
			return true;
	}
	return false;
}

static bool on_address(const struct host_watch *w, struct nlmsghdr *h)
{
	const struct ifaddrmsg *m = nlmsg_data(h);

	/* What the hub is known by may be on any device. */
	return h->nlmsg_type == RTM_DELADDR || is_watched(w, m->ifa_index);
}

/* Forwarding, reverse path filter: of a device, or of all. */
static bool on_setting(const struct host_watch *w, struct nlmsghdr *h)
{
	const struct nlattr *a = nlmsg_find_attr(h, sizeof(struct netconfmsg), NETCONFA_IFINDEX);

	return a &&
	       ((int32_t)nla_get_u32(a) == NETCONFA_IFINDEX_ALL || is_watched(w, nla_get_u32(a)));
}

static int take_notice(struct nl_msg *m, void *context)
{
	struct host_watch *w = context;
	struct nlmsghdr *h = nlmsg_hdr(m);

	switch (h->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		w->changed |= nlmsg_valid_hdr(h, sizeof(struct ifinfomsg)) && on_link(w, h);
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		w->changed |= nlmsg_valid_hdr(h, sizeof(struct ifaddrmsg)) && on_address(w, h);
		break;
	case RTM_NEWNETCONF:
		w->changed |= nlmsg_valid_hdr(h, sizeof(struct netconfmsg)) && on_setting(w, h);
		break;
	default:
		break;
	}
	return NL_OK;
}

struct host_watch *host_watch_open(char error[DATAPLANE_ERROR_SIZE])
{
	static const int groups[] = {RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
		RTNLGRP_IPV4_NETCONF, RTNLGRP_IPV6_NETCONF};
	struct host_watch *w = calloc(1, sizeof(*w));
	bool ok = w && (w->sock = nl_socket_alloc());

	if (ok) {
		nl_socket_disable_seq_check(w->sock);
		ok = !nl_socket_modify_cb(w->sock, NL_CB_VALID, NL_CB_CUSTOM, take_notice, w) &&
		     !nl_connect(w->sock, NETLINK_ROUTE) && !nl_socket_set_nonblocking(w->sock);
	}
	for (size_t i = 0; ok && i < sizeof(groups) / sizeof(groups[0]); i++)
		ok = !nl_socket_add_memberships(w->sock, groups[i], 0);
	if (ok) {
		(void)nl_socket_set_buffer_size(w->sock, WATCH_BUFFER, 0);
		return w;
	}
	snprintf(error, DATAPLANE_ERROR_SIZE, "cannot watch devices and addresses: %s",
		strerror(errno));
	host_watch_close(w);
	return NULL;
}

void host_watch_close(struct host_watch *w)
{
	if (w)
		nl_socket_free(w->sock);
	free(w);
}

int host_watch_fd(const struct host_watch *w)
{
	return nl_socket_get_fd(w->sock);
}

/* False: nothing has changed that is of interest, and nothing of it is lost. */
static bool read_all(struct host_watch *w)
{
	bool lost = false;
	int r;

	do {
		r = nl_recvmsgs_default(w->sock);
		lost |= r == -NLE_NOMEM; /* ENOBUFS */
	} while (r >= 0 || r == -NLE_NOMEM);
	return w->changed || lost;
}

void host_watch_device(struct host_watch *w, const char *name)
{
	struct link_device device;
	struct watched *d = &w->devices[w->count];

	for (size_t i = 0; i < w->count; i++) {
		if (!strcmp(w->devices[i].name, name))
			return;
	}
	if (w->count == WATCHED_MAX)
		return;
	/* What was told before is not of this one. */
	w->missed |= read_all(w);
	*d = (struct watched){0};
	snprintf(d->name, sizeof(d->name), "%s", name);
	d->ifindex = link_device(name, &device) ? device.ifindex : 0;
	w->count++;
}

void host_watch_forget(struct host_watch *w, const char *name)
{
	for (size_t i = 0; i < w->count; i++) {
		if (!strcmp(w->devices[i].name, name)) {
			w->devices[i] = w->devices[--w->count];
			return;
		}
	}
}

bool host_watch_read(struct host_watch *w)
{
	bool missed = w->missed;

	w->changed = w->missed = false;
	return read_all(w) || missed;
}

bool host_watch_gone(struct host_watch *w, const char *name)
{
	for (size_t i = 0; i < w->count; i++) {
		bool gone = w->devices[i].gone;

		if (strcmp(w->devices[i].name, name))
			continue;
		w->devices[i].gone = false;
		return gone;
	}
	return false;
}

/* ---- what is so now ---- */

static void add_address(struct host_addresses *l, const struct host_address *a)
{
	if (l->count == l->room) {
		size_t room = l->room ? 2 * l->room : 64;
		struct host_address *more = realloc(l->list, room * sizeof(*more));

		if (!more)
			abort();
		l->list = more;
		l->room = room;
	}
	l->list[l->count++] = *a;
}

static int take_address(struct nl_msg *answer, void *context)
{
	struct host_addresses *l = context;
	struct nlmsghdr *h = nlmsg_hdr(answer);
	const struct ifaddrmsg *m = nlmsg_data(h);
	const struct nlattr *local, *wide;
	uint32_t flags;

	if (h->nlmsg_type != RTM_NEWADDR || (m->ifa_family != AF_INET && m->ifa_family != AF_INET6))
		return NL_SKIP;
	local = nlmsg_find_attr(h, sizeof(*m), IFA_LOCAL); /* of a link between two */
	if (!local)
		local = nlmsg_find_attr(h, sizeof(*m), IFA_ADDRESS);
	wide = nlmsg_find_attr(h, sizeof(*m), IFA_FLAGS);
	flags = wide ? nla_get_u32(wide) : m->ifa_flags;
	if (!local || flags & IFA_F_DADFAILED)
		return NL_SKIP;
	add_address(l, &(struct host_address){.ifindex = m->ifa_index,
			       .address = addr_from_bytes(m->ifa_family, nla_data(local)),
			       .len = m->ifa_prefixlen,
			       .global = m->ifa_scope == RT_SCOPE_UNIVERSE &&
					 !(flags & IFA_F_DEPRECATED)});
	return NL_OK;
}

bool host_addresses(struct host_addresses *all)
{
	struct nl_sock *sock = nl_socket_alloc();
	struct ifaddrmsg any = {.ifa_family = AF_UNSPEC};
	int r = -NLE_NOMEM;

	all->count = 0;
	if (sock && !nl_socket_modify_cb(sock, NL_CB_VALID, NL_CB_CUSTOM, take_address, all))
		r = nl_connect(sock, NETLINK_ROUTE);
	if (!r)
		r = nl_send_simple(sock, RTM_GETADDR, NLM_F_DUMP, &any, sizeof(any));
	if (r >= 0)
		r = nl_recvmsgs_default(sock);
	nl_socket_free(sock);
	return r >= 0;
}

void host_addresses_fini(struct host_addresses *all)
{
	free(all->list);
	*all = (struct host_addresses){0};
}

static int write_rule(struct nl_sock *sock, int family, const char *device, bool closed)
{
	struct rtnl_rule *rule = rtnl_rule_alloc();
	int r;

	if (!rule)
		return -NLE_NOMEM;
	rtnl_rule_set_family(rule, family);
	rtnl_rule_set_prio(rule, RULE_PRIORITY);
	rtnl_rule_set_action(rule, FR_ACT_BLACKHOLE);
	rtnl_rule_set_protocol(rule, LINK_ROUTE_PROTOCOL);
	r = rtnl_rule_set_iif(rule, device);
	if (!r && closed)
		r = rtnl_rule_add(sock, rule, NLM_F_EXCL);
	else if (!r)
		r = rtnl_rule_delete(sock, rule, 0);
	rtnl_rule_put(rule);
	return r;
}

bool host_forward_closed(const char *device, bool closed)
{
	static const int families[] = {AF_INET, AF_INET6};
	struct nl_sock *sock = nl_socket_alloc();
	bool ok = sock && !nl_connect(sock, NETLINK_ROUTE);

	for (int i = 0; ok && i < 2; i++) {
		int r = write_rule(sock, families[i], device, closed);

		/* There already, not there any longer, or no IPv6 here. */
		ok = r >= 0 || r == (closed ? -NLE_EXIST : -NLE_OBJ_NOTFOUND) ||
		     r == -NLE_OPNOTSUPP || r == -NLE_AF_NOSUPPORT;
	}
	nl_socket_free(sock);
	return ok;
}

static bool is_ours(struct rtnl_rule *rule)
{
	uint8_t protocol;

	return !rtnl_rule_get_protocol(rule, &protocol) && protocol == LINK_ROUTE_PROTOCOL &&
	       rtnl_rule_get_prio(rule) == RULE_PRIORITY && rtnl_rule_get_iif(rule);
}

static bool is_among(const char *name, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(names[i], name))
			return true;
	}
	return false;
}

void host_forward_forget(const char *const *names, size_t count)
{
	static const int families[] = {AF_INET, AF_INET6};
	struct nl_sock *sock = nl_socket_alloc();
	bool connected = sock && !nl_connect(sock, NETLINK_ROUTE);

	for (int i = 0; connected && i < 2; i++) {
		struct nl_object *o;
		struct nl_cache *all;

		if (rtnl_rule_alloc_cache(sock, families[i], &all))
			continue;
		for (o = nl_cache_get_first(all); o; o = nl_cache_get_next(o)) {
			struct rtnl_rule *rule = (struct rtnl_rule *)o;

			if (is_ours(rule) && !is_among(rtnl_rule_get_iif(rule), names, count))
				(void)rtnl_rule_delete(sock, rule, 0);
		}
		nl_cache_free(all);
	}
	nl_socket_free(sock);
}

struct way {
	uint32_t ifindex;
	bool found;
};

/* One of several next hops may be by the device. */
static bool leads_by(struct nlmsghdr *h, uint32_t ifindex)
{
	const struct nlattr *out = nlmsg_find_attr(h, sizeof(struct rtmsg), RTA_OIF);
	struct nlattr *several = nlmsg_find_attr(h, sizeof(struct rtmsg), RTA_MULTIPATH);
	const struct rtnexthop *n = several ? nla_data(several) : NULL;
	int left = several ? nla_len(several) : 0;

	if (out && nla_get_u32(out) == ifindex)
		return true;
	while (n && RTNH_OK(n, left)) {
		if ((uint32_t)n->rtnh_ifindex == ifindex)
			return true;
		left -= RTNH_ALIGN(n->rtnh_len);
		n = RTNH_NEXT(n);
	}
	return false;
}

static int take_way(struct nl_msg *answer, void *context)
{
	struct way *w = context;
	struct nlmsghdr *h = nlmsg_hdr(answer);
	const struct rtmsg *m = nlmsg_data(h);
	bool connected = m->rtm_protocol == RTPROT_KERNEL;

	if (h->nlmsg_type == RTM_NEWROUTE && m->rtm_type == RTN_UNICAST && !connected &&
		leads_by(h, w->ifindex))
		w->found = true;
	return NL_OK;
}

/* The kernel chooses by the device, so a table of many routes to sites costs nothing. */
bool host_way_out(int family, uint32_t ifindex)
{
	struct way w = {.ifindex = ifindex};
	struct rtmsg m = {.rtm_family = (uint8_t)family, .rtm_type = RTN_UNICAST};
	struct nl_sock *sock = nl_socket_alloc();
	struct nl_msg *ask = nlmsg_alloc_simple(RTM_GETROUTE, NLM_F_DUMP);
	int on = 1, r = -NLE_NOMEM;

	if (sock && ask && !nl_socket_modify_cb(sock, NL_CB_VALID, NL_CB_CUSTOM, take_way, &w) &&
		!nlmsg_append(ask, &m, sizeof(m), NLMSG_ALIGNTO) &&
		!nla_put_u32(ask, RTA_OIF, ifindex))
		r = nl_connect(sock, NETLINK_ROUTE);
	if (!r)
		(void)setsockopt(nl_socket_get_fd(sock), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on,
			sizeof(on));
	if (!r)
		r = nl_send_auto(sock, ask);
	if (r >= 0)
		r = nl_recvmsgs_default(sock);
	nlmsg_free(ask);
	nl_socket_free(sock);
	return w.found || r < 0; /* who cannot be asked is not accused */
}

static int rp_filter_of(const char *device)
{
	char path[96], text[16];

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/rp_filter", device);
	return host_setting_read(path, text, sizeof(text)) ? atoi(text) : 0;
}

/* The larger one counts (ip-sysctl.rst, rp_filter). */
bool host_rp_filter_loosen(const char *device, bool *was_strict)
{
	int all = rp_filter_of("all"), own = rp_filter_of(device);
	char path[96];

	*was_strict = (all > own ? all : own) == 1;
	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/rp_filter", device);
	return !*was_strict || host_setting_write(path, "2");
}
