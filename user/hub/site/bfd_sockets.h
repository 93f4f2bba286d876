/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What hears BFD of the sites: a socket for each inside address of the hub, so that what one site sends too much of
 * fills its own queue only. Nobody else on the host can have the address meanwhile: a socket that let others bind
 * beside it (SO_REUSEADDR) would lose its packets to whoever came last, which needs no right at all above port 1023.
 * So hub keeps each socket, and hands the same one to bgp again and again.
 */
#ifndef SLUICE_HUB_SITE_BFD_SOCKETS_H
#define SLUICE_HUB_SITE_BFD_SOCKETS_H

#include "base/addr.h"

#include <stdint.h>

struct bfd_sockets;

struct bfd_sockets *bfd_sockets_new(void);
void bfd_sockets_free(struct bfd_sockets *s);

/* A descriptor of the socket at that address, for the caller to close; -1 when it cannot be had (logged). */
int bfd_sockets_get(struct bfd_sockets *s, const char *device, const struct ip_addr *local);

/* The tunnel that had the address is gone, or has no BFD now. The next one may want it at once. */
void bfd_sockets_leave(struct bfd_sockets *s, const struct ip_addr *local, uint64_t now);

/* Once a second: closes what was left a second ago. */
void bfd_sockets_look(struct bfd_sockets *s, uint64_t now);

#endif
