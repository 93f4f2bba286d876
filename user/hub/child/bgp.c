/* SPDX-License-Identifier: Apache-2.0 */
/* What bgp and its BFD thread report. */
#include "hub/child/child.h"

#include "base/clock.h"
#include "base/log.h"
#include "bgp/bfd/packet.h"
#include "hub/api/api.h"
#include "hub/event/event.h"
#include "hub/route/route.h"
#include "hub/site/admin.h"
#include "ipc/msg_bgp.h"

#include <stdio.h>
#include <string.h>

static void on_ready(void *context, struct imsg *message)
{
	struct hub *h = context;
	const struct imsg_bgp_ready *m = message->payload;

	h->model.plane.bfd_unhurried = m->bfd_error;
	child_ready(h, message);
}

static void on_state(void *context, struct imsg *message)
{
	struct hub *h = context;
	const struct imsg_bgp_state *m = message->payload;
	struct site_tunnel *t = site_tunnel_find(&h->model, m->tunnel);
	bool is_up = m->state == BGP_ESTABLISHED, was_up;
	uint64_t since, turned;

	if (!t)
		return;
	was_up = t->bgp.state == BGP_ESTABLISHED;
	since = t->bgp.established_wall_ns;
	turned = t->bgp.turned_wall_ns;
	if (is_up != was_up)
		log_info("site %s tunnel %u: BGP %s%s%s",
			site_of_tunnel(&h->model, m->tunnel)->conf.name,
			m->tunnel % TUNNELS_PER_SITE, is_up ? "established" : "closed",
			m->detail[0] ? ": " : "", m->detail);
	t->bgp = (struct tunnel_bgp){.state = (enum bgp_state)m->state,
		.prefixes_in = m->prefixes_in,
		.prefixes_out = m->prefixes_out,
		.prefixes_in6 = m->prefixes_in6,
		.prefixes_out6 = m->prefixes_out6,
		.kept_out = m->kept_out,
		.out_limited = m->out_limited,
		.hold_s = m->hold_s,
		.error_code = m->error_code,
		.error_subcode = m->error_subcode,
		.counts = m->counts,
		.error_at_ns = m->error_at_ns,
		.refused_until_ns = m->refused_until_ns,
		.unanswered_since_ns = m->unanswered_since_ns,
		.why = (enum bgp_why)m->why,
		.turned_wall_ns = is_up == was_up ? turned : clock_wall(),
		.established_wall_ns = !is_up  ? 0
				       : since ? since
					       : clock_wall()};
	memcpy(t->bgp.detail, m->detail, sizeof(t->bgp.detail));
	if (!m->unanswered_since_ns)
		t->md5_at_ns = 0; /* signatures are not what is wrong */
	if (is_up) {
		tunnel_session_stands(t, clock_now());
		admin_carries(h, m->tunnel);
	}
}

/* What it goes through on its way up is no news. */
static void publish_bfd(
	struct hub *h, const struct site_tunnel *was, const struct imsg_bfd_state *m)
{
	bool up = m->present && m->state == BFD_UP;

	if (!up && !(was->bfd.present && was->bfd.state == BFD_UP))
		return;
	hub_publish(h, &(struct happening){.kind = BUS_BFD,
			       .severity = up || !m->present ? BUS_INFO : BUS_WARNING,
			       .site = site_of_tunnel(&h->model, m->tunnel),
			       .tunnel = (int)(m->tunnel % TUNNELS_PER_SITE),
			       .reason = up           ? "BFD_UP"
					 : m->present ? "BFD_DOWN"
						      : "BFD_OFF",
			       .detail = m->present && m->diag ? bfd_diag_name(m->diag) : NULL});
}

