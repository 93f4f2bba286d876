/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/verbs.h"

#include <stdio.h>
#include <string.h>

const struct verb_row verbs[API_VERBS] = {
	[API_SHOW_SITES] = {"show sites", OBJECT_SITES, RIGHT_READ,
		.help = "who is up, by which tunnel, with how many prefixes"},
	[API_SHOW_TUNNELS] = {"show tunnels", OBJECT_SITES, RIGHT_READ, VERB_TUNNEL,
		"state and traffic of each, and when one is down, why"},
	[API_SHOW_BGP] = {"show bgp", OBJECT_SITES, RIGHT_READ, .help = "sessions with the sites"},
	[API_SHOW_ROUTE] = {"show route", OBJECT_PREFIX, RIGHT_READ,
		.help = "the paths of a prefix, and why the best one won"},
	[API_SHOW_ROUTES] = {"show routes", OBJECT_SITES, RIGHT_READ,
		.help = "what leads to the sites"},
	[API_SHOW_CLOSED] = {"show closed", OBJECT_SITES, RIGHT_READ,
		.help = "what the hub itself does not send in clear"},
	[API_SHOW_SA] = {"show sa", OBJECT_SITES, RIGHT_READ, .help = "pairs of ESP SAs"},
	[API_SHOW_ENDPOINTS] = {"show endpoints", OBJECT_NONE, RIGHT_READ,
		.help = "the hub's outside addresses"},
	[API_SHOW_DATAPLANE] = {"show dataplane", OBJECT_NONE, RIGHT_READ,
		.help = "who does ESP, processes, counters"},
	[API_SHOW_LOG] = {"show log", OBJECT_SITES, RIGHT_READ,
		.help = "what happened to the tunnels"},
	[API_SHOW_BGP_LOG] = {"show bgp-log", OBJECT_SITES, RIGHT_READ,
		.help = "what happened to sessions and routes"},
	[API_SHOW_CERTIFICATES] = {"show certificates", OBJECT_NONE, RIGHT_READ,
		.help = "whose they are, and when they end"},
	[API_SHOW_UNKNOWN] = {"show unknown", OBJECT_NONE, RIGHT_READ,
		.help = "devices that no tunnel is known for"},
	[API_REPORT] = {"report", OBJECT_SITES, RIGHT_READ, VERB_SINCE,
		"rates, totals and drops of each site"},
	[API_PLAN] = {"plan", OBJECT_REVISIONS, RIGHT_READ, VERB_ONE_REVISION,
		"what the edited files, or going back, would do"},
	[API_APPLY] = {"apply", OBJECT_NONE, RIGHT_CHANGE, VERB_CONFIRM | VERB_NEXT_START,
		"what the files say is in force from now on"},
	[API_CONFIRM] = {"confirm", OBJECT_NONE, RIGHT_CHANGE,
		.help = "keep what was applied with --confirm"},
	[API_HISTORY] = {"history", OBJECT_NONE, RIGHT_READ,
		.help = "configurations that were in force: who, when, why"},
	[API_DIFF] = {"diff", OBJECT_REVISIONS, RIGHT_READ,
		.help = "what one has changed, or two differ in"},
	[API_ROLLBACK] = {"rollback", OBJECT_REVISION, RIGHT_CHANGE, VERB_CONFIRM | VERB_FORCE,
		"back to one that was in force"},
	[API_REKEY] = {"rekey", OBJECT_TUNNELS, RIGHT_CHANGE, VERB_IKE,
		"new keys for a tunnel now"},
	[API_TUNNEL_DOWN] = {"tunnel down", OBJECT_TUNNELS, RIGHT_CHANGE,
		VERB_FORCE | VERB_ONE_TUNNEL, "end it, and refuse the site"},
	[API_TUNNEL_UP] = {"tunnel up", OBJECT_TUNNELS, RIGHT_CHANGE, VERB_ONE_TUNNEL,
		"let it come again"},
	[API_TUNNEL_DRAIN] = {"tunnel drain", OBJECT_TUNNEL, RIGHT_CHANGE,
		.help = "move its traffic to the other one"},
	[API_RELEASE] = {"release", OBJECT_PREFIX, RIGHT_CHANGE,
		.help = "what the hub sends there may leave in clear"},
	[API_METRICS] = {.words = NULL, .object = OBJECT_NONE, .right = RIGHT_READ},
};

const char *verb_name(const struct verb_row *row, char name[VERB_NAME_SIZE])
{
	char *space;

	snprintf(name, VERB_NAME_SIZE, "%s", row->words);
	space = strchr(name, ' ');
	if (space)
		*space = '-';
	return name;
}

enum api_verb verb_find(const char *name)
{
	char own[VERB_NAME_SIZE];

	for (int v = 0; v < API_VERBS; v++) {
		if (verbs[v].words && !strcmp(verb_name(&verbs[v], own), name))
			return (enum api_verb)v;
	}
	return API_INVALID;
}
