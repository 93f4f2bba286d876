/* SPDX-License-Identifier: Apache-2.0 */
#include "proc/api/request_values.h"

#include "base/bus_event.h"
#include "base/role.h"

#include <stdlib.h>
#include <string.h>

bool value_number(const struct value *v, uint64_t least, uint64_t most, uint64_t *n)
{
	json_int_t number;
	char *end;

	if (v->text) {
		if (v->text[0] < '0' || v->text[0] > '9' || strlen(v->text) > 18)
			return false;
		*n = strtoull(v->text, &end, 10);
		return !*end && *n >= least && *n <= most;
	}
	number = json_integer_value(v->json);
	if (!json_is_integer(v->json) || number < 0)
		return false;
	*n = (uint64_t)number;
	return *n >= least && *n <= most;
}

static const char *text_of(const struct value *v)
{
	const char *text = v->text ? v->text : json_string_value(v->json);

	return text ? text : "";
}

static bool read_flag(const struct value *v, bool *flag)
{
	*flag = v->json ? json_is_true(v->json) : !strcmp(v->text, "true");
	return v->json ? json_is_boolean(v->json) : *flag || !strcmp(v->text, "false");
}

static bool read_prefix(const char *text, struct ip_prefix *p)
{
	struct ip_addr a;

	if (!addr_parse(text, &a))
		return prefix_parse(text, p);
	*p = prefix_make(&a, addr_bits(&a));
	return true;
}

static bool read_site(const char *text, char site[SITE_NAME_SIZE])
{
	size_t len = strlen(text);

	if (!len || len >= SITE_NAME_SIZE)
		return false;
	memcpy(site, text, len + 1);
	return true;
}

/* "group=NAME" */
static bool read_scope(const char *text, char scope[SITE_NAME_SIZE])
{
	static const char group[] = "group=";

	return !strncmp(text, group, sizeof(group) - 1) &&
	       read_site(text + sizeof(group) - 1, scope);
}

/* Of what makes a token. */
static const char *take_grant(
	enum parameter_kind kind, const struct value *v, struct imsg_api_request *r)
{
	uint64_t n = 0;

	switch (kind) {
	case TOKEN:
		if (strlen(text_of(v)) != sizeof(r->token) - 1)
			return "no token has such an id";
		strcpy(r->token, text_of(v));
		return NULL;
	case ROLE:
		r->role = (uint8_t)role_find(text_of(v));
		return r->role < ROLES ? NULL
				       : "viewer, operator, secret-reader or admin is expected";
	case SCOPE:
		return read_scope(text_of(v), r->scope) ? NULL : "group=NAME is expected";
	default:
		if (!value_number(v, 1, API_TOKEN_DAYS_MAX, &n))
			return "a token lasts for 1 to 366 days";
		r->days = (uint32_t)n;
		return NULL;
	}
}

static bool read_effect(const char *text, char effect[API_EFFECT_SIZE])
{
	size_t len = strlen(text);

	if (!len || len >= API_EFFECT_SIZE || text[strspn(text, "abcdefghijklmnopqrstuvwxyz-")])
		return false;
	memcpy(effect, text, len + 1);
	return true;
}

/* What it means is hub's to say. */
static bool read_step(const char *text, char step[API_STEP_SIZE])
{
	size_t len = strlen(text);

	if (!len || len >= API_STEP_SIZE || text[strspn(text, "abcdefghijklmnopqrstuvwxyz")])
		return false;
	memcpy(step, text, len + 1);
	return true;
}

/* The same. */
static bool read_failure(const char *text, char fail[API_FAILURE_SIZE])
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._-:/";
	size_t len = strlen(text);

	if (!len || len >= API_FAILURE_SIZE || text[strspn(text, allowed)])
		return false;
	memcpy(fail, text, len + 1);
	return true;
}

/* Of what asks for events. */
static const char *take_events(
	enum parameter_kind kind, const struct value *v, struct imsg_api_request *r)
{
	uint64_t n = 0;

