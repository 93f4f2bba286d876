/* SPDX-License-Identifier: Apache-2.0 */
/* The programs of one outside device, loaded: what their tests share. */
#ifndef TESTS_BPF_GUARD_LAB_H
#define TESTS_BPF_GUARD_LAB_H

#include "planes.h"

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

static inline struct bpf_options options_of(uint32_t ifindex, bool forwarding)
{
	return (struct bpf_options){.pin_dir = test_pins(),
		.workers = 1,
		.outside_count = 1,
		.outside_ifindex = {ifindex},
		.live.outside_forwarding = forwarding};
}

static inline bool have(struct state *s, struct bpf_plane *plane, const char *error)
{
	s->plane = plane;
	if (!s->plane)
		print_error("%s\n", error);
	s->maps = s->plane ? maps_new(s->plane) : NULL;
	return s->maps;
}

#endif
