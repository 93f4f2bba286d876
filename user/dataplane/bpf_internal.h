/* SPDX-License-Identifier: Apache-2.0 */
/* What bpf.c and bpf_outside.c share. */
#ifndef SLUICE_DATAPLANE_BPF_INTERNAL_H
#define SLUICE_DATAPLANE_BPF_INTERNAL_H

#include "dataplane/bpf.h"

#include <bpf/libbpf.h>

#define BPF_TCX_INGRESS_TYPE 46 /* enum bpf_attach_type since Linux 6.6 */
#define BPF_TCX_EGRESS_TYPE  47
#define PIN_PATH_SIZE        256
#define QUEUE_EVENTS         2
#define GUARDS_MAX           16

/* The program `leaving` on the egress of a device. */
struct bpf_guard {
	uint32_t ifindex; /* 0: none */
	int link;         /* -1: it is a filter, without TCX */
};

struct bpf_plane {
	struct outside_bpf *outside;
	struct inside_bpf *inside;
	struct steer_bpf *steer;
	struct worker_bpf *worker;
	struct xfrm_bpf *xfrm; /* kernel ESP, else NULL */
	struct bpf_map *maps[DATA_MAPS];
	uint32_t ifindex[SLUICE_MAX_OUTSIDE];
	int outside_link[SLUICE_MAX_OUTSIDE];
	struct bpf_guard guards[GUARDS_MAX];
	bool closed;        /* an outside device, by us */
	int inside_link[2]; /* egress, ingress */
	int queue_link[QUEUE_EVENTS];
	uint32_t clsact_ifindex; /* 0: attached by TCX */
	int owner_fd;            /* the pin directory, locked */
	char pin_dir[PIN_PATH_SIZE - 64];
};

void __attribute__((format(printf, 2, 3)))
bpf_plane_say(char error[DATAPLANE_ERROR_SIZE], const char *format, ...);

/* Whether a pin keeps a program on an outside device that is ours to close. */
bool bpf_plane_is_link(const struct bpf_plane *p, const char *pin);
bool bpf_plane_link_holds(int link, uint32_t ifindex);

/* Takes away the guards that are no links of ours. */
void bpf_plane_open_outside(struct bpf_plane *p);

#endif
