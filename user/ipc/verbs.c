/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/verbs.h"

#include <string.h>

const struct verb_row verbs[API_VERBS] = {
	[API_SHOW_SITES] = {"show-sites", OBJECT_SITES, RIGHT_READ},
	[API_SHOW_TUNNELS] = {"show-tunnels", OBJECT_SITES, RIGHT_READ},
	[API_SHOW_ROUTES] = {"show-routes", OBJECT_SITES, RIGHT_READ},
	[API_SHOW_BGP] = {"show-bgp", OBJECT_SITES, RIGHT_READ},
	[API_SHOW_ROUTE] = {"show-route", OBJECT_PREFIX, RIGHT_READ},
	[API_SHOW_SA] = {"show-sa", OBJECT_SITES, RIGHT_READ},
	[API_SHOW_ENDPOINTS] = {"show-endpoints", OBJECT_NONE, RIGHT_READ},
	[API_SHOW_DATAPLANE] = {"show-dataplane", OBJECT_NONE, RIGHT_READ},
	[API_SHOW_LOG] = {"show-log", OBJECT_SITES, RIGHT_READ},
	[API_SHOW_BGP_LOG] = {"show-bgp-log", OBJECT_SITES, RIGHT_READ},
	[API_SHOW_CERTIFICATES] = {"show-certificates", OBJECT_NONE, RIGHT_READ},
	[API_SHOW_UNKNOWN] = {"show-unknown", OBJECT_NONE, RIGHT_READ},
	[API_SHOW_CLOSED] = {"show-closed", OBJECT_SITES, RIGHT_READ},
	[API_RELEASE] = {"release", OBJECT_PREFIX, RIGHT_CHANGE},
	[API_REPORT] = {"report", OBJECT_SITES, RIGHT_READ},
	[API_METRICS] = {NULL, OBJECT_NONE, RIGHT_READ},
	[API_APPLY] = {"apply", OBJECT_NONE, RIGHT_CHANGE},
	[API_REKEY_CHILD] = {"rekey", OBJECT_TUNNELS, RIGHT_CHANGE},
	[API_REKEY_IKE] = {NULL, OBJECT_TUNNELS, RIGHT_CHANGE},
	[API_TUNNEL_DOWN] = {"tunnel-down", OBJECT_TUNNELS, RIGHT_CHANGE},
	[API_TUNNEL_UP] = {"tunnel-up", OBJECT_TUNNELS, RIGHT_CHANGE},
	[API_TUNNEL_DRAIN] = {"tunnel-drain", OBJECT_TUNNEL, RIGHT_CHANGE},
};

enum api_verb verb_find(const char *name)
{
	for (int v = 0; v < API_VERBS; v++) {
		if (verbs[v].name && !strcmp(verbs[v].name, name))
			return (enum api_verb)v;
	}
	return API_INVALID;
}
