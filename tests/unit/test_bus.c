/* SPDX-License-Identifier: Apache-2.0 */
/* Events on their way to whoever keeps them: bounded, fair, and kept until they are stored. */
#include "base/clock.h"
#include "state/bus.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define SOURCES 10
#define NOW     (1000 * CLOCK_SECOND)

static struct bus *bus;

static int setup(void **state)
{
	(void)state;
	bus = bus_new(SOURCES, 100);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	bus_free(bus);
	return 0;
}

/* The number of the event; 0: it was left out. */
static uint64_t add_at(unsigned int source, uint64_t now)
{
	struct bus_event e = {.tunnel = (int8_t)source};

	return bus_add(bus, source, &e, now) ? e.number : 0;
}

static uint64_t add(unsigned int source)
{
	return add_at(source, NOW);
}

/* So that no rate is in the way. */
static void fill(unsigned int source, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		assert_int_not_equal(add_at(source, NOW + i * CLOCK_SECOND), 0);
}

static void each_has_a_greater_number(void **state)
{
	(void)state;
	assert_int_equal(bus_newest(bus), 99);
	assert_int_equal(add(0), 100);
	assert_int_equal(add(1), 101);
	assert_int_equal(bus_newest(bus), 101);
	assert_int_equal(bus_next(bus)->number, 100);
	assert_int_equal(bus_next(bus)->number, 101);
	assert_null(bus_next(bus));
}

static void it_waits_until_it_is_stored(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		add(0);
	assert_int_equal(bus_next(bus)->number, 100);
	assert_int_equal(bus_next(bus)->number, 101);
	assert_true(bus_stored(bus, 100));
	assert_int_equal(bus_waiting(bus), 2);
	/* Who stores them has ended. */
	bus_rewind(bus);
	assert_int_equal(bus_next(bus)->number, 101);
	assert_int_equal(bus_next(bus)->number, 102);
	assert_true(bus_stored(bus, 102));
	assert_int_equal(bus_waiting(bus), 0);
}

/* Whoever stores them may be in the hands of somebody. */
static void what_was_not_sent_is_not_stored(void **state)
{
	(void)state;
	add(0);
	add(0);
	assert_false(bus_stored(bus, 100));
	assert_non_null(bus_next(bus));
	assert_false(bus_stored(bus, 101));
	assert_false(bus_stored(bus, UINT64_MAX));
	assert_int_equal(bus_waiting(bus), 2);
	bus_rewind(bus);
	assert_false(bus_stored(bus, 100));
}

static void only_so_many_are_under_way(void **state)
{
	(void)state;
	fill(0, BUS_WINDOW + 5);
	for (int i = 0; i < BUS_WINDOW; i++)
		assert_non_null(bus_next(bus));
	assert_null(bus_next(bus));
	assert_true(bus_stored(bus, 100 + 2));
	for (int i = 0; i < 3; i++)
		assert_non_null(bus_next(bus));
	assert_null(bus_next(bus));
}

/* A burst, then two a second; what was left out is counted in the next one of the same source. */
static void a_source_has_a_rate(void **state)
{
	unsigned int taken = 0;
	const struct bus_event *e = NULL, *last = NULL;

	(void)state;
	for (int i = 0; i < 1000; i++)
		taken += add(3) != 0;
	assert_int_equal(taken, BUS_BURST);
	assert_int_not_equal(add(4), 0);
	assert_int_not_equal(add_at(3, NOW + CLOCK_SECOND), 0);
	assert_int_not_equal(add_at(3, NOW + CLOCK_SECOND), 0);
	assert_int_equal(add_at(3, NOW + CLOCK_SECOND), 0);
	while ((e = bus_next(bus))) {
		if (e->left_out)
			last = e;
		if (e->tunnel == 4)
			assert_int_equal(e->left_out, 0);
	}
	assert_non_null(last);
	assert_int_equal(last->left_out, 1000 - BUS_BURST);
	assert_int_equal(last->tunnel, 3);
}

/* Nobody stores anything for long: one that is loud loses its own oldest events, and nobody else's. */
static void a_loud_one_pushes_out_nobody(void **state)
{
	unsigned int quiet = 0, lost = 0;
	struct bus_event e = {0};
	const struct bus_event *next;

	(void)state;
	fill(1, 20);
	fill(2, BUS_WAITING_MAX + 1000);
	assert_int_equal(bus_waiting(bus), BUS_WAITING_MAX);
	while (true) {
		bool was_loud;

		next = bus_next(bus);
		if (!next)
			break;
		e = *next;
		was_loud = e.tunnel == 2;
		quiet += !was_loud;
		lost += e.left_out;
		assert_true(bus_stored(bus, e.number));
	}
	assert_int_equal(quiet, 20);
	assert_int_equal(lost, 1020);
	assert_int_equal(bus_waiting(bus), 0);
}

/* What has been sent may be stored already: it stays until that is known. */
static void what_was_sent_is_not_pushed_out(void **state)
{
	(void)state;
	fill(0, BUS_WAITING_MAX);
	for (int i = 0; i < BUS_WINDOW; i++)
		assert_non_null(bus_next(bus));
	fill(1, 100);
	bus_rewind(bus);
	assert_int_equal(bus_next(bus)->number, 100);
}

static void a_new_one_starts_anew(void **state)
{
	(void)state;
	for (int i = 0; i < 500; i++)
		add(0);
	bus_source_is_new(bus, 0);
	assert_int_not_equal(add(0), 0);
	for (const struct bus_event *e; (e = bus_next(bus));)
		assert_int_equal(e->left_out, 0);
}

/* The clock was set back while sluiced was not there: numbers grow all the same. */
static void numbers_follow_what_is_stored(void **state)
{
	(void)state;
	add(0);
	add(0);
	assert_true(bus_follow(bus, 100)); /* stored, and not said */
	assert_int_equal(bus_newest(bus), 101);
	assert_true(bus_follow(bus, 5000));
	assert_int_equal(bus_next(bus)->number, 5001);
	assert_int_equal(bus_next(bus)->number, 5002);
	assert_int_equal(add(0), 5003);
	assert_false(bus_follow(bus, 6000)); /* it has been told of some */
	bus_rewind(bus);
	assert_false(bus_follow(bus, UINT64_MAX));
	assert_false(bus_follow(bus, BUS_NUMBER_MAX));
	assert_int_equal(bus_newest(bus), 5003);
}

static void kinds_have_names(void **state)
{
	(void)state;
	for (int k = 0; k < BUS_KINDS; k++) {
		assert_non_null(bus_kind_names[k]);
		assert_int_equal(bus_kind_find(bus_kind_names[k]), k);
	}
	assert_int_equal(bus_kind_find("nothing"), BUS_KINDS);
	for (int s = 0; s < BUS_SEVERITIES; s++)
		assert_non_null(bus_severity_names[s]);
}

#define BUS_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BUS_TEST(each_has_a_greater_number),
		BUS_TEST(it_waits_until_it_is_stored),
		BUS_TEST(what_was_not_sent_is_not_stored),
		BUS_TEST(only_so_many_are_under_way),
		BUS_TEST(a_source_has_a_rate),
		BUS_TEST(a_loud_one_pushes_out_nobody),
		BUS_TEST(what_was_sent_is_not_pushed_out),
		BUS_TEST(a_new_one_starts_anew),
		BUS_TEST(numbers_follow_what_is_stored),
		cmocka_unit_test(kinds_have_names),
	};

	return cmocka_run_group_tests_name("bus", tests, NULL, NULL);
}
