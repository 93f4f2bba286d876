/* SPDX-License-Identifier: Apache-2.0 */
/* The state of the `data` process's control thread, and its SAs (sa.c). */
#ifndef SLUICE_PROC_DATA_PROC_H
#define SLUICE_PROC_DATA_PROC_H

#include "dataplane/dataplane.h"
#include "dataplane/path_mtu.h"
#include "dataplane/sadb.h"
#include "dataplane/worker.h"
#include "ipc/data_saved.h"
#include "ipc/datagram.h"
#include "ipc/msg_data.h"
#include "ipc/msg_sa.h"

#define DATA_SOCKETS_MAX 64 /* with those of addresses that were given up a moment ago */
#define DATAGRAM_MAX     65536
#define DATA_TOO_BIG_MAX 1500 /* more of what a message quotes says nothing more */

struct data_socket {
	struct proc_data *proc; /* NULL: the place is free */
	struct ip_endpoint local;
	int fd;
	bool whole;             /* DF; the others fragment */
	uint64_t gone_ns;       /* hub has given up the address since then; 0: it has not */
	struct event *readable; /* raw ESP only: fragments that the kernel put together */
};

struct data_map_memory {
	int fd;
	void *start;
	size_t size;
};

struct data_backend;
struct proc_xfrm;

struct proc_data {
	struct event_base *base;
	const struct data_backend *backend;
	struct proc_xfrm *xfrm; /* the kernel does ESP; else NULL */
	struct imsg_channel *hub;
	struct imsg_channel *ike; /* NULL while there is none */
	int ike_fd;               /* of the channel that was there at the start; -1: none */
	struct imsg_data_conf conf;
	struct imsg_data_outside outside[SLUICE_MAX_OUTSIDE];
	uint32_t path_mtu;                         /* the smallest of the outside devices */
	struct path_mtu paths[SLUICE_MAX_TUNNELS]; /* what routers said */
	int too_big_fd[2];                         /* ICMP, ICMPv6; -1: none */
	struct event *too_big[2];
	struct data_socket sockets[DATA_SOCKETS_MAX];
	int taps[SLUICE_MAX_WORKERS];
	struct data_map_memory maps[DATA_MAPS];
	struct sa_in *sa_in;
	struct saved_sa *saved; /* NULL: nobody takes over */
	uint32_t saved_count;   /* there may be records below it at the start */
	bool kept[SLUICE_SA_ENTRIES];
	struct tunnel_packet_options tunnels[SLUICE_MAX_TUNNELS];
	struct sadb *sadb;
	struct worker_shared shared;
	struct worker *workers[SLUICE_MAX_WORKERS];
	struct worker *slow; /* the control thread's own */
	uint32_t xsk_count,
		zero_copy_count; /* AF_XDP sockets, and how many of them without a copy */
	int event_pipe[2];
	struct event *events, *tick;
	uint8_t *datagram;
	char engine[16];
	int status;
};

/* What ike says of a pair makes sense as far as numbers and addresses go. */
bool data_sa_valid(const struct imsg_sa_add *a);
/* One direction of it, with its keys: the caller wipes them. False: they are longer than any. */
bool data_sa_params(const struct imsg_sa_add *a, bool outbound, struct esp_params *p);
/* The same as an SA of ours. NULL: not ours to do. */
struct esp_sa *data_sa_make(const struct imsg_sa_add *a, bool outbound);

/* XDP takes what comes from there for the peer's own. The record may be in use. */
void data_record_remote(struct sa_in *record, const struct ip_addr *remote);

/* Installs a pair, opens XDP for it and tells ike. */
void data_sa_add(struct proc_data *d, const struct imsg_sa_add *a);

/* Closes XDP first, then forgets. spi_in, spi_out 0 match every pair of the tunnel. */
void data_sa_del(struct proc_data *d, uint32_t tunnel, uint32_t spi_in, uint32_t spi_out);

/* From now on this pair sends. False: there is none. */
bool data_sa_use(struct proc_data *d, uint32_t tunnel, uint32_t spi_out);

/* The peer of a tunnel's UDP is at another address. */
void data_sa_moved(struct proc_data *d, uint32_t tunnel, const struct ip_endpoint *remote);

/* The smallest MTU of the outside devices has changed, perhaps: what fits into every tunnel follows. */
void data_path_measure(struct proc_data *d);

/* Sets how much fits into the pair. */
void data_path_fit(struct proc_data *d, struct sa_pair *p);

/* Tells hub how much fits into the tunnel, if it has a pair to send by. */
void data_path_tell(struct proc_data *d, uint32_t tunnel);

/* The peer is elsewhere: what was known of the way to it is void. */
void data_path_forget(struct proc_data *d, uint32_t tunnel);

/* Begins to listen to routers; forgets what they said long ago. */
bool data_path_start(struct proc_data *d);
void data_path_expire(struct proc_data *d, uint64_t now);

/* sockets.c: IMSG_DATA_SOCKET and IMSG_DATA_SOCKET_GONE. */
void data_socket_take(void *context, struct imsg *m);
void data_socket_gone(void *context, struct imsg *m);
/* Reads from it what the kernel put together of fragments, if it is one for that. False: no memory. */
bool data_socket_read(struct data_socket *s);
/* Closes those that no worker can be sending by any more. */
void data_sockets_collect(struct proc_data *d, uint64_t now);

/* How packets are moved: by which kind of sockets, workers, cipher, as `sluice show dataplane` says it. */
void data_mode_format(const struct proc_data *d, char *text, size_t size);

/* Goes on with what a process before this one saved. Returns how many pairs. */
uint32_t data_sa_restore(struct proc_data *d);

/* What ike knows of, one by one; false: it is not here. Then all else is deleted. */
bool data_sa_keep(struct proc_data *d, const struct imsg_sa_keep *k);
void data_sa_keep_end(struct proc_data *d);

#endif