static void on_bfd_state(void *context, struct imsg *message)
{
	struct hub *h = context;
	const struct imsg_bfd_state *m = message->payload;
	struct site_tunnel *t = site_tunnel_find(&h->model, m->tunnel);

	if (!t)
		return;
	if (t->bfd.present != m->present || t->bfd.state != m->state) {
		publish_bfd(h, t, m);
		log_info("site %s tunnel %u: BFD %s%s%s%s",
			site_of_tunnel(&h->model, m->tunnel)->conf.name,
			m->tunnel % TUNNELS_PER_SITE, m->present ? bfd_state_name(m->state) : "off",
			m->present && m->diag ? " (" : "",
			m->present && m->diag ? bfd_diag_name(m->diag) : "",
			m->present && m->diag ? ")" : "");
	}
	t->bfd = (struct tunnel_bfd){.present = m->present,
		.state = m->state,
		.remote_state = m->remote_state,
		.diag = m->diag,
		.remote_diag = m->remote_diag,
		.interval_us = m->interval_us,
		.detection_us = m->detection_us,
		.packets_in = m->packets_in,
		.packets_out = m->packets_out,
		.packets_refused = m->packets_refused,
		.expirations = m->expirations,
		.resume = m->resume};
}

/* The local preference and the weight are the hub's own: the same for every path. */
static json_t *route_message(const struct bgp_effect_event *e)
{
	char prefix[PREFIX_STR_SIZE], hop[ADDR_STR_SIZE], path[ROUTE_AS_PATH_SHOWN * 11 + 4] = "";
	json_t *o;

	for (size_t i = 0, at = 0; i < e->as_path_len && i < ROUTE_AS_PATH_SHOWN; i++)
		at += (size_t)snprintf(
			path + at, sizeof(path) - at, "%s%u", i ? " " : "", e->as_path[i]);
	if (e->as_path_len > ROUTE_AS_PATH_SHOWN)
		strcat(path, " ...");
	o = json_pack("{s:s}", "prefix", prefix_format(&e->prefix, prefix));
	if (e->status != BGP_EVENT_WITHDRAWN)
		json_object_update_new(
			o, json_pack("{s:s, s:i, s:I, s:s, s:i}", "asPath", path, "localPref", 100,
				   "med", (json_int_t)e->med, "nextHopIp",
				   addr_format(&e->next_hop, hop), "weight", 0));
	return o;
}

/* A sentence for people: the prefix of a route, and whatever bgp says of it. */
static const char *event_detail(
	const struct bgp_effect_event *e, bool route, char detail[BUS_DETAIL_SIZE])
{
	char prefix[PREFIX_STR_SIZE], more[40] = "";

	if (e->left_out)
		snprintf(more, sizeof(more), " (%u more were left out)", e->left_out);
	if (route)
		snprintf(detail, BUS_DETAIL_SIZE, "%s%s%s%s", prefix_format(&e->prefix, prefix),
			e->details[0] ? ": " : "", e->details, more);
	else
		snprintf(detail, BUS_DETAIL_SIZE, "%s%s", e->details, more);
	return detail;
}

static void on_event(void *context, struct imsg *message)
{
	static const char *const statuses[BGP_EVENT_STATUSES] = {
		[BGP_EVENT_DOWN] = "DOWN",
		[BGP_EVENT_UP] = "UP",
		[BGP_EVENT_COMING] = "DOWN", /* so it is, until it is up */
		[BGP_EVENT_ADVERTISED] = "ADVERTISED",
		[BGP_EVENT_UPDATED] = "UPDATED",
		[BGP_EVENT_WITHDRAWN] = "WITHDRAWN",
	};
	static const char *const reasons[BGP_EVENT_STATUSES] = {
		[BGP_EVENT_DOWN] = "BGP_DOWN",
		[BGP_EVENT_UP] = "BGP_UP",
		[BGP_EVENT_COMING] = "BGP_COMING",
		[BGP_EVENT_ADVERTISED] = "ROUTE_ADVERTISED",
		[BGP_EVENT_UPDATED] = "ROUTE_UPDATED",
		[BGP_EVENT_WITHDRAWN] = "ROUTE_WITHDRAWN",
	};
	const struct imsg_bgp_event *m = message->payload;
	const struct bgp_effect_event *e = &m->event;
	bool route = e->status >= BGP_EVENT_ADVERTISED;
	struct hub *h = context;
	struct site *site = site_of_tunnel(&h->model, m->tunnel);
	char detail[BUS_DETAIL_SIZE];
	json_t *told;

	if (!site)
		return;
	if (route && e->prefix.len > addr_bits(&e->prefix.addr))
		return;
	told = route ? route_message(e) : json_object();
	if (e->details[0] || !route)
		json_object_set_new(told, "details", json_string(e->details));
	if (e->left_out)
		json_object_set_new(told, "left_out", json_integer(e->left_out));
	hub_publish(h, &(struct happening){.kind = route ? BUS_ROUTE : BUS_BGP,
			       .severity = e->status == BGP_EVENT_DOWN ? BUS_WARNING : BUS_INFO,
			       .site = site,
			       .tunnel = (int)(m->tunnel % TUNNELS_PER_SITE),
			       .reason = reasons[e->status],
			       .detail = event_detail(e, route, detail),
			       .log = route ? EVENT_BGP_ROUTE : EVENT_BGP,
			       .own_log = json_pack("{s:s, s:s, s:o}", "type",
				       route ? "RouteStatus" : "BGPStatus", "status",
				       statuses[e->status], "message", told)});
}

