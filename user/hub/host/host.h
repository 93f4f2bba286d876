/* SPDX-License-Identifier: Apache-2.0 */
/* The host: its devices and sockets, as they are set up, watched and followed. */
#ifndef SLUICE_HUB_HOST_HOST_H
#define SLUICE_HUB_HOST_HOST_H

#include "dataplane/host.h"
#include "hub/hub.h"
#include "ipc/msg_data.h"

#define OUTSIDE_SOCKETS_MAX 20 /* endpoints x addresses x {500, 4500, raw ESP, two to send by} */

struct outside_socket {
	int fd;
	struct imsg_socket address;
	char device[16];
	bool for_ike, for_data;
	bool was_retired; /* until it was taken back for a configuration on its way */
};

/* What hub opens and gives to each process that needs it; ike and data have the same ones. */
struct outside_sockets {
	struct outside_socket list[OUTSIDE_SOCKETS_MAX];
	uint32_t count;
};

/* ike_reach.c: whether IKE that XDP has let through comes to ike. */
struct ike_reach {
	uint64_t heard;       /* by ike, as it said last */
	uint64_t passed;      /* by XDP, when it said that */
	uint64_t undelivered; /* what the kernel had counted then as not delivered */
	bool is_news;         /* it has said so since hub looked */
	uint64_t since_ns;    /* when more than that had passed; 0: no more has */
	uint64_t passed_then; /* at that time */
};

struct host {
	struct outside_sockets sockets;
	struct outside_sockets
		retired; /* ike and data are told to close them, and may not have yet */
	uint64_t retired_ns;
	bool sockets_missing; /* some that the configuration asks for could not be had */
	/* -1: not open. */
	int too_big[2];              /* ICMP, ICMPv6: data hears of smaller MTUs by them */
	int control_fd, metrics_fd;  /* listeners of api */
	bool metrics_untold;         /* api does not have it yet, for want of a descriptor */
	int checkpoint_fd, saved_fd; /* memfds that outlive ike and data */
	int events_fd;               /* the directory of watch */

	/* look.c and outside.c: others may change the host at any time. */
	struct host_watch *watch; /* the kernel says that something has changed */
	struct event *changed;    /* it has */
	struct event *look_again; /* after a pause, when changes follow one another */
	uint64_t looked_ns;       /* when hub looked last */
	uint64_t way_again_ns;    /* when routes by the outside devices are looked for next */
	struct host_addresses addresses; /* as they were then */
	bool routes_lost;                /* those to the inside device are to be written again */
	struct ike_reach ike_reach;
	bool outside_closed
		[CONFIG_ENDPOINTS]; /* our programs keep the device closed for what is in clear */
};

/* Nothing is open or watched yet. hub_teardown() closes what is; free frees the rest. */
struct host *host_new(void);
void host_free(struct host *host);

/* setup.c: the data plane, the sockets. False with a sentence in error; hub_teardown() undoes it. */
bool hub_setup(struct hub *h, char error[CONFIG_ERROR_SIZE]);
void hub_teardown(struct hub *h);

/*
 * A socket that is bound for "metrics", or -1 where there is to be none; and it listens from then on. Before that nobody
 * connects to it who would be left alone if it is not used. Both at once; and of the metrics, for h->host, by the
 * configuration in force. False with a sentence.
 */
bool hub_tcp_bind(
	const char *what, const struct ip_endpoint *at, int *fd, char error[CONFIG_ERROR_SIZE]);
bool hub_tcp_listen(
	const char *what, const struct ip_endpoint *at, int fd, char error[CONFIG_ERROR_SIZE]);
bool hub_tcp_open(
	const char *what, const struct ip_endpoint *at, int *fd, char error[CONFIG_ERROR_SIZE]);
bool hub_metrics_open(struct hub *h, char error[CONFIG_ERROR_SIZE]);

/*
 * outside.c: the outside devices. What h->config calls them takes a place in the model; each keeps its own as long as it
 * is an outside device, and a place without a name is free.
 */
void hub_outside_name(struct hub *h);
/* Whether device i is there; what is known of it is brought up to date. */
bool hub_outside_find(struct hub *h, uint32_t i);
/*
 * Closes them, those that are not there too. One that cannot be is an endpoint that stays closed, with its tunnels: false,
 * with a sentence, only when there is no other.
 */
