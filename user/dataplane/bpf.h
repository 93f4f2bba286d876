/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The BPF half of the data plane: loads the three programs, pins their maps for bpftool, attaches
 * XDP to the outside devices and TC to the inside device. Used by `hub`, as root.
 *
 * What is attached to the outside devices is pinned, as maps are: if the process is killed, they stay
 * closed until the next bpf_plane_load takes over or somebody removes the pins. bpf_plane_free takes all
 * of it away.
 */
#ifndef SLUICE_DATAPLANE_BPF_H
#define SLUICE_DATAPLANE_BPF_H

#include "base/types.h"
#include "dataplane/dataplane.h"
#include "sluice/abi.h"

#include <stdbool.h>
#include <stdint.h>

struct bpf_plane;

/* What may change while the programs run. */
struct bpf_live {
	struct packet_options packets; /* of these: the horizon, marks, what is charged */
	bool outside_forwarding; /* others than the hub may use the outside devices in clear */
	bool sites_apart;        /* no site reaches another */
};

struct bpf_options {
	const char *pin_dir; /* NULL: SLUICE_PIN_DIR */
	uint32_t workers;    /* of the data process, 1..SLUICE_MAX_WORKERS */
	struct bpf_live live;
	uint32_t bgp_uid; /* beside root, who alone speaks BGP and BFD to sites */
	uint32_t outside_count;
	uint32_t outside_ifindex[SLUICE_MAX_OUTSIDE]; /* 0: it is not there yet */
	uint32_t esp_cpus;             /* kernel ESP, spread over so many CPUs; 0: AF_XDP */
	uint32_t ike_per_second;       /* packets of one source; 0: 200 */
	uint32_t ike_burst;            /* packets; 0: 400 */
	uint32_t ike_first_per_second; /* first messages of all sources; 0: 50,000 */
};

/*
 * Loads and pins. Mounts a bpf file system at /sys/fs/bpf when there is none. NULL with a sentence
 * in `error` when something fails, another sluiced that is alive owns pin_dir included; what libbpf and
 * the verifier said is in bpf_refusal.h.
 */
struct bpf_plane *bpf_plane_load(
	const struct bpf_options *options, char error[DATAPLANE_ERROR_SIZE]);

/* Holds for packets from now on. */
void bpf_plane_live_set(struct bpf_plane *plane, const struct bpf_live *live);

/*
 * Attaches the outside programs to device number `outside` of the options: its guard, as below, and then native XDP, or
 * generic XDP if the driver has none. `*mode` becomes "native" or "generic".
 */
bool bpf_plane_attach_outside(struct bpf_plane *plane, uint32_t outside, const char **mode,
	char error[DATAPLANE_ERROR_SIZE]);

/*
 * False with a sentence: attaching XDP to the device would be refused, because somebody else's program is there. Nothing
 * is tried: to attach XDP interrupts the link of many drivers.
 */
bool bpf_plane_may_attach(
	const struct bpf_plane *plane, uint32_t ifindex, char why[DATAPLANE_ERROR_SIZE]);

/*
 * The guard: the program that drops what would leave by the device in clear, TCX, else clsact. It does not end when the
 * device is no outside device any more, and may be there before it is one. `guard` attaches it again where somebody has
 * taken it off, which `guard_holds` tells (of clsact nothing is said), and does nothing where it holds.
 */
bool bpf_plane_guard(struct bpf_plane *plane, uint32_t ifindex, char error[DATAPLANE_ERROR_SIZE]);
bool bpf_plane_guard_holds(const struct bpf_plane *plane, uint32_t ifindex);
void bpf_plane_unguard(struct bpf_plane *plane, uint32_t ifindex);

/*
 * Device number `outside` is another one now, gone, or no outside device any more (ifindex 0): XDP on the one before is
 * let go, and its guard stays. Attaching follows.
 */
void bpf_plane_move_outside(struct bpf_plane *plane, uint32_t outside, uint32_t ifindex);

/* False when somebody has detached a program of ours (TCX and XDP; of clsact nothing is said): attach again. */
bool bpf_plane_outside_holds(const struct bpf_plane *plane, uint32_t outside);
bool bpf_plane_inside_holds(const struct bpf_plane *plane, uint32_t ifindex);

/*
 * Attaches the inside programs to both sides of a device, with kernel ESP to its egress only: TCX, else
 * clsact. `*mode` says which.
 */
bool bpf_plane_attach_inside(struct bpf_plane *plane, uint32_t ifindex, const char **mode,
	char error[DATAPLANE_ERROR_SIZE]);

/*
 * Kernel ESP: attaches both programs to the xfrm interface of a tunnel, whose number packets from it
 * get. They go with the interface; bpf_plane_interface_forget is for the record of it.
 */
bool bpf_plane_attach_interface(struct bpf_plane *plane, uint32_t ifindex, uint32_t tunnel,
	char error[DATAPLANE_ERROR_SIZE]);
void bpf_plane_interface_forget(struct bpf_plane *plane, uint32_t ifindex);

/* The program that chooses the queue of the inside device, for link_open. Owned by the plane. */
int bpf_plane_steer_fd(const struct bpf_plane *plane);

/* The file descriptor of a map, owned by the plane; dup it to send it away. */
int bpf_plane_map_fd(const struct bpf_plane *plane, enum data_map map);
uint32_t bpf_plane_map_value_size(const struct bpf_plane *plane, enum data_map map);
uint32_t bpf_plane_map_entries(const struct bpf_plane *plane, enum data_map map);

/* Routes, tunnels or what is declared have changed: what was remembered of them no longer holds. */
void bpf_plane_sources_changed(const struct bpf_plane *plane);

/* Kernel ESP: packets that XDP has passed on and that the queue of their CPU had no room for. */
uint64_t bpf_plane_queue_drops(const struct bpf_plane *plane);

/* Program descriptors for BPF_PROG_TEST_RUN. */
int bpf_plane_outside_fd(const struct bpf_plane *plane);
int bpf_plane_leaving_fd(const struct bpf_plane *plane);
int bpf_plane_inside_fd(const struct bpf_plane *plane);
int bpf_plane_from_site_fd(const struct bpf_plane *plane);
int bpf_plane_xfrm_in_fd(const struct bpf_plane *plane); /* these two with esp_cpus */
int bpf_plane_xfrm_out_fd(const struct bpf_plane *plane);

/* Detaches, removes the pins and the pin directory. */
void bpf_plane_free(struct bpf_plane *plane);

/*
 * After fork, in a child that goes on to another role: closes what keeps the plane (links, maps,
 * the lock on pin_dir) without taking anything down.
 */
void bpf_plane_forget(struct bpf_plane *plane);

#endif
