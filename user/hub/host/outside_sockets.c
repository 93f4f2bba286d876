/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sockets of IKE and ESP at the outside addresses. ike and data have the same ones: what hub does with
 * one here holds for them, so when a device is another one they need not know. Where another configuration has other
 * addresses they are told.
 */
#include "hub/host/host.h"

#include "base/clock.h"
#include "base/log.h"
#include "ipc/datagram.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOCKET_BUFFER (4 << 20) /* bytes: 200 tunnels may come up at once */
#define LOOPBACK      1         /* nothing from outside comes by it, and nothing leaves */
#define RETIRED_NS                                                                                 \
	(3 * CLOCK_SECOND) /* by then what ike had to say is said, and data has closed its own */

#ifndef UDP_ENCAP_ESPINUDP
#define UDP_ENCAP_ESPINUDP 2
#endif

static bool fail(char *error, const char *what, const char *name)
{
	snprintf(error, CONFIG_ERROR_SIZE, "%s %s: %s", what, name, strerror(errno));
	return false;
}

static bool set_option(int fd, int level, int option, int value)
{
	return !setsockopt(fd, level, option, &value, sizeof(value));
}

/* To the device, or to none while there is no such device. */
static bool bind_to_device(int fd, uint32_t ifindex)
{
	return set_option(fd, SOL_SOCKET, SO_BINDTOIFINDEX, ifindex ? (int)ifindex : LOOPBACK);
}

/* The address may come later, or go and come again. */
static bool bind_freely(int fd, int family)
{
	return family == AF_INET ? set_option(fd, IPPROTO_IP, IP_FREEBIND, 1)
				 : set_option(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1);
}

static uint32_t ifindex_of(const char *device)
{
	struct link_device d;

	return link_device(device, &d) ? d.ifindex : 0;
}

/*
 * Bound to the device as well as to the address: no route that a site announces can ever draw the
 * hub's own outer packets into a tunnel.
 */
