/* SPDX-License-Identifier: Apache-2.0 */
/* The algorithms and keys of an SA as the kernel's IPsec wants them. */
#ifndef SLUICE_DATAPLANE_XFRM_ALGORITHMS_H
#define SLUICE_DATAPLANE_XFRM_ALGORITHMS_H

#include "esp/esp.h"

#include <netlink/msg.h>

/* Adds them to a message of XFRM_MSG_NEWSA, keys included. 0, or an error of libnl. */
int xfrm_put_algorithms(struct nl_msg *m, const struct esp_params *p);

#endif
