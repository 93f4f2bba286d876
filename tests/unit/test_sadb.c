/* SPDX-License-Identifier: Apache-2.0 */
/* The table of SA pairs: two of a tunnel at once, and one that is gone while a worker has it. */
#include "dataplane/sadb.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static struct sa_pair *pair(uint32_t tunnel, uint32_t slot, uint32_t spi_out)
{
	struct esp_params p = {.cipher = ESP_AES_GCM_16, .key_len = 16, .spi = 1};
	struct sa_pair *s =
		sa_pair_new(esp_sa_new(&p, ESP_ENGINE_AUTO), esp_sa_new(&p, ESP_ENGINE_AUTO));

	assert_non_null(s);
	s->tunnel = tunnel;
	s->spi_in = 0x7000u << SLUICE_SA_INDEX_BITS | (tunnel * SLUICE_SA_SLOTS_PER_TUNNEL + slot);
	s->spi_out = spi_out;
	return s;
}

static void a_rekey_overlaps(void **context)
{
	struct sadb *db = sadb_new();
	struct sa_pair *old = pair(5, 0, 100), *new = pair(5, 1, 200);

	(void)context;
	sadb_add(db, old);
	assert_null(sadb_out(db, 5)); /* not before it is said */
	assert_true(sadb_use(db, 5, 100));
	assert_ptr_equal(sadb_out(db, 5), old);
	sadb_add(db, new);
	assert_ptr_equal(sadb_out(db, 5), old);
	assert_ptr_equal(sadb_in(db, old->spi_in), old); /* both accept */
	assert_ptr_equal(sadb_in(db, new->spi_in), new);
	assert_true(sadb_use(db, 5, 200));
	assert_ptr_equal(sadb_out(db, 5), new);
	assert_false(sadb_use(db, 5, 300));
	assert_false(sadb_use(db, 6, 200));

	/* A worker that found the old pair keeps it until it is quiet. ASan sees to it. */
	sadb_begin(db, 0);
	assert_int_equal(sadb_del(db, 5, 0, 100), 1);
	assert_null(sadb_in(db, 0x7000u << SLUICE_SA_INDEX_BITS | 40));
	sadb_collect(db);
	assert_int_equal(old->spi_out, 100);
	sadb_end(db, 0);
	sadb_collect(db);
	assert_ptr_equal(sadb_out(db, 5), new);
	/* Another SPI with the same slot is another SA. */
	assert_null(sadb_in(db, new->spi_in ^ 1u << 31));
	assert_int_equal(sadb_del(db, 5, 0, 0), 1);
	assert_null(sadb_out(db, 5));
	sadb_collect(db);
	sadb_free(db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rekey_overlaps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
