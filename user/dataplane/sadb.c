/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/sadb.h"

#include <stdatomic.h>
#include <stdlib.h>

#define UDP_HEADER  8
#define IPV4_HEADER 20
#define IPV6_HEADER 40

#define QUIET UINT64_MAX /* the reader holds nothing */

struct reader {
	_Alignas(64) _Atomic uint64_t epoch;
};

struct sadb {
	struct reader readers[SADB_READERS];
	_Atomic uint64_t epoch;
	_Atomic(struct sa_pair *) in[SLUICE_SA_ENTRIES];
	_Atomic(struct sa_pair *) out[SLUICE_MAX_TUNNELS];
	struct sa_pair *retired;
};

struct sa_pair *sa_pair_new(struct esp_sa *own_in, struct esp_sa *own_out)
{
	struct sa_pair *p = own_in && own_out ? calloc(1, sizeof(*p)) : NULL;

	if (!p) {
		esp_sa_free(own_in);
		esp_sa_free(own_out);
		return NULL;
	}
	p->in = own_in;
	p->out = own_out;
	p->socket_fd = p->fragments_fd = -1;
	pthread_spin_init(&p->in_lock, PTHREAD_PROCESS_PRIVATE);
	pthread_spin_init(&p->out_lock, PTHREAD_PROCESS_PRIVATE);
	return p;
}

void sa_pair_free(struct sa_pair *p)
{
	if (!p)
		return;
	esp_sa_free(p->in);
	esp_sa_free(p->out);
	pthread_spin_destroy(&p->in_lock);
	pthread_spin_destroy(&p->out_lock);
	free(p);
}

uint32_t sa_pair_outer_len(const struct sa_pair *p, uint32_t esp_len)
{
	return esp_len + (p->udp_encap ? UDP_HEADER : 0) +
	       (p->local.addr.family == AF_INET ? IPV4_HEADER : IPV6_HEADER);
}

void sa_pair_remote_set(struct sa_pair *p, const struct ip_endpoint *remote)
{
	struct ip_endpoint to = *remote;

	if (!p->udp_encap)
		to.port = 0; /* raw sockets have none */
	pthread_spin_lock(&p->out_lock);
	p->remote = to;
	p->to_len = endpoint_to_sockaddr(&to, &p->to);
	pthread_spin_unlock(&p->out_lock);
}

struct sadb *sadb_new(void)
{
	struct sadb *db = aligned_alloc(64, (sizeof(*db) + 63) & ~(size_t)63);

	if (!db)
		return NULL;
	for (int i = 0; i < SADB_READERS; i++)
		atomic_init(&db->readers[i].epoch, QUIET);
	for (int i = 0; i < SLUICE_SA_ENTRIES; i++)
		atomic_init(&db->in[i], NULL);
	for (int i = 0; i < SLUICE_MAX_TUNNELS; i++)
		atomic_init(&db->out[i], NULL);
	atomic_init(&db->epoch, 1);
	db->retired = NULL;
	return db;
}

void sadb_free(struct sadb *db)
{
	if (!db)
		return;
	for (uint32_t i = 0; i < SLUICE_SA_ENTRIES; i++)
		sa_pair_free(db->in[i]);
	while (db->retired) {
		struct sa_pair *p = db->retired;

		db->retired = p->next;
		sa_pair_free(p);
	}
	free(db);
}

void sadb_begin(struct sadb *db, uint32_t reader)
{
	/* Sequentially consistent: the store is seen before any pointer is read after it. */
	atomic_store(&db->readers[reader].epoch, atomic_load(&db->epoch));
}

void sadb_end(struct sadb *db, uint32_t reader)
{
	atomic_store(&db->readers[reader].epoch, QUIET);
}

struct sa_pair *sadb_in(struct sadb *db, uint32_t spi)
{
	struct sa_pair *p = atomic_load(&db->in[SLUICE_SA_INDEX(spi)]);

	return p && p->spi_in == spi ? p : NULL;
}

struct sa_pair *sadb_out(struct sadb *db, uint32_t tunnel)
{
	return tunnel < SLUICE_MAX_TUNNELS ? atomic_load(&db->out[tunnel]) : NULL;
}

static void retire(struct sadb *db, uint32_t index)
{
	struct sa_pair *p = db->in[index];

	atomic_store(&db->in[index], NULL);
	if (db->out[p->tunnel] == p)
		atomic_store(&db->out[p->tunnel], NULL);
	p->retired = atomic_fetch_add(&db->epoch, 1) + 1;
	p->next = db->retired;
	db->retired = p;
}

void sadb_add(struct sadb *db, struct sa_pair *own_pair)
{
	uint32_t index = SLUICE_SA_INDEX(own_pair->spi_in);

	if (db->in[index])
		retire(db, index);
	atomic_store(&db->in[index], own_pair);
}

static uint32_t first_slot(uint32_t tunnel)
{
	return tunnel * SLUICE_SA_SLOTS_PER_TUNNEL;
}

bool sadb_use(struct sadb *db, uint32_t tunnel, uint32_t spi_out)
{
	for (uint32_t i = 0; i < SLUICE_SA_SLOTS_PER_TUNNEL; i++) {
		struct sa_pair *p = db->in[first_slot(tunnel) + i];

		if (p && p->spi_out == spi_out) {
			atomic_store(&db->out[tunnel], p);
			return true;
		}
	}
	return false;
}

unsigned int sadb_del(struct sadb *db, uint32_t tunnel, uint32_t spi_in, uint32_t spi_out)
{
	unsigned int deleted = 0;

	for (uint32_t i = 0; i < SLUICE_SA_SLOTS_PER_TUNNEL; i++) {
		struct sa_pair *p = db->in[first_slot(tunnel) + i];

		if (!p || (spi_in && p->spi_in != spi_in) || (spi_out && p->spi_out != spi_out))
			continue;
		retire(db, first_slot(tunnel) + i);
		deleted++;
	}
	return deleted;
}

void sadb_collect(struct sadb *db)
{
	struct sa_pair **at = &db->retired;
	uint64_t oldest = QUIET;

	for (int i = 0; i < SADB_READERS; i++) {
		uint64_t e = atomic_load(&db->readers[i].epoch);

		if (e < oldest)
			oldest = e;
	}
	while (*at) {
		struct sa_pair *p = *at;

		/* A reader that began at the epoch of the removal or later cannot have found it. */
		if (oldest < p->retired) {
			at = &p->next;
			continue;
		}
		*at = p->next;
		sa_pair_free(p);
	}
}
