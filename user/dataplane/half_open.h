/* SPDX-License-Identifier: Apache-2.0 */
/* TCP connections that the kernel has answered and nobody has acknowledged yet. It tells no process of them. */
#ifndef SLUICE_DATAPLANE_HALF_OPEN_H
#define SLUICE_DATAPLANE_HALF_OPEN_H

#include "base/addr.h"

#include <stddef.h>
#include <stdint.h>

/*
 * The other ends of those to a port of this host, `max` at most; returns how many. The kernel searches by port and
 * state (sock_diag(7), with the module tcp_diag), so other connections cost little. 0 also where it does not answer.
 */
size_t half_open_list(uint16_t port, struct ip_addr *list, size_t max);

#endif
