/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SAs and policies of the kernel's ESP through NETLINK_XFRM. Used by `data`, with CAP_NET_ADMIN.
 *
 * All of ours have if_id and reqid SLUICE_IF_ID + tunnel: what others installed is never touched,
 * and what a data process before this one left is found. A tunnel's outbound policy names the SPI
 * of the SA to use, so that this process and not the kernel chooses between old and new pairs.
 */
#ifndef SLUICE_DATAPLANE_XFRM_H
#define SLUICE_DATAPLANE_XFRM_H

#include "base/addr.h"
#include "dataplane/dataplane.h"
#include "esp/esp.h"
#include "sluice/abi.h"

#include <stdbool.h>
#include <stdint.h>

#define XFRM_REPLAY_MAX 640 /* bytes: a window of 4096 packets and some numbers */

/* Numbers and window of an SA, in the kernel's own form: to make the same SA again elsewhere. */
struct xfrm_replay {
	uint32_t len; /* 0: none, a new SA starts from nothing */
	_Alignas(8) uint8_t bytes[XFRM_REPLAY_MAX];
};

struct xfrm_sa {
	uint32_t tunnel;
	const struct esp_params *esp; /* SPI, direction, algorithms, keys, ESN, window */
	struct ip_endpoint local, remote;
	bool udp_encap;
	uint32_t offload_ifindex;         /* device to hand the crypto to; 0: none */
	const struct xfrm_replay *replay; /* to go on from; NULL: new */
};

/* What the kernel says of an SA of ours without being asked, or counted. */
enum xfrm_event_type {
	XFRM_EVENT_EXPIRING, /* sequence numbers run out */
	XFRM_EVENT_MOVED,    /* authentic packets come from another address or port */
	XFRM_EVENT_COUNTED,  /* answer to xfrm_count */
};

struct xfrm_event {
	enum xfrm_event_type type;
	uint32_t tunnel, spi;
	struct ip_addr destination;
	struct ip_endpoint remote; /* MOVED */
	/* COUNTED: totals of the SA */
	uint64_t replay, auth;
	bool offloaded; /* a device does its crypto */
};

typedef void xfrm_handler(void *context, const struct xfrm_event *e);

struct xfrm;

/* NULL with a sentence in error, as on a kernel without XFRM. on_event: NULL where none is read. */
struct xfrm *xfrm_open(xfrm_handler *on_event, void *context, char error[DATAPLANE_ERROR_SIZE]);
void xfrm_close(struct xfrm *x);

/* Readable: call xfrm_read. */
int xfrm_fd(const struct xfrm *x);
void xfrm_read(struct xfrm *x);

/* Asks for what every SA of ours has counted; answers come at once, through the handler. */
void xfrm_count(struct xfrm *x);

/* An SA of the same SPI and destination is replaced. 0, or an error of libnl. */
int xfrm_sa_add(struct xfrm *x, const struct xfrm_sa *sa);
int xfrm_sa_del(struct xfrm *x, uint32_t spi, const struct ip_addr *destination);

/* False: there is no such SA. */
bool xfrm_sa_replay(struct xfrm *x, uint32_t spi, const struct ip_addr *destination,
	struct xfrm_replay *replay);

/* Everything that the tunnel's interface is given leaves on this SA. Replaces at once. */
int xfrm_policy_set(struct xfrm *x, uint32_t tunnel, uint32_t spi, const struct ip_addr *local,
	const struct ip_addr *remote);
void xfrm_policy_del(struct xfrm *x, uint32_t tunnel);

/* True: the SA is to stay. spi 0 asks for the policies of the tunnel. */
typedef bool xfrm_keeps(void *context, uint32_t tunnel, uint32_t spi);

/* Removes every SA and policy of ours, but those that `keeps` knows; NULL: it knows none. */
void xfrm_flush(struct xfrm *x, xfrm_keeps *keeps, void *context);

/* Whether the kernel has ESP with AES-GCM and CBC; else a sentence says what it lacks. */
bool xfrm_probe(struct xfrm *x, char error[DATAPLANE_ERROR_SIZE]);

#endif
