/* SPDX-License-Identifier: Apache-2.0 */
/* What a site may send: rates, congestion that is told of, and what no CPU had room for. */
#include "outside_lab.h"

#include "dataplane/checksum.h"

#include <bpf/libbpf.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <time.h>

enum { NOT_ECT = 0, ECT_1 = 1, ECT_0 = 2, CE = 3 };

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int setup(void **context)
{
	return setup_with(context, &(const struct bpf_options){0});
}

static int setup_marking(void **context)
{
	return setup_with(context, &(const struct bpf_options){.live.packets.ecn_marking = true});
}

static int setup_kernel_esp(void **context)
{
	return setup_with(context, &(const struct bpf_options){.esp_cpus = 1});
}

static int setup_outer(void **context)
{
	return setup_with(
		context, &(const struct bpf_options){.live.packets.rate_bytes = RATE_OUTER});
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

/* Bytes that a CPU may have borrowed from a bucket, at most. */
static uint64_t loan_of(const struct bucket_rate *rate)
{
	uint64_t part = rate->burst_bytes / SLUICE_LOAN_PART;

	return part < SLUICE_LOAN_BYTES ? part : SLUICE_LOAN_BYTES;
}

static void aggregate_rate_holds(void **context)
{
	struct state *s = *context;
	struct bucket_rate rate = {.bits_per_second = 8000, .burst_bytes = 160000};
	uint64_t most = 160 + (uint64_t)libbpf_num_possible_cpus() * loan_of(&rate) / 1000 + 1;

	s->sa_in[SLUICE_SA_INDEX(SPI)] = record(V4);
	maps_aggregate_rate_set(s->maps, SLUICE_IN, &rate);
	/* The burst, and one loan of each CPU that the scheduler lets us have. */
	assert_in_range(passed_of(s, 400), 160, most);
	assert_in_range(site(s).aggregate_rate.packets, 400 - most, 240);
}

static void a_site_over_its_rate_costs_the_others_nothing(void **context)
{
	struct state *s = *context;
	struct bucket_rate aggregate = {.bits_per_second = 8000, .burst_bytes = 160000};
	struct bucket_rate none = {.bits_per_second = 1, .burst_bytes = 1};
	struct bucket_rate unlimited = {0};
	uint64_t most = 160 + (uint64_t)libbpf_num_possible_cpus() * loan_of(&aggregate) / 1000;

	s->sa_in[SLUICE_SA_INDEX(SPI)] = record(V4);
	maps_aggregate_rate_set(s->maps, SLUICE_IN, &aggregate);
	maps_site_rate_set(s->maps, SLUICE_IN, SITE, &none);
	assert_int_equal(passed_of(s, 200), 1);
	maps_site_rate_set(s->maps, SLUICE_IN, SITE, &unlimited);
	/* All of the aggregate but that one packet is still there. */
	assert_in_range(passed_of(s, 400), 159, most);
}

/* Packets one by one, `every` nanoseconds apart at least. Returns how long it took. */
static uint64_t drops_of(
	struct state *s, int packets, uint64_t every, uint32_t *dropped, uint32_t *longest)
{
	uint64_t began = now_ns(), next = began;
	uint32_t row = 0;

	*dropped = *longest = 0;
	for (int i = 0; i < packets; i++) {
		while (now_ns() < next)
			;
		next = now_ns() + every;
		row = passed_of(s, 1) ? 0 : row + 1;
		*dropped += row > 0;
		*longest = row > *longest ? row : *longest;
	}
	return now_ns() - began;
}

/* At twice its rate, of two packets one is dropped: in turn, not a loan's worth of them in a row. */
static void drops_are_spread(void **context)
{
	enum { PACKETS = 2000, EVERY_NS = 40000 };
	struct state *s = *context;
	struct bucket_rate rate = {.bits_per_second = 100000000, .burst_bytes = 250000};
	uint32_t dropped, longest;
	uint64_t took;

	s->sa_in[SLUICE_SA_INDEX(SPI)] = record(V4);
	maps_site_rate_set(s->maps, SLUICE_IN, SITE, &rate);
	/* Once more where the machine had no time for us: less than the rate was offered then. */
	for (int i = 0; i < 10; i++) {
		(void)passed_of(s, 1000); /* the burst is used up */
		took = drops_of(s, PACKETS, EVERY_NS, &dropped, &longest);
		if (took < (uint64_t)PACKETS * EVERY_NS * 3 / 2)
			break;
	}
	if (took >= (uint64_t)PACKETS * EVERY_NS * 3 / 2) {
		print_message("the machine had no time for us: %u dropped\n", dropped);
		skip();
	}
	assert_in_range(dropped, PACKETS / 100, PACKETS * 6 / 10);
	assert_in_range(longest, 1, 3);
}

/* A loan is worth what the present rate says, and never more than a new one. */
static void a_loan_does_not_outlive_its_rate(void **context)
{
	struct state *s = *context;
	struct bucket_rate fast = {.bits_per_second = UINT64_C(10000000000)};
	struct bucket_rate slow = {.bits_per_second = 8000, .burst_bytes = 1000};
	uint64_t cpus = (uint64_t)libbpf_num_possible_cpus();

	s->sa_in[SLUICE_SA_INDEX(SPI)] = record(V4);
	maps_site_rate_set(s->maps, SLUICE_IN, SITE, &fast);
	assert_int_equal(passed_of(s, 3), 3);
	maps_site_rate_set(s->maps, SLUICE_IN, SITE, &slow);
	usleep(300000); /* more than 16 jiffies */
	/* A loan of 65,000 bytes that was paid with 52 us is worth less than a packet. */
	assert_in_range(passed_of(s, 100), 1, 2 + cpus);
}

/* Both tunnels of a gateway have the whole limit, and the aggregate is none of theirs. */
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

struct flood {
	struct state *s;
	int cpu;
	uint64_t began;
};

/* As many packets as this CPU can make. */
static void *flood(void *arg)
{
	struct flood *f = arg;
	struct frame frame = esp_frame(V4, SPI, false, NULL);
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(f->cpu, &one);
	(void)pthread_setaffinity_np(pthread_self(), sizeof(one), &one); /* there may be one only */
	f->began = now_ns();
	do {
		LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = frame.bytes, .data_size_in = frame.len,
			.repeat = 5000);

		if (bpf_prog_test_run_opts(bpf_plane_outside_fd(f->s->plane), &o))
			return NULL;
	} while (now_ns() < f->began + 300000000);
	return arg;
}

