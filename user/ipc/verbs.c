/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/verbs.h"

#include <stdio.h>
#include <string.h>

const struct verb_row verbs[API_VERBS] = {
	[API_SHOW_SITES] = {"show sites", OBJECT_SITES, RIGHT_READ, MAY_VIEW, REACH_SITES,
		.help = "who is up, by which tunnel, with how many prefixes",
		.paths = {"/v1/sites", "/v1/sites/{site}"}},
	[API_SHOW_TUNNELS] = {"show tunnels", OBJECT_SITES, RIGHT_READ, MAY_VIEW, REACH_SITES,
		VERB_TUNNEL, "state and traffic of each, and when one is down, why",
		.paths = {"/v1/tunnels", "/v1/sites/{site}/tunnels",
			"/v1/sites/{site}/tunnels/{tunnel}"}},
	[API_SHOW_BGP] = {"show bgp", OBJECT_SITES, RIGHT_READ, MAY_VIEW, REACH_SITES,
		.help = "sessions with the sites", .paths = {"/v1/bgp"}},
	[API_SHOW_ROUTE] = {"show route", OBJECT_PREFIX, RIGHT_READ, MAY_VIEW, REACH_SITES,
		.help = "the paths of a prefix, and why the best one won", .paths = {"/v1/route"}},
	[API_SHOW_ROUTES] = {"show routes", OBJECT_SITES, RIGHT_READ, MAY_VIEW, REACH_SITES,
		.help = "what leads to the sites", .paths = {"/v1/routes"}},
	[API_SHOW_CLOSED] = {"show closed", OBJECT_SITES, RIGHT_READ, MAY_VIEW, REACH_SITES,
		.help = "what the hub itself does not send in clear", .paths = {"/v1/closed"}},
	[API_SHOW_SA] = {"show sa", OBJECT_SITES, RIGHT_READ, MAY_VIEW, REACH_SITES,
		.help = "pairs of ESP SAs", .paths = {"/v1/sas"}},
	[API_SHOW_ENDPOINTS] = {"show endpoints", OBJECT_NONE, RIGHT_READ, MAY_VIEW, REACH_SITES,
		.help = "the hub's outside addresses", .paths = {"/v1/endpoints"}},
	[API_SHOW_DATAPLANE] = {"show dataplane", OBJECT_NONE, RIGHT_READ, MAY_VIEW, REACH_HUB,
		.help = "who does ESP, processes, counters", .paths = {"/v1/dataplane"}},
	[API_SHOW_LOG] = {"show log", OBJECT_SITES, RIGHT_READ, MAY_VIEW, REACH_SITES,
		.help = "what happened to the tunnels", .paths = {"/v1/log"}},
	[API_SHOW_BGP_LOG] = {"show bgp-log", OBJECT_SITES, RIGHT_READ, MAY_VIEW, REACH_SITES,
		.help = "what happened to sessions and routes", .paths = {"/v1/bgp-log"}},
	[API_SHOW_CERTIFICATES] = {"show certificates", OBJECT_NONE, RIGHT_READ, MAY_VIEW,
		REACH_HUB, .help = "whose they are, and when they end",
		.paths = {"/v1/certificates"}},
	[API_SHOW_UNKNOWN] = {"show unknown", OBJECT_NONE, RIGHT_READ, MAY_VIEW, REACH_HUB,
		.help = "devices that no tunnel is known for", .paths = {"/v1/unknown"}},
	[API_REPORT] = {"report", OBJECT_SITES, RIGHT_READ, MAY_VIEW, REACH_SITES, VERB_SINCE,
		"rates, totals and drops of each site", .paths = {"/v1/report"}},
	[API_PLAN] = {"plan", OBJECT_REVISIONS, RIGHT_READ, MAY_VIEW, REACH_HUB, VERB_ONE_REVISION,
		"what the edited files, or going back, would do", .paths = {"/v1/plan"}},
	[API_APPLY] = {"apply", OBJECT_NONE, RIGHT_CHANGE, MAY_ADMINISTER, REACH_HUB,
		VERB_CONFIRM | VERB_NEXT_START, "what the files say is in force from now on",
		.paths = {"/v1/apply"}},
	[API_CONFIRM] = {"confirm", OBJECT_NONE, RIGHT_CHANGE, MAY_ADMINISTER, REACH_HUB,
		.help = "keep what was applied with --confirm", .paths = {"/v1/confirm"}},
	[API_HISTORY] = {"history", OBJECT_NONE, RIGHT_READ, MAY_VIEW, REACH_HUB,
		.help = "configurations that were in force: who, when, why",
		.paths = {"/v1/revisions"}},
	[API_DIFF] = {"diff", OBJECT_REVISIONS, RIGHT_READ, MAY_VIEW, REACH_HUB,
		.help = "what one has changed, or two differ in", .paths = {"/v1/diff"}},
	[API_ROLLBACK] = {"rollback", OBJECT_REVISION, RIGHT_CHANGE, MAY_ADMINISTER, REACH_HUB,
		VERB_CONFIRM | VERB_FORCE, "back to one that was in force",
		.paths = {"/v1/revisions/{revision}/rollback"}},
	[API_REKEY] = {"rekey", OBJECT_TUNNELS, RIGHT_CHANGE, MAY_OPERATE, REACH_SITES, VERB_IKE,
		"new keys for a tunnel now",
		.paths = {"/v1/sites/{site}/rekey", "/v1/sites/{site}/tunnels/{tunnel}/rekey"}},
	[API_TUNNEL_DOWN] = {"tunnel down", OBJECT_TUNNELS, RIGHT_CHANGE, MAY_OPERATE, REACH_SITES,
		VERB_FORCE | VERB_ONE_TUNNEL, "end it, and refuse the site",
		.paths = {"/v1/sites/{site}/down", "/v1/sites/{site}/tunnels/{tunnel}/down"}},
	[API_TUNNEL_UP] = {"tunnel up", OBJECT_TUNNELS, RIGHT_CHANGE, MAY_OPERATE, REACH_SITES,
		VERB_ONE_TUNNEL, "let it come again",
		.paths = {"/v1/sites/{site}/up", "/v1/sites/{site}/tunnels/{tunnel}/up"}},
	[API_TUNNEL_DRAIN] = {"tunnel drain", OBJECT_TUNNEL, RIGHT_CHANGE, MAY_OPERATE, REACH_SITES,
		.help = "move its traffic to the other one",
		.paths = {"/v1/sites/{site}/tunnels/{tunnel}/drain"}},
	[API_RELEASE] = {"release", OBJECT_PREFIX, RIGHT_CHANGE, MAY_OPERATE, REACH_HUB,
		.help = "what the hub sends there may leave in clear", .paths = {"/v1/release"}},
	[API_SECRET_LIST] = {"secret list", OBJECT_NONE, RIGHT_READ, MAY_VIEW, REACH_HUB,
		.help = "names of sealed secrets, and who uses them", .paths = {"/v1/secrets"}},
	[API_SECRET_ROTATE] = {"secret rotate", OBJECT_SECRET, RIGHT_CHANGE, MAY_ADMINISTER,
		REACH_HUB, .help = "another one is made; the one of before stays good",
		.paths = {"/v1/secrets/{secret}/rotate"}},
	[API_SECRET_DELETE] = {"secret delete", OBJECT_SECRET, RIGHT_CHANGE, MAY_ADMINISTER,
		REACH_HUB, VERB_FORCE, "it is gone", .paths = {"/v1/secrets/{secret}/delete"}},
	[API_TOKEN_CREATE] = {"token create", OBJECT_NONE, RIGHT_CHANGE, MAY_ADMINISTER, REACH_HUB,
		VERB_GRANT, "lets a program do what a role may", .paths = {"/v1/tokens/create"}},
	[API_TOKEN_LIST] = {"token list", OBJECT_NONE, RIGHT_READ, MAY_ADMINISTER, REACH_HUB,
		.help = "those that are valid, until when, and for what", .paths = {"/v1/tokens"}},
	[API_TOKEN_REVOKE] = {"token revoke", OBJECT_TOKEN, RIGHT_CHANGE, MAY_ADMINISTER, REACH_HUB,
		.help = "it is worth nothing from now on", .paths = {"/v1/tokens/{token}/revoke"}},
	[API_SITE_LIST] = {"site list", OBJECT_NONE, RIGHT_READ, MAY_VIEW, REACH_HUB, VERB_WHERE,
		"sites, their labels, and where their documents are", .paths = {"/v1/documents"}},
	[API_SITE_SHOW] = {"site show", OBJECT_SITE, RIGHT_READ, MAY_VIEW, REACH_HUB,
		.help = "the document of a site as it is in force",
		.paths = {"/v1/sites/{site}/document"}},
	[API_SITE_CREATE] = {"site create", OBJECT_NEW_SITE, RIGHT_CHANGE, MAY_ADMINISTER,
		REACH_HUB, VERB_VALUES | VERB_DRY_RUN | VERB_ALLOW,
		"a new one; what is not said is chosen, keys are made", .paths = {"/v1/sites"}},
	[API_SITE_SET] = {"site set", OBJECT_SITE, RIGHT_CHANGE, MAY_ADMINISTER, REACH_HUB,
		VERB_VALUES | VERB_DRY_RUN | VERB_ALLOW | VERB_MATCH,
		"change keys of its document; KEY= takes one away", .paths = {"/v1/sites/{site}"},
		.method = "PATCH"},
	[API_SITE_PUT] = {"site put", OBJECT_NEW_SITE, RIGHT_CHANGE, MAY_ADMINISTER, REACH_HUB,
		VERB_DOCUMENT | VERB_DRY_RUN | VERB_ALLOW | VERB_MATCH,
		"its document says what that of a file says, or standard input",
		.paths = {"/v1/sites/{site}"}, .method = "PUT"},
	[API_SITE_DELETE] = {"site delete", OBJECT_SITE, RIGHT_CHANGE, MAY_ADMINISTER, REACH_HUB,
		VERB_DRY_RUN | VERB_ALLOW | VERB_MATCH, "end it, and remove its document",
		.paths = {"/v1/sites/{site}"}, .method = "DELETE"},
	[API_METRICS] = {.words = NULL,
		.object = OBJECT_NONE,
		.right = RIGHT_READ,
		.may = MAY_VIEW,
		.reach = REACH_SITES,
		.paths = {"/v1/metrics"}},
};

const char *verb_method(const struct verb_row *row)
{
	if (row->method)
		return row->method;
	return row->right == RIGHT_READ ? "GET" : "POST";
}

const char *verb_name(const struct verb_row *row, char name[VERB_NAME_SIZE])
{
	char *space;

	snprintf(name, VERB_NAME_SIZE, "%s", row->words ? row->words : "metrics");
	space = strchr(name, ' ');
	if (space)
		*space = '-';
	return name;
}
