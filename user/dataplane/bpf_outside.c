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

/* The name that the link of a program on a device is pinned by. */
static void link_name_of(const char *kind, uint32_t ifindex, char *name)
{
	snprintf(name, LINK_NAME_SIZE, "link_%s_%u", kind, ifindex);
}

/* Whether the pin is that of a program on one of our outside devices. */
bool bpf_plane_is_link(const struct bpf_plane *p, const char *pin)
{
	char name[LINK_NAME_SIZE];

	for (uint32_t i = 0; i < SLUICE_MAX_OUTSIDE; i++) {
		for (int k = 0; k < 2 && p->ifindex[i]; k++) {
			link_name_of(k ? XDP_LINK : GUARD_LINK, p->ifindex[i], name);
			if (!strcmp(name, pin))
				return true;
		}
	}
	return false;
}

static const char *link_path(
	const struct bpf_plane *p, const char *kind, uint32_t ifindex, char path[PIN_PATH_SIZE])
{
	char name[LINK_NAME_SIZE];

	link_name_of(kind, ifindex, name);
	snprintf(path, PIN_PATH_SIZE, "%s/%s", p->pin_dir, name);
	return path;
}

/* A link of a process that was killed: the device is closed until ours takes its place. */
static int link_get(const struct bpf_plane *p, const char *kind, uint32_t ifindex)
{
	char path[PIN_PATH_SIZE];

	return bpf_obj_get(link_path(p, kind, ifindex, path));
}

/* One that cannot be pinned is given up, so that the next attempt begins anew. False, with errno. */
static bool link_pin(const struct bpf_plane *p, const char *kind, uint32_t ifindex, int *link)
{
	char path[PIN_PATH_SIZE];
	int why;

	unlink(link_path(p, kind, ifindex, path));
	if (!bpf_obj_pin(*link, path))
		return true;
	why = errno;
	close(*link);
	*link = -1;
	errno = why;
	return false;
}

static void let_go(const struct bpf_plane *p, const char *kind, uint32_t ifindex, int *link)
{
	char path[PIN_PATH_SIZE];

	unlink(link_path(p, kind, ifindex, path));
	if (*link >= 0)
		close(*link);
	*link = -1;
}

/* ---- the guard ---- */

/* That of the device, or with 0 a free place; NULL: there is none. */
static struct bpf_guard *guard_of(struct bpf_plane *p, uint32_t ifindex)
{
	for (int i = 0; i < GUARDS_MAX; i++) {
		if (p->guards[i].ifindex == ifindex)
			return &p->guards[i];
	}
	return NULL;
}

/* A filter outlives the process without a pin. It is not alone on the device. */
static int attach_guard_filter(const struct bpf_plane *p, uint32_t ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = bpf_program__fd(p->outside->progs.leaving),
		.handle = GUARD_FILTER, .priority = GUARD_FILTER, .flags = BPF_TC_F_REPLACE);
	int r = bpf_tc_hook_create(&hook);

	return r && r != -EEXIST ? r : bpf_tc_attach(&hook, &opts);
}

/* By whomever. */
static bool is_guarded(const struct bpf_plane *p, uint32_t ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = GUARD_FILTER, .priority = GUARD_FILTER);
	int link = link_get(p, GUARD_LINK, ifindex);

	if (link >= 0)
		close(link);
	return link >= 0 || !bpf_tc_query(&hook, &opts);
}

static void detach_guard_filter(uint32_t ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = GUARD_FILTER, .priority = GUARD_FILTER);

	(void)bpf_tc_detach(&hook, &opts);
}

/* The older one, if there is one, goes when the new one is there. */
static int attach_guard(struct bpf_plane *p, uint32_t ifindex, struct bpf_guard *guard)
{
	int old = link_get(p, GUARD_LINK, ifindex), r = 0, link;

	link = bpf_link_create(bpf_program__fd(p->outside->progs.leaving), (int)ifindex,
		(enum bpf_attach_type)BPF_TCX_EGRESS_TYPE, NULL);
	if (link < 0)
		r = attach_guard_filter(p, ifindex);
	else if (!link_pin(p, GUARD_LINK, ifindex, &link))
		r = -errno;
	if (old >= 0)
		close(old);
	if (!r)
		*guard = (struct bpf_guard){.ifindex = ifindex, .link = link};
	return r;
}

bool bpf_plane_guard_holds(const struct bpf_plane *p, uint32_t ifindex)
{
	const struct bpf_guard *guard = guard_of((struct bpf_plane *)p, ifindex);

	return ifindex && guard && (guard->link < 0 || bpf_plane_link_holds(guard->link, ifindex));
}

bool bpf_plane_guard(struct bpf_plane *p, uint32_t ifindex, char error[DATAPLANE_ERROR_SIZE])
{
	struct bpf_guard *guard = guard_of(p, ifindex);
	int r;

	if (bpf_plane_guard_holds(p, ifindex))
		return true;
	if (guard) {
		close(guard->link);
		guard->ifindex = 0;
	}
	guard = guard_of(p, 0);
	r = guard ? attach_guard(p, ifindex, guard) : -ENOSPC;
	if (r)
		bpf_plane_say(error, "cannot attach TC to interface %u: %s", ifindex, strerror(-r));
	return !r;
}

