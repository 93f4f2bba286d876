/* SPDX-License-Identifier: Apache-2.0 */
/* What ike reports. */
#include "hub/child/child.h"

#include "base/clock.h"
#include "base/log.h"
#include "hub/event/event.h"
#include "hub/host/host.h"
#include "hub/secret/certificates.h"
#include "hub/site/site.h"
#include "ike/effect.h"
#include "ipc/msg_ike.h"

#include <stdlib.h>
#include <string.h>

static void on_tunnel_state(void *context, struct imsg *message)
{
	struct hub *h = context;
	const struct imsg_tunnel_state *m = message->payload;
	struct site_tunnel *t = site_tunnel_find(&h->model, m->tunnel);
	char peer[ENDPOINT_STR_SIZE];
	struct tunnel_ike was;

	if (!t)
		return;
	was = t->ike;
	if ((was.phase == TUNNEL_UP) != (m->phase == TUNNEL_UP))
		t->turned_wall_ns = clock_wall();
	if (t->ike.phase != m->phase || m->afresh) {
		t->since_wall_ns = clock_wall();
		log_info("site %s tunnel %u: %s, peer %s%s%s%s%s",
			site_of_tunnel(&h->model, m->tunnel)->conf.name,
			m->tunnel % TUNNELS_PER_SITE,
			tunnel_phase_name((enum tunnel_phase)m->phase),
			endpoint_format(&m->peer, peer), m->reason[0] ? ", " : "", m->reason,
			m->detail[0] ? ": " : "", m->detail);
	}
	t->ike = (struct tunnel_ike){.phase = (enum tunnel_phase)m->phase,
		.peer = m->peer,
		.ike_version = m->ike_version,
		.key = (enum tunnel_key)m->key,
		.nat_detected = m->nat_detected};
	if (addr_is_set(&m->peer.addr))
		t->last_peer = m->peer;
	memcpy(t->ike.reason, m->reason, sizeof(t->ike.reason));
	memcpy(t->ike.detail, m->detail, sizeof(t->ike.detail));
	/* Taken from ike: that its keys cannot be had is why. */
	if (t->no_secret && !t->ike_refs) {
		memcpy(t->ike.reason, was.reason, sizeof(t->ike.reason));
		memcpy(t->ike.detail, was.detail, sizeof(t->ike.detail));
	}
	memcpy(t->ike.ike_proposal, m->ike_proposal, sizeof(t->ike.ike_proposal));
	t->ike.suite = m->suite;
	/* Without an SA pair it carries nothing, whether or not its IKE SA lives. */
	if (m->phase != TUNNEL_UP)
		hub_tunnel_close(h, m->tunnel);
	else if (h->processes[PROCESS_DATA].channel && (!t->admin_down || t->open))
		hub_tunnel_open(h, m->tunnel);
	if (m->afresh)
		hub_tunnel_afresh(h, m->tunnel);
}

static void on_tunnel_event(void *context, struct imsg *message)
{
	static const char *const states[] = {[SA_STATE_DOWN] = "Down",
		[SA_STATE_NEGOTIATING] = "Negotiating",
		[SA_STATE_ESTABLISHED] = "Established",
		[SA_STATE_REKEYING] = "Rekeying"};
	struct hub *h = context;
	const struct imsg_tunnel_event *m = message->payload;
	struct site *site = site_of_tunnel(&h->model, m->tunnel);
	char peer[ENDPOINT_STR_SIZE];
	json_t *event;

	if (!site)
		return;
	site->tunnels[m->tunnel % TUNNELS_PER_SITE].refusals += m->refusal != 0;
	refusals_take(&site->tunnels[m->tunnel % TUNNELS_PER_SITE].refused, m->code, m->detail,
		&m->peer, clock_wall());
	event = json_pack("{s:s, s:i, s:b, s:b, s:s, s:s, s:s, s:s}", "site", site->conf.name,
		"tunnel", (int)(m->tunnel % TUNNELS_PER_SITE), "dpd_enabled", m->dpd_enabled,
		"nat_t_detected", m->nat_detected, "ike_phase1_state", states[m->phase1],
		"ike_phase2_state", states[m->phase2], "reason_code", m->code, "details",
		m->detail);
	if (event && m->peer.port)
		json_object_set_new(event, "peer", json_string(endpoint_format(&m->peer, peer)));
	if (event)
		hub_publish(h,
			&(struct happening){.kind = BUS_ACTIVITY,
				.severity = m->phase2 == SA_STATE_DOWN || m->refusal ? BUS_WARNING
										     : BUS_INFO,
				.outside = m->refusal,
				.site = site,
				.tunnel = (int)(m->tunnel % TUNNELS_PER_SITE),
				.reason = m->code,
				.detail = m->detail,
				.log = EVENT_ACTIVITY,
				.own_log = event});
}