	switch (kind) {
	case AFTER:
		return value_number(v, 0, BUS_NUMBER_MAX, &r->after)
			       ? NULL
			       : "the number of an event is expected";
	case LIMIT:
		if (!value_number(v, 1, API_EVENTS_MAX, &n))
			return "1 to 1000 events are possible";
		r->limit = (uint32_t)n;
		return NULL;
	default:
		if (!value_number(v, 1, API_WITHIN_MAX_S, &n))
			return "1 second to a day is possible";
		r->within_s = (uint32_t)n;
		return NULL;
	}
}

/* Of what is about alarms. */
static const char *take_alarm(
	enum parameter_kind kind, const struct value *v, struct imsg_api_request *r)
{
	size_t len = strlen(text_of(v));
	uint64_t n = 0;

	switch (kind) {
	case RULE:
		if (!len || len >= sizeof(r->rule))
			return "no rule has such a name";
		memcpy(r->rule, text_of(v), len + 1);
		return NULL;
	case FOR:
		if (!value_number(v, 1, ALARM_SILENCE_MAX_S, &n))
			return "1 second to 30 days are possible";
		r->for_s = (uint32_t)n;
		return NULL;
	default:
		return read_flag(v, &r->all) ? NULL : "true or false is expected";
	}
}

const char *value_take(enum parameter_kind kind, const struct value *v, struct imsg_api_request *r)
{
	static const char number[] = "the number of a revision, from 1 on, is expected";
	static const char flag[] = "true or false is expected";
	uint64_t n = 0;

	switch (kind) {
	case SITE:
		return read_site(text_of(v), r->site) ? NULL : "no site has such a name";
	case TUNNEL:
		if (!value_number(v, 0, 1, &n))
			return "a tunnel is 0 or 1";
		r->tunnel = (int32_t)n;
		return NULL;
	case PREFIX:
		return read_prefix(text_of(v), &r->prefix) ? NULL
							   : "a prefix or an address is expected";
	case REVISION:
	case REVISION_FROM:
		return value_number(v, 1, INT64_MAX, &r->revisions[0]) ? NULL : number;
	case REVISION_TO:
		return value_number(v, 1, INT64_MAX, &r->revisions[1]) ? NULL : number;
	case SINCE:
		if (!value_number(v, 1, API_SINCE_MAX_S, &n))
			return "1 second to 455 days are possible";
		r->since_s = (uint32_t)n;
		return NULL;
	case CONFIRM:
		if (!value_number(v, 1, API_CONFIRM_MAX_S, &n))
			return "what is to be confirmed is so within 1 second to a day";
		r->confirm_s = (uint32_t)n;
		return NULL;
	case SECRET:
		return read_site(text_of(v), r->secret) ? NULL : "no secret has such a name";
	case TOKEN:
	case ROLE:
	case SCOPE:
	case DAYS:
		return take_grant(kind, v, r);
	case IKE:
		return read_flag(v, &r->ike) ? NULL : flag;
	case FORCE:
		return read_flag(v, &r->force) ? NULL : flag;
	case NEXT_START:
		return read_flag(v, &r->next_start) ? NULL : flag;
	case WITHOUT_SECRETS:
		return read_flag(v, &r->without_secrets) ? NULL : flag;
	case DRY_RUN:
		return read_flag(v, &r->dry_run) ? NULL : flag;
	case ALLOW:
		return read_effect(text_of(v), r->allow) ? NULL
							 : "the name of an effect is expected";
	case FAIL:
		return read_failure(text_of(v), r->fail)
			       ? NULL
			       : "hub, endpoint:0, site:NAME or tunnel:NAME/0 is expected";
	case NEW_SITE:
		return read_site(text_of(v), r->new) ? NULL : "no site has such a name";
	case STEP:
		return read_step(text_of(v), r->step)
			       ? NULL
			       : "prepare, shift, finish or back is expected";
	case KINDS:
		return request_kinds(text_of(v), &r->kinds);
	case FROM:
		return request_time(text_of(v), &r->from_ns);
	case UNTIL:
		return request_time(text_of(v), &r->to_ns);
	case AFTER:
	case LIMIT:
	case WITHIN:
		return take_events(kind, v, r);
	case RULE:
	case FOR:
	case ALL:
		return take_alarm(kind, v, r);
	case VALUES:
	case SITES:
		break;
	}
	return "it is unknown";
}