void bpf_plane_unguard(struct bpf_plane *p, uint32_t ifindex)
{
	struct bpf_guard *guard = ifindex ? guard_of(p, ifindex) : NULL;

	if (!guard)
		return;
	if (guard->link < 0)
		detach_guard_filter(ifindex);
	else
		let_go(p, GUARD_LINK, ifindex, &guard->link);
	guard->ifindex = 0;
}

void bpf_plane_open_outside(struct bpf_plane *p)
{
	for (int i = 0; i < GUARDS_MAX; i++) {
		if (p->guards[i].ifindex && p->guards[i].link < 0)
			bpf_plane_unguard(p, p->guards[i].ifindex);
	}
}

/* ---- XDP ---- */

/* In the place of what a killed process left, in one step; or anew. */
static int attach_xdp(const struct bpf_plane *p, uint32_t ifindex, const char **mode)
{
	LIBBPF_OPTS(bpf_link_create_opts, native, .flags = XDP_FLAGS_DRV_MODE);
	LIBBPF_OPTS(bpf_link_create_opts, generic, .flags = XDP_FLAGS_SKB_MODE);
	LIBBPF_OPTS(bpf_xdp_query_opts, now);
	int prog = bpf_plane_outside_fd(p), device = (int)ifindex;
	int link = link_get(p, XDP_LINK, ifindex);
	/* Its members would say their own numbers of packets that have come by it: no route leads by those. */
	bool bond = link_has_members(ifindex);

	*mode = "native";
	if (link >= 0 && !bpf_link_update(link, prog, NULL)) {
		if (!bpf_xdp_query(device, 0, &now) && now.attach_mode == XDP_ATTACHED_SKB)
			*mode = "generic";
		return link;
	}
	if (link >= 0)
		close(link); /* of a device that is gone */
	link = bond ? -1 : bpf_link_create(prog, device, BPF_XDP, &native);
	if (bond || (link < 0 && errno != EBUSY && errno != EEXIST)) {
		*mode = "generic";
		link = bpf_link_create(prog, device, BPF_XDP, &generic);
	}
	return link;
}

bool bpf_plane_attach_outside(
	struct bpf_plane *p, uint32_t outside, const char **mode, char error[DATAPLANE_ERROR_SIZE])
{
	int before = p->outside_link[outside], *link = &p->outside_link[outside];
	uint32_t ifindex = p->ifindex[outside];
	/* Before we close devices, only what a killed process has left may stay without XDP. */
	bool stays = p->closed || is_guarded(p, ifindex);
	bool guarded = bpf_plane_guard(p, ifindex, error), ok;

	*link = attach_xdp(p, ifindex, mode);
	ok = *link >= 0 && link_pin(p, XDP_LINK, ifindex, link);
	if (!ok)
		bpf_plane_say(error, "cannot attach XDP to interface %u: %s%s", ifindex,
			strerror(errno),
			errno == EBUSY || errno == EEXIST ? " (it has another XDP program)" : "");
	if (before >= 0)
		close(before); /* the pin, or the new one, holds what it was */
	/* Once we close devices, what leaves is looked at whatever keeps us from what comes in. */
	p->closed |= ok;
	if (!p->closed && !stays)
		bpf_plane_unguard(p, ifindex);
	return ok && guarded;
}

bool bpf_plane_may_attach(
	const struct bpf_plane *p, uint32_t ifindex, char why[DATAPLANE_ERROR_SIZE])
{
	LIBBPF_OPTS(bpf_xdp_query_opts, now);

	for (uint32_t i = 0; i < SLUICE_MAX_OUTSIDE; i++) {
		if (p->ifindex[i] == ifindex && p->outside_link[i] >= 0 &&
			bpf_plane_link_holds(p->outside_link[i], ifindex))
			return true;
	}
	if (bpf_xdp_query((int)ifindex, 0, &now) || now.attach_mode == XDP_ATTACHED_NONE)
		return true;
	bpf_plane_say(why, "it has another XDP program (number %u)",
		now.attach_mode == XDP_ATTACHED_SKB  ? now.skb_prog_id
		: now.attach_mode == XDP_ATTACHED_HW ? now.hw_prog_id
						     : now.drv_prog_id);
	return false;
}

bool bpf_plane_link_holds(int link, uint32_t ifindex)
{
	struct bpf_link_info info = {0};
	uint32_t len = sizeof(info);

	/* XDP's and TCX's begin with the same field; whoever detaches a link leaves 0 there. */
	return bpf_obj_get_info_by_fd(link, &info, &len) || info.xdp.ifindex == ifindex;
}

bool bpf_plane_outside_holds(const struct bpf_plane *p, uint32_t outside)
{
	return bpf_plane_guard_holds(p, p->ifindex[outside]) &&
	       bpf_plane_link_holds(p->outside_link[outside], p->ifindex[outside]);
}

void bpf_plane_move_outside(struct bpf_plane *p, uint32_t outside, uint32_t ifindex)
{
	if (p->ifindex[outside] == ifindex)
		return;
	if (p->ifindex[outside])
		let_go(p, XDP_LINK, p->ifindex[outside], &p->outside_link[outside]);
	p->ifindex[outside] = ifindex;
	p->outside->bss->outside_ifindex[outside] = ifindex;
}

int bpf_plane_outside_fd(const struct bpf_plane *p)
{
	return bpf_program__fd(p->outside->progs.outside);
}
