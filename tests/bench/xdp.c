/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the XDP and TC programs cost: nanoseconds per packet by BPF_PROG_TEST_RUN, beside a program that
 * only redirects (or only passes), on one and on two CPUs, with one, 100 and 1,000 sites. `warm` runs
 * a packet of one site again and again; `cold` takes the sites in turn, one packet a system call,
 * which evicts what the kernel's own path evicts. Medians of ROUNDS, with the quartiles.
 */
#include "../bpf/frames.h"

#include "base/clock.h"
#include "dataplane/maps.h"

#include <bpf/libbpf.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#ifndef AF_XDP
#define AF_XDP 44
#endif

#define FAST      UINT64_C(4000000000000) /* bits per second: limited, but never short */
#define LOOPBACK  1                       /* where BPF_PROG_TEST_RUN says that packets come from */
#define OVERHEAD  34
#define ESP_BYTES 1434
#define ROUNDS    15
#define WARM_RUNS 200000
#define COLD_RUNS 4000
#define CPUS_MAX  2
#define SITES_MAX 1000

struct bench {
	struct bpf_plane *plane;
	struct maps *maps;
	struct sa_in *sa_in;
	int socket, redirect, pass;
};

/* A program, and the frames to give it in turn. */
struct job {
	int prog;
	bool tc;
	const struct frame *frames;
	uint32_t count, runs; /* of each frame; 1: cold */
	int cpu;
	double ns;
	pthread_barrier_t *start;
};

__attribute__((noreturn)) static void die(const char *what)
{
	perror(what);
	exit(1);
}

static uint32_t spi_of(uint32_t site)
{
	return (0x30000u << SLUICE_SA_INDEX_BITS) | site * 2 * SLUICE_SA_SLOTS_PER_TUNNEL;
}

static struct frame esp_frame(uint32_t site)
{
	struct frame f = {0};
	struct wr w = wr_init(f.bytes, sizeof(f.bytes));

	ethernet(&w, false, 0x0800);
	ipv4(&w, site4, hub4, 17, 0x4000, ESP_BYTES + 8);
	udp(&w, 4500, ESP_BYTES);
	esp(&w, spi_of(site), ESP_BYTES);
	f.len = (uint32_t)wr_len(&w);
	return f;
}

static struct frame inside_frame(uint32_t site)
{
	static const uint8_t from[4] = {10, 200, 0, 1};
	uint8_t to[4] = {10, (uint8_t)(site >> 8), (uint8_t)site, 9};
	struct frame f = {0};
	struct wr w = wr_init(f.bytes, sizeof(f.bytes));

	ethernet(&w, false, 0x0800);
	ipv4(&w, from, to, 17, 0x4000, 1380);
	wr_zero(&w, 1380);
	f.len = (uint32_t)wr_len(&w);
	return f;
}

static void add_site(struct bench *b, uint32_t site)
{
	struct bucket_rate rate = {.bits_per_second = FAST, .packets_per_second = FAST / 1000};
	struct tunnel_record tunnel = {.site = site, .up = 1, .inner_mtu = 1438};
	struct ip_prefix p = {.addr = {.family = AF_INET}, .len = 24};
	struct sa_in *r = &b->sa_in[SLUICE_SA_INDEX(spi_of(site))];

	*r = (struct sa_in){.site = (uint16_t)site,
		.tunnel = (uint16_t)(site * 2),
		.overhead = OVERHEAD,
		.outer_family = 4,
		.udp_encap = 1};
	memcpy(r->local, hub4, 4);
	r->spi = spi_of(site);
	maps_site_rate_set(b->maps, SLUICE_IN, site, &rate);
	maps_site_rate_set(b->maps, SLUICE_OUT, site, &rate);
	maps_tunnel_set(b->maps, site * 2, &tunnel);
	p.addr.bytes[0] = 10;
	p.addr.bytes[1] = (uint8_t)(site >> 8);
	p.addr.bytes[2] = (uint8_t)site;
	if (!maps_route_set(b->maps, &p, site * 2, false))
		die("route");
}

/* The least there can be: the redirect itself, and a return. */
static void load_baselines(struct bench *b)
{
	struct bpf_insn redirect[] = {
		{.code = BPF_LD | BPF_DW | BPF_IMM,
			.dst_reg = BPF_REG_1,
			.src_reg = BPF_PSEUDO_MAP_FD,
			.imm = bpf_plane_map_fd(b->plane, DATA_MAP_XSKS)},
		{0},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = 0},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3, .imm = XDP_DROP},
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect_map},
		{.code = BPF_JMP | BPF_EXIT},
	};
	struct bpf_insn pass[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};

	b->redirect = bpf_prog_load(BPF_PROG_TYPE_XDP, "redirect", "GPL", redirect,
		sizeof(redirect) / sizeof(redirect[0]), NULL);
	b->pass = bpf_prog_load(
		BPF_PROG_TYPE_SCHED_CLS, "pass", "GPL", pass, sizeof(pass) / sizeof(pass[0]), NULL);
	if (b->redirect < 0 || b->pass < 0)
		die("bpf_prog_load");
}

