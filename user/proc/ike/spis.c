/* SPDX-License-Identifier: Apache-2.0 */
#include "proc/ike/spis.h"

#include "base/clock.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define TABLE_SIZE (SLUICE_IKE_SPI_ENTRIES * sizeof(struct ike_spi))

/* XDP lets two seconds' worth pass at once. */
#define ESTABLISHED_COST (CLOCK_SECOND / 200)
#define UNFINISHED_COST  (CLOCK_SECOND / 15) /* thirty at once: IKE_AUTH with certificates, twice */

bool ike_spis_open(struct ike_spis *s, int own_fd)
{
	void *table = mmap(NULL, TABLE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, own_fd, 0);

	close(own_fd);
	if (table == MAP_FAILED)
		return false;
	ike_spis_close(s);
	s->table = table;
	memset(table, 0, TABLE_SIZE);
	return true;
}

void ike_spis_close(struct ike_spis *s)
{
	if (s->table)
		munmap(s->table, TABLE_SIZE);
	s->table = NULL;
}

bool ike_spis_free(const struct ike_spis *s, uint64_t spi)
{
	return !s->table || !s->table[SLUICE_IKE_SPI_PLACE(spi)].spi;
}

void ike_spis_set(struct ike_spis *s, uint64_t spi, bool unfinished)
{
	struct ike_spi *place = s->table ? &s->table[SLUICE_IKE_SPI_PLACE(spi)] : NULL;

	if (!place || (place->spi && place->spi != spi))
		return;
	__atomic_store_n(
		&place->cost_ns, unfinished ? UNFINISHED_COST : ESTABLISHED_COST, __ATOMIC_RELAXED);
	if (place->spi == spi)
		return;
	__atomic_store_n(&place->tat_ns, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&place->spi, spi, __ATOMIC_RELEASE);
}

void ike_spis_clear(struct ike_spis *s, uint64_t spi)
{
	struct ike_spi *place = s->table ? &s->table[SLUICE_IKE_SPI_PLACE(spi)] : NULL;

	if (place && place->spi == spi)
		__atomic_store_n(&place->spi, 0, __ATOMIC_RELEASE);
}
