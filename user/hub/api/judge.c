/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a request may be carried out: by who asks, what the verb's row wants, and the site that it is about. */
#include "hub/api/access.h"
#include "hub/api/api.h"
#include "hub/api/refused.h"

#include "base/clock.h"
#include "base/log.h"
#include "ipc/problem.h"
#include "ipc/verbs.h"
#include "plan/failure.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define WRONG_REMOTE_UID ((uid_t)-2) /* of nobody */

/* What the row says; but an outage of one site, or of one of its tunnels, is that site's, which `site` is then. */
static enum verb_reach reach_of(const struct imsg_api_request *r, char site[SITE_NAME_SIZE])
{
	struct failure what;

	memcpy(site, r->site, SITE_NAME_SIZE);
	if (r->verb != API_PLAN || !r->fail[0] || !failure_read(r->fail, &what) ||
		(what.kind != FAILURE_SITE && what.kind != FAILURE_TUNNEL))
		return verbs[r->verb].reach;
	memcpy(site, what.site, SITE_NAME_SIZE);
	return REACH_SITES;
}

/* `group` "": of the whole hub. */
static json_t *needs(const struct verb_row *row, enum verb_reach reach, const struct asker *asker,
	const char *group)
{
	const char *role = role_names[role_least(row->may)];

	if (!row->may || reach == REACH_NOTHING)
		return problem_say(PROBLEM_FORBIDDEN, "nobody may do that");
	/* Whatever was granted. */
	if (asker->remote && !grant_covers(&asker->cap, row->may, ""))
		return problem_say(PROBLEM_FORBIDDEN,
			"you may not do that over TCP: it needs the role %s, and api_role permits "
			"no "
			"more than %s there",
			role, role_names[asker->cap.role]);
	if (reach == REACH_HUB)
		return problem_say(PROBLEM_FORBIDDEN,
			"you may not do that: it is about the whole hub, and needs the role %s "
			"without a scope",
			role);
	if (!group[0])
		return problem_say(
			PROBLEM_FORBIDDEN, "you may not do that: it needs the role %s", role);
	return problem_say(PROBLEM_FORBIDDEN,
		"you may not do that: it needs the role %s for group=%s", role, group);
}

/* The port for metrics, which has its own listener, tells everybody all of them. */
static bool is_of_the_port(const struct hub *h, const struct imsg_api_request *r)
{
	return r->verb == API_METRICS && !r->client &&
	       addr_is_set(&h->config->concentrator.metrics.addr);
}

static json_t *wrong_token(
	struct hub *h, const struct imsg_api_request *r, const struct asker *asker, uint64_t now)
{
	/* Whoever floods the log over TCP must not use up the changes of those who may make some. */
	uid_t counted = asker->remote ? WRONG_REMOTE_UID : asker->who.uid;
	char text[ASKER_TEXT_SIZE];

	access_was_wrong(h, asker_number(asker), now);
	if (hub_audit_allows(h, counted, now) && !hub_audit_wrong_token(h, r, asker))
		log_error("audit log: that %s has shown a wrong token could not be written: %s",
			asker_text(asker, text), strerror(errno));
	return problem_say(PROBLEM_WRONG_TOKEN, "the token is wrong, or is valid no longer");
}

/* Who asks. */
static json_t *identify(struct hub *h, const struct imsg_api_request *r, struct asker *asker)
{
	uint64_t now = clock_now();

	if (is_of_the_port(h, r)) {
		*asker = (struct asker){.count = 1, .grants = {{.role = ROLE_VIEWER}}};
		return NULL;
	}
	if (!hub_client_asks(h, r->client, now, asker))
		return problem_say(PROBLEM_NOT_CONNECTED, "whoever asks is not connected");
	if (!r->bearer[0] && asker->remote && !asker->subject[0])
		return problem_say(PROBLEM_UNKNOWN,
			"it is not said who asks: a token or a certificate is needed here");
	if (!r->bearer[0])
		return NULL;
	if (access_tired(h, asker_number(asker), now))
		return problem_say(PROBLEM_WRONG_TOKENS,
			"you have shown too many wrong tokens; one each %u seconds is looked at "
			"now",
			ACCESS_WRONG_EACH_S);
	if (!access_show(h, r->bearer, asker))
		return wrong_token(h, r, asker, now);
	/* Without a certificate, from which it would take away, it is all that there is. */
	if (asker->remote && !asker->subject[0])
		asker->grants[asker->count++] = asker->cap;
	return NULL;
}

