/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/link.h"

#include "dataplane/host.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/route.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_NAME     "sluice0"
#define DEFAULT_TX_QUEUE 2048
#define LEFTOVER_WAIT_MS 2000
#define ROUTE_ANSWERS    (ROUTES_BATCH * 2048) /* each answer is a packet of its own to the kernel */

/* Linux 6.2; older headers lack them. */
#define OFFLOAD_USO4 0x20
#define OFFLOAD_USO6 0x40

enum { HOST_SETTINGS = 7 };

struct link {
	struct nl_sock *sock;
	struct route_socket routes;
	char name[IFNAMSIZ];
	char offloads[32];
	uint32_t ifindex;
	uint32_t queues;
	char before[HOST_SETTINGS]
		   [32]; /* what those of host_settings were that are changed, or "" */
	uint32_t mtu, tx_queue;
	int steer_fd;
	struct ip_addr source4; /* on the device, for what the hub itself sends */
	int fds[SLUICE_MAX_WORKERS];
};

static uint32_t index_of(struct nl_sock *s, const char *name)
{
	struct rtnl_link *link = NULL;
	uint32_t index = 0;

	if (!rtnl_link_get_kernel(s, 0, name, &link)) {
		index = (uint32_t)rtnl_link_get_ifindex(link);
		rtnl_link_put(link);
	}
	return index;
}

/*
 * The device dies with its last descriptor. One that is still there belongs to a living process:
 * joining it would take some of that process's packets, so wait a moment and then give up.
 */
static bool name_is_free(struct link *l, char error[DATAPLANE_ERROR_SIZE])
{
	const struct timespec pause = {.tv_nsec = 50 * 1000 * 1000};

	for (int waited = 0; index_of(l->sock, l->name); waited += 50) {
		if (waited >= LEFTOVER_WAIT_MS) {
			snprintf(error, DATAPLANE_ERROR_SIZE,
				"device %s exists and another process holds it", l->name);
			return false;
		}
		nanosleep(&pause, NULL);
	}
	return true;
}

static bool open_queue(struct link *l, uint32_t i, char error[DATAPLANE_ERROR_SIZE])
{
	struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE};

	l->fds[i] = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (l->fds[i] < 0) {
		snprintf(error, DATAPLANE_ERROR_SIZE, "cannot open /dev/net/tun: %s",
			strerror(errno));
		return false;
	}
	memcpy(ifr.ifr_name, l->name, sizeof(ifr.ifr_name));
	if ((l->ifindex && !i && ioctl(l->fds[i], TUNSETIFINDEX, &l->ifindex)) ||
		ioctl(l->fds[i], TUNSETIFF, &ifr)) {
		snprintf(error, DATAPLANE_ERROR_SIZE, "cannot create queue %u of %s: %s", i,
			l->name, strerror(errno));
		return false;
	}
	return true;
}

/* Takes the best set of offloads the kernel has: without USO, UDP arrives packet by packet. */
static bool set_offloads(struct link *l, char error[DATAPLANE_ERROR_SIZE])
{
	static const struct {
		unsigned int bits;
		const char *text;
	} sets[] = {
		{TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN | OFFLOAD_USO4 | OFFLOAD_USO6,
			"checksum tso uso"},
		{TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN, "checksum tso"},
		{TUN_F_CSUM, "checksum"},
	};

	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		uint32_t q = 0;

		while (q < l->queues && !ioctl(l->fds[q], TUNSETOFFLOAD, sets[i].bits))
			q++;
		if (q == l->queues) {
			snprintf(l->offloads, sizeof(l->offloads), "%s", sets[i].text);
			return true;
		}
	}
	snprintf(error, DATAPLANE_ERROR_SIZE, "%s takes no offloads: %s", l->name, strerror(errno));
	return false;
}

static void device_setting(
	const struct link *l, const char *family, const char *key, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/%s", family, l->name, key);
	(void)host_setting_write(path, value); /* absent where IPv6 is off */
}

