/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SPIs that our IKE SAs have, in the map `ike_spis`, where XDP looks for them: messages of an SA are
 * limited for themselves, all others as a stranger's are.
 */
#ifndef SLUICE_PROC_IKE_SPIS_H
#define SLUICE_PROC_IKE_SPIS_H

#include "sluice/abi.h"

#include <stdbool.h>
#include <stdint.h>

struct ike_spis {
	struct ike_spi *table; /* NULL: there is no map, and nothing to do */
};

/* Takes over the map's descriptor. What a process before has left there goes. False: no mapping. */
bool ike_spis_open(struct ike_spis *s, int own_fd);
void ike_spis_close(struct ike_spis *s);

/* Nobody else's SPI has this place. */
bool ike_spis_free(const struct ike_spis *s, uint64_t spi);

/* Enters an SPI; where its place is not free it remains a stranger's. Unfinished ones may send less. */
void ike_spis_set(struct ike_spis *s, uint64_t spi, bool unfinished);
void ike_spis_clear(struct ike_spis *s, uint64_t spi);

#endif
