/* SPDX-License-Identifier: Apache-2.0 */
/* sluice token create, list, revoke. */
#include "hub/api/access.h"
#include "hub/api/api.h"
#include "hub/api/streams.h"

#include "base/clock.h"
#include "base/date.h"
#include "base/secret.h"
#include "ipc/problem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DAY_S (24 * 60 * 60)

static int64_t wall_s(void)
{
	return (int64_t)(clock_wall() / CLOCK_SECOND);
}

/* One %s in the format is why. */
static json_t *failed(const char *format, int error)
{
	char text[PROBLEM_TEXT_SIZE];

	snprintf(text, sizeof(text), format,
		error == ENOSPC ? "there are too many, or the disk is full" : tokens_why(error));
	return problem_json(PROBLEM_FAILED, text);
}

/* NULL: the file can be read. */
static json_t *refuse_broken(struct hub *h)
{
	int error = tokens_broken(access_tokens(h));

	return error ? failed("/var/lib/sluice/tokens.json: %s; no token is valid until you "
			      "repair it or move it away",
			       error)
		     : NULL;
}

/* Why a token would be worth less than it says; NULL: it is worth that. */
static json_t *refuse_worthless(const struct hub *h, const struct grant *g)
{
	char text[PROBLEM_TEXT_SIZE];
	bool any = false;

	if (!g->scope[0])
		return NULL;
	if (g->role == ROLE_SECRET_READER)
		return problem_json(PROBLEM_BAD_REQUEST,
			"secrets are of the whole hub: secret-reader with a scope may read none, "
			"and is no more than viewer");
	for (uint32_t i = 0; i < h->config->site_count; i++)
		any |= !strcmp(h->config->sites[i].group, g->scope);
	if (any)
		return NULL;
	snprintf(text, sizeof(text),
		"no site has the group '%s': whoever has the token could see nothing", g->scope);
	return problem_json(PROBLEM_BAD_REQUEST, text);
}

json_t *hub_token_create(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	const struct asker *asker = access_asker(h);
	struct grant grant = {.role = r->role};
	int64_t now = wall_s(), until = now + DAY_S * (int64_t)(r->days ? r->days : API_TOKEN_DAYS);
	char text[TOKEN_TEXT_SIZE], date[DATE_TEXT_SIZE], ok[PROBLEM_TEXT_SIZE];
	json_t *answer;

	(void)site;
	memcpy(grant.scope, r->scope, sizeof(grant.scope));
	/* Api has looked at that, and may be in anybody's hands. */
	if (r->days > API_TOKEN_DAYS_MAX)
		return problem_json(PROBLEM_BAD_REQUEST, "a token lasts for 1 to 366 days");
	if (!asker_has(asker, &grant))
		return problem_json(PROBLEM_FORBIDDEN, "a token cannot do what you may not");
	answer = refuse_worthless(h, &grant);
	if (answer)
		return answer;
	if (asker->by_token && until > asker->token.until_s)
		return problem_json(PROBLEM_FORBIDDEN,
			"a token that is made by a token cannot last longer than that one");
	answer = refuse_broken(h);
	if (answer)
		return answer;
	if (!tokens_make(access_tokens(h), grant, now, until, text))
		return failed("no token was made: %s", errno);
	snprintf(ok, sizeof(ok), "token %.8s: %s%s%s, until %s; it is not told again", text + 7,
		role_names[grant.role], grant.scope[0] ? " of group=" : "", grant.scope,
		date_format(until, date));
	answer = json_pack("{s:s, s:s}", "ok", ok, "token", text);
	secret_wipe(text, sizeof(text));
	return answer;
}

json_t *hub_token_list(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	json_t *refusal = refuse_broken(h);

	(void)site, (void)r;
	return refusal ? refusal : tokens_list(access_tokens(h), wall_s());
}

json_t *hub_token_revoke(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	json_t *refusal = refuse_broken(h);

	(void)site;
	if (refusal)
		return refusal;
	hub_streams_judge(h);
	if (tokens_revoke(access_tokens(h), r->token, wall_s()))
		return json_pack("{s:s}", "ok", "the token is worth nothing from now on");
	if (errno == ENOENT)
		return problem_json(PROBLEM_NO_SUCH_TOKEN, "no token has that id");
	return failed("the token is worth nothing now, but lives again when sluiced starts again, "
		      "because "
		      "that could not be written: %s; revoke it again",
		errno);
}
