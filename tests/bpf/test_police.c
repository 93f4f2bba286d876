/* SPDX-License-Identifier: Apache-2.0 */
/* What a site may send: rates, congestion that is told of, and what no CPU had room for. */
#include "outside_lab.h"

#include "dataplane/checksum.h"

#include <sched.h>
#include <string.h>

enum { NOT_ECT = 0, ECT_1 = 1, ECT_0 = 2, CE = 3 };

static int setup(void **context)
{
	return setup_with(context, &(const struct bpf_options){0});
}

static int setup_marking(void **context)
{
	return setup_with(context, &(const struct bpf_options){.ecn_marking = true});
}

static int setup_kernel_esp(void **context)
{
	return setup_with(context, &(const struct bpf_options){.esp_cpus = 1});
}

static uint64_t passed_of(struct state *s, int n)
{
	uint64_t passed = 0;

	for (int i = 0; i < n; i++) {
		struct frame f = esp_frame(V4, SPI, false, NULL);
		int verdict = pass(s, &f);

		assert_true(verdict == XDP_REDIRECT || verdict == XDP_DROP);
		passed += verdict == XDP_REDIRECT;
	}
	return passed;
}

static void site_rate_holds(void **context)
{
	struct state *s = *context;
	struct bucket_rate rate = {.bits_per_second = 8000, .burst_bytes = 10000};

	s->sa_in[SLUICE_SA_INDEX(SPI)] = record(V4);
	maps_site_rate_set(s->maps, SLUICE_IN, SITE, &rate);
	/* tat may be a burst of ten packets ahead, then one more conforms. */
	assert_int_equal(passed_of(s, 30), 11);
	assert_int_equal(site(s).site_rate.packets, 19);
	assert_int_equal(site(s).site_rate.bytes, 19 * (ESP_BYTES - OVERHEAD));
	assert_int_equal(site(s).offered.packets, 30);
}

static void site_packet_rate_holds(void **context)
{
	struct state *s = *context;
	struct bucket_rate rate = {.packets_per_second = 100}; /* burst 20 ms: two packets ahead */

	s->sa_in[SLUICE_SA_INDEX(SPI)] = record(V4);
	maps_site_rate_set(s->maps, SLUICE_IN, SITE, &rate);
	assert_in_range(passed_of(s, 30), 3, 6);
	assert_in_range(site(s).site_pps.packets, 24, 27);
	assert_int_equal(site(s).site_rate.packets, 0);
}

static void aggregate_rate_holds(void **context)
{
	struct state *s = *context;
	struct bucket_rate rate = {
		.bits_per_second = 8000, .burst_bytes = 2 * SLUICE_AGGREGATE_QUANTUM};

	s->sa_in[SLUICE_SA_INDEX(SPI)] = record(V4);
	maps_aggregate_rate_set(s->maps, SLUICE_IN, &rate);
	/* Three quanta of 16 packets each; one CPU, or a few when the scheduler moves us. */
	assert_in_range(passed_of(s, 100), 40, 50);
	assert_in_range(site(s).aggregate_rate.packets, 50, 60);
}

static void a_site_over_its_rate_costs_the_others_nothing(void **context)
{
	struct state *s = *context;
	struct bucket_rate aggregate = {
		.bits_per_second = 8000, .burst_bytes = 2 * SLUICE_AGGREGATE_QUANTUM};
	struct bucket_rate none = {.bits_per_second = 1, .burst_bytes = 1};
	struct bucket_rate unlimited = {0};

	s->sa_in[SLUICE_SA_INDEX(SPI)] = record(V4);
	maps_aggregate_rate_set(s->maps, SLUICE_IN, &aggregate);
	maps_site_rate_set(s->maps, SLUICE_IN, SITE, &none);
	assert_int_equal(passed_of(s, 200), 1);
	maps_site_rate_set(s->maps, SLUICE_IN, SITE, &unlimited);
	/* All of the aggregate but that one packet is still there. */
	assert_in_range(passed_of(s, 100), 38, 49);
}

/* V-06: both tunnels of a gateway have the whole limit, and the aggregate is none of theirs. */
static void a_tunnel_may_have_limits_of_its_own(void **context)
{
	struct state *s = *context;
	struct bucket_rate rate = {.bits_per_second = 8000, .burst_bytes = 10000};
	struct bucket_rate none = {.bits_per_second = 1, .burst_bytes = 1};
	struct sa_in sa = record(V4);

	maps_aggregate_rate_set(s->maps, SLUICE_IN, &none);
	for (uint16_t t = 0; t < 2; t++) {
		sa.tunnel = (uint16_t)(2 * SITE + t);
		sa.own_limits = 1;
		s->sa_in[SLUICE_SA_INDEX(SPI)] = sa;
		maps_tunnel_rate_set(s->maps, SLUICE_IN, sa.tunnel, &rate);
		assert_int_equal(passed_of(s, 30), 11);
	}
	assert_int_equal(site(s).site_rate.packets, 2 * 19);
	assert_int_equal(site(s).aggregate_rate.packets, 0);
}