static void on_peer_cert(void *context, struct imsg *message)
{
	struct hub *h = context;
	const struct imsg_peer_cert *m = message->payload;
	struct site_tunnel *t = site_tunnel_find(&h->model, m->tunnel);

	if (!t || !m->chain.count)
		return;
	if (!t->cert || strcmp(t->cert->facts.fingerprint, m->facts.fingerprint)) {
		log_info("site %s tunnel %u: certificate of %s, serial %s",
			site_of_tunnel(&h->model, m->tunnel)->conf.name,
			m->tunnel % TUNNELS_PER_SITE, m->facts.subject, m->facts.serial);
		t->cert_warned_s = 0;
	}
	if (!t->cert)
		t->cert = malloc(sizeof(*t->cert));
	if (!t->cert)
		abort();
	t->cert->facts = m->facts;
	t->cert->chain = m->chain;
	certificates_warn(h);
}

static void on_sa_info(void *context, struct imsg *m)
{
	hub_sa_info(context, m->payload);
}

static void on_sa_gone(void *context, struct imsg *m)
{
	hub_sa_gone(context, m->payload);
}

static void on_unknown(void *context, struct imsg *m)
{
	struct hub *h = context;

	if (!unknown_list_take(&h->model.unknown, m->payload))
		log_error("ike tells of a device that cannot be");
}

static void on_heard(void *context, struct imsg *m)
{
	struct hub *h = context;
	const struct imsg_ike_heard *heard = m->payload;

	hub_ike_reach_heard(h, heard->datagrams);
}

static const struct imsg_field state_fields[] = {
	IMSG_ENUM(struct imsg_tunnel_state, phase, TUNNEL_PHASES),
	IMSG_ADDR(struct imsg_tunnel_state, peer.addr),
	IMSG_ENUM(struct imsg_tunnel_state, key, TUNNEL_KEYS),
	IMSG_BOOL(struct imsg_tunnel_state, nat_detected),
	IMSG_BOOL(struct imsg_tunnel_state, afresh),
	IMSG_TEXT(struct imsg_tunnel_state, reason),
	IMSG_TEXT(struct imsg_tunnel_state, detail),
	IMSG_TEXT(struct imsg_tunnel_state, ike_proposal),
	IMSG_BOOL(struct imsg_tunnel_state, suite.esn),
	{0},
};

static const struct imsg_field event_fields[] = {
	IMSG_ENUM(struct imsg_tunnel_event, phase1, SA_STATE_REKEYING + 1),
	IMSG_ENUM(struct imsg_tunnel_event, phase2, SA_STATE_REKEYING + 1),
	IMSG_BOOL(struct imsg_tunnel_event, dpd_enabled),
	IMSG_BOOL(struct imsg_tunnel_event, nat_detected),
	IMSG_TEXT(struct imsg_tunnel_event, code),
	IMSG_TEXT(struct imsg_tunnel_event, detail),
	IMSG_ADDR(struct imsg_tunnel_event, peer.addr),
	{0},
};

static const struct imsg_field cert_fields[] = {
	IMSG_TEXT(struct imsg_peer_cert, facts.subject),
	IMSG_TEXT(struct imsg_peer_cert, facts.issuer),
	IMSG_TEXT(struct imsg_peer_cert, facts.names),
	IMSG_TEXT(struct imsg_peer_cert, facts.serial),
	IMSG_TEXT(struct imsg_peer_cert, facts.fingerprint),
	IMSG_TEXT(struct imsg_peer_cert, facts.key),
	IMSG_BOOL(struct imsg_peer_cert, facts.ca),
	{0},
};

static const struct imsg_field sa_fields[] = {
	IMSG_TEXT(struct imsg_sa_info, proposal),
	IMSG_BOOL(struct imsg_sa_info, suite.esn),
	IMSG_TEXT(struct imsg_sa_info, local_ts),
	IMSG_TEXT(struct imsg_sa_info, remote_ts),
	IMSG_BOOL(struct imsg_sa_info, udp_encap),
	IMSG_BOOL(struct imsg_sa_info, in_use),
	{0},
};

static const struct imsg_field unknown_fields[] = {
	IMSG_ENUM(struct imsg_unknown, reason, REASONS),
	IMSG_TEXT(struct imsg_unknown, detail),
	IMSG_ADDR(struct imsg_unknown, local),
	IMSG_ADDR(struct imsg_unknown, remote.addr),
	{0},
};

const struct imsg_row ike_reports[] = {
	{IMSG_READY, .take = child_ready},
	{IMSG_TUNNEL_STATE, sizeof(struct imsg_tunnel_state), .fields = state_fields,
		.take = on_tunnel_state},
	{IMSG_TUNNEL_EVENT, sizeof(struct imsg_tunnel_event), .fields = event_fields,
		.take = on_tunnel_event},
	{IMSG_SA_INFO, sizeof(struct imsg_sa_info), .fields = sa_fields, .take = on_sa_info},
	{IMSG_SA_GONE, sizeof(struct imsg_sa_ref), .take = on_sa_gone},
	{IMSG_PEER_CERT, sizeof(struct imsg_peer_cert), .fields = cert_fields,
		.take = on_peer_cert},
	{IMSG_IKE_HEARD, sizeof(struct imsg_ike_heard), .take = on_heard},
	{IMSG_UNKNOWN, sizeof(struct imsg_unknown), .fields = unknown_fields, .take = on_unknown},
	{.type = IMSG_INVALID},
};
