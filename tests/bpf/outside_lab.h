/* SPDX-License-Identifier: Apache-2.0 */
/* outside.bpf.c with one SA, in a network of its own: what its tests share. */
#ifndef TESTS_BPF_OUTSIDE_LAB_H
#define TESTS_BPF_OUTSIDE_LAB_H

#include "planes.h"

#include "dataplane/maps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>

#ifndef AF_XDP
#define AF_XDP 44
#endif

#define LOOPBACK  1 /* where BPF_PROG_TEST_RUN says that packets come from */
#define SITE      3
#define TUNNEL    7 /* of site 3 */
#define SPI       (0x40000u << SLUICE_SA_INDEX_BITS | TUNNEL * SLUICE_SA_SLOTS_PER_TUNNEL | 2)
#define OVERHEAD  34
#define ESP_BYTES 1034 /* 1000 inner bytes by OVERHEAD */

enum form { V4, V6, V4_UDP, V6_UDP };

struct state {
	struct bpf_plane *plane;
	struct maps *maps;
	struct sa_in *sa_in;
	int socket;
};

static inline struct sa_in record(enum form form)
{
	struct sa_in r = {.spi = SPI, .site = SITE, .tunnel = TUNNEL, .overhead = OVERHEAD};
	bool v4 = form == V4 || form == V4_UDP;

	r.outer_family = v4 ? 4 : 6;
	r.udp_encap = form == V4_UDP || form == V6_UDP;
	memcpy(r.local, v4 ? hub4 : hub6, v4 ? 4 : 16);
	memcpy(r.remote, v4 ? site4 : site6, v4 ? 4 : 16);
	return r;
}

static inline struct frame esp_frame(enum form form, uint32_t spi, bool vlan, const uint8_t *to)
{
	struct frame f = {0};
	struct wr w = wr_init(f.bytes, sizeof(f.bytes));
	bool v4 = form == V4 || form == V4_UDP, encap = form == V4_UDP || form == V6_UDP;
	uint16_t payload = ESP_BYTES + (encap ? 8 : 0);

	ethernet(&w, vlan, v4 ? 0x0800 : 0x86dd);
	if (v4)
		ipv4(&w, site4, to ? to : hub4, encap ? 17 : 50, 0x4000, payload);
	else
		ipv6(&w, site6, to ? to : hub6, encap ? 17 : 50, payload);
	if (encap)
		udp(&w, 4500, ESP_BYTES);
	esp(&w, spi, ESP_BYTES);
	assert_false(w.bad);
	f.len = (uint32_t)wr_len(&w);
	return f;
}

static inline int pass(struct state *s, struct frame *f)
{
	return run_frame(bpf_plane_outside_fd(s->plane), f, NULL, false);
}

static inline struct site_stats site(struct state *s)
{
	struct site_stats stats;

	maps_site_stats(s->maps, SLUICE_IN, SITE, &stats);
	return stats;
}

static inline struct outside_stats outside(struct state *s)
{
	struct outside_stats stats;

	maps_outside_stats(s->maps, &stats);
	return stats;
}

static inline int setup_with(void **context, const struct bpf_options *more)
{
	struct state *s = calloc(1, sizeof(*s));
	struct bpf_options o = *more;
	char error[DATAPLANE_ERROR_SIZE] = "";
	uint32_t key = 0;

	o.workers = o.outside_count = 1;
	o.outside_ifindex[0] = LOOPBACK;
	s->plane = plane_take(&o, error);
	if (!s->plane) {
		print_error("%s\n", error);
		free(s);
		return -1;
	}
	s->maps = maps_new(s->plane);
	s->sa_in = mmap(NULL, SLUICE_SA_ENTRIES * sizeof(struct sa_in), PROT_READ | PROT_WRITE,
		MAP_SHARED, bpf_plane_map_fd(s->plane, DATA_MAP_SA_IN), 0);
	s->socket = socket(AF_XDP, SOCK_RAW, 0);
	if (!s->maps || s->sa_in == MAP_FAILED || s->socket < 0 ||
		bpf_map_update_elem(
			bpf_plane_map_fd(s->plane, DATA_MAP_XSKS), &key, &s->socket, BPF_ANY))
		return -1;
	*context = s;
	return 0;
}

static inline int teardown(void **context)
{
	struct state *s = *context;

	close(s->socket);
	munmap(s->sa_in, SLUICE_SA_ENTRIES * sizeof(struct sa_in));
	maps_free(s->maps);
	free(s);
	return 0;
}

#endif