/* The field of the outer header after the program has seen the packet, which passed. */
static uint8_t told(struct state *s, enum form form, bool vlan, uint8_t ecn)
{
	struct frame f = esp_frame(form, SPI, vlan, NULL);
	bool v4 = form == V4 || form == V4_UDP;
	uint8_t *ip = f.bytes + 14 + (vlan ? 4 : 0);

	ip[1] |= (uint8_t)(v4 ? 0xa8 | ecn : ecn << 4);
	if (v4)
		checksum_store(ip + 10, checksum_add(0, ip, 20));
	s->sa_in[SLUICE_SA_INDEX(SPI)] = record(form);
	assert_int_equal(run_frame(bpf_plane_outside_fd(s->plane), &f, NULL, true), XDP_REDIRECT);
	if (!v4)
		return ip[1] >> 4 & 3;
	assert_int_equal(checksum_fold(checksum_add(0, ip, 20)), 0xffff);
	assert_int_equal(ip[1] & 0xfc, 0xa8);
	return ip[1] & 3;
}

/* Packets of 1,000 bytes, of which a hundred are a burst; each takes a second to be forgotten. */
static void send_some(struct state *s, uint32_t packets)
{
	struct bucket_rate rate = {.bits_per_second = 8000, .burst_bytes = 100000};

	s->sa_in[SLUICE_SA_INDEX(SPI)] = record(V4);
	maps_site_rate_set(s->maps, SLUICE_IN, SITE, &rate);
	assert_int_equal(passed_of(s, (int)packets), packets);
}

static void congestion_is_told(void **context)
{
	struct state *s = *context;

	send_some(s, 20);
	for (int form = V4; form <= V6_UDP; form++) {
		for (uint8_t ecn = NOT_ECT; ecn <= CE; ecn++)
			assert_int_equal(told(s, form, form & 1, ecn), ecn);
	}
	send_some(s, 25); /* 61 of 100 */
	for (int form = V4; form <= V6_UDP; form++) {
		assert_int_equal(told(s, form, form & 1, NOT_ECT), NOT_ECT);
		assert_int_equal(told(s, form, form & 1, ECT_0), CE);
		assert_int_equal(told(s, form, form & 1, ECT_1), CE);
		assert_int_equal(told(s, form, form & 1, CE), CE);
	}
}

static void nobody_is_told_unasked(void **context)
{
	struct state *s = *context;

	send_some(s, 70);
	for (int form = V4; form <= V6_UDP; form++)
		assert_int_equal(told(s, form, false, ECT_0), ECT_0);
}

/* Packets that the network below has taken. */
static uint64_t received(void)
{
	unsigned long long n = 0;
	char line[1024];
	FILE *f = fopen("/proc/thread-self/net/snmp", "re");

	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "Ip: %*u %*u %llu", &n) == 1)
			break;
	}
	fclose(f);
	return n;
}

/* With kernel ESP: more than its queue has room for, while its thread waits for the CPU. */
static void what_a_cpu_has_no_room_for_is_counted(void **context)
{
	enum { PACKETS = 20000, ROOM = 16 };
	struct state *s = *context;
	struct frame f = esp_frame(V4, SPI, false, NULL);
	uint32_t cpu = 0, room = ROOM;
	uint64_t before = received(), seen = 0;
	cpu_set_t all, one;
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = f.bytes, .data_size_in = f.len,
		.flags = BPF_F_TEST_XDP_LIVE_FRAMES, .repeat = PACKETS, .batch_size = 256);

	s->sa_in[SLUICE_SA_INDEX(SPI)] = record(V4);
	assert_int_equal(bpf_map_update_elem(
				 bpf_plane_map_fd(s->plane, DATA_MAP_CPUS), &cpu, &room, BPF_ANY),
		0);
	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	assert_int_equal(bpf_prog_test_run_opts(bpf_plane_outside_fd(s->plane), &o), 0);
	assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
	for (int i = 0; i < 100 && seen + site(s).ring_full.packets != PACKETS; i++) {
		usleep(50000);
		seen = received() - before;
	}
	print_message("%llu passed, %llu had no room\n", (unsigned long long)seen,
		(unsigned long long)site(s).ring_full.packets);
	assert_int_equal(site(s).offered.packets, PACKETS);
	assert_true(site(s).ring_full.packets >= 1 && seen >= ROOM);
	assert_int_equal(seen + site(s).ring_full.packets, PACKETS);
}

#define TEST(name, setup) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(site_rate_holds, setup),
		TEST(site_packet_rate_holds, setup),
		TEST(aggregate_rate_holds, setup),
		TEST(a_tunnel_may_have_limits_of_its_own, setup),
		TEST(a_site_over_its_rate_costs_the_others_nothing, setup),
		TEST(congestion_is_told, setup_marking),
		TEST(nobody_is_told_unasked, setup),
		TEST(what_a_cpu_has_no_room_for_is_counted, setup_kernel_esp),
	};

	return own_network() ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
