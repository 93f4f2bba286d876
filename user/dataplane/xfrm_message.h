/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is said to the kernel's IPsec and what it says, as bytes: NETLINK_XFRM messages made and read.
 * No sockets here; xfrm.h sends and receives.
 */
#ifndef SLUICE_DATAPLANE_XFRM_MESSAGE_H
#define SLUICE_DATAPLANE_XFRM_MESSAGE_H

#include "dataplane/xfrm.h"

#include <linux/xfrm.h>
#include <netlink/msg.h>
#include <stdbool.h>
#include <stdint.h>

/* Whether the interface number (if_id) of an SA or policy is one that Sluice gives to tunnels. */
bool xfrm_is_ours(uint32_t if_id);
struct ip_addr xfrm_from_kernel(const xfrm_address_t *x, uint16_t family);
struct xfrm_usersa_id xfrm_sa_id(uint32_t spi, const struct ip_addr *destination);

/* A message with this body; NULL: no memory. The caller frees all of them. */
struct nl_msg *xfrm_message(int type, int flags, void *body, size_t len);

/* NULL: no memory, or an algorithm that the kernel has no name for. Holds keys. */
struct nl_msg *xfrm_message_sa(const struct xfrm_sa *sa);
struct nl_msg *xfrm_message_policy(uint32_t tunnel, uint32_t spi, const struct ip_addr *local,
	const struct ip_addr *remote, int family);

/* if_id of a message whose attributes follow a body of this size; 0: it names none. */
uint32_t xfrm_if_id_of(struct nlmsghdr *h, size_t body);

/* False: nothing about an SA of ours. h has nlmsg_len bytes. */
bool xfrm_event_parse(struct nlmsghdr *h, struct xfrm_event *e);

#endif
