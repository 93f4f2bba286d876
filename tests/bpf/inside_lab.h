/* SPDX-License-Identifier: Apache-2.0 */
/* inside.bpf.c with one tunnel, to which 10.77.0.0/16 and fd77::/16 lead: what its tests share. */
#ifndef TESTS_BPF_INSIDE_LAB_H
#define TESTS_BPF_INSIDE_LAB_H

#include "planes.h"

#include "dataplane/maps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <time.h>

struct state {
	struct bpf_plane *plane;
	struct maps *maps;
};

static const uint8_t lan4[4] = {10, 1, 0, 2}, branch4[4] = {10, 77, 1, 2};
static const uint8_t lan6[16] = {0xfd, [15] = 2}, branch6[16] = {0xfd, 0x77, [15] = 2};

static inline int start(void **context, const struct bpf_options *options, uint32_t tunnel,
	const struct tunnel_record *record)
{
	struct state *s = calloc(1, sizeof(*s));
	char error[DATAPLANE_ERROR_SIZE] = "";
	struct ip_prefix p4, p6;

	s->plane = plane_take(options, error);
	s->maps = s->plane ? maps_new(s->plane) : NULL;
	if (!s->maps) {
		print_error("%s\n", error);
		return -1;
	}
	prefix_parse("10.77.0.0/16", &p4);
	prefix_parse("fd77::/16", &p6);
	maps_route_set(s->maps, &p4, tunnel, 0);
	maps_route_set(s->maps, &p6, tunnel, 0);
	assert_true(maps_tunnel_set(s->maps, tunnel, record));
	*context = s;
	return 0;
}

static inline uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline int teardown(void **context)
{
	struct state *s = *context;

	maps_free(s->maps);
	free(s);
	return 0;
}

#endif
