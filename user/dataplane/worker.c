/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/worker_internal.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define STATS_EVERY_NS (100 * CLOCK_MILLISECOND)

static bool alloc_out(struct worker *w)
{
	w->frame = malloc(FRAME_MAX);
	w->buffers = aligned_alloc(64, (size_t)WORKER_BUFFERS * WORKER_BUFFER_SIZE);
	w->outgoing = calloc(WORKER_BUFFERS, sizeof(*w->outgoing));
	w->free_list = calloc(WORKER_BUFFERS, sizeof(*w->free_list));
	if (!w->frame || !w->buffers || !w->outgoing || !w->free_list ||
		!pace_init(&w->wheel, WORKER_BUFFERS, clock_now()))
		return false;
	for (uint32_t i = 0; i < WORKER_BUFFERS; i++)
		w->free_list[i] = WORKER_BUFFERS - 1 - i;
	w->free_count = WORKER_BUFFERS;
	return true;
}

uint64_t worker_horizon_ns(const struct packet_options *packets)
{
	const uint64_t horizon = (uint64_t)packets->pacing_horizon_us * 1000;

	return horizon < PACE_HORIZON_MAX ? horizon : PACE_HORIZON_MAX;
}

void worker_packets_set(struct worker *w, const struct packet_options *packets)
{
	struct packet_options *to = &w->shared.packets;

	__atomic_store_n(&w->shared.horizon_ns, worker_horizon_ns(packets), __ATOMIC_RELAXED);
	__atomic_store_n(&to->pacing_horizon_us, packets->pacing_horizon_us, __ATOMIC_RELAXED);
	__atomic_store_n(&to->ecn_marking, packets->ecn_marking, __ATOMIC_RELAXED);
	__atomic_store_n(&to->rate_bytes, packets->rate_bytes, __ATOMIC_RELAXED);
	__atomic_store_n(&to->df, packets->df, __ATOMIC_RELAXED);
}

struct worker *worker_new(const struct worker_shared *shared, uint32_t index, int tap_fd,
	struct xsk **own_xsks, uint32_t xsk_count)
{
	struct worker *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->shared = *shared;
	w->index = index;
	w->tap_fd = tap_fd;
	w->stats = &shared->worker_stats[index];
	w->stats_due = UINT64_MAX;
	w->coalescer.tcp_only = !shared->inside_uso;
	w->xsk_count = xsk_count;
	if (xsk_count)
		memcpy(w->xsks, own_xsks, xsk_count * sizeof(*own_xsks));
	w->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (w->wake_fd < 0 || (index < shared->workers && !alloc_out(w))) {
		worker_free(w);
		return NULL;
	}
	return w;
}

static void read_drops(struct worker *w, uint64_t now)
{
	uint64_t ring_full = 0, fill_empty = 0;

	if (now < w->stats_due)
		return;
	for (uint32_t i = 0; i < w->xsk_count; i++) {
		uint64_t full, empty;

		xsk_drops(w->xsks[i], &full, &empty);
		ring_full += full;
		fill_empty += empty;
	}
	/* Counters of sockets start at 0 with them; the map's outlive a restart of this process. */
	w->stats->ring_full += ring_full - w->seen_ring_full;
	w->stats->fill_empty += fill_empty - w->seen_fill_empty;
	w->seen_ring_full = ring_full;
	w->seen_fill_empty = fill_empty;
	w->stats_due = UINT64_MAX;
}

static void wait_for_work(struct worker *w, uint64_t now)
{
	struct pollfd fds[WORKER_XSKS + 2];
	uint64_t until = pace_next_ns(&w->wheel);
	struct timespec pause, *timeout = NULL;
	nfds_t n = 0;

	fds[n++] = (struct pollfd){.fd = w->wake_fd, .events = POLLIN};
	fds[n++] = (struct pollfd){.fd = w->tap_fd, .events = POLLIN};
	for (uint32_t i = 0; i < w->xsk_count; i++)
		fds[n++] = (struct pollfd){.fd = xsk_fd(w->xsks[i]), .events = POLLIN};
	if (w->stats_due < until)
		until = w->stats_due;
	if (until != UINT64_MAX) {
		uint64_t ns = until > now ? until - now : 0;

		pause.tv_sec = (time_t)(ns / CLOCK_SECOND);
		pause.tv_nsec = (long)(ns % CLOCK_SECOND);
		timeout = &pause;
	}
	(void)ppoll(fds, n, timeout, NULL);
	w->stats->wakeups++;
}

static void *run(void *arg)
{
	struct worker *w = arg;
	uint64_t gate;

	/* The gate: the process has not given up its privileges yet. */
	while (read(w->wake_fd, &gate, sizeof(gate)) < 0) {
		struct pollfd p = {.fd = w->wake_fd, .events = POLLIN};

		(void)poll(&p, 1, -1);
	}
	while (!atomic_load_explicit(&w->stop, memory_order_relaxed)) {
		uint64_t now = clock_now();
		uint32_t received = 0, sent = 0;

		sadb_begin(w->shared.sadb, w->index);
		sent += worker_release(w, now);
		for (uint32_t i = 0; i < w->xsk_count; i++)
			received += worker_receive(w, w->xsks[i], now);
		sent += worker_read(w, now);
		worker_send(w, now);
		sadb_end(w->shared.sadb, w->index);

		if (received && w->stats_due == UINT64_MAX)
			w->stats_due = now + STATS_EVERY_NS;
		read_drops(w, now);
		if (!received && !sent)
			wait_for_work(w, now);
	}
	return NULL;
}

bool worker_start(struct worker *w)
{
	w->started = !pthread_create(&w->thread, NULL, run, w);
	return w->started;
}

static void wake(struct worker *w)
{
	uint64_t one = 1;

	while (write(w->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

void worker_open_gate(struct worker *w)
{
	wake(w);
}

void worker_free(struct worker *w)
{
	if (!w)
		return;
	if (w->started) {
		atomic_store(&w->stop, true);
		wake(w);
		pthread_join(w->thread, NULL);
	}
	for (uint32_t i = 0; i < w->xsk_count; i++)
		xsk_close(w->xsks[i]);
	if (w->wake_fd >= 0)
		close(w->wake_fd);
	pace_fini(&w->wheel);
	free(w->frame);
	free(w->buffers);
	free(w->outgoing);
	free(w->free_list);
	free(w);
}
