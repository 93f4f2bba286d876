/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of the control socket: looked up, carried out, answered. */
#include "hub/api/access.h"
#include "hub/api/api.h"
#include "hub/api/events.h"

#include "base/log.h"
#include "hub/api/secret_overlap.h"
#include "hub/api/sums.h"
#include "hub/api/site_change.h"
#include "hub/apply.h"
#include "hub/revision.h"
#include "hub/route/closed.h"
#include "hub/secret/certificates.h"
#include "hub/site/admin.h"
#include "ipc/msg_api.h"
#include "ipc/msg_ike.h"
#include "ipc/problem.h"
#include "ipc/verbs.h"
#include "plan/plan.h"
#include "view/view.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *refused(enum problem problem, const char *format, const char *detail)
{
	char text[CONFIG_ERROR_SIZE + 64];

	snprintf(text, sizeof(text), format, detail);
	return api_refused(problem, text);
}

static void on_applied(struct hub *h, uint64_t of, enum problem problem, const char *summary,
	const json_t *warnings, const json_t *more)
{
	json_t *document = problem == PROBLEM_NONE ? json_pack("{s:s}", "ok", summary)
						   : refused(problem, "%s", summary);

	(void)more;
	if (json_array_size(warnings))
		json_object_set(document, "warnings", (json_t *)warnings);
	status_reply(h, (uint32_t)of, document);
}

/* ---- commands ---- */

static json_t *done_or(enum problem problem, const char *why, const char *done)
{
	return why ? refused(problem, "%s", why) : json_pack("{s:s}", "ok", done);
}

/*
 * Why a process cannot be asked for something that it does once and nobody tells it again; NULL: it can. What hub
 * keeps, as which tunnels are down, a process hears at its start.
 */
static const char *cannot_ask(const struct hub *h, enum process_role role)
{
	static const char *const why[PROCESS_ROLES] = {
		[PROCESS_IKE] = "the ike process is starting",
		[PROCESS_BGP] = "the bgp process is starting",
	};

	return h->processes[role].channel ? NULL : why[role];
}

/* New keys for one tunnel of a site, or for both. */
static json_t *rekey(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	const char *why = cannot_ask(h, PROCESS_IKE);

	for (int t = 0; t < TUNNELS_PER_SITE; t++) {
		struct imsg_ike_command m = {.tunnel = tunnel_number(site, (unsigned int)t),
			.command = r->ike ? IKE_COMMAND_REKEY_IKE : IKE_COMMAND_REKEY_CHILD};

		if (!why && site->conf.tunnels[t].configured && (r->tunnel < 0 || r->tunnel == t))
			process_send(
				&h->processes[PROCESS_IKE], IMSG_IKE_COMMAND, -1, &m, sizeof(m));
	}
	return done_or(PROBLEM_STARTING, why,
		"new keys are asked for; `sluice show log` says what becomes of it, "
		"`sluice show sa` which "
		"are used");
}

/*
 * The answer to a command whose effect is to outlive the daemon; it says so when the state file could not be
 * written.
 */
static json_t *asked_or(const struct hub *h, const char *why, const char *done)
{
	char text[256];

	snprintf(text, sizeof(text), "%s%s", done,
		admin_is_kept(h) ? ""
				 : "; it is forgotten when sluiced ends, because it could not be "
				   "written (see its log)");
	return done_or(PROBLEM_REFUSED, why, text);
}

static json_t *down(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	return asked_or(h, admin_down(h, site, r->tunnel, r->force),
		"its routes are taken back, then the device is told that the tunnel ends; it stays "
		"down until `sluice tunnel up`");
}

static json_t *up(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	return asked_or(h, admin_up(h, site, r->tunnel),
		"it may come up: `sluice show tunnels` says whether it waits for the device");
}

static json_t *drain(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	return asked_or(h, admin_drain(h, site, (unsigned int)r->tunnel),
		"the site is asked to send over its other tunnel, and the hub does");
}

static json_t *release(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	const char *why = cannot_ask(h, PROCESS_BGP);
	enum problem problem = why ? PROBLEM_STARTING : PROBLEM_REFUSED;

	(void)site;
	if (!why)
		why = closed_release(h, &r->prefix);
	if (!why)
		process_send(&h->processes[PROCESS_BGP], IMSG_BGP_RELEASE, -1, &r->prefix,
			sizeof(r->prefix));
	return done_or(problem, why, "released");
}