/* Packets that passed while `cpus` of them flooded the site; *ended: when. */
static uint64_t passed_of_flood(struct state *s, unsigned int cpus, uint64_t *ended)
{
	struct site_stats before = site(s), after;
	struct flood floods[2];
	pthread_t threads[2];

	for (unsigned int i = 0; i < cpus; i++) {
		floods[i] = (struct flood){.s = s, .cpu = (int)i};
		assert_int_equal(pthread_create(&threads[i], NULL, flood, &floods[i]), 0);
	}
	for (unsigned int i = 0; i < cpus; i++) {
		void *done;

		pthread_join(threads[i], &done);
		assert_non_null(done);
	}
	*ended = now_ns();
	after = site(s);
	return after.offered.packets - before.offered.packets -
	       (after.site_rate.packets - before.site_rate.packets);
}

/*
 * A bucket that is full from the start to the end moves on by what passed, but for the loans that are
 * with the CPUs at the start and at the end; and is never further ahead of the time than its burst, a loan
 * and a packet. The burst is a second, so that it is full however late a CPU is.
 */
static void rates_hold_on_two_cpus(void **context)
{
	const uint64_t rates[] = {1000000, 50000000, 100000000, 1250000000, 5000000000};
	struct state *s = *context;
	uint32_t key = 2 * SITE;
	int fd = bpf_plane_map_fd(s->plane, DATA_MAP_BUCKET_IN), away = 0;

	s->sa_in[SLUICE_SA_INDEX(SPI)] = record(V4);
	for (size_t i = 0; i < 2 * sizeof(rates) / sizeof(rates[0]); i++) {
		struct bucket_rate rate = {
			.bits_per_second = rates[i / 2], .burst_bytes = rates[i / 2] / 8};
		struct rate_bucket b = bucket_make(&rate);
		uint64_t began = now_ns(), start = began + b.burst_ns, ended;
		uint64_t loan = bucket_cost(loan_of(&rate), b.ns_per_byte_q16);
		double passed, paid, off,
			loans = (double)(loan * (uint64_t)libbpf_num_possible_cpus());
		uint64_t packets;

		b.tat_ns = start;
		assert_int_equal(bpf_map_update_elem(fd, &key, &b, BPF_ANY), 0);
		packets = passed_of_flood(s, i & 1 ? 2 : 1, &ended);
		passed = (double)bucket_cost(packets * (ESP_BYTES - OVERHEAD), b.ns_per_byte_q16);
		assert_int_equal(bpf_map_lookup_elem(fd, &key, &b), 0);
		if (ended - began > b.burst_ns && away++ < 10) {
			i--; /* the machine had no time for us, and the bucket was idle */
			continue;
		}
		paid = (double)(b.tat_ns - start);
		print_message("%u Mbit/s, %u CPUs: %+.3f %% of what was paid, in %u of %u ms\n",
			(unsigned int)(rates[i / 2] / 1000000), i & 1 ? 2 : 1,
			(passed / paid - 1) * 100, (unsigned int)(paid / 1e6),
			(unsigned int)((ended - began) / 1000000));
		/*
		 * The price is rounded down, by less than a ten-thousandth; and what a packet pays by
		 * itself, 1,600 ns at 5 Gbit/s, to the nearest.
		 */
		off = loans + (double)packets / 2;
		assert_true(passed >= paid * 0.9999 - off && passed <= paid * 1.0001 + off);
		/* A packet of a megabit's site takes 8 ms. */
		assert_true(b.tat_ns <= ended + b.burst_ns + loan + 8000000);
		/* More may not be to be had. */
		assert_true(paid > (double)(ended - began) / 2 || rates[i / 2] > 50000000);
	}
}

