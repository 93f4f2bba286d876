/* SPDX-License-Identifier: Apache-2.0 */
/* The BPF programs: where they are attached. */
#ifndef TESTS_SIM_FAKE_PROGRAMS_H
#define TESTS_SIM_FAKE_PROGRAMS_H

#include "fake_tables.h"

struct bpf_plane *bpf_plane_load(
	const struct bpf_options *options, char error[DATAPLANE_ERROR_SIZE])
{
	(void)options, (void)error;
	return (struct bpf_plane *)&fake;
}

void bpf_plane_live_set(struct bpf_plane *plane, const struct bpf_live *live)
{
	(void)plane;
	/* What the programs let pass the kernel lets pass last, and forbids first. */
	for (int i = 0;
		i < FAKE_DEVICES && live->outside_forwarding != fake.live.outside_forwarding; i++)
		assert_true(!fake.devices[i].name[0] || fake.devices[i].closed);
	fake.live = *live;
}

void bpf_plane_free(struct bpf_plane *plane)
{
	(void)plane;
}

static inline struct fake_device *fake_device_of(uint32_t ifindex)
{
	for (int i = 0; i < FAKE_DEVICES && ifindex; i++) {
		if (fake.devices[i].is.ifindex == ifindex)
			return &fake.devices[i];
	}
	return NULL;
}

bool bpf_plane_may_attach(
	const struct bpf_plane *plane, uint32_t ifindex, char why[DATAPLANE_ERROR_SIZE])
{
	const struct fake_device *d = fake_device_of(ifindex);

	(void)plane;
	if (d && d->unattachable)
		snprintf(why, DATAPLANE_ERROR_SIZE, "it has another XDP program");
	return !d || !d->unattachable;
}

bool bpf_plane_guard(struct bpf_plane *plane, uint32_t ifindex, char error[DATAPLANE_ERROR_SIZE])
{
	struct fake_device *d = fake_device_of(ifindex);

	(void)plane;
	assert_non_null(d);
	if (d->unguardable)
		snprintf(error, DATAPLANE_ERROR_SIZE, "TC is refused");
	d->guarded = !d->unguardable;
	return d->guarded;
}

void bpf_plane_unguard(struct bpf_plane *plane, uint32_t ifindex)
{
	struct fake_device *d = fake_device_of(ifindex);

	(void)plane;
	if (d)
		d->guarded = false;
}

bool bpf_plane_attach_outside(struct bpf_plane *plane, uint32_t outside, const char **mode,
	char error[DATAPLANE_ERROR_SIZE])
{
	struct fake_device *d = fake_device_of(fake.outside[outside]);

	if (!d) /* it is of the start */
		d = &fake.devices[outside];
	(void)bpf_plane_guard(plane, d->is.ifindex, error);
	if (d->unattachable) {
		snprintf(error, DATAPLANE_ERROR_SIZE, "XDP is refused");
		return false;
	}
	d->detached = false;
	*mode = "native";
	return true;
}

void bpf_plane_move_outside(struct bpf_plane *plane, uint32_t outside, uint32_t ifindex)
{
	bool closed = false, there = false;

	(void)plane;
	/* Before programs are let go, until they are on again: one that is not ours any more is opened afterwards. */
	for (int i = 0; i < FAKE_DEVICES; i++) {
		const struct fake_device *d = &fake.devices[i];

		if (!d->is.ifindex || d->is.ifindex != (ifindex ? ifindex : fake.outside[outside]))
			continue;
		there = true;
		closed |= d->closed;
	}
	assert_true(closed || !there);
	fake.outside[outside] = ifindex;
}

bool bpf_plane_outside_holds(const struct bpf_plane *plane, uint32_t outside)
{
	(void)plane;
	return !fake.devices[outside].detached;
}

bool bpf_plane_inside_holds(const struct bpf_plane *plane, uint32_t ifindex)
{
	(void)plane, (void)ifindex;
	return !fake.inside_detached;
}

bool bpf_plane_attach_inside(struct bpf_plane *plane, uint32_t ifindex, const char **mode,
	char error[DATAPLANE_ERROR_SIZE])
{
	(void)plane, (void)error;
	assert_int_equal(ifindex, FAKE_INSIDE);
	fake.inside_detached = false;
	*mode = "tcx";
	return true;
}

bool bpf_plane_attach_interface(struct bpf_plane *plane, uint32_t ifindex, uint32_t tunnel,
	char error[DATAPLANE_ERROR_SIZE])
{
	(void)plane, (void)ifindex, (void)tunnel, (void)error;
	return true;
}

void bpf_plane_interface_forget(struct bpf_plane *plane, uint32_t ifindex)
{
	(void)plane, (void)ifindex;
}

int bpf_plane_steer_fd(const struct bpf_plane *plane)
{
	(void)plane;
	return -1;
}

int bpf_plane_map_fd(const struct bpf_plane *plane, enum data_map map)
{
	(void)plane, (void)map;
	return STDIN_FILENO;
}

uint32_t bpf_plane_map_value_size(const struct bpf_plane *plane, enum data_map map)
{
	(void)plane, (void)map;
	return 8;
}

uint32_t bpf_plane_map_entries(const struct bpf_plane *plane, enum data_map map)
{
	(void)plane, (void)map;
	return 1;
}

#endif
