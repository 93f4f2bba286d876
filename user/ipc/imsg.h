/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages between the processes. One message is one SOCK_SEQPACKET datagram: a header, a fixed
 * struct that the type names, and for few types trailing bytes. One file descriptor may ride along.
 * Both ends are the same binary, so structs are sent as they are; what they hold stands in a header for each pair.
 *
 * Channels: hub <-> each child, and ike <-> data directly (ESP keys never pass through hub).
 *
 * A tunnel is named by its number everywhere: site index * 2 + {0, 1}.
 */
#ifndef SLUICE_IPC_IMSG_H
#define SLUICE_IPC_IMSG_H

#include "base/addr.h"
#include "base/types.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#define IMSG_MAX_SIZE  20480       /* bytes of one message, header included */
#define IMSG_QUEUE_MAX (64u << 20) /* bytes that may wait for a slow reader */

enum imsg_type {
	IMSG_INVALID,

	/* hub -> any child */
	IMSG_START,    /* none: everything sent so far is the initial state, begin */
	IMSG_CHANNEL,  /* none, fd: the ike <-> data channel, replaced when either end restarts */
	IMSG_SHUTDOWN, /* none: say goodbye to peers, then exit 0 */
	IMSG_PING,     /* none: are you alive? The channel answers, when its loop comes to it */
	/* any child -> hub */
	IMSG_READY, /* none, of bgp struct imsg_bgp_ready: set up, privileges dropped */
	IMSG_PONG,  /* none */

	/* hub -> ike */
	IMSG_IKE_SOCKET,      /* struct imsg_socket, fd */
	IMSG_IKE_SOCKET_GONE, /* struct imsg_socket: nothing is at that address any more */
	IMSG_IKE_TUNNEL,      /* struct imsg_ike_tunnel, fd: the secret, to read once and close */
	IMSG_IKE_PPK,         /* struct imsg_tunnel, fd: its post-quantum key; before the tunnel */
	IMSG_IKE_PSK_PREVIOUS, /* struct imsg_tunnel, fd: the key before the present one; before the tunnel */
	IMSG_IKE_TUNNEL_DEL,  /* struct imsg_tunnel */
	IMSG_IKE_ACTIVITY,    /* struct imsg_activity: ESP arrived (RFC 7296 2.4: life) */
	IMSG_IKE_COMMAND,     /* struct imsg_ike_command */
	IMSG_IKE_CREDENTIALS, /* struct imsg_ike_credentials: certificates, in parts that follow */
	IMSG_IKE_CREDENTIAL,  /* struct imsg_ike_credential, fd: a part, to read once and close */
	IMSG_IKE_SPIS,        /* none, fd: the map ike_spis */
	IMSG_IKE_CHECKPOINT,  /* none, fd: memfd that outlives the process, for SA state */
	/* ike -> hub */
	IMSG_TUNNEL_STATE, /* struct imsg_tunnel_state */
	IMSG_SA_INFO,      /* struct imsg_sa_info: an SA pair came to be or changed */
	IMSG_SA_GONE,      /* struct imsg_sa_ref */
	IMSG_TUNNEL_EVENT, /* struct imsg_tunnel_event: for the tunnel's activity log */
	IMSG_IKE_HEARD,    /* struct imsg_ike_heard: what its sockets have received so far */
	IMSG_UNKNOWN,   /* struct imsg_unknown: a device that nobody configured has tried again */
	IMSG_PEER_CERT, /* struct imsg_peer_cert, both ways: what a site authenticated with */

	/* ike -> data */
	IMSG_SA_ADD, /* struct imsg_sa_add, with keys */
	IMSG_SA_USE, /* struct imsg_sa_ref: send on this pair from now on */
	IMSG_SA_DEL, /* struct imsg_sa_ref */
	/*
	 * On a new channel ike lists the SAs it has, IMSG_SA_KEEP for each. At the end data removes those that were not
	 * listed, and reports those it does not have (IMSG_SA_LOST).
	 */
	IMSG_SA_KEEP,     /* struct imsg_sa_keep */
	IMSG_SA_KEEP_END, /* none */
	IMSG_ESP_SLOW,    /* struct imsg_esp_slow, bytes: ESP that came through the socket */
	/* data -> ike */
	IMSG_SA_INSTALLED, /* struct imsg_sa_ref: inbound accepts from now on */
	IMSG_SA_LOST,      /* struct imsg_sa_ref: ike has listed it, and data does not have it */
	IMSG_SA_EXPIRING,  /* struct imsg_sa_ref: sequence numbers run out, rekey now */
	IMSG_PEER_MOVED,   /* struct imsg_peer_moved, both ways: authenticated from a new address */

