/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside device and the kernel's routes to it. Used by `hub`, as root.
 *
 * The device is a TAP without ARP: TC writes the tunnel number into the destination address (abi.h).
 * All routes go through one dummy gateway, so that the kernel keeps one neighbour entry and not one
 * per destination. Routes carry Sluice's own protocol number: what others installed is never
 * touched, and what a crashed sluiced left behind is found.
 */
#ifndef SLUICE_DATAPLANE_LINK_H
#define SLUICE_DATAPLANE_LINK_H

#include "base/addr.h"
#include "dataplane/dataplane.h"
#include "dataplane/routes.h"
#include "sluice/abi.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINK_ROUTE_PROTOCOL 83 /* rtm_protocol of our routes; 0..254, not taken in rt_protos */

struct link_options {
	const char *name; /* NULL: "sluice0" */
	uint32_t queues;  /* one per worker */
	uint32_t mtu;
	uint32_t tx_queue; /* packets per queue; 0: 2048 */
	int steer_fd;      /* bpf_plane_steer_fd(), or -1 */
	uint32_t table;    /* of our routes; 0: main */
};

struct link;

/*
 * Creates the device (a leftover of the same name that nobody holds is replaced), sets it up and
 * flushes routes of ours left behind by an earlier process. NULL with a sentence in `error`.
 */
struct link *link_open(const struct link_options *options, char error[DATAPLANE_ERROR_SIZE]);

/* Removes our addresses, routes and the device. */
void link_close(struct link *l);

/* After fork, in a child of another role: closes descriptors, leaves the kernel as it is. */
void link_forget(struct link *l);

/* The index and the name of the inside device; both stay when it is made again. */
uint32_t link_ifindex(const struct link *l);
const char *link_name(const struct link *l);

/* TAP queue i of options.queues; owned by the link, dup it to send it away. */
int link_queue_fd(const struct link *l, uint32_t queue);

/* True and the features that could be had, such as "tso uso", for `show dataplane`. */
const char *link_offloads(const struct link *l);

/*
 * Adds or removes an inside address of the hub. Adding twice is fine. Nobody but the site at the other end
 * has a route to it, so the kernel does not take it as a source for other destinations: scope link, or
 * deprecated (RFC 4862 5.5.4).
 */
bool link_address_set(struct link *l, const struct ip_addr *address);
bool link_address_del(struct link *l, const struct ip_addr *address);

/*
 * What the hub itself sends to sites from: an address of another device, which sites have a route to. The
 * one of IPv4 is on the inside device too, so routes do not go with it when the other device loses it; the
 * one of IPv6 stands in the routes that are written from now on. Unset: the kernel chooses. False: refused.
 */
bool link_source_set(struct link *l, int family, const struct ip_addr *source);

/* What the inside device is: as it was made; not, but put right now; or there is no such device any longer. */
enum link_found { LINK_AS_MADE, LINK_PUT_RIGHT, LINK_GONE };
enum link_found link_look(struct link *l);

/* Makes it again with the same index, when it has gone: what is bound to it is good for the new one. */
bool link_remake(struct link *l, char error[DATAPLANE_ERROR_SIZE]);

/*
 * Installs or replaces routes into the inside device, puts back those that are missing, or removes
 * them: see routes.h. Returns how many have failed.
 */
size_t link_routes_set(struct link *l, struct fib_route *routes, size_t count);
size_t link_routes_restore(struct link *l, struct fib_route *routes, size_t count);
size_t link_routes_del(struct link *l, struct fib_route *routes, size_t count);

/* The table of our routes but those to the ends of tunnels: from now on they are written, or removed, in that one. */
uint32_t link_table(const struct link *l);
void link_table_set(struct link *l, uint32_t table);

/* Removes every route with our protocol number, both families. Returns how many. */
unsigned int link_routes_flush(struct link *l);

/* Packets the kernel dropped for want of room in a TAP queue, since the device exists. False: it does not say. */
bool link_ring_drops(const struct link *l, uint64_t *drops);

/* What a device is: index, number of receive queues, MTU. False when there is no such device. */
struct link_device {
	uint32_t ifindex;
	uint32_t rx_queues;
	uint32_t mtu;
	bool up;
	bool running;     /* and has a carrier */
	bool esp_offload; /* it can do the crypto of ESP, and is switched so */
};
bool link_device(const char *name, struct link_device *device);

/* What its driver says of its speed, bits per second; 0: it does not. */
uint64_t link_speed_bps(const char *name);

/* Whether the device is a bond or a team, of which each member would run a native XDP program, as a device of its own. */
bool link_has_members(uint32_t ifindex);

/* A netlink socket for devices and routes, which nl_socket_free() closes; NULL: there is none. */
struct nl_sock *link_socket(void);

/*
 * Host settings that forwarding needs: IPv4 and IPv6 forwarding on, no ICMP redirects for traffic
 * between sites. False with the first wrong one in `error`; with `apply` it is set instead, until
 * link_close.
 */
bool link_host_settings(struct link *l, bool apply, char error[DATAPLANE_ERROR_SIZE]);

#endif
