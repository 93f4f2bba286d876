/* SPDX-License-Identifier: Apache-2.0 */
/* Programs on the outside devices: they stay when the process is killed, and the next one takes over. */
#include "dataplane/bpf_internal.h"
#include "dataplane/link.h"

#include "outside.skel.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINK_NAME_SIZE 32
#define XDP_LINK       "xdp"
#define GUARD_LINK     "tc"
#define GUARD_FILTER   0x5311 /* its place among other filters of a device */

/* The name that the link of a program on outside device i is pinned by. */
static void link_name_of(const struct bpf_plane *p, const char *kind, uint32_t i, char *name)
{
	snprintf(name, LINK_NAME_SIZE, "link_%s_%u", kind, p->ifindex[i]);
}

/* Whether the pin is that of a program on one of our outside devices. */
bool bpf_plane_is_link(const struct bpf_plane *p, const char *pin)
{
	char name[LINK_NAME_SIZE];

	for (uint32_t i = 0; i < SLUICE_MAX_OUTSIDE; i++) {
		for (int k = 0; k < 2 && p->ifindex[i]; k++) {
			link_name_of(p, k ? XDP_LINK : GUARD_LINK, i, name);
			if (!strcmp(name, pin))
				return true;
		}
	}
	return false;
}

/* A link of a process that was killed: the device is closed until ours takes its place. */
static int link_get(const struct bpf_plane *p, const char *kind, uint32_t i)
{
	char path[PIN_PATH_SIZE], name[LINK_NAME_SIZE];

	link_name_of(p, kind, i, name);
	snprintf(path, sizeof(path), "%s/%s", p->pin_dir, name);
	return bpf_obj_get(path);
}

/* One that cannot be pinned is given up, so that the next attempt begins anew. False, with errno. */
static bool link_pin(const struct bpf_plane *p, const char *kind, uint32_t i, int *link)
{
	char path[PIN_PATH_SIZE], name[LINK_NAME_SIZE];
	int why;

	link_name_of(p, kind, i, name);
	snprintf(path, sizeof(path), "%s/%s", p->pin_dir, name);
	unlink(path);
	if (!bpf_obj_pin(*link, path))
		return true;
	why = errno;
	close(*link);
	*link = -1;
	errno = why;
	return false;
}

/* In the place of what a killed process left, in one step; or anew. */
static int attach_xdp(const struct bpf_plane *p, uint32_t outside, const char **mode)
{
	LIBBPF_OPTS(bpf_link_create_opts, native, .flags = XDP_FLAGS_DRV_MODE);
	LIBBPF_OPTS(bpf_link_create_opts, generic, .flags = XDP_FLAGS_SKB_MODE);
	LIBBPF_OPTS(bpf_xdp_query_opts, now);
	int prog = bpf_plane_outside_fd(p), ifindex = (int)p->ifindex[outside];
	int link = link_get(p, XDP_LINK, outside);
	/* Its members would say their own numbers of packets that have come by it: no route leads by those. */
	bool bond = link_has_members(p->ifindex[outside]);

	*mode = "native";
	if (link >= 0 && !bpf_link_update(link, prog, NULL)) {
		if (!bpf_xdp_query(ifindex, 0, &now) && now.attach_mode == XDP_ATTACHED_SKB)
			*mode = "generic";
		return link;
	}
	if (link >= 0)
		close(link); /* of a device that is gone */
	link = bond ? -1 : bpf_link_create(prog, ifindex, BPF_XDP, &native);
	if (bond || (link < 0 && errno != EBUSY && errno != EEXIST)) {
		*mode = "generic";
		link = bpf_link_create(prog, ifindex, BPF_XDP, &generic);
	}
	return link;
}

/* A filter outlives the process without a pin. It is not alone on the device. */
static int attach_guard_filter(struct bpf_plane *p, uint32_t outside)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)p->ifindex[outside],
		.attach_point = BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = bpf_program__fd(p->outside->progs.leaving),
		.handle = GUARD_FILTER, .priority = GUARD_FILTER, .flags = BPF_TC_F_REPLACE);
	int r = bpf_tc_hook_create(&hook);

	if (!r || r == -EEXIST)
		r = bpf_tc_attach(&hook, &opts);
	p->guard_clsact[outside] = !r;
	return r;
}

