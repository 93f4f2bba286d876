/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between hub and api, and what may be asked over the control socket: HTTP with JSON. Its paths, parameters and answers
 * are in docs/openapi.yaml; api makes of them what is here.
 */
#ifndef SLUICE_IPC_MSG_API_H
#define SLUICE_IPC_MSG_API_H

#include "alarm/alarm.h"
#include "crypto/cert.h"
#include "ipc/imsg.h"

/* Each has a row in verbs.c, and an answer in hub/api/requests.c. */
enum api_verb {
	API_INVALID,
	API_SHOW_SITES,
	API_SHOW_TUNNELS,
	API_SHOW_BGP,
	API_SHOW_ROUTE,
	API_SHOW_ROUTES,
	API_SHOW_CLOSED,
	API_SHOW_SA,
	API_SHOW_ENDPOINTS,
	API_SHOW_DATAPLANE,
	API_SHOW_LOG,
	API_SHOW_BGP_LOG,
	API_SHOW_CERTIFICATES,
	API_SHOW_UNKNOWN,
	API_EVENTS,
	API_TIMELINE,
	API_ALARMS,
	API_ALARM_ACKNOWLEDGE,
	API_ALARM_SILENCE,
	API_ALARM_UNSILENCE,
	API_ALARM_TEST,
	API_DOCTOR,
	API_GRAPH,
	API_REPORT,
	API_PLAN,
	API_APPLY,
	API_CONFIRM,
	API_HISTORY,
	API_DIFF,
	API_ROLLBACK,
	API_REKEY,
	API_TUNNEL_DOWN,
	API_TUNNEL_UP,
	API_TUNNEL_DRAIN,
	API_RELEASE,
	API_SECRET_LIST,
	API_SECRET_ROTATE,
	API_SECRET_DELETE,
	API_TOKEN_CREATE,
	API_TOKEN_LIST,
	API_TOKEN_REVOKE,
	API_SITE_LIST,
	API_SITE_SHOW,
	API_SITE_CREATE,
	API_SITE_SET,
	API_SITE_PUT,
	API_SITE_DELETE,
	API_SITE_ADOPT,
	API_SITE_MIGRATION,
	API_SITE_MIGRATE,
	API_SITE_EXPORT,
	API_SITE_IMPORT,
	API_HUB_SHOW,
	API_HUB_SET,
	API_HUB_RELEASE,
	API_METRICS, /* Prometheus text */
	API_VERBS,
};

#define API_BODY_MAX    (256u << 10) /* bytes of a request, without its head */
#define API_IMPORT_MAX  (2u << 20)   /* of the one about many sites, which is for: */
#define API_IMPORT_PATH "/v1/import"
#define API_IMPORTS_MAX 4 /* of them that are being read; of a user one, and one is for root */
#define API_ANSWER_MAX  (48u << 20) /* bytes of one: room for all routes */
#define API_WAITING_MAX                                                                            \
	(4u << 20) /* bytes of them; while more wait for api, hub does not hear it */
#define API_STEP_SIZE       12
#define API_EFFECT_SIZE     20                    /* of what an effect is called */
#define API_FAILURE_SIZE    (SITE_NAME_SIZE + 16) /* of what may fail: plan/failure.h */
#define API_EVENTS_MAX      1000                  /* of one answer */
#define API_EVENTS_USUAL    100
#define API_STREAMS_MAX     16 /* at a time */
#define API_STREAMS_USER    4  /* of them of one user but root, one token, certificate or address */
#define API_STREAMS_ROOT    4  /* of them for root at the control socket alone */
#define API_STREAM_S        600 /* then it ends; whoever reads it comes again, and is judged again */
#define API_STREAM_UNREAD   (256u << 10)   /* bytes; who lets more wait is dropped */
#define API_WITHIN_MAX_S    (24 * 60 * 60) /* of a timeline, to either side */
#define API_WITHIN_USUAL_S  (15 * 60)
#define API_SILENCE_USUAL_S (60 * 60)
#define API_CONFIRM_MAX_S   (24 * 60 * 60)
#define API_SINCE_MAX_S     (455 * 24 * 60 * 60) /* of a report or a graph */
#define API_CLIENTS_MAX     64                   /* connections at a time */
#define API_CLIENTS_ROOT    16                   /* of them for root alone */
#define API_CLIENTS_USER    16                   /* of one other user */
#define API_CLIENT_TOTAL_S  60                   /* a connection ends then, whatever it is about */
#define API_REMOTE_MAX      256                  /* connections over TCP at a time */
#define API_REMOTE_NETWORK  32         /* of them from one address; of IPv6: from one /64 */
#define API_MATCH_ANY       UINT64_MAX /* If-Match: *, there must be a document */
#define API_TOKEN_SIZE      96         /* of what a client shows as a token, with its NUL */
#define API_TOKEN_ID_SIZE   9
#define API_TOKEN_DAYS_MAX  366
#define API_TOKEN_DAYS      30 /* where nothing is said */