static bool is_root(const struct hub *h)
{
	const struct asker *who = access_asker(h);

	return who->who.uid == 0 && !who->by_token;
}

static json_t *apply(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	json_t *who = asker_json(access_asker(h));
	struct apply_order order = {.confirm_s = r->confirm_s,
		.next_start = r->next_start,
		.without_secrets = r->without_secrets,
		.past_policy = r->force,
		.who = who,
		.why = "apply",
		.done = on_applied,
		.of = r->id};

	(void)site;
	if (r->force && !is_root(h)) {
		json_decref(who);
		return refused(PROBLEM_FOR_ROOT, "%s", "only root may go past policy.yaml");
	}
	hub_apply(h, &order);
	json_decref(who);
	return NULL;
}

static json_t *confirm(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	char why[CONFIG_ERROR_SIZE];

	(void)site, (void)r;
	return done_or(PROBLEM_REFUSED, revision_confirm(h, why, sizeof(why)) ? NULL : why,
		"it stays in force");
}

static json_t *failure(struct hub *h, const struct imsg_api_request *r)
{
	struct failure_effect *effect;
	struct failure what;
	json_t *document;

	if (r->revisions[0] || !failure_read(r->fail, &what))
		return refused(PROBLEM_BAD_REQUEST, "%s",
			r->revisions[0] ? "what fails is what is in force, and no revision"
					: "fail: hub, endpoint:0, site:NAME or tunnel:NAME/0 is "
					  "expected");
	hub_look_at_speeds(h);
	effect = failure_of(access_seen(h), &what);
	if (!effect)
		return refused(what.kind == FAILURE_SITE     ? PROBLEM_NO_SUCH_SITE
			       : what.kind == FAILURE_TUNNEL ? PROBLEM_NO_SUCH_TUNNEL
							     : PROBLEM_BAD_REQUEST,
			"fail: there is no %s", r->fail);
	document = view_failure(access_seen(h), effect);
	free(effect);
	return document;
}

static json_t *plan(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	char error[CONFIG_ERROR_SIZE];
	enum problem problem = PROBLEM_INVALID;
	struct documents *d;
	json_t *document;

	(void)site;
	if (r->fail[0])
		return failure(h, r);
	d = r->revisions[0] ? revision_get(h, r->revisions[0], error)
			    : documents_load(revision_path(h), false, error);
	if (!d && r->revisions[0])
		problem = PROBLEM_NO_SUCH_REVISION;
	document = d ? hub_plan(h, d, r->revisions[0] ? PLAN_OF_ALL : PLAN_OF_FILES, NULL, error)
		     : NULL;
	if (document && !r->revisions[0])
		secret_add_findings(h, document);
	return document ? document : refused(problem, "%s", error);
}

/* From one to the other; of one, from what is in force before it. */
static json_t *diff(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	json_t *document;
	char error[CONFIG_ERROR_SIZE];

	(void)site;
	document = hub_diff(h, r->revisions[0], r->revisions[1], error);
	return document ? document : refused(PROBLEM_NO_SUCH_REVISION, "%s", error);
}

static json_t *history(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	(void)site, (void)r;
	return revision_history(h);
}

/* ---- what is shown ---- */

static json_t *sites(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	const struct model *seen = access_seen(h);
	json_t *document = view_sites(seen, site);
	json_int_t count = 0;

	(void)r;
	for (uint32_t i = 0; i < SITE_SLOTS; i++)
		count += seen->sites[i] != NULL;
	if (seen != &h->model)
		json_object_set_new(
			json_object_get(document, "concentrator"), "sites", json_integer(count));
	return document;
}

static json_t *tunnels(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	json_t *document, *list;

	hub_look_at_tunnels(h);
	document = view_tunnels(access_seen(h), site);
	list = json_object_get(document, "tunnels");
	for (size_t i = json_array_size(list); r->tunnel >= 0 && i-- > 0;) {
		const json_t *number = json_object_get(json_array_get(list, i), "tunnel");

		if (json_integer_value(number) != r->tunnel)
			json_array_remove(list, i);
	}
	return document;
}

