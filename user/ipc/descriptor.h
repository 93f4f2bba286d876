/* SPDX-License-Identifier: Apache-2.0 */
/* A datagram with one descriptor beside it, over a socket of this host. */
#ifndef SLUICE_IPC_DESCRIPTOR_H
#define SLUICE_IPC_DESCRIPTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * Sends the bytes, and `fd` with them (-1: none), which stays the caller's. Like sendmsg(2) with these flags, but neither
 * a signal nor a peer that is gone raises anything.
 */
ssize_t descriptor_send(int to, const void *bytes, size_t len, int fd, int flags);

/*
 * Receives a datagram like recvmsg(2) with these flags. *fd is the first descriptor that came with it, or -1, and is the
 * caller's; all others are closed: alignment leaves room for a second one that nobody asked for. *whole: there were
 * no others, and all of it found room.
 */
ssize_t descriptor_receive(int from, void *bytes, size_t size, int flags, int *fd, bool *whole);

#endif