static void bench_init(struct bench *b)
{
	struct bucket_rate all = {.bits_per_second = FAST};
	struct bpf_options o = {.pin_dir = test_pins(),
		.workers = 1,
		.pacing_horizon_us = 25000,
		.outside_count = 1,
		.outside_ifindex = {LOOPBACK}};
	char error[DATAPLANE_ERROR_SIZE] = "";
	uint32_t key = 0;

	b->plane = bpf_plane_load(&o, error);
	if (!b->plane)
		die(error);
	b->maps = maps_new(b->plane);
	b->sa_in = mmap(NULL, SLUICE_SA_ENTRIES * sizeof(struct sa_in), PROT_READ | PROT_WRITE,
		MAP_SHARED, bpf_plane_map_fd(b->plane, DATA_MAP_SA_IN), 0);
	b->socket = socket(AF_XDP, SOCK_RAW, 0);
	if (!b->maps || b->sa_in == MAP_FAILED || b->socket < 0 ||
		bpf_map_update_elem(
			bpf_plane_map_fd(b->plane, DATA_MAP_XSKS), &key, &b->socket, BPF_ANY))
		die("maps");
	maps_aggregate_rate_set(b->maps, SLUICE_IN, &all);
	for (uint32_t i = 0; i < SITES_MAX; i++)
		add_site(b, i);
	load_baselines(b);
}

static void *run(void *arg)
{
	struct job *j = arg;
	uint8_t out[FRAME_SIZE];
	uint64_t sum = 0;
	cpu_set_t set;
	uint32_t times = j->runs > 1 ? 1 : COLD_RUNS;

	CPU_ZERO(&set);
	CPU_SET(j->cpu, &set);
	pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
	pthread_barrier_wait(j->start);
	for (uint32_t i = 0; i < times; i++) {
		const struct frame *f = &j->frames[i % j->count];
		LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = f->bytes, .data_size_in = f->len,
			.data_out = out, .data_size_out = sizeof(out), .repeat = (int)j->runs);

		if (bpf_prog_test_run_opts(j->prog, &o))
			die("test_run");
		if (o.retval != (j->tc ? 0 : XDP_REDIRECT)) {
			fprintf(stderr, "%s: verdict %u: nothing was measured\n",
				j->tc ? "tc" : "xdp", o.retval);
			exit(1);
		}
		sum += o.duration;
	}
	j->ns = (double)sum / times;
	return NULL;
}

/* On `cpus` CPUs at once; the mean of them. */
static double measure(struct job job, int cpus)
{
	pthread_barrier_t start;
	pthread_t threads[CPUS_MAX];
	struct job jobs[CPUS_MAX];
	double sum = 0;

	pthread_barrier_init(&start, NULL, (unsigned int)cpus);
	for (int i = 0; i < cpus; i++) {
		jobs[i] = job;
		jobs[i].cpu = i;
		jobs[i].start = &start;
		pthread_create(&threads[i], NULL, run, &jobs[i]);
	}
	for (int i = 0; i < cpus; i++) {
		pthread_join(threads[i], NULL);
		sum += jobs[i].ns;
	}
	pthread_barrier_destroy(&start);
	return sum / cpus;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The program and its baseline in turn, so that both have the same machine. */
static void row(const char *name, struct job job, int baseline, int cpus)
{
	double own[ROUNDS], base[ROUNDS], over[ROUNDS];
	struct job empty = job;

	empty.prog = baseline;
	for (int i = 0; i < ROUNDS; i++) {
		base[i] = measure(empty, cpus);
		own[i] = measure(job, cpus);
		over[i] = own[i] - base[i];
	}
	qsort(own, ROUNDS, sizeof(*own), compare);
	qsort(base, ROUNDS, sizeof(*base), compare);
	qsort(over, ROUNDS, sizeof(*over), compare);
	printf("%-4s %5s  %4u sites  %d CPU  %7.1f %7.1f %+8.1f  (%+.1f .. %+.1f)\n", name,
		job.runs > 1 ? "warm" : "cold", job.count, cpus, own[ROUNDS / 2], base[ROUNDS / 2],
		over[ROUNDS / 2], over[ROUNDS / 4], over[ROUNDS * 3 / 4]);
}

int main(void)
{
	static struct frame esp_frames[SITES_MAX], inside_frames[SITES_MAX];
	static const uint32_t sites[] = {1, 100, 1000};
	int cpus = libbpf_num_possible_cpus() > 1 ? CPUS_MAX : 1;
	struct bench b;

	bench_init(&b);
	for (uint32_t i = 0; i < SITES_MAX; i++) {
		esp_frames[i] = esp_frame(i);
		inside_frames[i] = inside_frame(i);
	}
	printf("ns per packet      sites          program   empty     over  (quartiles)\n");
	for (int c = 1; c <= cpus; c++) {
		struct job xdp = {.prog = bpf_plane_outside_fd(b.plane),
			.frames = esp_frames,
			.count = 1,
			.runs = WARM_RUNS};
		struct job tc = {.prog = bpf_plane_inside_fd(b.plane),
			.tc = true,
			.frames = inside_frames,
			.count = 1,
			.runs = WARM_RUNS};

		row("xdp", xdp, b.redirect, c);
		row("tc", tc, b.pass, c);
		xdp.runs = tc.runs = 1;
		for (size_t i = 0; i < sizeof(sites) / sizeof(sites[0]); i++) {
			xdp.count = tc.count = sites[i];
			row("xdp", xdp, b.redirect, c);
			row("tc", tc, b.pass, c);
		}
	}
	maps_free(b.maps);
	bpf_plane_free(b.plane);
	return 0;
}