static bool open_socket(struct outside_sockets *set, const struct imsg_socket *at,
	const char *device, bool kernel_esp, char *error)
{
	const struct ip_endpoint *local = &at->local;
	struct outside_socket *s = &set->list[set->count];
	int family = local->addr.family;
	struct sockaddr_storage ss;
	socklen_t len = endpoint_to_sockaddr(local, &ss);
	char text[ENDPOINT_STR_SIZE];
	int type = (local->port ? SOCK_DGRAM : SOCK_RAW) | SOCK_NONBLOCK | SOCK_CLOEXEC;

	*s = (struct outside_socket){
		.address = *at, .for_ike = local->port != 0, .for_data = local->port != 500};
	snprintf(s->device, sizeof(s->device), "%s", device);
	s->fd = socket(family, type, local->port ? IPPROTO_UDP : IPPROTO_ESP);
	if (s->fd < 0)
		return fail(error, "socket for", endpoint_format(local, text));
	set->count++;
	(void)set_option(s->fd, SOL_SOCKET, SO_RCVBUFFORCE, SOCKET_BUFFER);
	(void)set_option(s->fd, SOL_SOCKET, SO_SNDBUFFORCE, SOCKET_BUFFER);
	if (family == AF_INET6)
		(void)set_option(s->fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (!datagram_let_fragment(s->fd, family))
		return fail(error, "path MTU of", endpoint_format(local, text));
	/* What the kernel reassembles has a field for congestion too. */
	if (local->port != 500)
		(void)datagram_want_class(s->fd, family);
	if (!local->port && !datagram_refuse_input(s->fd))
		return fail(error, "filter for", endpoint_format(local, text));
	/* RFC 3948: the kernel takes ESP out of what arrives here, the rest is IKE. */
	if (kernel_esp && local->port == 4500 &&
		!set_option(s->fd, IPPROTO_UDP, UDP_ENCAP, UDP_ENCAP_ESPINUDP))
		return fail(error, "no ESP in UDP on", endpoint_format(local, text));
	if (!bind_to_device(s->fd, ifindex_of(device)))
		return fail(error, "cannot bind to device", device);
	if (!bind_freely(s->fd, family) || bind(s->fd, (struct sockaddr *)&ss, len))
		return fail(error, "cannot bind", endpoint_format(local, text));
	return true;
}

/* Beside the socket that was opened last: data sends by it. */
static bool open_sender(struct outside_sockets *set, char *error)
{
	const struct outside_socket *receiver = &set->list[set->count - 1];
	const struct imsg_socket *a = &receiver->address;
	uint32_t ifindex = ifindex_of(receiver->device);
	struct outside_socket *s = &set->list[set->count];
	char text[ENDPOINT_STR_SIZE];

	*s = (struct outside_socket){.address = *a, .for_data = true};
	memcpy(s->device, receiver->device, sizeof(s->device));
	s->address.whole = true;
	s->fd = datagram_sender_open(receiver->fd, &a->local, ifindex ? ifindex : LOOPBACK);
	if (s->fd < 0)
		return fail(error, "socket to send from", endpoint_format(&a->local, text));
	set->count++;
	(void)set_option(s->fd, SOL_SOCKET, SO_SNDBUFFORCE, SOCKET_BUFFER);
	return true;
}

static bool has_family(const struct concentrator_conf *c, int family)
{
	for (uint32_t e = 0; e < c->endpoint_count; e++) {
		for (uint32_t a = 0; a < c->endpoints[e].address_count; a++) {
			if (c->endpoints[e].addresses[a].family == family)
				return true;
		}
	}
	return false;
}

/* Whose device a socket at this address is bound to; NULL: none is wanted. */
static const struct endpoint_conf *endpoint_at(
	const struct concentrator_conf *c, const struct ip_addr *address)
{
	for (uint32_t e = 0; e < c->endpoint_count; e++) {
		for (uint32_t a = 0; a < c->endpoints[e].address_count; a++) {
			if (addr_equal(&c->endpoints[e].addresses[a], address))
				return &c->endpoints[e];
		}
	}
	return NULL;
}

static bool has_address(const struct outside_sockets *set, const struct ip_addr *address)
{
	for (uint32_t i = 0; i < set->count; i++) {
		if (addr_equal(&set->list[i].address.local.addr, address))
			return true;
	}
	return false;
}

/* Its device is another one now, or there is none. */
static bool follow(const struct outside_socket *s)
{
	uint32_t ifindex = ifindex_of(s->device);

	if (!s->address.whole)
		return bind_to_device(s->fd, ifindex);
	return datagram_sender_follow(
		s->fd, s->address.local.addr.family, ifindex ? ifindex : LOOPBACK);
}

/* All those of one address, or none. */
static bool open_address(struct hub *h, struct outside_sockets *set, const char *device,
	const struct ip_addr *address, char *error)
{
	static const uint16_t ports[] = {500, 4500, 0};
	struct outside_sockets own = {.count = 0};
	bool ok = true;

	/* The kernel hears protocol 50 itself. */
	for (int p = 0; ok && p < (h->kernel_esp ? 2 : 3); p++) {
		struct imsg_socket at = {.local = {.addr = *address, .port = ports[p]}};

		ok = open_socket(&own, &at, device, h->kernel_esp, error) &&
		     (h->kernel_esp || ports[p] == 500 || open_sender(&own, error));
	}
	if (!ok) {
		outside_sockets_close(&own);
		return false;
	}
	memcpy(&set->list[set->count], own.list, own.count * sizeof(own.list[0]));
	set->count += own.count;
	return true;
}

/* Those that were retired a moment ago are still open with ike or data: they are the ones to go on with. */
static bool take_back(struct hub *h, struct outside_sockets *set, const char *device,
	const struct ip_addr *address)
{
	struct outside_sockets *from = &h->host->retired, was = *from;
	bool ok = true;

	from->count = 0;
	for (uint32_t i = 0; i < was.count; i++) {
		struct outside_sockets *to =
			addr_equal(&was.list[i].address.local.addr, address) ? set : from;
		struct outside_socket *s = &to->list[to->count++];

		*s = was.list[i];
		if (to != set)
			continue;
		snprintf(s->device, sizeof(s->device), "%s", device);
		s->was_retired = true;
		ok = follow(s) && ok;
	}
	return ok;
}

static bool get_address(struct hub *h, struct outside_sockets *set, const char *device,
	const struct ip_addr *address, bool only_tried, char *error)
{
	if (has_address(&h->host->sockets, address))
		return true;
	if (!has_address(&h->host->retired, address))
		return open_address(h, set, device, address, error);
	return only_tried || take_back(h, set, device, address) ||
	       fail(error, "cannot bind to device", device);
}

bool hub_outside_sockets_open(struct hub *h, const struct concentrator_conf *c, bool only_tried,
	struct outside_sockets *fresh, char error[CONFIG_ERROR_SIZE])
{
	bool ok = true;

	for (uint32_t e = 0; e < c->endpoint_count; e++) {
		const struct endpoint_conf *conf = &c->endpoints[e];

		for (uint32_t a = 0; a < conf->address_count; a++)
			ok = get_address(h, fresh, conf->device, &conf->addresses[a], only_tried,
				     error) &&
			     ok;
	}
	return ok;
}

void outside_sockets_close(struct outside_sockets *s)
{
	for (uint32_t i = 0; i < s->count; i++)
		close(s->list[i].fd);
	s->count = 0;
}

/* The kernel that does ESP listens to routers itself. Another configuration may have addresses of the other family. */
bool hub_too_big_open(struct hub *h, char error[CONFIG_ERROR_SIZE])
{
	static const int families[] = {AF_INET, AF_INET6};
	const struct concentrator_conf *c = &h->config->concentrator;

	for (int i = 0; !h->kernel_esp && i < 2; i++) {
		h->host->too_big[i] = datagram_too_big_socket(families[i]);
		if (h->host->too_big[i] < 0 && has_family(c, families[i]))
			return fail(error, "socket for", i ? "ICMPv6" : "ICMP");
	}
	return true;
}

static void tell(struct hub *h, const struct outside_socket *s, bool present)
{
	struct process *ike = &h->processes[PROCESS_IKE], *data = &h->processes[PROCESS_DATA];

	if (s->for_ike)
		process_send(ike, present ? IMSG_IKE_SOCKET : IMSG_IKE_SOCKET_GONE,
			present ? fcntl(s->fd, F_DUPFD_CLOEXEC, 0) : -1, &s->address,
			sizeof(s->address));
	if (s->for_data && !h->kernel_esp)
		process_send(data, present ? IMSG_DATA_SOCKET : IMSG_DATA_SOCKET_GONE,
			present ? fcntl(s->fd, F_DUPFD_CLOEXEC, 0) : -1, &s->address,
			sizeof(s->address));
}

/* It stays open here until it is certain that what ike had to say by it is said. */
static void retire(struct hub *h, const struct outside_socket *own)
{
	struct outside_sockets *set = &h->host->retired;

	if (set->count == OUTSIDE_SOCKETS_MAX)
		outside_sockets_close(&h->host->retired);
	set->list[set->count++] = *own;
	h->host->retired_ns = clock_now();
}

void hub_outside_sockets_drop(struct hub *h, struct outside_sockets *own)
{
	for (uint32_t i = 0; i < own->count; i++) {
		if (own->list[i].was_retired)
			retire(h, &own->list[i]);
		else
			close(own->list[i].fd);
	}
	own->count = 0;
}

void hub_outside_sockets_change(struct hub *h, struct outside_sockets *fresh)
{
	const struct concentrator_conf *c = &h->config->concentrator;
	struct outside_sockets *set = &h->host->sockets, was = *set;

	set->count = 0;
	for (uint32_t i = 0; i < was.count; i++) {
		struct outside_socket *s = &was.list[i];
		const struct endpoint_conf *conf = endpoint_at(c, &s->address.local.addr);

		if (!conf) {
			tell(h, s, false);
			retire(h, s);
			continue;
		}
		if (strcmp(s->device, conf->device)) {
			snprintf(s->device, sizeof(s->device), "%s", conf->device);
			if (!follow(s))
				log_error("%s: sockets cannot be bound to it", s->device);
		}
		set->list[set->count++] = *s;
	}
	for (uint32_t i = 0; i < fresh->count; i++) {
		fresh->list[i].was_retired = false;
		set->list[set->count++] = fresh->list[i];
		tell(h, &fresh->list[i], true);
	}
	fresh->count = 0;
}

void hub_outside_sockets_look(struct hub *h, uint64_t now)
{
	struct outside_sockets fresh = {.count = 0};
	char error[CONFIG_ERROR_SIZE];

	if (h->host->retired.count && now >= h->host->retired_ns + RETIRED_NS)
		outside_sockets_close(&h->host->retired);
	if (!h->host->sockets_missing)
		return;
	h->host->sockets_missing =
		!hub_outside_sockets_open(h, &h->config->concentrator, false, &fresh, error);
	if (!h->host->sockets_missing)
		log_info("all sockets of the outside addresses are there now");
	hub_outside_sockets_change(h, &fresh);
}

bool hub_outside_sockets_follow(struct hub *h, const char *device)
{
	bool ok = true;

	for (uint32_t i = 0; i < h->host->sockets.count; i++) {
		const struct outside_socket *s = &h->host->sockets.list[i];

		if (!strcmp(s->device, device))
			ok = follow(s) && ok;
	}
	return ok;
}
