/* SPDX-License-Identifier: Apache-2.0 */
/* Why a tunnel is down, or is up and has trouble. */
#include "view/view.h"

#include "ike/reason.h"

#include <string.h>

/* Where the tunnel's device is, or was last; family 0: nobody knows. */
static struct ip_addr device_address(const struct site *site, unsigned int t)
{
	const struct site_tunnel *state = &site->tunnels[t];

	return addr_is_set(&state->last_peer.addr) ? state->last_peer.addr
						   : site->conf.tunnels[t].address;
}

const char *view_last_peer(const struct site *site, unsigned int t, char text[ENDPOINT_STR_SIZE])
{
	const struct site_tunnel *state = &site->tunnels[t];

	if (addr_is_set(&state->ike.peer.addr))
		return endpoint_format(&state->ike.peer, text);
	if (addr_is_set(&state->last_peer.addr))
		return endpoint_format(&state->last_peer, text);
	text[0] = '\0';
	if (addr_is_set(&site->conf.tunnels[t].address))
		addr_format(&site->conf.tunnels[t].address, text);
	return text;
}

/* Somebody at the device's address was refused since the tunnel is as it is. */
static const struct unknown_entry *refused_there(
	const struct model *m, const struct site *site, unsigned int t)
{
	const struct ip_addr at = device_address(site, t);
	const struct unknown_entry *found = NULL;

	for (size_t i = 0; addr_is_set(&at) && i < UNKNOWN_MAX; i++) {
		const struct unknown_entry *u = &m->unknown.places[i];

		if (u->count && addr_equal(&u->remote.addr, &at) &&
			u->last_wall_ns >= site->tunnels[t].since_wall_ns &&
			(!found || u->last_wall_ns > found->last_wall_ns))
			found = u;
	}
	return found;
}

/* What ike says, and where more is to be seen. */
static json_t *ike_detail(const struct model *m, const struct site *site, unsigned int t)
{
	const struct site_tunnel *state = &site->tunnels[t];
	const struct unknown_entry *u =
		state->ike.phase == TUNNEL_UP ? NULL : refused_there(m, site, t);
	const struct ip_addr *own = &site->conf.tunnels[t].address;
	char address[ADDR_STR_SIZE];

	if (!u)
		return json_string(state->ike.detail);
	return json_sprintf("%s%s%s, %s, is refused: %s, see `sluice show unknown`",
		state->ike.detail, state->ike.detail[0] ? "; a device at " : "a device at ",
		addr_format(&u->remote.addr, address),
		addr_equal(&u->remote.addr, own) ? "which is this tunnel's address"
		: addr_is_set(own) ? "which is not this tunnel's address but where its device was"
				   : "where this tunnel's device was",
		reason_code(u->reason));
}

void view_reason(const struct model *m, const struct site *site, unsigned int t, json_t *o)
{
	const struct site_tunnel *state = &site->tunnels[t];
	const struct endpoint *endpoint = endpoint_of(m, site, t);
	bool rivals = !strcmp(state->ike.reason, reason_code(REASON_TWO_DEVICES));

	if (endpoint->fault) {
		json_object_set_new(o, "reason", json_string(reason_code(REASON_ENDPOINT_LOST)));
		json_object_set_new(o, "detail",
			json_sprintf("endpoint %u, %s: %s", t,
				m->config->concentrator.endpoints[t].device,
				endpoint_fault_text(endpoint->fault)));
	} else if (state->silent_text[0] && !rivals) {
		json_object_set_new(o, "reason", json_string(reason_code(REASON_NO_ESP)));
		json_object_set_new(o, "detail", json_string(state->silent_text));
	} else {
		json_object_set_new(o, "reason", json_string(state->ike.reason));
		json_object_set_new(o, "detail", ike_detail(m, site, t));
	}
}
