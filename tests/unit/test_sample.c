/* SPDX-License-Identifier: Apache-2.0 */
/* Samples in few bytes, and their sums. */
#include "base/sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define HOUR (UINT64_C(1790000000) / 3600 * 3600)

static struct sample_pack made, got;
static uint8_t bytes[SAMPLE_PACK_SIZE];

static void fill(struct sample *s, uint64_t at_s, unsigned int seed)
{
	*s = (struct sample){.at_s = at_s, .covered_s = seed % 2 ? 60 : seed};
	for (int f = 0; f < SAMPLE_FIELDS; f++)
		s->v[f] = rand_r(&seed) % 3 ? (uint64_t)rand_r(&seed) << rand_r(&seed) % 30 : 0;
	for (int d = 0; d < 2; d++)
		s->v[SAMPLE_WORST_AT + d] = seed % 4 ? at_s + (uint64_t)(rand_r(&seed) % 60) : 0;
}

static void begin(void)
{
	memset(&made, 0, sizeof(made));
	made.step_s = 60;
	made.at_s = HOUR;
	got = (struct sample_pack){.step_s = 60, .at_s = HOUR};
}

static void what_is_packed_is_unpacked(void **state)
{
	struct sample s;
	size_t len;

	(void)state;
	for (unsigned int seed = 1; seed < 200; seed++) {
		begin();
		for (unsigned int i = 0; i < SAMPLES_IN_PACK; i += 1 + seed % 7) {
			fill(&s, HOUR + i * 60, seed + i);
			sample_pack_put(&made, &s);
		}
		len = sample_pack_write(&made, bytes);
		assert_true(len <= sizeof(bytes));
		assert_true(sample_pack_read(&got, bytes, len));
		assert_memory_equal(&made.there, &got.there, sizeof(made.there));
		assert_memory_equal(&made.samples, &got.samples, sizeof(made.samples));
	}
	begin();
	assert_int_equal(sample_pack_write(&made, bytes), 1);
	assert_true(sample_pack_read(&got, bytes, 1));
	/* All that there can be. */
	begin();
	memset(&s, 0xff, sizeof(s));
	for (unsigned int i = 0; i < SAMPLES_IN_PACK; i++) {
		s.at_s = HOUR + i * 60;
		sample_pack_put(&made, &s);
	}
	len = sample_pack_write(&made, bytes);
	assert_true(len <= sizeof(bytes));
	assert_true(sample_pack_read(&got, bytes, len));
}

/* A quiet site takes next to nothing. */
static void a_quiet_hour_is_short(void **state)
{
	struct sample s = {.covered_s = 60, .v = {[SAMPLE_UP] = 60, [SAMPLE_UP + 1] = 60}};

	(void)state;
	begin();
	for (unsigned int i = 0; i < SAMPLES_IN_PACK; i++) {
		s.at_s = HOUR + i * 60;
		sample_pack_put(&made, &s);
	}
	assert_true(sample_pack_write(&made, bytes) <= 1 + 4 * SAMPLES_IN_PACK);
}

static void what_is_no_pack_is_refused(void **state)
{
	struct sample s;
	size_t len;

	(void)state;
	begin();
	fill(&s, HOUR + 120, 7);
	sample_pack_put(&made, &s);
	len = sample_pack_write(&made, bytes);
	for (size_t cut = 2; cut < len; cut++) {
		bool ok = sample_pack_read(&got, bytes, cut);

		assert_true(ok || !got.there[2]);
		assert_false(ok);
	}
	assert_false(sample_pack_read(&got, bytes, 0));
	bytes[0]++;
	assert_false(sample_pack_read(&got, bytes, len));
	for (unsigned int seed = 1; seed < 20000; seed++) {
		unsigned int r = seed;
		size_t n = 1 + rand_r(&r) % 200;

		bytes[0] = 2;
		for (size_t i = 1; i < n; i++)
			bytes[i] = (uint8_t)(rand_r(&r) % 3 ? rand_r(&r) % 60 : rand_r(&r));
		(void)sample_pack_read(&got, bytes, n);
	}
}

static void a_sum_has_the_worst_second(void **state)
{
	struct sample sum = {0}, a = {0}, b = {0}, none = {0};

	(void)state;
	a.covered_s = 60;
	b.covered_s = 7;
	a.v[SAMPLE_OFFERED] = 10;
	a.v[SAMPLE_WORST_AT] = 1000;
	a.v[SAMPLE_WORST + 1] = 500; /* nothing was dropped */
	b.v[SAMPLE_OFFERED] = 5;
	b.v[SAMPLE_WORST_AT] = 2000;
	b.v[SAMPLE_WORST] = 1;
	b.v[SAMPLE_WORST + 1] = 100;
	b.v[SAMPLE_OF_REASON(1, 3)] = 7;
	sample_add(&sum, &none);
	sample_add(&sum, &a);
	assert_int_equal(sum.v[SAMPLE_WORST_AT], 1000);
	sample_add(&sum, &b);
	sample_add(&sum, &a);
	assert_int_equal(sum.covered_s, 127);
	assert_int_equal(sum.v[SAMPLE_OFFERED], 25);
	assert_int_equal(sum.v[SAMPLE_WORST_AT], 2000);
	assert_int_equal(sum.v[SAMPLE_WORST + 1], 100);
	assert_int_equal(sum.v[SAMPLE_OF_REASON(1, 3)], 7);
	assert_int_equal(sum.v[SAMPLE_WORST_AT + 1], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_packed_is_unpacked),
		cmocka_unit_test(a_quiet_hour_is_short),
		cmocka_unit_test(what_is_no_pack_is_refused),
		cmocka_unit_test(a_sum_has_the_worst_second),
	};

	return cmocka_run_group_tests_name("sample", tests, NULL, NULL);
}
