/* SPDX-License-Identifier: Apache-2.0 */
/* Between hub and data. */
#ifndef SLUICE_IPC_MSG_DATA_H
#define SLUICE_IPC_MSG_DATA_H

#include "ipc/imsg.h"

#define IMSG_OUTSIDE_ADDRESSES 4

struct imsg_data_conf {
	uint32_t workers;
	struct packet_options packets;
	uint16_t inside_mtu;
	bool inside_uso; /* the inside device takes super-packets of UDP */
	bool kernel_esp; /* the process of proc/data/xfrm.h, without workers */
};

struct imsg_data_map {
	uint32_t map; /* enum data_map of dataplane.h */
	uint32_t value_size;
	uint32_t entries;
};

struct imsg_data_outside {
	uint32_t place;   /* among the outside devices, below SLUICE_MAX_OUTSIDE */
	uint32_t ifindex; /* 0: it is not there; hub starts data again when it is */
	uint32_t mtu;
	uint32_t queues;
	char name[16];    /* "": the place is free */
	bool esp_offload; /* kernel ESP: the device does the crypto */
	uint32_t address_count;
	struct ip_addr addresses[IMSG_OUTSIDE_ADDRESSES]; /* of the hub on it */
};

struct imsg_data_tunnel {
	uint32_t tunnel;
	bool present; /* false: forget it and its SAs */
	struct tunnel_packet_options packets;
};

struct imsg_data_mode {
	char text[128]; /* for `sluice show dataplane` */
};

struct imsg_data_path {
	uint32_t tunnel;
	uint16_t path_mtu;  /* bytes of an outer packet */
	uint16_t inner_mtu; /* and of what is in it, with the SA that sends */
};

#endif
