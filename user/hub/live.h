/* SPDX-License-Identifier: Apache-2.0 */
/* Options of the concentrator that change while it runs; those of sites are hub/site's. */
#ifndef SLUICE_HUB_LIVE_H
#define SLUICE_HUB_LIVE_H

#include "hub/hub.h"

/* What it needs of the host, and might not get; it is made before anything changes. */
struct live;

enum live_how {
	LIVE_WHOLE,       /* or not at all */
	LIVE_IN_ANY_CASE, /* without what cannot be had now, with a warning */
	LIVE_TRIED,       /* whether it could be had; nothing is closed or moved for it */
};

/*
 * NULL with a sentence: it cannot be had, and nothing is changed. Devices with which something leaves the hub from then on
 * are closed already. live_free() gives it back.
 */
struct live *hub_live_prepare(struct hub *h, const struct concentrator_conf *next,
	enum live_how how, char error[CONFIG_ERROR_SIZE]);
void live_free(struct live *own_live);

/* Tells bgp which networks of the hub are new, and which are gone. */
void hub_live_networks(
	struct hub *h, const struct networks_conf *old, const struct networks_conf *new);

/*
 * The data plane and the children as h->config has it, which was `was` before; takes what is needed of `live`, which
 * was prepared for that.
 */
void hub_live_change(struct hub *h, const struct concentrator_conf *was, struct live *live);

/* Devices that were outside devices are closed no longer. Returns how many were. */
unsigned int hub_live_release(struct hub *h);

/* Once a second: what could not be had is tried again. */
void hub_live_look(struct hub *h);

#endif
