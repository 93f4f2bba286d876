/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of the host others may change at any time: devices, addresses, settings. Used by `hub`, as root.
 * The kernel tells that something has changed; what it is now is read then.
 */
#ifndef SLUICE_DATAPLANE_HOST_H
#define SLUICE_DATAPLANE_HOST_H

#include "base/addr.h"
#include "dataplane/dataplane.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct host_watch;

/* Listens from now on. NULL with a sentence in `error`. */
struct host_watch *host_watch_open(char error[DATAPLANE_ERROR_SIZE]);
void host_watch_close(struct host_watch *w);

/* Readable when something has happened. */
int host_watch_fd(const struct host_watch *w);

/* Whose changes are of interest: the devices of these names. */
void host_watch_device(struct host_watch *w, const char *name);
void host_watch_forget(struct host_watch *w, const char *name);

/*
 * Reads all that has been told. True when a device of interest, one of its addresses or a setting of
 * forwarding has changed, or when so much was told that some of it was lost.
 */
bool host_watch_read(struct host_watch *w);

/* Whether a device of this name has gone since this was asked last; another may be there by now. */
bool host_watch_gone(struct host_watch *w, const char *name);

struct host_address {
	uint32_t ifindex;
	struct ip_addr address;
	uint8_t len;
	bool global; /* may be taken as a source for destinations elsewhere */
};

/* The addresses of the host that are in use: all of them, in place of what the list had. Zero at first. */
struct host_addresses {
	struct host_address *list;
	size_t count, room;
};

/* False: the kernel did not say. */
bool host_addresses(struct host_addresses *all);
void host_addresses_fini(struct host_addresses *all);

/*
 * While `closed`, nothing that comes by a device of this name is forwarded, whether there is such a device
 * or not: a rule before all routes but the local ones. False: the kernel refused.
 */
bool host_forward_closed(const char *device, bool closed);

/* Takes away such rules, of an earlier process, for devices of any other name than these. */
void host_forward_forget(const char *const *names, size_t count);

/* Whether a route of the family leads over the device to anywhere but its own network. */
bool host_way_out(int family, uint32_t ifindex);

/*
 * The kernel's reverse path filter on a device (0, 1: strict, 2: loose), by its own setting and that for
 * all devices. Strict is made loose: false when that cannot be had. `*was_strict` says that it was so.
 */
bool host_rp_filter_loosen(const char *device, bool *was_strict);

/* Reads a setting below /proc/sys, without the end of its line; writes one. */
bool host_setting_read(const char *path, char *text, size_t size);
bool host_setting_write(const char *path, const char *text);

#endif
