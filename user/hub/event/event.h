/* SPDX-License-Identifier: Apache-2.0 */
/* What happens, to tunnels, sites and the hub: all of it is told here. */
#ifndef SLUICE_HUB_EVENT_EVENT_H
#define SLUICE_HUB_EVENT_EVENT_H

#include "base/bus_event.h"
#include "hub/hub.h"
#include "ike/reason.h"

/* Something has happened, once. */
struct happening {
	enum bus_kind kind;
	enum bus_severity severity;
	bool outside;        /* caused by somebody who has not proved who it is */
	struct site *site;   /* NULL: it is of the hub */
	int tunnel;          /* 0, 1; -1: of none. Where there is no site it does not count */
	const char *reason;  /* a word that programs compare */
	const char *detail;  /* a sentence; NULL: the reason says it all */
	const char *actor;   /* who did it; NULL: it happened */
	json_t *own_log;     /* what a log of the tunnel says of it; NULL: it is in none */
	enum event_kind log; /* then: of which */
};

/* publish.c. The only way by which an event goes anywhere: to whoever keeps the history, and into the logs of tunnels. */
void hub_publish(struct hub *h, const struct happening *what);

/*
 * send.c. Watch has opened its file, whose greatest number is `newest`, and hears events from now on; it has stored them up
 * to one; it has ended. All of it is watch's word, which may be in somebody's hands.
 */
void hub_events_heard(struct hub *h, uint64_t newest);
void hub_events_stored(struct hub *h, uint64_t number);
void hub_events_unheard(struct hub *h);
/* What waits goes to watch, as far as it can take it. */
void hub_events_send(struct hub *h);

/* Who it was, of asker_json(): "uid 0", "token 1a2b3c4d of uid 1000", "CN=ops", an address, "sluiced". */
const char *hub_actor(const json_t *who, char actor[BUS_ACTOR_SIZE]);

/* note.c. Into the activity log of a tunnel, what hub itself knows; carries: packets may go by its SA pair. */
void hub_note(struct hub *h, uint32_t tunnel, enum reason r, bool carries, const char *details);

/* A line of the log of its BGP session, and why it does not come up. */
void hub_note_bgp(struct hub *h, uint32_t tunnel, const char *reason, const char *details);

#endif
