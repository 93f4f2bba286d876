/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/xsk.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <xdp/xsk.h>

#define FRAMES 8192 /* what comes at 10 Gbit/s while the worker is not let run for 10 ms */
#define FRAME_SMALL                                                                                \
	2048 /* half the cache sets, pages and memory of a page each, where it is enough */
#define FRAME_LARGE 4096
#define RING        8192
#define HEADROOM    XDP_PACKET_HEADROOM /* what the kernel leaves before a packet */
#define ETHERNET    22                  /* with two VLAN tags */
#define BUSY_TRIES  40                  /* a socket just closed holds its queue for a moment */

struct xsk {
	struct xsk_umem *umem;
	struct xsk_socket *socket;
	struct xsk_ring_cons rx, completion;
	struct xsk_ring_prod fill;
	uint8_t *memory;
	uint32_t frame_size;
	bool zero_copy;
};

static size_t memory_size(const struct xsk *x)
{
	return (size_t)FRAMES * x->frame_size;
}

static void fill_all(struct xsk *x)
{
	uint32_t at;

	if (xsk_ring_prod__reserve(&x->fill, FRAMES, &at) != FRAMES)
		return;
	for (uint32_t i = 0; i < FRAMES; i++)
		*xsk_ring_prod__fill_addr(&x->fill, at + i) = (uint64_t)i * x->frame_size;
	xsk_ring_prod__submit(&x->fill, FRAMES);
}

static int create(struct xsk *x, const char *device, uint32_t queue)
{
	const struct xsk_umem_config umem = {
		.fill_size = RING, .comp_size = 64, .frame_size = x->frame_size};
	/* Neither copy nor zero-copy is demanded: the kernel takes the latter where the driver can. */
	const struct xsk_socket_config config = {.rx_size = RING,
		.libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD,
		.bind_flags = XDP_USE_NEED_WAKEUP};
	const struct timespec pause = {.tv_nsec = 50 * 1000 * 1000};
	int r = xsk_umem__create(
		&x->umem, x->memory, memory_size(x), &x->fill, &x->completion, &umem);

	if (r)
		return r;
	for (int i = 0; i < BUSY_TRIES; i++) {
		r = xsk_socket__create(&x->socket, device, queue, x->umem, &x->rx, NULL, &config);
		if (r != -EBUSY)
			break;
		nanosleep(&pause, NULL);
	}
	return r;
}

static bool take_memory(struct xsk *x)
{
	void *memory = mmap(
		NULL, memory_size(x), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return false;
	x->memory = memory;
	(void)madvise(
		memory, memory_size(x), MADV_HUGEPAGE); /* fewer misses of the TLB, if there are */
	return !madvise(memory, memory_size(x), MADV_POPULATE_WRITE);
}

static bool is_zero_copy(const struct xsk *x)
{
	struct xdp_options options = {0};
	socklen_t len = sizeof(options);

	return !getsockopt(xsk_socket__fd(x->socket), SOL_XDP, XDP_OPTIONS, &options, &len) &&
	       options.flags & XDP_OPTIONS_ZEROCOPY;
}

static void explain(int r, const char *device, uint32_t queue, char error[DATAPLANE_ERROR_SIZE])
{
	struct rlimit locked;

	snprintf(error, DATAPLANE_ERROR_SIZE, "AF_XDP on %s queue %u: %s", device, queue,
		strerror(-r));
	if (r == -ENOBUFS && !getrlimit(RLIMIT_MEMLOCK, &locked) &&
		locked.rlim_cur != RLIM_INFINITY)
		snprintf(error + strlen(error), DATAPLANE_ERROR_SIZE - strlen(error),
			" (it counts as locked memory, of which %llu KB are allowed: ulimit -l, or "
			"LimitMEMLOCK in a unit)",
			(unsigned long long)locked.rlim_cur / 1024);
}

struct xsk *xsk_open(const char *device, uint32_t mtu, uint32_t queue, int xsks_map_fd,
	uint32_t key, char error[DATAPLANE_ERROR_SIZE])
{
	struct xsk *x = calloc(1, sizeof(*x));
	int r = -ENOMEM, fd;

	if (!x)
		return NULL;
	x->frame_size = HEADROOM + ETHERNET + mtu <= FRAME_SMALL ? FRAME_SMALL : FRAME_LARGE;
	if (!take_memory(x))
		goto fail;
	r = create(x, device, queue);
	if (r)
		goto fail;
	x->zero_copy = is_zero_copy(x);
	fill_all(x);
	fd = xsk_socket__fd(x->socket);
	r = bpf_map_update_elem(xsks_map_fd, &key, &fd, BPF_ANY) ? -errno : 0;
	if (!r)
		return x;
fail:
	explain(r, device, queue, error);
	xsk_close(x);
	return NULL;
}

void xsk_close(struct xsk *x)
{
	if (!x)
		return;
	if (x->socket)
		xsk_socket__delete(x->socket);
	if (x->umem)
		xsk_umem__delete(x->umem);
	if (x->memory)
		munmap(x->memory, memory_size(x));
	free(x);
}

int xsk_fd(const struct xsk *x)
{
	return xsk_socket__fd(x->socket);
}

bool xsk_zero_copy(const struct xsk *x)
{
	return x->zero_copy;
}

uint32_t xsk_receive(struct xsk *x, struct xsk_frame frames[XSK_BATCH])
{
	uint32_t at = 0;
	uint32_t n = xsk_ring_cons__peek(&x->rx, XSK_BATCH, &at);

	for (uint32_t i = 0; i < n; i++) {
		const struct xdp_desc *d = xsk_ring_cons__rx_desc(&x->rx, at + i);

		frames[i].address = d->addr;
		frames[i].len = d->len;
		frames[i].bytes = xsk_umem__get_data(x->memory, d->addr);
	}
	if (n)
		xsk_ring_cons__release(&x->rx, n);
	return n;
}

void xsk_release(struct xsk *x, const struct xsk_frame *frames, uint32_t n)
{
	uint32_t at;

	/* All frames of the memory fit into the fill ring, so there is always room. */
	if (!n || xsk_ring_prod__reserve(&x->fill, n, &at) != n)
		return;
	for (uint32_t i = 0; i < n; i++)
		*xsk_ring_prod__fill_addr(&x->fill, at + i) =
			frames[i].address & ~(uint64_t)(x->frame_size - 1);
	xsk_ring_prod__submit(&x->fill, n);
	/* A driver that found the ring empty and does not look again by itself; never in copy mode. */
	if (xsk_ring_prod__needs_wakeup(&x->fill))
		(void)recvfrom(xsk_fd(x), NULL, 0, MSG_DONTWAIT, NULL, NULL);
}

void xsk_drops(const struct xsk *x, uint64_t *ring_full, uint64_t *fill_empty)
{
	struct xdp_statistics s = {0};
	socklen_t len = sizeof(s);

	*ring_full = *fill_empty = 0;
	if (getsockopt(xsk_socket__fd(x->socket), SOL_XDP, XDP_STATISTICS, &s, &len))
		return;
	*ring_full = s.rx_ring_full;
	*fill_empty = s.rx_dropped;
}
