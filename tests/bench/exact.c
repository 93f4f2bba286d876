/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How exactly one site's rate is kept when one CPU, or two at once, offer far more than it: the XDP
 * program by BPF_PROG_TEST_RUN (in), and what the workers charge before the pacing wheel (out). Inner
 * bytes let through per second, against the rate, after the burst is used up; 1,400 bytes, and 7 of
 * 64, 4 of 576 and 1 of 1,400. Usage: exact [SECONDS]
 */
#include "plane.h"

#include "base/clock.h"
#include "dataplane/pace.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#define CPUS_MAX 2
#define SIZES    3
#define HORIZON  25000000 /* nanoseconds */
/* A call of BPF_PROG_TEST_RUN takes up to 20 ms before it runs anything, so it is to run much. */
#define IN_RUNS 50000

/* Sizes, and how many of each in turn. */
struct load {
	const char *name;
	struct {
		uint16_t bytes;
		uint32_t times;
	} sizes[SIZES];
	uint32_t count;
};

static const struct load loads[] = {
	{"1400", {{1400, 12}}, 1}, {"imix", {{64, 7}, {576, 4}, {1400, 1}}, 3}};

/* What the CPUs offer to, and what they have let through. */
struct offer {
	const struct load *load;
	struct rate_bucket *bucket; /* out */
	int prog;                   /* in */
	atomic_bool end;
	_Atomic uint64_t offered, through; /* inner bytes, out */
};

struct offering {
	struct offer *offer;
	pthread_t thread;
	int cpu;
};

static void offer_in(struct offer *o, const struct frame *f, uint32_t times)
{
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = f->bytes, .data_size_in = f->len,
		.repeat = (int)times * IN_RUNS);

	if (bpf_prog_test_run_opts(o->prog, &run))
		die("test_run");
}

static void offer_out(struct offer *o, uint32_t bytes, uint32_t times)
{
	uint64_t departure;

	for (uint32_t i = 0; i < times; i++) {
		o->offered += bytes;
		if (pace_charge(o->bucket, clock_now(), bytes, HORIZON, &departure) == PACE_SEND)
			o->through += bytes;
	}
}

static void *run(void *arg)
{
	struct offering *me = arg;
	struct offer *o = me->offer;
	struct frame frames[SIZES];

	on_cpu(me->cpu);
	for (uint32_t i = 0; i < o->load->count; i++)
		frames[i] = plane_frame(0, (uint16_t)(o->load->sizes[i].bytes + OVERHEAD));
	for (uint32_t i = 0; !o->end; i = (i + 1) % o->load->count) {
		if (o->bucket)
			offer_out(o, o->load->sizes[i].bytes, o->load->sizes[i].times);
		else
			offer_in(o, &frames[i], o->load->sizes[i].times);
	}
	return NULL;
}

struct reading {
	uint64_t at, offered, through;
};

static struct reading read_now(struct plane *p, const struct offer *o)
{
	struct reading r = {.at = clock_now(), .offered = o->offered, .through = o->through};
	struct site_stats s;

	if (!o->bucket) {
		maps_site_stats(p->maps, SLUICE_IN, 0, &s);
		r.offered = s.offered.bytes;
		r.through = s.offered.bytes - s.site_rate.bytes;
	}
	return r;
}

/* The burst is so large that a CPU may pause for half a second and nothing of the rate is lost. */
static void row(
	struct plane *p, uint64_t rate, const struct load *load, bool out, int cpus, int seconds)
{
	struct bucket_rate limit = {.bits_per_second = rate, .burst_bytes = rate / 16 + 65536};
	struct rate_bucket bucket = bucket_make(&limit);
	struct offer o = {
		.load = load, .prog = bpf_plane_outside_fd(p->bpf), .bucket = out ? &bucket : NULL};
	struct offering offering[CPUS_MAX];
	struct reading before, after;
	double elapsed, through;

	maps_site_rate_set(p->maps, SLUICE_IN, 0, &limit);
	for (int i = 0; i < cpus; i++) {
		offering[i] = (struct offering){.offer = &o, .cpu = i};
		pthread_create(&offering[i].thread, NULL, run, &offering[i]);
	}
	nanosleep(&(struct timespec){.tv_sec = 2}, NULL);
	before = read_now(p, &o);
	nanosleep(&(struct timespec){.tv_sec = seconds}, NULL);
	after = read_now(p, &o);
	o.end = true;
	for (int i = 0; i < cpus; i++)
		pthread_join(offering[i].thread, NULL);
	elapsed = (double)(after.at - before.at) / 8e9;
	through = (double)(after.through - before.through) / elapsed;
	printf("%8.0f  %4s  %3s  %4d  %10.1f  %10.3f  %+8.3f\n", (double)rate / 1e6, load->name,
		out ? "out" : "in", cpus, (double)(after.offered - before.offered) / elapsed / 1e6,
		through / 1e6, (through / (double)rate - 1) * 100);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	static const uint64_t rates[] = {1000000, 50000000, 100000000, 1250000000, 5000000000};
	int seconds = argc > 1 ? atoi(argv[1]) : 10;
	int cpus = libbpf_num_possible_cpus() > 1 ? CPUS_MAX : 1;
	struct plane p;

	if (seconds < 1)
		seconds = 1;
	plane_init(&p);
	plane_site(&p, 0);
	printf("  Mbit/s  size  way  CPUs     offered     through  off by %%\n");
	for (size_t r = 0; r < sizeof(rates) / sizeof(*rates); r++)
		for (size_t l = 0; l < sizeof(loads) / sizeof(*loads); l++)
			for (int out = 0; out < 2; out++)
				for (int c = 1; c <= cpus; c++)
					row(&p, rates[r], &loads[l], out, c, seconds);
	plane_fini(&p);
	return 0;
}