	/* hub -> data */
	IMSG_DATA_CONF,        /* struct imsg_data_conf */
	IMSG_DATA_MAP,         /* struct imsg_data_map, fd: a BPF map */
	IMSG_DATA_SOCKET,      /* struct imsg_socket, fd: UDP 4500 or raw ESP to send by */
	IMSG_DATA_SOCKET_GONE, /* struct imsg_socket: the SAs that sent by it have ended */
	IMSG_DATA_TOO_BIG, /* struct imsg_index, fd: socket for ICMP (0) or ICMPv6 (1) of routers */
	IMSG_DATA_TAP,     /* struct imsg_index, fd: queue of the inside device */
	IMSG_DATA_OUTSIDE, /* struct imsg_data_outside: a device to open AF_XDP on; again: it has changed */
	IMSG_DATA_SAVED,  /* none, fd: memfd of data_saved.h */
	IMSG_DATA_TUNNEL, /* struct imsg_data_tunnel: a tunnel exists, or no longer does */
	/* data -> hub */
	IMSG_DATA_MODE, /* struct imsg_data_mode: what was obtained */
	IMSG_DATA_PATH, /* struct imsg_data_path: another inner MTU of a tunnel */

	/* hub -> bgp */
	IMSG_BGP_CONF,         /* struct imsg_bgp_conf */
	IMSG_BGP_LISTEN,       /* struct imsg_socket, fd: listening TCP 179 */
	IMSG_BGP_NEIGHBOR,     /* struct imsg_bgp_neighbor, fd (BFD: UDP 3784): new or changed */
	IMSG_BGP_STATICS,      /* struct imsg_bgp_statics: what leads to a static neighbour */
	IMSG_BGP_NEIGHBOR_DEL, /* struct imsg_tunnel */
	IMSG_BGP_TUNNEL,       /* struct imsg_bgp_tunnel: the tunnel came up or went down */
	IMSG_BGP_NETWORK,      /* struct imsg_bgp_network: a prefix behind the hub */
	IMSG_BGP_RESERVED,     /* struct imsg_bgp_reserved: what no site may announce, in parts */
	IMSG_BGP_OWNERS, /* struct imsg_bgp_owners: groups that had prefixes before bgp was restarted */
	IMSG_BGP_RELEASE, /* struct ip_prefix: its owner, who has no session, gives it up */
	IMSG_BGP_QUERY,   /* struct imsg_bgp_query */
	/* bgp -> hub */
	IMSG_BGP_STATE,   /* struct imsg_bgp_state */
	IMSG_ROUTES,      /* struct imsg_route, IMSG_ROUTES_MAX at most: best paths changed */
	IMSG_UNROUTES,    /* struct ip_prefix, IMSG_ROUTES_MAX at most: nothing leads there */
	IMSG_BGP_SETTLED, /* none: first convergence after start is over, drop stale routes */
	IMSG_BGP_EVENT,   /* struct imsg_bgp_event: for the log of the tunnel */
	IMSG_BGP_ANSWER,  /* struct imsg_bgp_answer: a path for a query; `last` ends them */
	IMSG_BFD_STATE,   /* struct imsg_bfd_state; from the BFD thread of bgp by way of bgp */
	/* bgp -> its BFD thread */
	IMSG_BFD_SESSION, /* struct imsg_bfd_session, fd: UDP 3784 of the inside address */

	/* hub <-> api */
	IMSG_API_CLIENT, /* struct imsg_api_client, fd: connection of somebody's */
	IMSG_API_GONE,   /* struct imsg_api_client, both ways: it is closed; it is to give way */
	IMSG_API_HTTP,   /* none, fd: listening TCP socket for metrics */
	IMSG_API_CREDENTIAL, /* struct imsg_api_credential, fd: a part of what remote speaks TLS with */
	IMSG_API_CERTIFICATE, /* struct imsg_api_certificate, of remote: what a client has shown */
	IMSG_API_REQUEST,     /* struct imsg_api_request, bytes */
	IMSG_API_REPLY,       /* struct imsg_api_reply, bytes */
	IMSG_API_TAKEN,       /* struct imsg_api_taken */

