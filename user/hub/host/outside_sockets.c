/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sockets of IKE and ESP at the outside addresses. ike and data have the same ones: what hub does with
 * one here holds for them, so when a device is another one they need not know.
 */
#include "hub/host/host.h"

#include "ipc/datagram.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define SOCKET_BUFFER (4 << 20) /* bytes: 200 tunnels may come up at once */
#define LOOPBACK      1         /* nothing from outside comes by it, and nothing leaves */

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

static uint32_t ifindex_of(const struct hub *h, uint16_t endpoint)
{
	const char *device = h->config->concentrator.endpoints[endpoint].device;

	for (uint32_t i = 0; i < h->model.host.outside_count; i++) {
		if (!strcmp(h->model.host.outside[i].name, device))
			return h->model.host.outside[i].ifindex;
	}
	return 0;
}

/*
 * Bound to the device as well as to the address: no route that a site announces can ever draw the
 * hub's own outer packets into a tunnel.
 */
static bool open_socket(
	struct hub *h, const struct ip_addr *a, uint16_t endpoint, uint16_t port, char *error)
{
	const char *device = h->config->concentrator.endpoints[endpoint].device;
	struct outside_socket *s = &h->host->sockets[h->host->socket_count];
	struct ip_endpoint local = {.addr = *a, .port = port};
	struct sockaddr_storage ss;
	socklen_t len = endpoint_to_sockaddr(&local, &ss);
	char text[ENDPOINT_STR_SIZE];
	int type = (port ? SOCK_DGRAM : SOCK_RAW) | SOCK_NONBLOCK | SOCK_CLOEXEC;

	s->fd = socket(a->family, type, port ? IPPROTO_UDP : IPPROTO_ESP);
	if (s->fd < 0)
		return fail(error, "socket for", endpoint_format(&local, text));
	h->host->socket_count++;
	s->address.local = local;
	s->address.endpoint = endpoint;
	s->for_ike = port != 0;
	s->for_data = port != 500;
	(void)set_option(s->fd, SOL_SOCKET, SO_RCVBUFFORCE, SOCKET_BUFFER);
	(void)set_option(s->fd, SOL_SOCKET, SO_SNDBUFFORCE, SOCKET_BUFFER);
	if (a->family == AF_INET6)
		(void)set_option(s->fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (!datagram_let_fragment(s->fd, a->family))
		return fail(error, "path MTU of", endpoint_format(&local, text));
	/* What the kernel reassembles has a field for congestion too. */
	if (port != 500)
		(void)datagram_want_class(s->fd, a->family);
	if (!port && !datagram_refuse_input(s->fd))
		return fail(error, "filter for", endpoint_format(&local, text));
	/* RFC 3948: the kernel takes ESP out of what arrives here, the rest is IKE. */
	if (h->kernel_esp && port == 4500 &&
		!set_option(s->fd, IPPROTO_UDP, UDP_ENCAP, UDP_ENCAP_ESPINUDP))
		return fail(error, "no ESP in UDP on", endpoint_format(&local, text));
	if (!bind_to_device(s->fd, ifindex_of(h, endpoint)))
		return fail(error, "cannot bind to device", device);
	if (!bind_freely(s->fd, a->family) || bind(s->fd, (struct sockaddr *)&ss, len))
		return fail(error, "cannot bind", endpoint_format(&local, text));
	return true;
}

/* Beside the socket that was opened last: data sends by it. */
static bool open_sender(struct hub *h, char *error)
{
	const struct outside_socket *receiver = &h->host->sockets[h->host->socket_count - 1];
	const struct imsg_socket *a = &receiver->address;
	uint32_t ifindex = ifindex_of(h, a->endpoint);
	struct outside_socket *s = &h->host->sockets[h->host->socket_count];
	char text[ENDPOINT_STR_SIZE];

	*s = (struct outside_socket){.address = *a, .for_data = true};
	s->address.whole = true;
	s->fd = datagram_sender_open(receiver->fd, &a->local, ifindex ? ifindex : LOOPBACK);
	if (s->fd < 0)
		return fail(error, "socket to send from", endpoint_format(&a->local, text));
	h->host->socket_count++;
	(void)set_option(s->fd, SOL_SOCKET, SO_SNDBUFFORCE, SOCKET_BUFFER);
	return true;
}

/* The kernel that does ESP listens to routers itself. */
static bool open_too_big(struct hub *h, int family, char *error)
{
	int *fd = &h->host->too_big[family == AF_INET6];

	if (h->kernel_esp || *fd >= 0)
		return true;
	*fd = datagram_too_big_socket(family);
	return *fd >= 0 || fail(error, "socket for", family == AF_INET ? "ICMP" : "ICMPv6");
}

bool hub_outside_sockets_open(struct hub *h, char error[CONFIG_ERROR_SIZE])
{
	static const uint16_t ports[] = {500, 4500, 0};
	const struct concentrator_conf *c = &h->config->concentrator;

	for (uint32_t e = 0; e < c->endpoint_count; e++) {
		for (uint32_t a = 0; a < c->endpoints[e].address_count; a++) {
			/* The kernel hears protocol 50 itself. */
			for (int p = 0; p < (h->kernel_esp ? 2 : 3); p++) {
				if (!open_socket(h, &c->endpoints[e].addresses[a], (uint16_t)e,
					    ports[p], error))
					return false;
				if (!h->kernel_esp && ports[p] != 500 && !open_sender(h, error))
					return false;
			}
			if (!open_too_big(h, c->endpoints[e].addresses[a].family, error))
				return false;
		}
	}
	return true;
}

bool hub_outside_sockets_follow(struct hub *h, const char *device)
{
	bool ok = true;

	for (uint32_t i = 0; i < h->host->socket_count; i++) {
		const struct outside_socket *s = &h->host->sockets[i];
		uint16_t e = s->address.endpoint;
		uint32_t ifindex = ifindex_of(h, e);

		if (strcmp(h->config->concentrator.endpoints[e].device, device))
			continue;
		ok = (s->address.whole ? datagram_sender_follow(s->fd, s->address.local.addr.family,
						 ifindex ? ifindex : LOOPBACK)
				       : bind_to_device(s->fd, ifindex)) &&
		     ok;
	}
	return ok;
}
