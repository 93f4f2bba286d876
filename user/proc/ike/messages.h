/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's effects as messages to hub and data, and as log lines. */
#ifndef SLUICE_PROC_IKE_MESSAGES_H
#define SLUICE_PROC_IKE_MESSAGES_H

#include "base/log.h"
#include "ipc/msg_ike.h"
#include "ipc/msg_sa.h"
#include "ike/effect.h"

/* EFFECT_SA_ADD. Contains keys: the caller wipes it. */
void ike_message_sa_add(const struct effect *f, struct imsg_sa_add *m);

/* EFFECT_TUNNEL_STATE */
void ike_message_state(const struct effect *f, struct imsg_tunnel_state *m);

/* EFFECT_SA_INFO; both clocks at this moment turn the engine's time into one for people. */
void ike_message_info(const struct effect *f, uint64_t now, uint64_t wall, struct imsg_sa_info *m);

/* EFFECT_NOTE, about a tunnel of this site. */
void ike_message_event(const struct effect *f, struct imsg_tunnel_event *m);
void ike_log_note(const struct effect *f, const char *site, struct log_limit *limit);

#endif
