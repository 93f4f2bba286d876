/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the XDP program and TC's two (`tc` to a site, `in` from one) cost: nanoseconds per packet by
 * BPF_PROG_TEST_RUN, beside a program that only redirects (or only passes), on one and on two CPUs, with
 * one, 100 and 1,000 sites. `warm` runs a packet of one site again and again; `cold` takes the sites in
 * turn, one packet a system call, which evicts what the kernel's own path evicts. Medians of ROUNDS, with the quartiles.
 */
#include "plane.h"

#include "base/clock.h"

#include <pthread.h>

#define ESP_BYTES 1434
#define ROUNDS    15
#define WARM_RUNS 200000
#define COLD_RUNS 4000
#define CPUS_MAX  2
#define SITES_MAX 1000

struct bench {
	struct plane plane;
	int redirect, pass;
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

/* Opened, of that site: its source leads back there, its destination is behind the hub. */
static struct frame opened_frame(uint32_t site)
{
	static const uint8_t to[4] = {10, 200, 0, 1};
	uint8_t from[4] = {10, (uint8_t)(site >> 8), (uint8_t)site, 9};
	struct frame f = {0};
	struct wr w = wr_init(f.bytes, sizeof(f.bytes));

	ethernet(&w, false, 0x0800);
	f.bytes[6] = SLUICE_MAC_MARK_0;
	f.bytes[7] = SLUICE_MAC_MARK_1;
	f.bytes[10] = (uint8_t)(2 * site >> 8);
	f.bytes[11] = (uint8_t)(2 * site);
	ipv4(&w, from, to, 17, 0x4000, 1380);
	wr_zero(&w, 1380);
	f.len = (uint32_t)wr_len(&w);
	return f;
}

/* The least there can be: the redirect itself, and a return. */
static void load_baselines(struct bench *b)
{
	struct bpf_insn redirect[] = {
		{.code = BPF_LD | BPF_DW | BPF_IMM,
			.dst_reg = BPF_REG_1,
			.src_reg = BPF_PSEUDO_MAP_FD,
			.imm = bpf_plane_map_fd(b->plane.bpf, DATA_MAP_XSKS)},
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

static void *run(void *arg)
{
	struct job *j = arg;
	uint8_t out[FRAME_SIZE];
	uint64_t sum = 0;
	uint32_t times = j->runs > 1 ? 1 : COLD_RUNS;

	on_cpu(j->cpu);
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
	static struct frame esp_frames[SITES_MAX], inside_frames[SITES_MAX],
		opened_frames[SITES_MAX];
	static const uint32_t sites[] = {1, 100, 1000};
	int cpus = libbpf_num_possible_cpus() > 1 ? CPUS_MAX : 1;
	struct bench b;

	/* The host behind the hub is known: what the kernel has to ask for first is limited for each tunnel. */
	if (!own_network() ||
		system("ip neigh add 10.200.0.1 lladdr 02:00:00:00:00:01 dev d0 nud permanent"))
		die("network");
	plane_init(&b.plane);
	load_baselines(&b);
	for (uint32_t i = 0; i < SITES_MAX; i++) {
		plane_site(&b.plane, i);
		esp_frames[i] = plane_frame(i, ESP_BYTES);
		inside_frames[i] = inside_frame(i);
		opened_frames[i] = opened_frame(i);
	}
	printf("ns per packet      sites          program   empty     over  (quartiles)\n");
	for (int c = 1; c <= cpus; c++) {
		struct job xdp = {.prog = bpf_plane_outside_fd(b.plane.bpf),
			.frames = esp_frames,
			.count = 1,
			.runs = WARM_RUNS};
		struct job tc = {.prog = bpf_plane_inside_fd(b.plane.bpf),
			.tc = true,
			.frames = inside_frames,
			.count = 1,
			.runs = WARM_RUNS};
		struct job in = tc;

		in.prog = bpf_plane_from_site_fd(b.plane.bpf);
		in.frames = opened_frames;
		row("in", in, b.pass, c);
		row("xdp", xdp, b.redirect, c);
		row("tc", tc, b.pass, c);
		xdp.runs = tc.runs = in.runs = 1;
		for (size_t i = 0; i < sizeof(sites) / sizeof(sites[0]); i++) {
			xdp.count = tc.count = in.count = sites[i];
			row("in", in, b.pass, c);
			row("xdp", xdp, b.redirect, c);
			row("tc", tc, b.pass, c);
		}
	}
	plane_fini(&b.plane);
	return 0;
}
