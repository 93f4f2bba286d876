/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loaded programs for the tests of a file. Loading takes the verifier tenths of a second, and seconds where the
 * machine is emulated: so there is one plane for each set of options, and what a test has left in its maps is wiped
 * before the next test gets it. One that was attached to the inside device is not given a second time.
 */
#ifndef TESTS_BPF_PLANES_H
#define TESTS_BPF_PLANES_H

#include "frames.h"

#include "dataplane/bpf_internal.h"

#include "inside.skel.h"
#include "outside.skel.h"
#include "steer.skel.h"
#include "worker.skel.h"
#include "xfrm.skel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define PLANES_MAX   4
#define GLOBALS_MAX  10 /* maps that hold a program's variables */
#define OBJECTS      5
#define GLOBALS_SIZE 4096

static struct kept_plane {
	struct bpf_options options; /* without pin_dir */
	char pins[80];
	struct bpf_plane *plane;
	struct {
		int fd;
		uint8_t value[GLOBALS_SIZE]; /* as they were loaded */
	} globals[GLOBALS_MAX];
	unsigned int global_count;
} kept_planes[PLANES_MAX];

static inline void plane_objects(const struct bpf_plane *p, struct bpf_object *to[OBJECTS])
{
	to[0] = p->outside->obj;
	to[1] = p->inside->obj;
	to[2] = p->worker->obj;
	to[3] = p->steer->obj;
	to[4] = p->xfrm ? p->xfrm->obj : NULL;
}

static inline bool is_read_only(const struct bpf_map *m)
{
	return strstr(bpf_map__name(m), "rodata");
}

static inline void remember_globals(struct kept_plane *k)
{
	struct bpf_object *objects[OBJECTS];
	struct bpf_map *m;
	uint32_t key = 0;

	plane_objects(k->plane, objects);
	k->global_count = 0;
	for (int i = 0; i < OBJECTS && objects[i]; i++) {
		bpf_object__for_each_map(m, objects[i]) {
			if (!bpf_map__is_internal(m) || is_read_only(m))
				continue;
			assert_true(k->global_count < GLOBALS_MAX);
			assert_true(bpf_map__value_size(m) <= GLOBALS_SIZE);
			k->globals[k->global_count].fd = bpf_map__fd(m);
			assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(m), &key,
						 k->globals[k->global_count++].value),
				0);
		}
	}
}

static inline void wipe_array(const struct bpf_map *m)
{
	uint32_t count = bpf_map__max_entries(m), *keys = calloc(count, sizeof(*keys));
	size_t size = (bpf_map__value_size(m) + 7u) & ~7u;
	void *zeros;

	if (bpf_map__type(m) == BPF_MAP_TYPE_PERCPU_ARRAY)
		size *= (size_t)libbpf_num_possible_cpus();
	zeros = calloc(count, size);
	assert_true(keys && zeros);
	for (uint32_t i = 0; i < count; i++)
		keys[i] = i;
	assert_int_equal(bpf_map_update_batch(bpf_map__fd(m), keys, zeros, &count, NULL), 0);
	free(zeros);
	free(keys);
}

static inline void wipe_keys(const struct bpf_map *m)
{
	uint8_t key[64];

	assert_true(bpf_map__key_size(m) <= sizeof(key));
	while (!bpf_map_get_next_key(bpf_map__fd(m), NULL, key))
		assert_int_equal(bpf_map_delete_elem(bpf_map__fd(m), key), 0);
}

static inline void wipe_map(const struct bpf_map *m)
{
	switch ((int)bpf_map__type(m)) {
	case BPF_MAP_TYPE_ARRAY:
	case BPF_MAP_TYPE_PERCPU_ARRAY:
		wipe_array(m);
		break;
	case BPF_MAP_TYPE_HASH:
	case BPF_MAP_TYPE_LRU_HASH:
	case BPF_MAP_TYPE_LPM_TRIE:
		wipe_keys(m);
		break;
	case BPF_MAP_TYPE_XSKMAP: /* an entry goes with its socket */
	case BPF_MAP_TYPE_CPUMAP: /* filled by the load */
		break;
	default:
		fail_msg("nobody says how %s is wiped", bpf_map__name(m));
	}
}

