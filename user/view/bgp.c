/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice show bgp`: sessions. */
#include "view/view.h"

#include "base/clock.h"
#include "bgp/bfd/packet.h"
#include "ipc/msg_bgp.h"

const char *view_bgp_name(const struct site *site, unsigned int t)
{
	static const char *const names[] = {[BGP_IDLE] = "idle",
		[BGP_CONNECT] = "connect",
		[BGP_ACTIVE] = "active",
		[BGP_OPENSENT] = "opensent",
		[BGP_OPENCONFIRM] = "openconfirm",
		[BGP_ESTABLISHED] = "established"};

	uint32_t state = site->tunnels[t].bgp.state;

	if (site->conf.routing == ROUTING_STATIC)
		return "static";
	return state <= BGP_ESTABLISHED ? names[state] : "?";
}

static json_t *bfd_json(const struct tunnel_bfd *b)
{
	if (!b->present)
		return json_null();
	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "state",
		bfd_state_name(b->state), "remote_state", bfd_state_name(b->remote_state), "diag",
		bfd_diag_name(b->diag), "remote_diag", bfd_diag_name(b->remote_diag), "interval_us",
		view_number(b->interval_us), "detection_us", view_number(b->detection_us),
		"packets_in", view_number(b->packets_in), "packets_out",
		view_number(b->packets_out), "packets_refused", view_number(b->packets_refused),
		"expirations", view_number(b->expirations));
}

static uint64_t wall_of(uint64_t monotonic_ns)
{
	return clock_wall() - (clock_now() - monotonic_ns);
}

static void add_session(
	const struct model *m, const struct site *site, unsigned int t, json_t *list)
{
	const struct site_tunnel *state = &site->tunnels[t];
	const struct tunnel_conf *conf = &site->conf.tunnels[t];
	bool v6 = site->conf.bgp_family == AF_INET6;
	struct ip_addr peer = config_inside_site(v6 ? &conf->inside6 : &conf->inside);
	char text[ADDR_STR_SIZE], why[VIEW_WHY_SIZE];
	json_t *o = json_pack("{s:s, s:i, s:s, s:s, s:o}", "site", site->conf.name, "tunnel",
		(int)t, "peer", addr_format(&peer, text), "state", view_bgp_name(site, t), "asn",
		view_number(site->conf.asn));

	json_object_set_new(o, "established_at",
		state->bgp.established_wall_ns ? view_time(state->bgp.established_wall_ns)
					       : json_string(""));
	json_object_set_new(o, "prefixes_in", view_number(state->bgp.prefixes_in));
	json_object_set_new(o, "prefixes_in_ipv6", view_number(state->bgp.prefixes_in6));
	json_object_set_new(o, "prefixes_out_ipv6", view_number(state->bgp.prefixes_out6));
	json_object_set_new(o, "prefixes_in_max", view_number(site->conf.max_prefixes_in));
	json_object_set_new(o, "prefixes_out", view_number(state->bgp.prefixes_out));
	json_object_set_new(o, "prefixes_out_max", view_number(site->conf.max_prefixes_out));
	json_object_set_new(o, "prefixes_out_limited", json_boolean(state->bgp.out_limited));
	json_object_set_new(o, "routes", view_number(site->routes));
	json_object_set_new(o, "routes_refused", view_number(site->routes_refused));
	json_object_set_new(o, "prefixes_in_unused", view_number(state->bgp.kept_out));
	json_object_set_new(o, "routes_denied", view_number(state->bgp.counts.denied));
	json_object_set_new(o, "attributes_discarded", view_number(state->bgp.counts.discarded));
	json_object_set_new(o, "updates_as_withdraw", view_number(state->bgp.counts.as_withdraw));
	json_object_set_new(o, "updates_refused", view_number(state->bgp.counts.refused));
	json_object_set_new(o, "error_code", json_integer(state->bgp.error_code));
	json_object_set_new(o, "error_subcode", json_integer(state->bgp.error_subcode));
	json_object_set_new(o, "error_at",
		state->bgp.error_at_ns ? view_time(wall_of(state->bgp.error_at_ns))
				       : json_string(""));
	json_object_set_new(o, "detail",
		state->silent_text[0] ? json_string(state->silent_text)
				      : json_string(view_bgp_why(m, site, t, why)));
	json_object_set_new(o, "bfd_detail", json_string(view_bfd_why(site, t)));
	json_object_set_new(o, "bfd", bfd_json(&state->bfd));
	json_array_append_new(list, o);
}

static void add_sessions(const struct model *m, const struct site *site, json_t *list)
{
	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
		if (site->conf.tunnels[t].configured && site->conf.routing == ROUTING_BGP)
			add_session(m, site, t, list);
	}
}

json_t *view_bgp(const struct model *m, const struct site *site)
{
	json_t *list = json_array();

	view_each_site(m, site, add_sessions, list);
	return json_pack("{s:o}", "sessions", list);
}