static bool bring_up(struct link *l, char error[DATAPLANE_ERROR_SIZE])
{
	static const uint8_t mac[6] = SLUICE_INSIDE_MAC;
	struct rtnl_link *old = NULL, *change = rtnl_link_alloc();
	struct nl_addr *address = nl_addr_build(AF_LLC, mac, sizeof(mac));
	int r = -NLE_NOMEM;

	if (!change || !address)
		goto out;
	r = rtnl_link_get_kernel(l->sock, 0, l->name, &old);
	if (r < 0)
		goto out;
	l->ifindex = l->routes.ifindex = (uint32_t)rtnl_link_get_ifindex(old);
	/* No link-local address: nothing on the other side speaks neighbour discovery. */
	device_setting(l, "ipv6", "addr_gen_mode", "1");
	device_setting(l, "ipv6", "accept_ra", "0");
	device_setting(l, "ipv6", "forwarding", "1"); /* bpf/guard.h asks for its sake */
	device_setting(l, "ipv6", "router_solicitations", "0");
	device_setting(l, "ipv4", "send_redirects", "0");
	device_setting(l, "ipv4", "rp_filter", "0");
	rtnl_link_set_addr(change, address);
	r = rtnl_link_change(l->sock, old, change, 0);
	if (r < 0)
		goto out;
	rtnl_link_set_mtu(change, l->mtu);
	rtnl_link_set_txqlen(change, l->tx_queue);
	rtnl_link_set_flags(change, IFF_NOARP | IFF_UP);
	r = rtnl_link_change(l->sock, old, change, 0);
out:
	if (r < 0)
		snprintf(error, DATAPLANE_ERROR_SIZE, "cannot set up %s: %s", l->name,
			nl_geterror(r));
	nl_addr_put(address);
	rtnl_link_put(old);
	rtnl_link_put(change);
	return r >= 0;
}

static bool make_device(struct link *l, char error[DATAPLANE_ERROR_SIZE])
{
	for (uint32_t i = 0; i < l->queues; i++) {
		if (!open_queue(l, i, error))
			return false;
	}
	if (!set_offloads(l, error))
		return false;
	if (l->steer_fd >= 0 && ioctl(l->fds[0], TUNSETSTEERINGEBPF, &l->steer_fd)) {
		snprintf(error, DATAPLANE_ERROR_SIZE, "%s takes no steering program: %s", l->name,
			strerror(errno));
		return false;
	}
	return bring_up(l, error);
}

struct link *link_open(const struct link_options *o, char error[DATAPLANE_ERROR_SIZE])
{
	struct link *l = calloc(1, sizeof(*l));
	const int yes = 1; /* answers without what they answer */

	if (!l || o->queues < 1 || o->queues > SLUICE_MAX_WORKERS) {
		snprintf(error, DATAPLANE_ERROR_SIZE, "%u queues, must be 1 to %d", o->queues,
			SLUICE_MAX_WORKERS);
		free(l);
		return NULL;
	}
	for (int i = 0; i < SLUICE_MAX_WORKERS; i++)
		l->fds[i] = -1;
	snprintf(l->name, sizeof(l->name), "%s", o->name ? o->name : DEFAULT_NAME);
	l->queues = o->queues;
	l->mtu = o->mtu;
	l->tx_queue = o->tx_queue ? o->tx_queue : DEFAULT_TX_QUEUE;
	l->steer_fd = o->steer_fd;
	l->routes.table = o->table ? o->table : RT_TABLE_MAIN;
	l->sock = link_socket();
	l->routes.sock = link_socket();
	if (!l->sock || !l->routes.sock ||
		nl_socket_set_buffer_size(l->routes.sock, ROUTE_ANSWERS, 0) < 0 ||
		setsockopt(nl_socket_get_fd(l->routes.sock), SOL_NETLINK, NETLINK_CAP_ACK, &yes,
			sizeof(yes))) {
		snprintf(error, DATAPLANE_ERROR_SIZE, "cannot open netlink");
		goto fail;
	}
	if (!name_is_free(l, error) || !make_device(l, error))
		goto fail;
	link_routes_flush(l);
	return l;
fail:
	link_forget(l);
	return NULL;
}

/* Without the first kind the hub does not do its work; the second are good to have. */
enum setting_kind { SETTING_EXACT, SETTING_AT_MOST, SETTING_AT_LEAST };