/* The older one, if there is one, goes when the new one is there. */
static bool attach_guard(struct bpf_plane *p, uint32_t outside, char error[DATAPLANE_ERROR_SIZE])
{
	int old = link_get(p, GUARD_LINK, outside), r = 0;

	p->guard_link[outside] = bpf_link_create(bpf_program__fd(p->outside->progs.leaving),
		(int)p->ifindex[outside], (enum bpf_attach_type)BPF_TCX_EGRESS_TYPE, NULL);
	if (p->guard_link[outside] < 0)
		r = attach_guard_filter(p, outside);
	else if (!link_pin(p, GUARD_LINK, outside, &p->guard_link[outside]))
		r = -errno;
	if (old >= 0)
		close(old);
	if (r)
		bpf_plane_say(error, "cannot attach TC to interface %u: %s", p->ifindex[outside],
			strerror(-r));
	return !r;
}

bool bpf_plane_attach_outside(
	struct bpf_plane *p, uint32_t outside, const char **mode, char error[DATAPLANE_ERROR_SIZE])
{
	int before = p->outside_link[outside], *link = &p->outside_link[outside];
	bool ok;

	*link = attach_xdp(p, outside, mode);
	ok = *link >= 0 && link_pin(p, XDP_LINK, outside, link);
	if (!ok)
		bpf_plane_say(error, "cannot attach XDP to interface %u: %s%s", p->ifindex[outside],
			strerror(errno),
			errno == EBUSY || errno == EEXIST ? " (it has another XDP program)" : "");
	if (before >= 0)
		close(before); /* the pin, or the new one, holds what it was */
	/* Once we close devices, what leaves is looked at whatever keeps us from what comes in. */
	p->closed |= ok;
	if (p->closed && p->guard_link[outside] < 0 && !p->guard_clsact[outside])
		ok = attach_guard(p, outside, error) && ok;
	return ok;
}

bool bpf_plane_link_holds(int link, uint32_t ifindex)
{
	struct bpf_link_info info = {0};
	uint32_t len = sizeof(info);

	/* XDP's and TCX's begin with the same field; whoever detaches a link leaves 0 there. */
	return bpf_obj_get_info_by_fd(link, &info, &len) || info.xdp.ifindex == ifindex;
}

bool bpf_plane_outside_holds(struct bpf_plane *p, uint32_t outside)
{
	int *guard = &p->guard_link[outside];
	bool guarded = *guard < 0 || bpf_plane_link_holds(*guard, p->ifindex[outside]);

	if (!guarded) {
		close(*guard); /* attached anew with the other one */
		*guard = -1;
	}
	return guarded && bpf_plane_link_holds(p->outside_link[outside], p->ifindex[outside]);
}

static void let_go(const struct bpf_plane *p, const char *kind, uint32_t i, int *link)
{
	char path[PIN_PATH_SIZE], name[LINK_NAME_SIZE];

	link_name_of(p, kind, i, name);
	snprintf(path, sizeof(path), "%s/%s", p->pin_dir, name);
	unlink(path);
	if (*link >= 0)
		close(*link);
	*link = -1;
}

static void detach_guard_filter(struct bpf_plane *p, uint32_t outside)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)p->ifindex[outside],
		.attach_point = BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = GUARD_FILTER, .priority = GUARD_FILTER);

	if (p->guard_clsact[outside])
		(void)bpf_tc_detach(&hook, &opts);
	p->guard_clsact[outside] = false;
}

void bpf_plane_move_outside(struct bpf_plane *p, uint32_t outside, uint32_t ifindex)
{
	if (p->ifindex[outside] == ifindex)
		return;
	if (p->ifindex[outside]) {
		let_go(p, XDP_LINK, outside, &p->outside_link[outside]);
		let_go(p, GUARD_LINK, outside, &p->guard_link[outside]);
		detach_guard_filter(p, outside);
	}
	p->ifindex[outside] = ifindex;
	p->outside->bss->outside_ifindex[outside] = ifindex;
}

void bpf_plane_open_outside(struct bpf_plane *p)
{
	for (uint32_t i = 0; i < SLUICE_MAX_OUTSIDE; i++)
		detach_guard_filter(p, i);
}

int bpf_plane_outside_fd(const struct bpf_plane *p)
{
	return bpf_program__fd(p->outside->progs.outside);
}
