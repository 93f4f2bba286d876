/* SPDX-License-Identifier: Apache-2.0 */
/* The BPF programs with sites and SAs, and frames for them, as benchmarks of the programs need them. */
#ifndef TESTS_BENCH_PLANE_H
#define TESTS_BENCH_PLANE_H

#include "../bpf/frames.h"

#include "dataplane/maps.h"

#include <bpf/libbpf.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#ifndef AF_XDP
#define AF_XDP 44
#endif

/* Limits that are never felt. */
#define FAST     UINT64_C(400000000000) /* bits per second */
#define PACKETS  UINT64_C(100000000)    /* a second */
#define LOOPBACK 1                      /* where BPF_PROG_TEST_RUN says that packets come from */
#define OVERHEAD 34

struct plane {
	struct bpf_plane *bpf;
	struct maps *maps;
	struct sa_in *sa_in;
	int socket;
};

__attribute__((noreturn)) static inline void die(const char *what)
{
	perror(what);
	exit(1);
}

static inline uint32_t plane_spi(uint32_t site)
{
	return (0x30000u << SLUICE_SA_INDEX_BITS) | site * 2 * SLUICE_SA_SLOTS_PER_TUNNEL;
}

/* ESP in UDP to the hub, esp_bytes long. */
static inline struct frame plane_frame(uint32_t site, uint16_t esp_bytes)
{
	struct frame f = {0};
	struct wr w = wr_init(f.bytes, sizeof(f.bytes));

	ethernet(&w, false, 0x0800);
	ipv4(&w, site4, hub4, 17, 0x4000, (uint16_t)(esp_bytes + 8));
	udp(&w, 4500, esp_bytes);
	esp(&w, plane_spi(site), esp_bytes);
	f.len = (uint32_t)wr_len(&w);
	return f;
}

/* A site that is up and limited, but not so that it is felt: 10.HIGH.LOW.0/24. */
static inline void plane_site(struct plane *p, uint32_t site)
{
	struct bucket_rate rate = {.bits_per_second = FAST, .packets_per_second = PACKETS};
	struct tunnel_record tunnel = {.site = site, .up = 1, .group = site + 1, .inner_mtu = 1438};
	struct ip_prefix prefix = {.addr = {.family = AF_INET}, .len = 24};
	struct sa_in *r = &p->sa_in[SLUICE_SA_INDEX(plane_spi(site))];

	*r = (struct sa_in){.site = (uint16_t)site,
		.tunnel = (uint16_t)(site * 2),
		.overhead = OVERHEAD,
		.outer_family = 4,
		.udp_encap = 1};
	memcpy(r->local, hub4, 4);
	memcpy(r->remote, site4, 4);
	r->spi = plane_spi(site);
	maps_site_rate_set(p->maps, SLUICE_IN, site, &rate);
	maps_site_rate_set(p->maps, SLUICE_OUT, site, &rate);
	maps_tunnel_set(p->maps, site * 2, &tunnel);
	prefix.addr.bytes[0] = 10;
	prefix.addr.bytes[1] = (uint8_t)(site >> 8);
	prefix.addr.bytes[2] = (uint8_t)site;
	if (!maps_route_set(p->maps, &prefix, site * 2, 0))
		die("route");
}

static inline void plane_init(struct plane *p)
{
	struct bucket_rate all = {.bits_per_second = FAST};
	struct bpf_options o = {.pin_dir = test_pins(),
		.workers = 1,
		.live.packets.pacing_horizon_us = 25000,
		.outside_count = 1,
		.outside_ifindex = {LOOPBACK}};
	char error[DATAPLANE_ERROR_SIZE] = "";
	uint32_t key = 0;

	p->bpf = bpf_plane_load(&o, error);
	if (!p->bpf)
		die(error);
	p->maps = maps_new(p->bpf);
	p->sa_in = mmap(NULL, SLUICE_SA_ENTRIES * sizeof(struct sa_in), PROT_READ | PROT_WRITE,
		MAP_SHARED, bpf_plane_map_fd(p->bpf, DATA_MAP_SA_IN), 0);
	p->socket = socket(AF_XDP, SOCK_RAW, 0);
	if (!p->maps || p->sa_in == MAP_FAILED || p->socket < 0 ||
		bpf_map_update_elem(
			bpf_plane_map_fd(p->bpf, DATA_MAP_XSKS), &key, &p->socket, BPF_ANY))
		die("maps");
	maps_aggregate_rate_set(p->maps, SLUICE_IN, &all);
}

static inline void plane_fini(struct plane *p)
{
	maps_free(p->maps);
	bpf_plane_free(p->bpf);
}

static inline void on_cpu(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

#endif
