/* SPDX-License-Identifier: Apache-2.0 */
/* Events of tunnels. */
#ifndef SLUICE_HUB_EVENT_EVENT_H
#define SLUICE_HUB_EVENT_EVENT_H

#include "hub/hub.h"
#include "ike/reason.h"

/* events.c. Into a log of the tunnel; own_event has the members that its kind of event has. */
void hub_event(struct hub *h, uint32_t tunnel, enum event_kind kind, json_t *own_event);
/* note.c. Into its activity log, what hub itself knows; carries: packets may go by its SA pair. */
void hub_note(struct hub *h, uint32_t tunnel, enum reason r, bool carries, const char *details);

#endif