static json_t *routes(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	(void)r;
	return view_routes(access_seen(h), site);
}

static json_t *sas(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	(void)r;
	return view_sas(access_seen(h), site);
}

static json_t *endpoints(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	(void)site, (void)r;
	return view_endpoints(access_seen(h));
}

static json_t *dataplane(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	(void)site, (void)r;
	hub_look_at_plane(h);
	return view_dataplane(access_seen(h));
}

static json_t *events(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	return view_log(
		access_seen(h), site, r->verb == API_SHOW_BGP_LOG ? EVENT_BGP : EVENT_ACTIVITY);
}

static json_t *certificates(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	(void)site, (void)r;
	return certificates_show(h);
}

static json_t *unknown(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	(void)site, (void)r;
	return view_unknown(access_seen(h));
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

static json_t *closed(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	struct closed_list list = {0};
	json_t *document;

	(void)r;
	closed_each(h, add_closed, &list);
	document = view_closed(access_seen(h), site, list.rows, list.count);
	free(list.rows);
	return document;
}

static json_t *report(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	if (r->since_s > HISTORY_MINUTES * 60)
		return hub_sums_ask(h, site, r);
	return r->since_s ? view_report_since(access_seen(h), site, r->since_s)
			  : view_report(access_seen(h), site);
}

static json_t *ask_bgp(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	(void)site;
	hub_bgp_ask(h, r);
	return NULL;
}

static json_t *metrics(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	const struct model *seen;
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	(void)site;
	if (f) {
		hub_look_at_tunnels(h);
		hub_look_at_plane(h);
		seen = access_seen(h);
		view_metrics_common(f, seen);
		view_metrics(f, seen);
		view_endpoints_metrics(f, seen);
		if (seen == &h->model) { /* these are of the whole hub */
			view_metrics_hub(f, seen);
			certificates_metrics(f, h);
			view_unknown_metrics(f, seen);
		}
		fclose(f);
	}
	status_reply_metrics(h, r->id, text ? text : "");
	free(text);
	return NULL;
}

/* Who answers. NULL as an answer: it has been given, or comes later. */
static json_t *(*const answers[API_VERBS])(
	struct hub *h, struct site *site, const struct imsg_api_request *r) = {
	[API_SHOW_SITES] = sites,
	[API_SHOW_TUNNELS] = tunnels,
	[API_SHOW_ROUTES] = routes,
	[API_SHOW_BGP] = ask_bgp,
	[API_SHOW_ROUTE] = ask_bgp,
	[API_SHOW_SA] = sas,
	[API_SHOW_ENDPOINTS] = endpoints,
	[API_SHOW_DATAPLANE] = dataplane,
	[API_SHOW_LOG] = events,
	[API_SHOW_BGP_LOG] = events,
	[API_SHOW_CERTIFICATES] = certificates,
	[API_SHOW_UNKNOWN] = unknown,
	[API_SHOW_CLOSED] = closed,
	[API_RELEASE] = release,
	[API_EVENTS] = hub_events_ask,
	[API_TIMELINE] = hub_events_ask,
	[API_ALARMS] = hub_alarms_show,
	[API_ALARM_ACKNOWLEDGE] = hub_alarm_acknowledge,
	[API_ALARM_SILENCE] = hub_alarm_silence,
	[API_ALARM_UNSILENCE] = hub_alarm_unsilence,
	[API_ALARM_TEST] = hub_alarm_test,
	[API_DOCTOR] = hub_doctor,
	[API_GRAPH] = hub_sums_ask,
	[API_REPORT] = report,
	[API_METRICS] = metrics,
	[API_PLAN] = plan,
	[API_APPLY] = apply,
	[API_CONFIRM] = confirm,
	[API_HISTORY] = history,
	[API_DIFF] = diff,
	[API_ROLLBACK] = hub_rollback,
	[API_REKEY] = rekey,
	[API_TUNNEL_DOWN] = down,
	[API_TUNNEL_UP] = up,
	[API_TUNNEL_DRAIN] = drain,
	[API_SECRET_LIST] = hub_secret_list,
	[API_SECRET_ROTATE] = hub_secret_rotate,
	[API_SECRET_DELETE] = hub_secret_delete,
	[API_TOKEN_CREATE] = hub_token_create,
	[API_TOKEN_LIST] = hub_token_list,
	[API_TOKEN_REVOKE] = hub_token_revoke,
	[API_SITE_LIST] = site_list,
	[API_SITE_SHOW] = site_document,
	[API_SITE_CREATE] = site_create,
	[API_SITE_SET] = site_set,
	[API_SITE_PUT] = site_put,
	[API_SITE_DELETE] = site_delete,
	[API_SITE_ADOPT] = site_adopt,
	[API_SITE_MIGRATION] = site_migration,
	[API_SITE_MIGRATE] = site_migrate,
	[API_SITE_EXPORT] = site_export,
	[API_SITE_IMPORT] = site_import,
	[API_HUB_SHOW] = hub_show,
	[API_HUB_SET] = hub_set,
	[API_HUB_RELEASE] = hub_release,
};

static bool has_tunnel(const struct site *site, const struct imsg_api_request *r)
{
	if (r->tunnel < 0)
		return verbs[r->verb].object != OBJECT_TUNNEL;
	return r->tunnel < TUNNELS_PER_SITE && site->conf.tunnels[r->tunnel].configured;
}

/* Of a verb that need not name one: it is told of in events all the same. */
static bool tunnel_can_be(const struct site *site, const struct imsg_api_request *r)
{
	return r->tunnel == -1 ||
	       (r->tunnel >= 0 && r->tunnel < TUNNELS_PER_SITE && (!site || has_tunnel(site, r)));
}

static json_t *no_tunnel(const struct imsg_api_request *r)
{
	return refused(PROBLEM_NO_SUCH_TUNNEL, "site '%s' has no such tunnel", r->site);
}

/* What the request lacks of what its verb must have; NULL: nothing. */
static json_t *lacks(const struct site *site, const struct imsg_api_request *r)
{
	enum change_effect most;

	/* What api has checked, too: it is taken for somebody else's. */
	if (r->confirm_s && (!(verbs[r->verb].options & VERB_CONFIRM) || r->next_start ||
				    r->confirm_s > API_CONFIRM_MAX_S))
		return refused(PROBLEM_BAD_REQUEST, "%s", "it cannot be confirmed");
	if (r->dry_run && !(verbs[r->verb].options & VERB_DRY_RUN))
		return refused(PROBLEM_BAD_REQUEST, "%s", "it cannot be tried");
	if (r->allow[0] && !plan_effect_named(r->allow, &most))
		return refused(PROBLEM_BAD_REQUEST, "allow: '%s' is no effect of a plan", r->allow);
	if (verbs[r->verb].object == OBJECT_SITE && !site)
		return refused(PROBLEM_BAD_REQUEST, "%s", "a site must be named");
	if (verbs[r->verb].object != OBJECT_TUNNELS && verbs[r->verb].object != OBJECT_TUNNEL &&
		!(verbs[r->verb].options & VERB_TUNNEL && r->tunnel >= 0))
		return tunnel_can_be(site, r) ? NULL : no_tunnel(r);
	if (!site)
		return refused(PROBLEM_BAD_REQUEST, "%s", "a site must be named");
	return has_tunnel(site, r) ? NULL : no_tunnel(r);
}

void hub_api_request(struct hub *h, const struct imsg_api_request *r)
{
	struct site *site = NULL;
	json_t *document;

	/* Ids are api's: one that is used twice would end the entry of another in the audit log. */
	if (!r->id || hub_audit_is_open(h, r->id)) {
		log_error("api: request %u has the number of another", r->id);
		return;
	}
	if (r->verb >= API_VERBS || !answers[r->verb])
		document = refused(PROBLEM_BAD_REQUEST, "%s", "unknown verb");
	else
		document = hub_judge(h, r, &site);
	if (!document)
		document = lacks(site, r);
	if (!document)
		document = hub_judge_change(h, r);
	if (!document) {
		document = answers[r->verb](h, site, r);
		if (document)
			access_redact(h, access_asker(h), document);
	}
	if (document)
		status_reply(h, r->id, document);
}
