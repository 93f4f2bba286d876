/* SPDX-License-Identifier: Apache-2.0 */
/* The host: its devices and sockets, as they are set up, watched and followed. */
#ifndef SLUICE_HUB_HOST_HOST_H
#define SLUICE_HUB_HOST_HOST_H

#include "hub/hub.h"

/* setup.c: the data plane, the sockets. False with a sentence in error; hub_teardown() undoes it. */
bool hub_setup(struct hub *h, char error[CONFIG_ERROR_SIZE]);
void hub_teardown(struct hub *h);

/* outside.c: the outside devices. Whether device i is there; what is known of it is brought up to date. */
bool hub_outside_find(struct hub *h, uint32_t i);
/* Closes them, those that are not there too. False with a sentence. */
bool hub_outside_attach(struct hub *h, char error[CONFIG_ERROR_SIZE]);
/* What the kernel was told to keep closed is ours no longer. */
void hub_outside_open(struct hub *h);
/* Takes up what has changed; tunnels of an endpoint that is lost are closed, and opened when it is back. */
void hub_outside_look(struct hub *h, const struct host_address *list, size_t count, uint64_t now);

/* outside_sockets.c: for ike and data. A device is another one now, or there is none: they follow it. */
bool hub_outside_sockets_open(struct hub *h, char error[CONFIG_ERROR_SIZE]);
bool hub_outside_sockets_follow(struct hub *h, const char *device);

/* look.c: all of the above, and what else the hub needs of its host. From now on; once, now. */
void hub_host_watch(struct hub *h);
void hub_host_look(struct hub *h);

/* memfds.c: for the state of ike and data; forgets the SAs that a data process saved. False with errno set. */
bool hub_memfds_open(struct hub *h);
bool hub_saved_clear(struct hub *h);

#endif