	/* hub -> watch */
	IMSG_WATCH_DIRECTORY, /* none, fd: where the history is kept */
	IMSG_EVENT,           /* struct bus_event */
	IMSG_WATCH_QUERY,     /* struct imsg_watch_query, bytes */
	IMSG_SAMPLE,          /* struct imsg_watch_sample */
	IMSG_WATCH_SUM_QUERY, /* struct imsg_watch_sum_query, bytes */
	IMSG_ALARM_RULES,     /* struct alarm_rules: in the place of those before */
	IMSG_ALARM_COMMAND,   /* struct imsg_alarm_command: of a person */
	/* watch -> hub */
	IMSG_WATCH_OPEN,    /* struct imsg_watch_open */
	IMSG_WATCH_ASIDE,   /* struct imsg_watch_aside */
	IMSG_WATCH_STORED,  /* struct imsg_watch_stored */
	IMSG_WATCH_SAMPLED, /* struct imsg_watch_sampled */
	IMSG_WATCH_EVENT,   /* struct imsg_watch_event: of the answer to a query */
	IMSG_WATCH_SUM,     /* struct imsg_watch_sum: of the answer to a sum query */
	IMSG_WATCH_POINTS,  /* struct imsg_watch_points: the same */
	IMSG_WATCH_END,     /* struct imsg_watch_end: that was all of it */
	IMSG_ALARM,         /* struct imsg_alarm: how it stands */

	IMSG_TYPES
};

struct imsg_tunnel {
	uint32_t tunnel;
};

struct imsg_index {
	uint32_t index;
};

struct imsg_socket {
	struct ip_endpoint local; /* port 0 for raw ESP */
	bool whole; /* data sends with DF by this one; by the other, what may be fragmented */
};

struct imsg_sa_ref {
	uint32_t tunnel;
	uint32_t spi_in; /* host order; 0 when it names no inbound SA */
	uint32_t spi_out;
};

struct imsg {
	uint32_t type; /* enum imsg_type */
	uint32_t len;  /* bytes of payload */
	int fd;        /* -1: none; the receiver owns it */
	void *payload; /* the receiver's, until its handler returns */
};

struct imsg_channel;

/* Called for each message. Takes over m->fd. */
typedef void imsg_handler(void *context, const struct imsg *m);

/* Called once when the other end is gone; the channel may be freed in it. */
typedef void imsg_gone(void *context);

/*
 * Makes a channel from one end of a SOCK_SEQPACKET pair (takes over own_fd). Messages are sent in
 * order; what the socket does not take now is queued, and none is dropped. A reader that lets
 * IMSG_QUEUE_MAX bytes wait is given up: then on_gone is called as if it had ended.
 */
struct imsg_channel *imsg_channel_new(struct event_base *base, int own_fd, imsg_handler *on_message,
	imsg_gone *on_gone, void *context);
/* Closes it; what is still queued is lost. NULL does nothing. */
void imsg_channel_free(struct imsg_channel *c);

/* In a child: the channel answers IMSG_PING of hub by itself, and its handler does not see it. */
void imsg_channel_answer(struct imsg_channel *c);

/*
 * Of a process whose messages make long answers: one is taken in a turn of the loop, and none while more than `most`
 * bytes wait for the other end.
 */
void imsg_channel_pace(struct imsg_channel *c, size_t most);

/* Sends a message of the fixed struct `payload` and optional trailing bytes. Takes over own_fd (-1:
 * none). A message to a peer that is gone is dropped: its on_gone is about to be called. */
void imsg_send(
	struct imsg_channel *c, enum imsg_type type, int own_fd, const void *payload, size_t len);
void imsg_send_bytes(struct imsg_channel *c, enum imsg_type type, const void *payload, size_t len,
	const void *bytes, size_t bytes_len);

/* Bytes that the other end has not taken yet. */
size_t imsg_queued(const struct imsg_channel *c);

/*
 * Receives one message into `buffer` without an event base, before the loop runs: blocks. False: the peer is
 * gone.
 */
bool imsg_receive_blocking(int fd, struct imsg *m, void *buffer, size_t size);

#endif
