/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alarms: hub says the rules, watch says how each stands, and hub makes an event of what people are to be told. Watch may be
 * in somebody's hands: what it says is taken of rules and objects that there are, and no word of an event is its own.
 */
#ifndef SLUICE_HUB_EVENT_ALARMS_H
#define SLUICE_HUB_EVENT_ALARMS_H

#include "hub/hub.h"
#include "ipc/msg_watch.h"

/* The rules of the configuration in force, to watch. */
void hub_alarms_rules(struct hub *h);

/* Watch has opened its file: how all of them stand follows. It has ended: nobody knows. */
void hub_alarms_begin(struct hub *h);
void hub_alarms_unheard(struct hub *h);

/* An event as one of that rule would be, but for what it says: it is a test. */
void hub_alarm_tell_test(
	struct hub *h, const struct alarm_rule *rule, struct site *site, int tunnel);

/* How one of them stands. */
void hub_alarms_heard(struct hub *h, const struct imsg_alarm *m);

#endif