bool hub_outside_attach(struct hub *h, char error[CONFIG_ERROR_SIZE]);
/* The same of a configuration that is to be in force, as far as it can be known beforehand. */
bool hub_outside_usable(
	const struct hub *h, const struct concentrator_conf *c, char error[CONFIG_ERROR_SIZE]);
/* Whether something is known that keeps the device from being used now, as that it is not there, with a sentence. */
bool hub_outside_doubt(const struct hub *h, const char *device, char why[DATAPLANE_ERROR_SIZE]);
/* Whether others may use the outside devices in clear has changed: the kernel's rules follow h->config. */
void hub_outside_forward(struct hub *h);
/* What the kernel was told to keep closed is ours no longer. */
void hub_outside_open(struct hub *h);
/* Takes up what has changed, of the endpoints too. */
void hub_outside_look(struct hub *h, const struct host_address *list, size_t count, uint64_t now);
/* endpoints.c: the tunnels of one that is lost are closed, and opened when it is back. */
void hub_endpoints_look(struct hub *h, const struct host_address *list, size_t count, uint64_t now);

/*
 * Endpoints are others than in the configuration before: devices that are used no longer stay closed, new ones are closed
 * for what is in clear, and data is told, which starts anew for a new one. No tunnel is closed by it.
 */
void hub_outside_change(struct hub *h, const struct concentrator_conf *was);

/*
 * closed_devices.c: while routes to sites are away, what is for them would leave by the default route, wherever that
 * leads. So a device is closed before tunnels leave for an apply with which it is an outside device: from `await`, false
 * with a sentence, to `await_end`. And one that was an outside device stays closed (`keep`), until hub ends or
 * `release`, which says how many it has opened.
 */
bool hub_device_await(struct hub *h, const char *name, char error[CONFIG_ERROR_SIZE]);
void hub_device_await_end(struct hub *h, const char *name);
void hub_device_keep(struct hub *h, const char *name, uint32_t ifindex);
/* It is an outside device again. */
void hub_device_take(struct hub *h, const char *name);
unsigned int hub_devices_release(struct hub *h);
/* Once a second, and when others may use outside devices in clear or may no longer: what closes them is there. */
void hub_devices_look(struct hub *h);
/* When hub ends: their rules go. */
void hub_devices_open(struct hub *h);

/*
 * outside_sockets.c: for ike and data. Opens those that `c` needs and that are not open yet; false with a sentence, and
 * what was opened is in `fresh` all the same. `only_tried`: those that were retired a moment ago are left alone.
 */
bool hub_outside_sockets_open(struct hub *h, const struct concentrator_conf *c, bool only_tried,
	struct outside_sockets *fresh, char error[CONFIG_ERROR_SIZE]);
/* They are not needed after all: those that were retired are so again, the others are closed. */
void hub_outside_sockets_drop(struct hub *h, struct outside_sockets *own);
/* By the configuration in force now: what it does not need is retired, and `fresh` is taken over; ike and data are told. */
void hub_outside_sockets_change(struct hub *h, struct outside_sockets *fresh);
/* What is retired for long enough is closed; what could not be had is tried again. Once a second. */
void hub_outside_sockets_look(struct hub *h, uint64_t now);
void outside_sockets_close(struct outside_sockets *s);
/* The raw ones that routers are heard by. */
bool hub_too_big_open(struct hub *h, char error[CONFIG_ERROR_SIZE]);
/* A device is another one now, or there is none: they follow it. */
bool hub_outside_sockets_follow(struct hub *h, const char *device);

/* look.c: all of the above, and what else the hub needs of its host. From now on; once, now. */
void hub_host_watch(struct hub *h);
void hub_host_look(struct hub *h);

/*
 * ike_reach.c: ike has received so much; and a look, once a second. The last one is told what XDP has let through, and
 * what the kernel has not delivered (snmp.h).
 */
void hub_ike_reach_heard(struct hub *h, uint64_t datagrams);
void hub_ike_reach_look(struct hub *h, uint64_t now);
void hub_ike_reach_judge(struct hub *h, uint64_t passed, uint64_t undelivered, uint64_t now);

/* events_directory.c: what watch writes into. Without it, after a line in the log, they are kept nowhere. */
void hub_events_directory_open(struct hub *h, const char *directory);

/* memfds.c: for the state of ike and data; forgets the SAs that a data process saved. False with errno set. */
bool hub_memfds_open(struct hub *h);
bool hub_saved_clear(struct hub *h);

#endif
