/* SPDX-License-Identifier: Apache-2.0 */
#include "proc/ike/messages.h"

#include "esp/esp.h"
#include "ipc/msg_ike.h"
#include "ipc/msg_sa.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define OUTER_MTU 1500

static_assert((int)PHASE_UP == (int)TUNNEL_UP, "phase numbers");
static_assert((int)EFFECT_KEY_PREVIOUS == (int)TUNNEL_KEY_PREVIOUS, "key numbers");

void ike_message_sa_add(const struct effect *f, struct imsg_sa_add *m)
{
	const struct effect_sa_add *a = &f->sa_add;

	memset(m, 0, sizeof(*m));
	m->tunnel = f->tunnel;
	m->spi_in = a->spi_in;
	m->spi_out = a->spi_out;
	m->cipher = a->cipher->id;
	m->integ = a->integ ? a->integ->id : ESP_INTEG_NONE;
	m->esn = a->esn;
	m->udp_encap = a->udp_encap;
	m->replay_window = a->replay_window;
	m->key_len = a->cipher->key_len;
	m->integ_len = a->integ ? a->integ->key_len : 0;
	m->local = a->local;
	m->remote = a->remote;
	m->local_ts = a->local_ts;
	m->remote_ts = a->remote_ts;
	memcpy(m->key_in, a->keys.key_in, sizeof(m->key_in));
	memcpy(m->key_out, a->keys.key_out, sizeof(m->key_out));
	memcpy(m->salt_in, a->keys.salt_in, sizeof(m->salt_in));
	memcpy(m->salt_out, a->keys.salt_out, sizeof(m->salt_out));
	memcpy(m->integ_in, a->keys.integ_in, sizeof(m->integ_in));
	memcpy(m->integ_out, a->keys.integ_out, sizeof(m->integ_out));
}

/* The sentence, and what is special about this time. */
static void fact(enum reason r, const char *detail, char *text, size_t size)
{
	const char *sentence = reason_sentence(r);
	bool more = *detail && strcmp(detail, sentence) != 0;

	snprintf(text, size, "%s%s%s", sentence, *sentence && more ? ": " : "", more ? detail : "");
}

void ike_message_state(const struct effect *f, struct imsg_tunnel_state *m)
{
	memset(m, 0, sizeof(*m));
	m->tunnel = f->tunnel;
	m->phase = f->state.phase;
	m->peer = f->state.peer;
	m->ike_version = f->state.ike_version;
	m->key = f->state.key;
	m->nat_detected = f->state.nat_detected;
	m->afresh = f->state.afresh;
	snprintf(m->reason, sizeof(m->reason), "%s", reason_code(f->state.reason));
	fact(f->state.reason, f->state.detail, m->detail, sizeof(m->detail));
	memcpy(m->ike_proposal, f->state.ike_proposal, sizeof(m->ike_proposal));
	m->suite = f->state.suite;
}

void ike_message_info(const struct effect *f, uint64_t now, uint64_t wall, struct imsg_sa_info *m)
{
	const struct effect_sa_info *i = &f->info;

	memset(m, 0, sizeof(*m));
	m->tunnel = f->tunnel;
	m->spi_in = i->spi_in;
	m->spi_out = i->spi_out;
	m->rekey_in_s = i->rekey_in_s;
	m->expires_in_s = i->expires_in_s;
	m->udp_encap = i->udp_encap;
	m->in_use = i->in_use;
	m->created_wall_ns = wall - (now - i->created);
	m->inner_mtu = (uint16_t)esp_inner_mtu(i->cipher->id, i->integ ? i->integ->id : 0,
		i->udp_encap, i->outer_v6 ? 6 : 4, OUTER_MTU);
	memcpy(m->proposal, i->proposal, sizeof(m->proposal));
	m->suite = i->suite;
	memcpy(m->local_ts, i->local_ts, sizeof(m->local_ts));
	memcpy(m->remote_ts, i->remote_ts, sizeof(m->remote_ts));
}

void ike_message_event(const struct effect *f, struct imsg_tunnel_event *m)
{
	const struct effect_note *n = &f->note;

	memset(m, 0, sizeof(*m));
	m->tunnel = f->tunnel;
	m->phase1 = (uint8_t)n->ike_state;
	m->phase2 = (uint8_t)n->child_state;
	m->dpd_enabled = n->dpd_enabled;
	m->nat_detected = n->nat_detected;
	m->refusal = n->refusal;
	m->peer = n->remote;
	snprintf(m->code, sizeof(m->code), "%s", reason_code(n->reason));
	fact(n->reason, n->detail, m->detail, sizeof(m->detail));
}

void ike_log_note(const struct effect *f, const char *site, struct log_limit *limit)
{
	const struct effect_note *n = &f->note;
	char about[SITE_NAME_SIZE + 32] = "", who[ENDPOINT_STR_SIZE + 16] = "";
	char peer[ENDPOINT_STR_SIZE], text[REASON_TEXT_SIZE + 2] = "";

	if (f->tunnel != EFFECT_NO_TUNNEL)
		snprintf(about, sizeof(about), "site %s tunnel %u: ", site,
			f->tunnel % TUNNELS_PER_SITE);
	if (n->remote.port)
		snprintf(who, sizeof(who), "peer %s: ", endpoint_format(&n->remote, peer));
	if (strcmp(n->detail, reason_sentence(n->reason)) != 0)
		snprintf(text, sizeof(text), ": %s", n->detail);
	log_write(n->warning ? LOG_WARN : LOG_INFO, limit, "%s%s%s: %s%s", about, who,
		reason_code(n->reason), reason_sentence(n->reason), text);
}
