/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of the control socket: looked up, carried out, answered. */
#include "hub/api/api.h"

#include "base/log.h"
#include "hub/apply.h"
#include "hub/secret/certificates.h"
#include "hub/site/admin.h"
#include "hub/status.h"
#include "ipc/api.h"

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
static json_t *rekey(struct hub *h, const struct hub_site *site, const struct imsg_api_request *r)
{
	for (int t = 0; t < TUNNELS_PER_SITE; t++) {
		struct imsg_ike_command m = {.tunnel = hub_tunnel_number(site, (unsigned int)t),
			.command = r->verb == API_REKEY_IKE ? IKE_COMMAND_REKEY_IKE
							    : IKE_COMMAND_REKEY_CHILD};

		if (site->conf.tunnels[t].configured && (r->tunnel < 0 || r->tunnel == t))
			process_send(
				&h->processes[PROCESS_IKE], IMSG_IKE_COMMAND, -1, &m, sizeof(m));
	}
	return json_pack("{s:s}", "ok", "asked");
}

static bool has_tunnel(const struct hub_site *site, const struct imsg_api_request *r)
{
	if (r->tunnel < 0)
		return r->verb != API_TUNNEL_DRAIN;
	return r->tunnel < TUNNELS_PER_SITE && site->conf.tunnels[r->tunnel].configured;
}

/* What an operator wants of tunnels of a site. */
static json_t *command(struct hub *h, struct hub_site *site, const struct imsg_api_request *r)
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

static json_t *answer(struct hub *h, struct hub_site *site, const struct imsg_api_request *r)
{
	switch (r->verb) {
	case API_SHOW_SITES:
		return status_sites(h, site);
	case API_SHOW_TUNNELS:
		return status_tunnels(h, site);
	case API_SHOW_ROUTES:
		return status_routes(h, site);
	case API_SHOW_SA:
		return status_sas(h, site);
	case API_SHOW_ENDPOINTS:
		return status_endpoints(h);
	case API_SHOW_DATAPLANE:
		return status_dataplane(h);
	case API_SHOW_LOG:
		return status_log(h, site, EVENT_ACTIVITY);
	case API_SHOW_BGP_LOG:
		return status_log(h, site, EVENT_BGP);
	case API_SHOW_CERTIFICATES:
		return certificates_show(h);
	case API_SHOW_UNKNOWN:
		return unknown_list_show(&h->unknown);
	case API_SHOW_CLOSED:
		return status_closed(h, site);
	case API_RELEASE:
		return status_release(h, &r->prefix);
	case API_REPORT:
		return r->since_s ? status_report_since(h, site, r->since_s)
				  : status_report(h, site);
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

void hub_api_request(struct hub *h, const struct imsg_api_request *r)
{
	struct hub_site *site = r->site[0] ? hub_site_find(h, r->site) : NULL;

	if (r->site[0] && !site) {
		status_reply(h, r->id, error_json("no site is named '%s'", r->site));
		return;
	}
	if (r->verb == API_METRICS) {
		char *text = status_metrics(h);

		status_reply_text(h, r->id, text ? text : "");
		free(text);
		return;
	}
	if (r->verb == API_APPLY)
		hub_apply(h, on_applied, r->id);
	else if (r->verb == API_SHOW_BGP || r->verb == API_SHOW_ROUTE)
		hub_bgp_ask(h, r);
	else
		status_reply(h, r->id, answer(h, site, r));
}
