/* SPDX-License-Identifier: Apache-2.0 */
/* The programs of one outside device, loaded: what their tests share. */
#ifndef TESTS_BPF_GUARD_LAB_H
#define TESTS_BPF_GUARD_LAB_H

#include "frames.h"

#include "dataplane/maps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define LOOPBACK 1 /* where BPF_PROG_TEST_RUN says that packets come from */

struct state {
	struct bpf_plane *plane;
	struct maps *maps;
};

static inline bool load(struct state *s, uint32_t ifindex, bool forwarding)
{
	struct bpf_options o = {.pin_dir = test_pins(),
		.workers = 1,
		.outside_count = 1,
		.outside_ifindex = {ifindex},
		.outside_forwarding = forwarding};
	char error[DATAPLANE_ERROR_SIZE] = "";

	s->plane = bpf_plane_load(&o, error);
	if (!s->plane)
		print_error("%s\n", error);
	s->maps = s->plane ? maps_new(s->plane) : NULL;
	return s->maps;
}

#endif
