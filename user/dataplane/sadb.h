/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SAs that workers use. One thread, the writer, adds and removes; workers look up without locks
 * and hold a pair only until they say they are quiet. A removed pair is freed when every worker has
 * been quiet since (the idea of RCU). The two locks of a pair are for its two directions: all
 * packets of a tunnel normally meet on one worker, so they are almost never contended.
 */
#ifndef SLUICE_DATAPLANE_SADB_H
#define SLUICE_DATAPLANE_SADB_H

#include "base/addr.h"
#include "esp/esp.h"
#include "sluice/abi.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define SADB_READERS (SLUICE_MAX_WORKERS + 1)

struct sa_pair {
	uint32_t tunnel;
	uint32_t spi_in, spi_out;
	bool udp_encap;
	uint16_t cipher, integ; /* enum esp_cipher, enum esp_integ */
	/* What fits, and for SYNs from the site: all three change while workers read. */
	uint32_t inner_mtu;
	uint16_t mss4, mss6;
	int socket_fd;    /* to send by; -1: none fits */
	int fragments_fd; /* what does not fit into the path */
	struct ip_endpoint local;

	pthread_spinlock_t in_lock;
	struct esp_sa *in;
	struct ip_endpoint seen; /* where the newest authentic packet came from; in_lock */

	pthread_spinlock_t out_lock;
	struct esp_sa *out;
	struct ip_endpoint remote; /* out_lock */
	struct sockaddr_storage to;
	socklen_t to_len;
	bool expiring; /* control thread was told; out_lock */

	uint64_t retired; /* epoch of its removal */
	struct sa_pair *next;
};

struct sadb;

/* An empty one. */
struct sadb *sadb_new(void);

/* No worker may run any more. */
void sadb_free(struct sadb *db);

/* Workers: between begin and end, what was looked up stays valid. */
void sadb_begin(struct sadb *db, uint32_t reader);
void sadb_end(struct sadb *db, uint32_t reader);

/* The pair whose inbound SPI this is, or NULL. */
struct sa_pair *sadb_in(struct sadb *db, uint32_t spi);

/* The pair that sends for a tunnel, or NULL. */
struct sa_pair *sadb_out(struct sadb *db, uint32_t tunnel);

/* Writer. Takes over own_pair; one with the same slot is removed first. */
void sadb_add(struct sadb *db, struct sa_pair *own_pair);

/* Writer: from now on this pair sends for its tunnel. False: there is no such pair. */
bool sadb_use(struct sadb *db, uint32_t tunnel, uint32_t spi_out);

/* Writer: forgets pairs of a tunnel; spi_in, spi_out 0 match every pair. Returns how many. */
unsigned int sadb_del(struct sadb *db, uint32_t tunnel, uint32_t spi_in, uint32_t spi_out);

/* Writer: frees what no worker can hold any more. To be called now and then. */
void sadb_collect(struct sadb *db);

/* Takes over both SAs; free frees them, too. */
struct sa_pair *sa_pair_new(struct esp_sa *own_in, struct esp_sa *own_out);
void sa_pair_free(struct sa_pair *p);
/* Bytes of the outer IP packet around so many bytes of ESP; not of more headers when it is sent in fragments. */
uint32_t sa_pair_outer_len(const struct sa_pair *p, uint32_t esp_len);

/* Where ESP is sent to from now on. */
void sa_pair_remote_set(struct sa_pair *p, const struct ip_endpoint *remote);

#endif