static void on_routes(void *context, struct imsg *m)
{
	hub_routes_take(context, m->payload, m->len / sizeof(struct imsg_route));
}

static void on_unroutes(void *context, struct imsg *m)
{
	hub_routes_gone(context, m->payload, m->len / sizeof(struct ip_prefix));
}

static void on_settled(void *context, struct imsg *m)
{
	struct hub *h = context;

	(void)m;
	h->bgp_settled = true;
	hub_routes_drop_stale(h);
}

static void on_answer(void *context, struct imsg *m)
{
	hub_bgp_answer(context, m->payload);
}

static const struct imsg_field state_fields[] = {
	IMSG_ENUM(struct imsg_bgp_state, state, BGP_ESTABLISHED + 1),
	IMSG_ENUM(struct imsg_bgp_state, why, BGP_WHYS),
	IMSG_BOOL(struct imsg_bgp_state, out_limited),
	IMSG_TEXT(struct imsg_bgp_state, detail),
	{0},
};

static const struct imsg_field event_fields[] = {
	IMSG_ENUM(struct imsg_bgp_event, event.status, BGP_EVENT_STATUSES),
	IMSG_TEXT(struct imsg_bgp_event, event.details),
	{0},
};

static const struct imsg_field answer_fields[] = {
	IMSG_BOOL(struct imsg_bgp_answer, last),
	IMSG_BOOL(struct imsg_bgp_answer, path.stale),
	IMSG_BOOL(struct imsg_bgp_answer, path.declared),
	{0},
};

static const struct imsg_field bfd_fields[] = {
	IMSG_BOOL(struct imsg_bfd_state, present),
	IMSG_BOOL(struct imsg_bfd_state, failed),
	IMSG_ENUM(struct imsg_bfd_state, state, BFD_STATES),
	IMSG_ENUM(struct imsg_bfd_state, remote_state, BFD_STATES),
	IMSG_BOOL(struct imsg_bfd_state, resume.session.remote_demand),
	{0},
};

const struct imsg_row bgp_reports[] = {
	{IMSG_READY, sizeof(struct imsg_bgp_ready), .take = on_ready},
	{IMSG_BGP_STATE, sizeof(struct imsg_bgp_state), .fields = state_fields, .take = on_state},
	{IMSG_ROUTES, sizeof(struct imsg_route), IMSG_LIST, .take = on_routes},
	{IMSG_UNROUTES, sizeof(struct ip_prefix), IMSG_LIST, .take = on_unroutes},
	{IMSG_BGP_SETTLED, .take = on_settled},
	{IMSG_BGP_EVENT, sizeof(struct imsg_bgp_event), .fields = event_fields, .take = on_event},
	{IMSG_BGP_ANSWER, sizeof(struct imsg_bgp_answer), .fields = answer_fields,
		.take = on_answer},
	{IMSG_BFD_STATE, sizeof(struct imsg_bfd_state), .fields = bfd_fields, .take = on_bfd_state},
	{.type = IMSG_INVALID},
};
