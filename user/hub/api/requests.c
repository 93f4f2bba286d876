/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of the control socket: looked up, carried out, answered. */
#include "hub/api/api.h"

#include "base/log.h"
#include "hub/apply.h"
#include "hub/secret/certificates.h"
#include "hub/site/admin.h"
#include "ipc/msg_api.h"
#include "ipc/msg_ike.h"
#include "view/view.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static_assert(API_SINCE_MAX_S <= HISTORY_MINUTES * 60, "a report is of what is remembered");

static json_t *error_json(const char *format, const char *detail)
{
	char text[CONFIG_ERROR_SIZE + 64];

	snprintf(text, sizeof(text), format, detail);
	return json_pack("{s:s}", "error", text);
}

static void on_applied(struct hub *h, uint32_t request, bool ok, const char *summary)
{
	status_reply(
		h, request, ok ? json_pack("{s:s}", "ok", summary) : error_json("%s", summary));
}

/* New keys for one tunnel of a site, or for both. */
static json_t *rekey(struct hub *h, const struct site *site, const struct imsg_api_request *r)
{
	for (int t = 0; t < TUNNELS_PER_SITE; t++) {
		struct imsg_ike_command m = {.tunnel = tunnel_number(site, (unsigned int)t),
			.command = r->verb == API_REKEY_IKE ? IKE_COMMAND_REKEY_IKE
							    : IKE_COMMAND_REKEY_CHILD};

		if (site->conf.tunnels[t].configured && (r->tunnel < 0 || r->tunnel == t))
			process_send(
				&h->processes[PROCESS_IKE], IMSG_IKE_COMMAND, -1, &m, sizeof(m));
	}
	return json_pack("{s:s}", "ok", "asked");
}

static bool has_tunnel(const struct site *site, const struct imsg_api_request *r)
{
	if (r->tunnel < 0)
		return r->verb != API_TUNNEL_DRAIN;
	return r->tunnel < TUNNELS_PER_SITE && site->conf.tunnels[r->tunnel].configured;
}

/* What an operator wants of tunnels of a site. */
static json_t *command(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	const char *why = NULL, *done = "asked";

	if (!has_tunnel(site, r))
		return error_json("site '%s' has no such tunnel", site->conf.name);
	switch (r->verb) {
	case API_TUNNEL_DOWN:
		why = admin_down(h, site, r->tunnel, r->force);
		break;
	case API_TUNNEL_UP:
		why = admin_up(h, site, r->tunnel);
		break;
	case API_TUNNEL_DRAIN:
		why = admin_drain(h, site, (unsigned int)r->tunnel);
		done = "the site is asked to send over its other tunnel, and the hub does";
		break;
	default:
		return rekey(h, site, r);
	}
	return why ? error_json("%s", why) : json_pack("{s:s}", "ok", done);
}

struct closed_list {
	struct closed_view *rows;
	size_t count, size;
};

static void add_closed(void *context, const struct closed_view *v)
{
	struct closed_list *c = context;

	if (c->count == c->size) {
		c->size = c->size ? c->size * 2 : 64;
		c->rows = realloc(c->rows, c->size * sizeof(*c->rows));
		if (!c->rows)
			abort();
	}
	c->rows[c->count++] = *v;
}

static json_t *show_closed(struct hub *h, const struct site *site)
{
	struct closed_list list = {0};
	json_t *document;

	closed_each(h, add_closed, &list);
	document = view_closed(&h->model, site, list.rows, list.count);
	free(list.rows);
	return document;
}

static json_t *release(struct hub *h, const struct ip_prefix *prefix)
{
	const char *why = closed_release(h, prefix);

	if (!why)
		process_send(
			&h->processes[PROCESS_BGP], IMSG_BGP_RELEASE, -1, prefix, sizeof(*prefix));
	return why ? error_json("%s", why) : json_pack("{s:s}", "ok", "released");
}

static json_t *show_tunnels(struct hub *h, const struct site *site)
{
	hub_look_at_tunnels(h);
	return view_tunnels(&h->model, site);
}

static json_t *show_dataplane(struct hub *h)
{
	hub_look_at_plane(h);
	return view_dataplane(&h->model);
}

static json_t *answer(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	const struct model *m = &h->model;

	switch (r->verb) {
	case API_SHOW_SITES:
		return view_sites(m, site);
	case API_SHOW_TUNNELS:
		return show_tunnels(h, site);
	case API_SHOW_ROUTES:
		return view_routes(m, site);
	case API_SHOW_SA:
		return view_sas(m, site);
	case API_SHOW_ENDPOINTS:
		return view_endpoints(m);
	case API_SHOW_DATAPLANE:
		return show_dataplane(h);
	case API_SHOW_LOG:
		return view_log(m, site, EVENT_ACTIVITY);
	case API_SHOW_BGP_LOG:
		return view_log(m, site, EVENT_BGP);
	case API_SHOW_CERTIFICATES:
		return certificates_show(h);
	case API_SHOW_UNKNOWN:
		return view_unknown(m);
	case API_SHOW_CLOSED:
		return show_closed(h, site);
	case API_RELEASE:
		return release(h, &r->prefix);
	case API_REPORT:
		return r->since_s ? view_report_since(m, site, r->since_s) : view_report(m, site);
	case API_REKEY_CHILD:
	case API_REKEY_IKE:
	case API_TUNNEL_DOWN:
	case API_TUNNEL_UP:
	case API_TUNNEL_DRAIN:
		return site ? command(h, site, r) : error_json("%s", "a site must be named");
	default:
		return error_json("%s", "unknown verb");
	}
}

static void send_metrics(struct hub *h, uint32_t request)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (f) {
		hub_look_at_tunnels(h);
		hub_look_at_processes(h);
		view_metrics(f, &h->model);
		certificates_metrics(f, h);
		view_unknown_metrics(f, &h->model);
		view_endpoints_metrics(f, &h->model);
		fclose(f);
	}
	status_reply_text(h, request, text ? text : "");
	free(text);
}

void hub_api_request(struct hub *h, const struct imsg_api_request *r)
{
	struct site *site = r->site[0] ? site_find(&h->model, r->site) : NULL;

	if (r->site[0] && !site) {
		status_reply(h, r->id, error_json("no site is named '%s'", r->site));
		return;
	}
	if (r->verb == API_METRICS) {
		send_metrics(h, r->id);
		return;
	}
	if (r->verb == API_APPLY)
		hub_apply(h, on_applied, r->id);
	else if (r->verb == API_SHOW_BGP || r->verb == API_SHOW_ROUTE)
		hub_bgp_ask(h, r);
	else
		status_reply(h, r->id, answer(h, site, r));
}