/*
 * Numbers of api, and of remote, which has those who come over TCP, are below this one. Hub adds it to all that remote
 * says, so that neither can speak of what belongs to the other.
 */
#define API_OF_REMOTE 0x80000000u

/* A connection. Hub, which accepted it, knows who is there. */
struct imsg_api_client {
	uint32_t number; /* not 0 */
	uint32_t asker; /* the same for one user, 0: root. Who it is hub knows by the number only */
	struct ip_addr from; /* over TCP; else of no family */
};

/* What remote speaks TLS with, in parts: the chain first. It takes effect when no part is left. */
struct imsg_api_credential {
	uint32_t part; /* enum credential_part */
	uint32_t left; /* that follow */
};

/* A client's certificate, which remote has verified. So it is remote's word, and hub gives what remote may, no more. */
struct imsg_api_certificate {
	uint32_t client;
	char subject[CERT_NAME_SIZE];
	char fingerprint[CERT_PRINT_SIZE];
};

struct imsg_api_request {
	uint32_t id;
	uint32_t client;           /* whose it is; 0: of somebody at the port for metrics */
	uint32_t verb;             /* enum api_verb */
	int32_t tunnel;            /* 0, 1, or -1 for both */
	char site[SITE_NAME_SIZE]; /* "" for all */
	char new[SITE_NAME_SIZE];  /* of migrations: whereto; "": of no other verb */
	char step[API_STEP_SIZE];  /* of those; "": not said */
	struct ip_prefix prefix;   /* of a route */
	uint32_t since_s;          /* a report of so many seconds; 0: of the last one */
	uint64_t revisions[2];     /* 0: not named */
	uint32_t confirm_s;        /* apply, rollback: back by itself after so many; 0: not */
	/* What the client has shown as its token; "": none, "?": what can be none. */
	char bearer[API_TOKEN_SIZE];
	char secret[SITE_NAME_SIZE];   /* its name */
	char token[API_TOKEN_ID_SIZE]; /* the id of one */
	uint8_t role;                  /* enum role: of a new token */
	char scope[SITE_NAME_SIZE];    /* its group of sites; "": all */
	uint32_t days;                 /* that it lasts; 0: as long as one does */
	char fail[API_FAILURE_SIZE];   /* plan: what an outage of this would do; "": it is none */
	bool ike;                      /* rekey: of the IKE SA instead */
	bool next_start;             /* apply: in force when sluiced starts again, and not before */
	bool without_secrets;        /* apply: those that wait to be in force wait further */
	bool force;                  /* also where it leaves a site without a tunnel */
	bool dry_run;                /* what it would do, and nothing more */
	char allow[API_EFFECT_SIZE]; /* the strongest effect it may have; "": the usual one */
	/* Of alarms. */
	char rule[ALARM_NAME_SIZE];
	uint32_t for_s; /* of silence; 0: as long as usual */
	bool all;       /* also those that do not fire */
	/* Of events. */
	uint32_t kinds;          /* 1 << enum bus_kind, or'ed; 0: all */
	uint32_t limit;          /* 0: as many as usual */
	uint64_t after;          /* the number of the event before the first; 0: none was named */
	uint64_t from_ns, to_ns; /* since the epoch; 0: not said. A timeline is around from_ns */
	bool stream;             /* events as they happen, without an end */
	uint32_t within_s; /* a timeline: so long before that, and after; 0: as long as usual */
	/* It is refused unless the document is of that revision; 0: of any, or there is none. */
	uint64_t if_match;
	/*
	 * Bytes that follow: what the object is to say (ipc/rows.h). Of many sites they do not follow, but are in a memfd
	 * that comes along, which nobody can change.
	 */
	uint32_t rows;
};

struct imsg_api_reply {
	uint32_t id;
	uint32_t len;    /* bytes that follow */
	uint32_t status; /* of HTTP; other than 200 it is a problem (ipc/problem.h) */
	uint64_t etag;   /* of the document; 0: it has none */
	bool metrics;    /* text of Prometheus in place of JSON */
	bool stream;     /* of events: each part goes on at once */
	bool last;
};

/* Of a stream: so many bytes have been read by whoever it is for. */
struct imsg_api_taken {
	uint32_t id;
	uint32_t bytes;
};

#endif
