/* SPDX-License-Identifier: Apache-2.0 */
#include "proc/ike/env.h"

#include "base/clock.h"
#include "crypto/hash.h"

static void env_random(void *context, void *bytes, size_t len)
{
	(void)context;
	random_bytes(bytes, len);
}

static int64_t env_wall(void *context)
{
	(void)context;
	return (int64_t)(clock_wall() / CLOCK_SECOND);
}

static bool env_spi_free(void *context, uint64_t spi)
{
	return ike_spis_free(context, spi);
}

static void env_spi_set(void *context, uint64_t spi, enum engine_spi state)
{
	if (state == ENGINE_SPI_GONE)
		ike_spis_clear(context, spi);
	else
		ike_spis_set(context, spi, state == ENGINE_SPI_UNFINISHED);
}

struct engine_env ike_env(struct ike_spis *spis)
{
	return (struct engine_env){.context = spis,
		.random = env_random,
		.wall = env_wall,
		.spi_free = env_spi_free,
		.spi_set = env_spi_set};
}