static const struct {
	const char *path, *wanted;
	enum setting_kind kind;
	bool may_be_absent; /* IPv6 may be off */
} host_settings[HOST_SETTINGS] = {
	{"/proc/sys/net/ipv4/ip_forward", "1", SETTING_EXACT, false},
	{"/proc/sys/net/ipv6/conf/all/forwarding", "1", SETTING_EXACT, true},
	{"/proc/sys/net/ipv4/conf/all/send_redirects", "0", SETTING_EXACT, false},
	/* All sites share the room for outer fragments: what is not complete soon makes place. */
	{"/proc/sys/net/ipv4/ipfrag_time", "2", SETTING_AT_MOST, true},
	{"/proc/sys/net/ipv6/ip6frag_time", "2", SETTING_AT_MOST, true},
	{"/proc/sys/net/ipv4/ipfrag_high_thresh", "67108864", SETTING_AT_LEAST, true},
	{"/proc/sys/net/ipv6/ip6frag_high_thresh", "67108864", SETTING_AT_LEAST, true},
};

static bool setting_fits(size_t i, const char *value)
{
	long is = strtol(value, NULL, 10), wanted = strtol(host_settings[i].wanted, NULL, 10);

	switch (host_settings[i].kind) {
	case SETTING_AT_MOST:
		return is <= wanted;
	case SETTING_AT_LEAST:
		return is >= wanted;
	default:
		return !strcmp(value, host_settings[i].wanted);
	}
}

bool link_host_settings(struct link *l, bool apply, char error[DATAPLANE_ERROR_SIZE])
{
	char value[32];

	for (size_t i = 0; i < HOST_SETTINGS; i++) {
		const char *path = host_settings[i].path, *wanted = host_settings[i].wanted;

		if (!host_setting_read(path, value, sizeof(value))) {
			if (host_settings[i].may_be_absent)
				continue;
			snprintf(error, DATAPLANE_ERROR_SIZE, "cannot read %s", path);
			return false;
		}
		if (setting_fits(i, value))
			continue;
		if (apply && host_setting_write(path, wanted)) {
			if (!l->before[i][0])
				snprintf(l->before[i], sizeof(l->before[i]), "%s", value);
			continue;
		}
		if (host_settings[i].kind != SETTING_EXACT)
			continue;
		snprintf(error, DATAPLANE_ERROR_SIZE, "%s is %s, must be %s", path, value, wanted);
		return false;
	}
	return true;
}

static void host_settings_restore(const struct link *l)
{
	for (size_t i = 0; i < HOST_SETTINGS; i++) {
		if (l->before[i][0])
			(void)host_setting_write(host_settings[i].path, l->before[i]);
	}
}

void link_forget(struct link *l)
{
	if (!l)
		return;
	for (uint32_t i = 0; i < l->queues; i++) {
		if (l->fds[i] >= 0)
			close(l->fds[i]);
	}
	nl_socket_free(l->sock);
	nl_socket_free(l->routes.sock);
	free(l);
}

void link_close(struct link *l)
{
	struct rtnl_link *link;

	if (!l)
		return;
	host_settings_restore(l);
	link_routes_flush(l);
	/* Deleted by name even while a data process still holds a queue. */
	link = rtnl_link_alloc();
	if (link) {
		rtnl_link_set_ifindex(link, (int)l->ifindex);
		(void)rtnl_link_delete(l->sock, link);
		rtnl_link_put(link);
	}
	link_forget(l);
}

uint32_t link_ifindex(const struct link *l)
{
	return l->ifindex;
}

const char *link_name(const struct link *l)
{
	return l->name;
}

int link_queue_fd(const struct link *l, uint32_t queue)
{
	return queue < l->queues ? l->fds[queue] : -1;
}

const char *link_offloads(const struct link *l)
{
	return l->offloads;
}

static struct nl_addr *to_nl(const struct ip_addr *a, unsigned int prefix_len)
{
	struct nl_addr *n = nl_addr_build(a->family, a->bytes, addr_len(a));

	if (n)
		nl_addr_set_prefixlen(n, (int)prefix_len);
	return n;
}

static struct rtnl_addr *build_address(
	const struct link *l, const struct ip_addr *address, bool as_source)
{
	struct rtnl_addr *a = rtnl_addr_alloc();
	struct nl_addr *local = to_nl(address, addr_bits(address));

	if (!a || !local) {
		rtnl_addr_put(a);
		nl_addr_put(local);
		return NULL;
	}
	rtnl_addr_set_ifindex(a, (int)l->ifindex);
	rtnl_addr_set_local(a, local);
	if (address->family == AF_INET6) {
		rtnl_addr_set_flags(a, IFA_F_NODAD);
		rtnl_addr_set_valid_lifetime(a, UINT32_MAX);
		rtnl_addr_set_preferred_lifetime(a, 0);
	} else {
		rtnl_addr_set_scope(a, as_source ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK);
	}
	nl_addr_put(local);
	return a;
}

