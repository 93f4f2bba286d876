/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One AF_XDP socket on one receive queue of an outside device, receive only: without a copy where the
 * driver can, else with one. Opened as root; afterwards only shared memory, poll and recvfrom are needed.
 */
#ifndef SLUICE_DATAPLANE_XSK_H
#define SLUICE_DATAPLANE_XSK_H

#include "dataplane/dataplane.h"

#include <stdbool.h>
#include <stdint.h>

#define XSK_BATCH 64

struct xsk;

struct xsk_frame {
	uint8_t *bytes;
	uint32_t len;
	uint64_t address; /* to give it back */
};

/* Opens and enters it into the XSKMAP at `key`. NULL with a sentence in `error`. */
struct xsk *xsk_open(const char *device, uint32_t mtu, uint32_t queue, int xsks_map_fd,
	uint32_t key, char error[DATAPLANE_ERROR_SIZE]);
void xsk_close(struct xsk *x);

/* The AF_XDP socket; it belongs to x. */
int xsk_fd(const struct xsk *x);

/* What the kernel chose. */
bool xsk_zero_copy(const struct xsk *x);

/* Takes up to XSK_BATCH received frames; they are the caller's until xsk_release. */
uint32_t xsk_receive(struct xsk *x, struct xsk_frame frames[XSK_BATCH]);

/* Gives the frames of earlier calls of xsk_receive back to the kernel. */
void xsk_release(struct xsk *x, const struct xsk_frame *frames, uint32_t n);

/* Packets the kernel dropped: no room in the ring, no free buffer. */
void xsk_drops(const struct xsk *x, uint64_t *ring_full, uint64_t *fill_empty);

#endif