static inline void wipe_plane(struct kept_plane *k)
{
	struct bpf_object *objects[OBJECTS];
	struct bpf_map *m;
	uint32_t key = 0;

	plane_objects(k->plane, objects);
	for (int i = 0; i < OBJECTS && objects[i]; i++) {
		bpf_object__for_each_map(m, objects[i]) {
			if (!bpf_map__is_internal(m))
				wipe_map(m);
		}
	}
	for (unsigned int i = 0; i < k->global_count; i++)
		assert_int_equal(
			bpf_map_update_elem(k->globals[i].fd, &key, k->globals[i].value, BPF_ANY),
			0);
}

static inline bool is_attached(const struct bpf_plane *p)
{
	return p->inside_link[0] >= 0 || p->clsact_ifindex;
}

/* By their members: what memory holds between them may differ. */
static inline bool same_live(const struct bpf_live *a, const struct bpf_live *b)
{
	const struct packet_options *p = &a->packets, *q = &b->packets;

	return p->pacing_horizon_us == q->pacing_horizon_us && p->ecn_marking == q->ecn_marking &&
	       p->rate_bytes == q->rate_bytes && p->df == q->df &&
	       a->outside_forwarding == b->outside_forwarding && a->sites_apart == b->sites_apart;
}

static inline bool same_options(const struct bpf_options *a, const struct bpf_options *b)
{
	return a->workers == b->workers && same_live(&a->live, &b->live) &&
	       a->bgp_uid == b->bgp_uid && a->outside_count == b->outside_count &&
	       !memcmp(a->outside_ifindex, b->outside_ifindex, sizeof(a->outside_ifindex)) &&
	       a->esp_cpus == b->esp_cpus && a->ike_per_second == b->ike_per_second &&
	       a->ike_burst == b->ike_burst && a->ike_first_per_second == b->ike_first_per_second;
}

/* Whose options these are, or a free place. */
static inline struct kept_plane *place_of(const struct bpf_options *o)
{
	struct kept_plane *unused = NULL;

	for (int i = 0; i < PLANES_MAX; i++) {
		struct kept_plane *k = &kept_planes[i];

		if (!k->plane)
			unused = unused ? unused : k;
		else if (same_options(&k->options, o))
			return k;
	}
	assert_non_null(unused);
	return unused;
}

/* Programs with these options, pinned where no other has its pins, and maps as they are loaded. Not to be freed. */
static inline struct bpf_plane *plane_take(
	const struct bpf_options *options, char error[DATAPLANE_ERROR_SIZE])
{
	struct bpf_options o = *options;
	struct kept_plane *k;

	o.pin_dir = NULL;
	k = place_of(&o);
	if (k->plane && !is_attached(k->plane)) {
		wipe_plane(k);
		return k->plane;
	}
	bpf_plane_free(k->plane);
	k->options = o;
	if (k == kept_planes)
		snprintf(k->pins, sizeof(k->pins), "%s", test_pins());
	else
		snprintf(k->pins, sizeof(k->pins), "%s-%d", test_pins(), (int)(k - kept_planes));
	o.pin_dir = k->pins;
	k->plane = bpf_plane_load(&o, error);
	if (k->plane)
		remember_globals(k);
	return k->plane;
}

/* At the end of the file's tests; nothing is left behind. */
static inline int planes_free(void **context)
{
	int left = 0;

	(void)context;
	for (int i = 0; i < PLANES_MAX; i++) {
		struct kept_plane *k = &kept_planes[i];

		bpf_plane_free(k->plane);
		left |= k->pins[0] && !access(k->pins, F_OK);
		*k = (struct kept_plane){0};
	}
	return left ? -1 : 0;
}

#endif