static bool add_address(struct link *l, const struct ip_addr *address, bool as_source)
{
	struct rtnl_addr *a = build_address(l, address, as_source);
	int r = a ? rtnl_addr_add(l->sock, a, NLM_F_REPLACE) : -NLE_NOMEM;

	rtnl_addr_put(a);
	return r == 0 || r == -NLE_EXIST;
}

bool link_address_set(struct link *l, const struct ip_addr *address)
{
	return add_address(l, address, false);
}

bool link_address_del(struct link *l, const struct ip_addr *address)
{
	struct rtnl_addr *a = build_address(l, address, false);
	int r = a ? rtnl_addr_delete(l->sock, a, 0) : -NLE_NOMEM;

	rtnl_addr_put(a);
	return r == 0;
}

bool link_source_set(struct link *l, int family, const struct ip_addr *source)
{
	if (family == AF_INET6) {
		l->routes.source6 = *source;
		return true;
	}
	if (addr_is_set(&l->source4) && !addr_equal(&l->source4, source))
		link_address_del(l, &l->source4);
	l->source4 = *source;
	return !addr_is_set(source) || add_address(l, source, true);
}

enum link_found link_look(struct link *l)
{
	struct rtnl_link *now = NULL, *change;
	enum link_found found = LINK_AS_MADE;

	if (rtnl_link_get_kernel(l->sock, (int)l->ifindex, NULL, &now))
		return LINK_GONE;
	if (strcmp(rtnl_link_get_name(now), l->name)) {
		found = LINK_GONE; /* ours all the same, but nobody finds it */
	} else if (!(rtnl_link_get_flags(now) & IFF_UP) || rtnl_link_get_mtu(now) != l->mtu) {
		found = LINK_PUT_RIGHT;
		change = rtnl_link_alloc();
		if (change) {
			rtnl_link_set_mtu(change, l->mtu);
			rtnl_link_set_flags(change, IFF_NOARP | IFF_UP);
			(void)rtnl_link_change(l->sock, now, change, 0);
		}
		rtnl_link_put(change);
	}
	rtnl_link_put(now);
	return found;
}

bool link_remake(struct link *l, char error[DATAPLANE_ERROR_SIZE])
{
	struct rtnl_link *old = rtnl_link_alloc();

	for (uint32_t i = 0; i < l->queues; i++) {
		if (l->fds[i] >= 0)
			close(l->fds[i]);
		l->fds[i] = -1;
	}
	if (old) { /* one that has been given another name */
		rtnl_link_set_ifindex(old, (int)l->ifindex);
		(void)rtnl_link_delete(l->sock, old);
		rtnl_link_put(old);
	}
	return make_device(l, error);
}

size_t link_routes_set(struct link *l, struct fib_route *routes, size_t count)
{
	return route_socket_set(&l->routes, routes, count);
}

size_t link_routes_restore(struct link *l, struct fib_route *routes, size_t count)
{
	return route_socket_restore(&l->routes, routes, count);
}

size_t link_routes_del(struct link *l, struct fib_route *routes, size_t count)
{
	return route_socket_del(&l->routes, routes, count);
}

uint32_t link_table(const struct link *l)
{
	return l->routes.table;
}

void link_table_set(struct link *l, uint32_t table)
{
	l->routes.table = table;
}

unsigned int link_routes_flush(struct link *l)
{
	struct nl_cache *cache;
	unsigned int flushed = 0;

	if (rtnl_route_alloc_cache(l->sock, AF_UNSPEC, 0, &cache) < 0)
		return 0;
	for (struct nl_object *o = nl_cache_get_first(cache); o; o = nl_cache_get_next(o)) {
		struct rtnl_route *r = (struct rtnl_route *)o;

		if (rtnl_route_get_protocol(r) != LINK_ROUTE_PROTOCOL)
			continue;
		if (!rtnl_route_delete(l->sock, r, 0))
			flushed++;
	}
	nl_cache_free(cache);
	return flushed;
}

bool link_ring_drops(const struct link *l, uint64_t *drops)
{
	struct rtnl_link *link = NULL;

	if (rtnl_link_get_kernel(l->sock, (int)l->ifindex, NULL, &link))
		return false;
	*drops = rtnl_link_get_stat(link, RTNL_LINK_TX_DROPPED);
	rtnl_link_put(link);
	return true;
}