/* Of an outer packet all is charged, of the site and of all; what is counted stays the inner one. */
static void outer_packets_are_charged(void **context)
{
	static const uint32_t around[] = {[V4] = 20, [V6] = 40, [V4_UDP] = 28, [V6_UDP] = 48};
	struct state *s = *context;
	uint32_t key = 2 * SITE;
	int fd = bpf_plane_map_fd(s->plane, DATA_MAP_BUCKET_IN);
	/* So small that there is no loan. */
	struct bucket_rate rate = {.bits_per_second = 8000, .burst_bytes = 20000};

	for (int form = V4; form <= V6_UDP; form++) {
		struct rate_bucket b = bucket_make(&rate);
		struct frame f = esp_frame((enum form)form, SPI, form & 1, NULL);
		uint64_t before = b.tat_ns = now_ns() + b.burst_ns / 2;

		s->sa_in[SLUICE_SA_INDEX(SPI)] = record((enum form)form);
		assert_int_equal(bpf_map_update_elem(fd, &key, &b, BPF_ANY), 0);
		assert_int_equal(pass(s, &f), XDP_REDIRECT);
		assert_int_equal(bpf_map_lookup_elem(fd, &key, &b), 0);
		assert_int_equal(b.tat_ns - before,
			bucket_cost(ESP_BYTES + around[form], b.ns_per_byte_q16));
	}
	assert_int_equal(site(s).offered.bytes, 4 * (ESP_BYTES - OVERHEAD));
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

/*
 * Whether a packet of ECT is told when it comes to a bucket of whose burst that many thousandths are left
 * without it. The burst is so small that there is no loan, and a thousandth of it is 31 ms.
 */
static bool told_with(struct state *s, uint64_t left, enum form form, uint8_t ecn)
{
	struct bucket_rate rate = {.bits_per_second = 8000, .burst_bytes = 31000};
	struct rate_bucket b = bucket_make(&rate);
	uint32_t key = 2 * SITE;

	b.tat_ns = now_ns() + b.burst_ns - b.burst_ns / 1000 * left -
		   bucket_cost(ESP_BYTES - OVERHEAD, b.ns_per_byte_q16);
	assert_int_equal(bpf_map_update_elem(
				 bpf_plane_map_fd(s->plane, DATA_MAP_BUCKET_IN), &key, &b, BPF_ANY),
		0);
	return told(s, form, form & 1, ecn) == CE;
}

static void congestion_is_told(void **context)
{
	struct state *s = *context;

	for (int form = V4; form <= V6_UDP; form++) {
		for (uint8_t ecn = NOT_ECT; ecn <= CE; ecn++)
			assert_int_equal(told_with(s, 260, form, ecn), ecn == CE);
	}
	/* Who comes when less is left than before is told at once; who does not listen was not told. */
	for (uint64_t form = V4; form <= V6_UDP; form++) {
		uint64_t left = 240 - 20 * form;

		assert_false(told_with(s, 1, (enum form)form, NOT_ECT));
		assert_true(told_with(s, left - 5, (enum form)form, ECT_0));
		assert_true(told_with(s, left - 10, (enum form)form, ECT_1));
		assert_true(told_with(s, left - 15, (enum form)form, CE));
	}
}

/* A flow that answers is not told again before its answer is there. */
static void congestion_is_told_once(void **context)
{
	/* What is left the first time and then, of 250; and for how long that is not told: 100 ms * ... */
	static const struct {
		uint64_t first, then;
		unsigned int ms;
	} cases[] = {
		{100, 240, 56}, /* (240 - 100) / 250 */
		{10, 240, 92},  /* (240 / 250)^2, or the same without the square */
		{10, 150, 36},  /* (150 / 250)^2 */
		{220, 240, 8},  /* (240 - 220) / 250 */
		{5, 20, 0},     /* (20 / 250)^2: others are to be told */
		{100, 95, 0},   /* no answer, or too little of one */
	};
	struct state *s = *context;

	for (size_t i = 0, again = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t began;

		usleep(101000); /* the last one is forgotten */
		began = now_ns();
		assert_true(told_with(s, cases[i].first, V4, ECT_0));
		if (cases[i].ms > 4) {
			bool second = told_with(s, cases[i].then, V4, ECT_0);

			if (now_ns() - began >= (cases[i].ms - 1) * 1000000u && again++ < 20) {
				i--; /* the machine had no time for us */
				continue;
			}
			assert_false(second);
		}
		usleep((cases[i].ms + 1) * 1000);
		assert_true(told_with(s, cases[i].then, V4, ECT_0));
	}
}

/* At half of its rate, whose burst is less than a jiffy: a bucket looks full to who has not read the clock. */
static void a_site_below_its_rate_is_not_told(void **context)
{
	enum { PACKETS = 5000 };
	struct bucket_rate rate = {.bits_per_second = 500000000, .burst_bytes = 125000}; /* 2 ms */
	struct state *s = *context;
	uint64_t next = now_ns();

	maps_site_rate_set(s->maps, SLUICE_IN, SITE, &rate);
	for (int i = 0; i < PACKETS; i++) {
		while (now_ns() < next)
			;
		next = now_ns() + 32000;
		assert_int_equal(told(s, V4, false, ECT_0), ECT_0);
	}
}

static void nobody_is_told_unasked(void **context)
{
	struct state *s = *context;

	for (int form = V4; form <= V6_UDP; form++)
		assert_false(told_with(s, 10, (enum form)form, ECT_0));
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
		maps_ring_drops_look(s->maps);
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
		TEST(drops_are_spread, setup),
		TEST(a_loan_does_not_outlive_its_rate, setup),
		TEST(rates_hold_on_two_cpus, setup),
		TEST(outer_packets_are_charged, setup_outer),
		TEST(congestion_is_told, setup_marking),
		TEST(congestion_is_told_once, setup_marking),
		TEST(a_site_below_its_rate_is_not_told, setup_marking),
		TEST(nobody_is_told_unasked, setup),
		TEST(what_a_cpu_has_no_room_for_is_counted, setup_kernel_esp),
	};

	return own_network() ? cmocka_run_group_tests(tests, NULL, planes_free) : 1;
}
