/* SPDX-License-Identifier: Apache-2.0 */
#include "bgp/fsm.h"

#include <assert.h>

/* clang-format off */
/*
 * RFC 4271 8.2.2 with DelayOpen off. Deviations:
 * - Connect + 18 goes to Active instead of Idle: the retry timer runs on, which is what an automatic
 *   restart out of Idle would give.
 * - OpenSent + 25 (and 24, 25 elsewhere) drop without a NOTIFICATION: the peer has closed already.
 * - OpenConfirm, Established + 19: a second OPEN on one connection is an FSM error; the collision of
 *   two connections is event 23 of the one that loses.
 */
static const struct fsm_cell table[FSM_STATES][FSM_EVENTS] = {
	[FSM_IDLE] = {
		[FSM_START]           = {FSM_DO_CONNECT, FSM_CONNECT},
		[FSM_START_PASSIVE]   = {FSM_DO_LISTEN, FSM_ACTIVE},
		[FSM_STOP]            = {FSM_IGNORE, FSM_IDLE},
		[FSM_CONNECT_RETRY]   = {FSM_IGNORE, FSM_IDLE},
		[FSM_HOLD_EXPIRED]    = {FSM_IGNORE, FSM_IDLE},
		[FSM_KEEPALIVE_TIMER] = {FSM_IGNORE, FSM_IDLE},
		[FSM_SEND_HOLD]       = {FSM_IGNORE, FSM_IDLE},
		[FSM_TCP_OPEN]        = {FSM_IGNORE, FSM_IDLE},
		[FSM_TCP_FAILED]      = {FSM_IGNORE, FSM_IDLE},
		[FSM_OPEN]            = {FSM_IGNORE, FSM_IDLE},
		[FSM_HEADER_ERROR]    = {FSM_IGNORE, FSM_IDLE},
		[FSM_OPEN_ERROR]      = {FSM_IGNORE, FSM_IDLE},
		[FSM_COLLISION]       = {FSM_IGNORE, FSM_IDLE},
		[FSM_NOTIFY_VERSION]  = {FSM_IGNORE, FSM_IDLE},
		[FSM_NOTIFY]          = {FSM_IGNORE, FSM_IDLE},
		[FSM_KEEPALIVE]       = {FSM_IGNORE, FSM_IDLE},
		[FSM_UPDATE]          = {FSM_IGNORE, FSM_IDLE},
		[FSM_UPDATE_ERROR]    = {FSM_IGNORE, FSM_IDLE},
		[FSM_REFRESH]         = {FSM_IGNORE, FSM_IDLE},
	},
	[FSM_CONNECT] = {
		[FSM_START]           = {FSM_IGNORE, FSM_CONNECT},
		[FSM_START_PASSIVE]   = {FSM_IGNORE, FSM_CONNECT},
		[FSM_STOP]            = {FSM_DO_DROP, FSM_IDLE},
		[FSM_CONNECT_RETRY]   = {FSM_DO_CONNECT, FSM_CONNECT},
		[FSM_HOLD_EXPIRED]    = {FSM_DO_DROP, FSM_IDLE},
		[FSM_KEEPALIVE_TIMER] = {FSM_DO_DROP, FSM_IDLE},
		[FSM_SEND_HOLD]       = {FSM_DO_DROP, FSM_IDLE},
		[FSM_TCP_OPEN]        = {FSM_DO_SEND_OPEN, FSM_OPEN_SENT},
		[FSM_TCP_FAILED]      = {FSM_DO_WAIT, FSM_ACTIVE},
		[FSM_OPEN]            = {FSM_DO_DROP, FSM_IDLE},
		[FSM_HEADER_ERROR]    = {FSM_DO_DROP, FSM_IDLE},
		[FSM_OPEN_ERROR]      = {FSM_DO_DROP, FSM_IDLE},
		[FSM_COLLISION]       = {FSM_DO_DROP, FSM_IDLE},
		[FSM_NOTIFY_VERSION]  = {FSM_DO_DROP, FSM_IDLE},
		[FSM_NOTIFY]          = {FSM_DO_DROP, FSM_IDLE},
		[FSM_KEEPALIVE]       = {FSM_DO_DROP, FSM_IDLE},
		[FSM_UPDATE]          = {FSM_DO_DROP, FSM_IDLE},
		[FSM_UPDATE_ERROR]    = {FSM_DO_DROP, FSM_IDLE},
		[FSM_REFRESH]         = {FSM_DO_DROP, FSM_IDLE},
	},
	[FSM_ACTIVE] = {
		[FSM_START]           = {FSM_IGNORE, FSM_ACTIVE},
		[FSM_START_PASSIVE]   = {FSM_IGNORE, FSM_ACTIVE},
		[FSM_STOP]            = {FSM_DO_DROP, FSM_IDLE},
		[FSM_CONNECT_RETRY]   = {FSM_DO_CONNECT, FSM_CONNECT},
		[FSM_HOLD_EXPIRED]    = {FSM_DO_DROP, FSM_IDLE},
		[FSM_KEEPALIVE_TIMER] = {FSM_DO_DROP, FSM_IDLE},
		[FSM_SEND_HOLD]       = {FSM_DO_DROP, FSM_IDLE},
		[FSM_TCP_OPEN]        = {FSM_DO_SEND_OPEN, FSM_OPEN_SENT},
		[FSM_TCP_FAILED]      = {FSM_DO_DROP, FSM_IDLE},
		[FSM_OPEN]            = {FSM_DO_DROP, FSM_IDLE},
		[FSM_HEADER_ERROR]    = {FSM_DO_DROP, FSM_IDLE},
		[FSM_OPEN_ERROR]      = {FSM_DO_DROP, FSM_IDLE},
		[FSM_COLLISION]       = {FSM_DO_DROP, FSM_IDLE},
		[FSM_NOTIFY_VERSION]  = {FSM_DO_DROP, FSM_IDLE},
		[FSM_NOTIFY]          = {FSM_DO_DROP, FSM_IDLE},
		[FSM_KEEPALIVE]       = {FSM_DO_DROP, FSM_IDLE},
		[FSM_UPDATE]          = {FSM_DO_DROP, FSM_IDLE},
		[FSM_UPDATE_ERROR]    = {FSM_DO_DROP, FSM_IDLE},
		[FSM_REFRESH]         = {FSM_DO_DROP, FSM_IDLE},
	},
	[FSM_OPEN_SENT] = {
		[FSM_START]           = {FSM_IGNORE, FSM_OPEN_SENT},
		[FSM_START_PASSIVE]   = {FSM_IGNORE, FSM_OPEN_SENT},
		[FSM_STOP]            = {FSM_DO_NOTIFY, FSM_IDLE},
		[FSM_CONNECT_RETRY]   = {FSM_DO_NOTIFY_FSM, FSM_IDLE},
		[FSM_HOLD_EXPIRED]    = {FSM_DO_NOTIFY_HOLD, FSM_IDLE},
		[FSM_KEEPALIVE_TIMER] = {FSM_DO_NOTIFY_FSM, FSM_IDLE},
		[FSM_SEND_HOLD]       = {FSM_DO_DROP, FSM_IDLE},
		[FSM_TCP_OPEN]        = {FSM_IGNORE, FSM_OPEN_SENT},
		[FSM_TCP_FAILED]      = {FSM_DO_WAIT, FSM_ACTIVE},
		[FSM_OPEN]            = {FSM_DO_ACCEPT_OPEN, FSM_OPEN_CONFIRM},
		[FSM_HEADER_ERROR]    = {FSM_DO_NOTIFY, FSM_IDLE},
		[FSM_OPEN_ERROR]      = {FSM_DO_NOTIFY, FSM_IDLE},
		[FSM_COLLISION]       = {FSM_DO_NOTIFY, FSM_IDLE},
		[FSM_NOTIFY_VERSION]  = {FSM_DO_DROP, FSM_IDLE},
		[FSM_NOTIFY]          = {FSM_DO_DROP, FSM_IDLE},
		[FSM_KEEPALIVE]       = {FSM_DO_NOTIFY_FSM, FSM_IDLE},
		[FSM_UPDATE]          = {FSM_DO_NOTIFY_FSM, FSM_IDLE},
		[FSM_UPDATE_ERROR]    = {FSM_DO_NOTIFY_FSM, FSM_IDLE},
		[FSM_REFRESH]         = {FSM_DO_NOTIFY_FSM, FSM_IDLE},
	},
	[FSM_OPEN_CONFIRM] = {
		[FSM_START]           = {FSM_IGNORE, FSM_OPEN_CONFIRM},
		[FSM_START_PASSIVE]   = {FSM_IGNORE, FSM_OPEN_CONFIRM},
		[FSM_STOP]            = {FSM_DO_NOTIFY, FSM_IDLE},
		[FSM_CONNECT_RETRY]   = {FSM_DO_NOTIFY_FSM, FSM_IDLE},
		[FSM_HOLD_EXPIRED]    = {FSM_DO_NOTIFY_HOLD, FSM_IDLE},
		[FSM_KEEPALIVE_TIMER] = {FSM_DO_SEND_KEEPALIVE, FSM_OPEN_CONFIRM},
		[FSM_SEND_HOLD]       = {FSM_DO_DROP, FSM_IDLE},
		[FSM_TCP_OPEN]        = {FSM_IGNORE, FSM_OPEN_CONFIRM},
		[FSM_TCP_FAILED]      = {FSM_DO_DROP, FSM_IDLE},
		[FSM_OPEN]            = {FSM_DO_NOTIFY_FSM, FSM_IDLE},
		[FSM_HEADER_ERROR]    = {FSM_DO_NOTIFY, FSM_IDLE},
		[FSM_OPEN_ERROR]      = {FSM_DO_NOTIFY, FSM_IDLE},
		[FSM_COLLISION]       = {FSM_DO_NOTIFY, FSM_IDLE},
		[FSM_NOTIFY_VERSION]  = {FSM_DO_DROP, FSM_IDLE},
		[FSM_NOTIFY]          = {FSM_DO_DROP, FSM_IDLE},
		[FSM_KEEPALIVE]       = {FSM_DO_ESTABLISH, FSM_ESTABLISHED},
		[FSM_UPDATE]          = {FSM_DO_NOTIFY_FSM, FSM_IDLE},
		[FSM_UPDATE_ERROR]    = {FSM_DO_NOTIFY_FSM, FSM_IDLE},
		[FSM_REFRESH]         = {FSM_DO_NOTIFY_FSM, FSM_IDLE},
	},
	[FSM_ESTABLISHED] = {
		[FSM_START]           = {FSM_IGNORE, FSM_ESTABLISHED},
		[FSM_START_PASSIVE]   = {FSM_IGNORE, FSM_ESTABLISHED},
		[FSM_STOP]            = {FSM_DO_NOTIFY, FSM_IDLE},
		[FSM_CONNECT_RETRY]   = {FSM_DO_NOTIFY_FSM, FSM_IDLE},
		[FSM_HOLD_EXPIRED]    = {FSM_DO_NOTIFY_HOLD, FSM_IDLE},
		[FSM_KEEPALIVE_TIMER] = {FSM_DO_SEND_KEEPALIVE, FSM_ESTABLISHED},
		[FSM_SEND_HOLD]       = {FSM_DO_DROP, FSM_IDLE},
		[FSM_TCP_OPEN]        = {FSM_IGNORE, FSM_ESTABLISHED},
		[FSM_TCP_FAILED]      = {FSM_DO_DROP, FSM_IDLE},
		[FSM_OPEN]            = {FSM_DO_NOTIFY_FSM, FSM_IDLE},
		[FSM_HEADER_ERROR]    = {FSM_DO_NOTIFY, FSM_IDLE},
		[FSM_OPEN_ERROR]      = {FSM_DO_NOTIFY, FSM_IDLE},
		[FSM_COLLISION]       = {FSM_DO_NOTIFY, FSM_IDLE},
		[FSM_NOTIFY_VERSION]  = {FSM_DO_DROP, FSM_IDLE},
		[FSM_NOTIFY]          = {FSM_DO_DROP, FSM_IDLE},
		[FSM_KEEPALIVE]       = {FSM_DO_RESTART_HOLD, FSM_ESTABLISHED},
		[FSM_UPDATE]          = {FSM_DO_UPDATE, FSM_ESTABLISHED},
		[FSM_UPDATE_ERROR]    = {FSM_DO_NOTIFY, FSM_IDLE},
		[FSM_REFRESH]         = {FSM_DO_REFRESH, FSM_ESTABLISHED},
	},
};
/* clang-format on */

struct fsm_cell fsm_lookup(enum fsm_state state, enum fsm_event event)
{
	assert(state > FSM_INVALID && state < FSM_STATES);
	assert(event > FSM_EVENT_INVALID && event < FSM_EVENTS);
	return table[state][event];
}

bool fsm_move(enum fsm_state *state, enum fsm_state next)
{
	for (int e = FSM_EVENT_INVALID + 1; e < FSM_EVENTS; e++) {
		if (table[*state][e].next == next) {
			*state = next;
			return true;
		}
	}
	return false;
}

const char *fsm_state_name(enum fsm_state state)
{
	static const char *const names[FSM_STATES] = {
		[FSM_INVALID] = "invalid",
		[FSM_IDLE] = "Idle",
		[FSM_CONNECT] = "Connect",
		[FSM_ACTIVE] = "Active",
		[FSM_OPEN_SENT] = "OpenSent",
		[FSM_OPEN_CONFIRM] = "OpenConfirm",
		[FSM_ESTABLISHED] = "Established",
	};

	return state < FSM_STATES ? names[state] : names[FSM_INVALID];
}
