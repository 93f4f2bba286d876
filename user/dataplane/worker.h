/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker: one thread, one queue of the inside device, the AF_XDP sockets of some receive queues.
 *
 *   AF_XDP > open > MSS > coalesce > write to the inside device
 *   inside device > cut > pace > seal > send by the UDP 4500 or raw ESP socket
 *
 * It makes no system call but ppoll, read, writev, sendmsg, sendmmsg, getsockopt and clock_gettime,
 * and needs no privilege. What it shares with others is in struct worker_shared.
 */
#ifndef SLUICE_DATAPLANE_WORKER_H
#define SLUICE_DATAPLANE_WORKER_H

#include "dataplane/sadb.h"
#include "dataplane/xsk.h"
#include "sluice/abi.h"

#include <stdbool.h>
#include <stdint.h>

#define WORKER_XSKS 16 /* AF_XDP sockets of one worker */

struct worker_shared {
	struct sadb *sadb;
	uint32_t workers;
	uint32_t inside_mtu;
	bool inside_uso; /* the inside device takes super-packets of UDP */
	struct packet_options packets;
	const struct tunnel_packet_options *tunnels; /* by number */
	uint64_t horizon_ns; /* that of packets, or what the wheel has room for; 0: police */
	struct rate_bucket *bucket_in, *bucket_out, *bucket_aggregate;
	struct site_stats *in_stats, *out_stats; /* rows of all workers, see worker.bpf.c */
	struct tunnel_stats *tunnel_stats;
	struct worker_stats *worker_stats;
	int event_fd; /* pipe: struct worker_event, one write each */
};

enum worker_event_type {
	WORKER_PEER_MOVED,
	WORKER_SA_EXPIRING,
};

struct worker_event {
	uint32_t type;
	uint32_t tunnel;
	uint32_t spi_in, spi_out;
	struct ip_endpoint remote;
};

struct worker;

/* index `workers` is the control thread's: no thread, slow path only. Takes over own_xsks. */
struct worker *worker_new(const struct worker_shared *shared, uint32_t index, int tap_fd,
	struct xsk **own_xsks, uint32_t xsk_count);

/* Starts the thread; it waits at the gate until worker_open_gate. */
bool worker_start(struct worker *w);
void worker_open_gate(struct worker *w);

/* Ends and joins the thread, frees everything but the descriptors given in. */
void worker_free(struct worker *w);

/* For how long a packet may wait with these options. */
uint64_t worker_horizon_ns(const struct packet_options *packets);

/*
 * Other options of packets, from another thread: what waits leaves at its time, and what comes is treated by them. The
 * worker reads each by itself, so a packet on its way may see some of the old ones.
 */
void worker_packets_set(struct worker *w, const struct packet_options *packets);

/*
 * ESP that came through a socket instead of AF_XDP: reassembled by the kernel, or from a device
 * without XDP. Polices and counts like XDP does. Called by the control thread on its own worker.
 * outer_class: the traffic class of the outer header.
 */
void worker_slow(struct worker *w, uint8_t *esp, uint32_t len, const struct ip_endpoint *remote,
	bool udp_encap, uint8_t outer_class);

/* Packets that did not even come so far. */
void worker_slow_lost(struct worker *w, uint32_t packets);

#endif