/* What is refused over TCP, whatever was granted. */
static json_t *judge_remote(const struct asker *asker, const struct verb_row *row)
{
	if (!asker->remote)
		return NULL;
	if (row->options & VERB_LOCAL)
		return problem_say(PROBLEM_FORBIDDEN,
			"you may not do that: it is done at the hub's control socket only");
	if (!asker->count)
		return problem_say(PROBLEM_FORBIDDEN,
			"you may not do that: `access` has nothing for the certificate %.120s",
			asker->subject);
	return NULL;
}

/* What cannot be seen is not there. */
static json_t *judge_site(struct hub *h, const struct verb_row *row, enum verb_reach reach,
	const char *name, const struct asker *asker, struct site **site)
{
	*site = site_find(access_seen(h), name);
	/* What has no site yet is about the whole hub. */
	if (!*site && row->object == OBJECT_NEW_SITE && reach == REACH_HUB)
		return NULL;
	if (!*site)
		return problem_say(PROBLEM_NO_SUCH_SITE, "no site is named '%s'", name);
	if (reach == REACH_SITES && !asker_may(asker, row->may, (*site)->conf.group))
		return needs(row, reach, asker, (*site)->conf.group);
	return NULL;
}

static json_t *judge(
	struct hub *h, const struct imsg_api_request *r, struct asker *asker, struct site **site)
{
	const struct verb_row *row = &verbs[r->verb];
	char name[SITE_NAME_SIZE];
	enum verb_reach reach = reach_of(r, name);
	json_t *refusal = identify(h, r, asker);

	if (!refusal)
		refusal = judge_remote(asker, row);
	if (refusal)
		return refusal;
	access_begin(h, asker);
	if (!row->may || reach == REACH_NOTHING ||
		(reach == REACH_HUB ? !asker_may(asker, row->may, "")
				    : !asker_may_somewhere(asker, row->may)))
		return needs(row, reach, asker, "");
	return name[0] ? judge_site(h, row, reach, name, asker, site) : NULL;
}

json_t *hub_judge(struct hub *h, const struct imsg_api_request *r, struct site **site)
{
	struct asker asker = {0};
	json_t *refusal;
	unsigned int status;
	const char *code;

	*site = NULL;
	refusal = judge(h, r, &asker, site);
	status = refusal ? problem_status(refusal) : 200;
	code = json_string_value(json_object_get(refusal, "code"));
	/* Of whom nobody knows anything is told. */
	if ((status == 401 || status == 403) &&
		strcmp(code, problems[PROBLEM_NOT_CONNECTED].code) != 0)
		hub_refused_tell(h, r, &asker, refusal, clock_now());
	return refusal;
}

/* Each looks at all sites and at all routes, and hub does nothing else meanwhile. */
static json_t *judge_plan(struct hub *h, const struct asker *asker)
{
	if (access_may_plan(h, asker, clock_now()))
		return NULL;
	return problem_json(PROBLEM_TOO_MANY_PLANS,
		"you have asked for too many plans; five each second are possible now");
}

json_t *hub_judge_change(struct hub *h, const struct imsg_api_request *r)
{
	const struct asker *asker = access_asker(h);
	char text[ASKER_TEXT_SIZE];

	if (r->verb == API_PLAN || r->verb == API_DIFF || r->dry_run)
		return judge_plan(h, asker);
	if (verbs[r->verb].right == RIGHT_READ)
		return NULL;
	if (!hub_audit_allows(h, asker->who.uid, clock_now())) {
		log_warn("%s asks for more changes than one may make", asker_text(asker, text));
		return problem_json(PROBLEM_TOO_MANY_CHANGES,
			"nothing was changed: you have made too many changes; one each 10 seconds "
			"is possible now");
	}
	if (hub_audit_begin(h, r, asker))
		return NULL;
	return problem_say(PROBLEM_FAILED,
		"nothing was changed, because the audit log cannot be written: %s",
		strerror(errno));
}
