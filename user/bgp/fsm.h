/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The session state machine of RFC 4271 8.2.2 as a table: state and event give an action and the
 * next state. One machine per TCP connection (RFC 4271 8.2.1); peer.c carries the actions out.
 */
#ifndef SLUICE_BGP_FSM_H
#define SLUICE_BGP_FSM_H

#include <stdbool.h>
#include <stdint.h>

enum fsm_state {
	FSM_INVALID,
	FSM_IDLE,
	FSM_CONNECT,
	FSM_ACTIVE,
	FSM_OPEN_SENT,
	FSM_OPEN_CONFIRM,
	FSM_ESTABLISHED,
	FSM_STATES
};

/* Numbers of RFC 4271 8.1 in the comments. */
enum fsm_event {
	FSM_EVENT_INVALID,
	FSM_START,           /* 1, 3: connect to the peer */
	FSM_START_PASSIVE,   /* 4, 5: a connection of the peer is about to be taken */
	FSM_STOP,            /* 2, 8: the tunnel is down, or the operator said so */
	FSM_CONNECT_RETRY,   /* 9 */
	FSM_HOLD_EXPIRED,    /* 10 */
	FSM_KEEPALIVE_TIMER, /* 11 */
	FSM_SEND_HOLD,       /* 29, RFC 9687 */
	FSM_TCP_OPEN,        /* 16, 17 */
	FSM_TCP_FAILED,      /* 18 */
	FSM_OPEN,            /* 19 */
	FSM_HEADER_ERROR,    /* 21 */
	FSM_OPEN_ERROR,      /* 22 */
	FSM_COLLISION,       /* 23: this is the connection to give up */
	FSM_NOTIFY_VERSION,  /* 24 */
	FSM_NOTIFY,          /* 25 */
	FSM_KEEPALIVE,       /* 26 */
	FSM_UPDATE,          /* 27 */
	FSM_UPDATE_ERROR,    /* 28 */
	FSM_REFRESH,         /* ROUTE-REFRESH, RFC 2918 */
	FSM_EVENTS
};

enum fsm_action {
	FSM_ACTION_INVALID,
	FSM_IGNORE,
	FSM_DO_CONNECT,     /* close what there is, open a connection, start ConnectRetryTimer */
	FSM_DO_WAIT,        /* close, wait for ConnectRetryTimer or for the peer */
	FSM_DO_LISTEN,      /* the peer's connection comes */
	FSM_DO_SEND_OPEN,   /* and start the hold timer with its large value */
	FSM_DO_ACCEPT_OPEN, /* send KEEPALIVE, start the negotiated timers */
	FSM_DO_ESTABLISH,   /* restart the hold timer, send routes */
	FSM_DO_RESTART_HOLD,
	FSM_DO_UPDATE,  /* restart the hold timer, take the routes */
	FSM_DO_REFRESH, /* restart the hold timer, send everything again */
	FSM_DO_SEND_KEEPALIVE,
	FSM_DO_NOTIFY,      /* send the pending NOTIFICATION, close */
	FSM_DO_NOTIFY_HOLD, /* NOTIFICATION 4, close */
	FSM_DO_NOTIFY_FSM,  /* NOTIFICATION 5 with the subcode of RFC 6608, close */
	FSM_DO_DROP,        /* close without a word */
	FSM_ACTIONS
};

struct fsm_cell {
	uint8_t action; /* enum fsm_action */
	uint8_t next;   /* enum fsm_state */
};

/* The cell of a state and an event; both must be valid. */
struct fsm_cell fsm_lookup(enum fsm_state state, enum fsm_event event);

/* Moves *state; false, and no move, when no cell of the table leads from *state to next. */
bool fsm_move(enum fsm_state *state, enum fsm_state next);

/* "Idle", "Established": as RFC 4271 8.2.2 names it. */
const char *fsm_state_name(enum fsm_state state);

#endif
