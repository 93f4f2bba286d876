/* SPDX-License-Identifier: Apache-2.0 */
#include "proc/api/request.h"

#include "base/bus_event.h"
#include "base/utf8.h"
#include "ipc/verbs.h"
#include "proc/api/target.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TARGET_MAX 2048 /* bytes of a target */

#define OF(object) (1u << (object))

/* What a request names. Where two rows have one name, one of them is the verb's. */
static const struct parameter {
	const char *name;
	enum parameter_kind {
		SITE,
		TUNNEL,
		PREFIX,
		REVISION,
		REVISION_FROM,
		REVISION_TO,
		SINCE,
		CONFIRM,
		SECRET,
		TOKEN,
		ROLE,
		SCOPE,
		DAYS,
		IKE,
		FORCE,
		NEXT_START,
		WITHOUT_SECRETS,
		DRY_RUN,
		ALLOW,
		FAIL,
		NEW_SITE,
		STEP,
		KINDS,
		FROM,
		UNTIL,
		AFTER,
		LIMIT,
		WITHIN,
		RULE,
		FOR,
		ALL,
		VALUES,
		SITES
	} kind;
	unsigned int objects; /* verbs that take it where it is not in their path */
	unsigned int options; /* or by one of these */
} parameters[] = {
	{"site", SITE, OF(OBJECT_SITES) | OF(OBJECT_NEW_SITE) | OF(OBJECT_ALARM), 0},
	{"tunnel", TUNNEL, OF(OBJECT_ALARM), 0},
	{"prefix", PREFIX, OF(OBJECT_PREFIX), 0},
	{"revision", REVISION, 0, VERB_ONE_REVISION},
	{"from", REVISION_FROM, OF(OBJECT_REVISIONS), 0},
	{"to", REVISION_TO, OF(OBJECT_REVISIONS), 0},
	{"since_s", SINCE, 0, VERB_SINCE},
	{"confirm_s", CONFIRM, 0, VERB_CONFIRM},
	{"secret", SECRET, 0, 0},
	{"token", TOKEN, 0, 0},
	{"role", ROLE, 0, VERB_GRANT},
	{"scope", SCOPE, 0, VERB_GRANT},
	{"days", DAYS, 0, VERB_GRANT},
	{"ike", IKE, 0, VERB_IKE},
	{"force", FORCE, 0, VERB_FORCE},
	{"next_start", NEXT_START, 0, VERB_NEXT_START},
	{"without_secrets", WITHOUT_SECRETS, 0, VERB_NEXT_START},
	{"dry_run", DRY_RUN, 0, VERB_DRY_RUN},
	{"allow", ALLOW, 0, VERB_ALLOW},
	{"fail", FAIL, 0, VERB_FAIL},
	{"new", NEW_SITE, 0, VERB_NEW},
	{"step", STEP, 0, VERB_STEP},
	{"kind", KINDS, 0, VERB_EVENTS},
	{"since", FROM, 0, VERB_EVENTS},
	{"until", UNTIL, 0, VERB_EVENTS},
	{"after", AFTER, 0, VERB_EVENTS},
	{"limit", LIMIT, 0, VERB_EVENTS},
	{"around", FROM, 0, VERB_AROUND},
	{"within_s", WITHIN, 0, VERB_AROUND},
	{"rule", RULE, 0, 0},
	{"for_s", FOR, 0, VERB_FOR},
	{"all", ALL, 0, VERB_ALL},
	{"values", VALUES, 0, VERB_VALUES | VERB_DOCUMENT},
	{"sites", SITES, 0, VERB_SITES},
};

#define PARAMETERS (sizeof(parameters) / sizeof(parameters[0]))

/* Text of a path or a query, or what JSON has there. */
struct value {
	const char *text;
	const json_t *json;
};

struct reading {
	struct imsg_api_request *request;
	struct rows *rows;
	struct request_refusal *why;
	uint64_t seen; /* bit n: parameters[n] */
};

__attribute__((format(printf, 3, 4))) static bool refuse(
	struct request_refusal *why, enum problem problem, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why->detail, sizeof(why->detail), format, args);
	va_end(args);
	utf8_clean(why->detail);
	why->problem = problem;
	return false;
}

/* ---- values ---- */

static bool read_number(const struct value *v, uint64_t least, uint64_t most, uint64_t *n)
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
		if (!read_number(v, 1, API_TOKEN_DAYS_MAX, &n))
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
		return read_number(v, 0, BUS_NUMBER_MAX, &r->after)
			       ? NULL
			       : "the number of an event is expected";
	case LIMIT:
		if (!read_number(v, 1, API_EVENTS_MAX, &n))
			return "1 to 1000 events are possible";
		r->limit = (uint32_t)n;
		return NULL;
	default:
		if (!read_number(v, 1, API_WITHIN_MAX_S, &n))
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
		if (!read_number(v, 1, ALARM_SILENCE_MAX_S, &n))
			return "1 second to 30 days are possible";
		r->for_s = (uint32_t)n;
		return NULL;
	default:
		return read_flag(v, &r->all) ? NULL : "true or false is expected";
	}
}

/* What is wrong with it; NULL: nothing. */
static const char *take_value(
	enum parameter_kind kind, const struct value *v, struct imsg_api_request *r)
{
	static const char number[] = "the number of a revision, from 1 on, is expected";
	static const char flag[] = "true or false is expected";
	uint64_t n = 0;

	switch (kind) {
	case SITE:
		return read_site(text_of(v), r->site) ? NULL : "no site has such a name";
	case TUNNEL:
		if (!read_number(v, 0, 1, &n))
			return "a tunnel is 0 or 1";
		r->tunnel = (int32_t)n;
		return NULL;
	case PREFIX:
		return read_prefix(text_of(v), &r->prefix) ? NULL
							   : "a prefix or an address is expected";
	case REVISION:
	case REVISION_FROM:
		return read_number(v, 1, INT64_MAX, &r->revisions[0]) ? NULL : number;
	case REVISION_TO:
		return read_number(v, 1, INT64_MAX, &r->revisions[1]) ? NULL : number;
	case SINCE:
		if (!read_number(v, 1, API_SINCE_MAX_S, &n))
			return "1 second to 455 days are possible";
		r->since_s = (uint32_t)n;
		return NULL;
	case CONFIRM:
		if (!read_number(v, 1, API_CONFIRM_MAX_S, &n))
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

static bool takes(const struct verb_row *verb, const struct parameter *p)
{
	if (p->kind == REVISION_FROM || p->kind == REVISION_TO)
		return verb->object == OBJECT_REVISIONS && !(verb->options & VERB_ONE_REVISION);
	return p->objects & OF(verb->object) || p->options & verb->options;
}

static bool take_rows(struct reading *to, const struct value *v)
{
	char why[ROW_WHY_SIZE];

	if (!v->json || !rows_of_json(v->json, to->rows, why))
		return refuse(to->why, PROBLEM_BAD_REQUEST, "values: %s",
			v->json ? why : "they belong into the body of the request");
	to->request->rows = (uint32_t)to->rows->len;
	return true;
}

static bool take_sites(struct reading *to, const struct value *v)
{
	char why[ROW_WHY_SIZE];

	if (!v->json || !rows_of_sites(v->json, to->rows, why))
		return refuse(to->why, PROBLEM_BAD_REQUEST, "sites: %s",
			v->json ? why : "they belong into the body of the request");
	to->request->rows = (uint32_t)to->rows->len;
	return true;
}

/* `of` NULL: of a path, whose template has named it. */
static bool take(struct reading *to, const struct verb_row *of, const char *name, size_t len,
	const struct value *v)
{
	for (size_t i = 0; i < PARAMETERS; i++) {
		const struct parameter *p = &parameters[i];
		const char *wrong;

		if (strncmp(p->name, name, len) || p->name[len])
			continue;
		if (to->seen & UINT64_C(1) << i)
			return refuse(to->why, PROBLEM_BAD_REQUEST, "'%s' is said twice", p->name);
		if (of && !takes(of, p))
			break;
		to->seen |= UINT64_C(1) << i;
		if (p->kind == VALUES)
			return take_rows(to, v);
		if (p->kind == SITES)
			return take_sites(to, v);
		wrong = take_value(p->kind, v, to->request);
		if (!wrong)
			return true;
		/* A path that names what cannot be is one where nothing is. */
		return refuse(to->why,
			of                  ? PROBLEM_BAD_REQUEST
			: p->kind == SITE   ? PROBLEM_NO_SUCH_SITE
			: p->kind == TUNNEL ? PROBLEM_NO_SUCH_TUNNEL
			: p->kind == SECRET ? PROBLEM_NO_SUCH_SECRET
			: p->kind == TOKEN  ? PROBLEM_NO_SUCH_TOKEN
			: p->kind == RULE   ? PROBLEM_NO_SUCH_ALARM
					    : PROBLEM_NO_SUCH_REVISION,
			"%s: %s", p->name, wrong);
	}
	return refuse(to->why, PROBLEM_BAD_REQUEST, "'%.*s' is not for this request",
		len > 64 ? 64 : (int)len, name);
}

/* ---- target ---- */

/* The verb and the template of a path and a method; API_INVALID: there is none. */
static enum api_verb route(const char *method, char *const segments[], size_t count,
	const char **template, struct request_refusal *why)
{
	for (int v = 0; v < API_VERBS; v++) {
		for (int p = 0; p < VERB_PATHS && verbs[v].paths[p]; p++) {
			if (!target_matches(verbs[v].paths[p], segments, count))
				continue;
			if (!strcmp(method, verb_method(&verbs[v]))) {
				*template = verbs[v].paths[p];
				return (enum api_verb)v;
			}
			snprintf(why->allow + strlen(why->allow),
				sizeof(why->allow) - strlen(why->allow), "%s%s",
				why->allow[0] ? ", " : "", verb_method(&verbs[v]));
		}
	}
	if (why->allow[0])
		(void)refuse(why, PROBLEM_WRONG_METHOD, "only %s is for that path", why->allow);
	else
		(void)refuse(why, PROBLEM_NO_SUCH_PATH, "nothing is at that path");
	return API_INVALID;
}

static bool read_path(struct reading *to, const char *template, char *const segments[])
{
	for (size_t i = 0; *template; i++) {
		size_t len = strcspn(++template, "/");
		const struct value v = {.text = segments[i]};

		if (*template == '{' && !take(to, NULL, template + 1, len - 2, &v))
			return false;
		template += len;
	}
	return true;
}

static bool read_query(struct reading *to, const struct verb_row *verb, char *query)
{
	for (char *pair; (pair = strsep(&query, "&"));) {
		char *text = pair, *name = strsep(&text, "=");
		const struct value v = {.text = text};

		if (!*name && !text)
			continue;
		if (!text || !target_decode(name) || !target_decode(text))
			return refuse(to->why, PROBLEM_BAD_REQUEST, "the query is not understood");
		if (verb->right == RIGHT_CHANGE && strcmp(verb_method(verb), "DELETE") != 0)
			return refuse(to->why, PROBLEM_BAD_REQUEST,
				"'%s' belongs into the body of the request", name);
		if (!take(to, verb, name, strlen(name), &v))
			return false;
	}
	return true;
}

static bool read_body(struct reading *to, const struct verb_row *verb, const char *body, size_t len)
{
	json_error_t error;
	json_t *o, *json;
	const char *name;
	bool ok = true;

	if (!len)
		return true;
	if (verb->right == RIGHT_READ || !strcmp(verb_method(verb), "DELETE"))
		return refuse(to->why, PROBLEM_BAD_REQUEST, "a %s has no body", verb_method(verb));
	o = json_loadb(body, len, JSON_REJECT_DUPLICATES, &error);
	if (!json_is_object(o)) {
		json_decref(o);
		return refuse(to->why, PROBLEM_BAD_REQUEST, "the body is not a JSON object: %s",
			o ? "it is something else" : error.text);
	}
	json_object_foreach(o, name, json) {
		const struct value v = {.json = json};

		ok = ok && take(to, verb, name, strlen(name), &v);
	}
	json_decref(o);
	return ok;
}

/* What must be there, and what excludes each other. */
static bool is_whole(const struct verb_row *verb, const struct reading *r)
{
	const struct imsg_api_request *q = r->request;

	if (verb->object == OBJECT_PREFIX && !addr_is_set(&q->prefix.addr))
		return refuse(r->why, PROBLEM_BAD_REQUEST, "a prefix or an address is expected");
	if (verb->options & VERB_GRANT && q->role == ROLES)
		return refuse(r->why, PROBLEM_BAD_REQUEST, "a role is expected");
	if (verb->object == OBJECT_NEW_SITE && !q->site[0])
		return refuse(r->why, PROBLEM_BAD_REQUEST, "the name of the site is expected");
	if (verb->options & VERB_NEW && !q->new[0])
		return refuse(r->why, PROBLEM_BAD_REQUEST, "the new site is expected ('new')");
	if (verb->options & VERB_STEP && !q->step[0])
		return refuse(r->why, PROBLEM_BAD_REQUEST,
			"a step is expected: prepare, shift, finish or back");
	if (!q->rows && verb->options & VERB_SITES)
		return refuse(r->why, PROBLEM_BAD_REQUEST, "sites are expected");
	if (!q->rows && (verb->options & VERB_DOCUMENT ||
				(verb->options & VERB_VALUES && verb->object != OBJECT_NEW_SITE)))
		return refuse(r->why, PROBLEM_BAD_REQUEST, "values are expected");
	if (q->revisions[1] && !q->revisions[0])
		return refuse(r->why, PROBLEM_BAD_REQUEST, "'to' needs 'from'");
	if (q->confirm_s && q->next_start)
		return refuse(r->why, PROBLEM_BAD_REQUEST,
			"what begins at the next start cannot be confirmed");
	return true;
}

void request_bearer(const char *authorization, char bearer[API_TOKEN_SIZE])
{
	static const char scheme[] = "Bearer "; /* in any case (RFC 9110 11.1) */
	const char *token = authorization;
	size_t len;

	memset(bearer, 0, API_TOKEN_SIZE);
	if (!authorization)
		return;
	if (!strncasecmp(authorization, scheme, sizeof(scheme) - 1))
		token += sizeof(scheme) - 1;
	len = strlen(token);
	if (token == authorization || !len || len >= API_TOKEN_SIZE)
		strcpy(bearer, "?");
	else
		memcpy(bearer, token, len);
}

bool request_read(const char *method, const char *target, const char *body, size_t len,
	struct imsg_api_request *request, struct rows *rows, struct request_refusal *why)
{
	char copy[TARGET_MAX], *path, *query, *segments[TARGET_SEGMENTS_MAX];
	struct imsg_api_request read = {.tunnel = -1, .role = ROLES};
	struct reading to = {.request = &read, .rows = rows, .why = why};
	const char *template = NULL;
	const struct verb_row *verb;
	size_t count = 0;

	memset(request, 0, sizeof(*request));
	memset(why, 0, sizeof(*why));
	rows->len = 0;
	rows->many = NULL;
	if (strlen(target) >= sizeof(copy))
		return refuse(why, PROBLEM_NO_SUCH_PATH, "no path is that long");
	strcpy(copy, target);
	path = target_split(copy, &query);
	if (path)
		count = target_segments(path, segments);
	if (!count)
		return refuse(why, PROBLEM_NO_SUCH_PATH, "nothing is at that path");
	read.verb = route(method, segments, count, &template, why);
	if (read.verb == API_INVALID)
		return false;
	why->allow[0] = '\0';
	verb = &verbs[read.verb];
	if (!read_path(&to, template, segments) || !read_query(&to, verb, query) ||
		!read_body(&to, verb, body, len) || !is_whole(verb, &to)) {
		free(rows->many);
		rows->many = NULL;
		return false;
	}
	if (read.role == ROLES)
		read.role = 0;
	*request = read;
	return true;
}

bool request_match(
	const char *header, struct imsg_api_request *request, struct request_refusal *why)
{
	size_t len = header ? strlen(header) : 0;
	char number[24];
	const struct value v = {.text = number};

	if (!header)
		return true;
	if (!(verbs[request->verb].options & VERB_MATCH))
		return refuse(why, PROBLEM_BAD_REQUEST, "If-Match is not for this request");
	/* RFC 9110 13.1.1: any document; and a weak tag, or one that we have not given, is that of none. */
	if (!strcmp(header, "*")) {
		request->if_match = API_MATCH_ANY;
		return true;
	}
	if (!strncmp(header, "W/\"", 3))
		return refuse(why, PROBLEM_CHANGED, "If-Match: a weak entity tag matches nothing");
	if (len < 3 || len >= sizeof(number) || header[0] != '"' || header[len - 1] != '"')
		return refuse(why, PROBLEM_BAD_REQUEST, "If-Match: one entity tag is expected");
	snprintf(number, sizeof(number), "%.*s", (int)len - 2, header + 1);
	if (strchr(number, '"'))
		return refuse(why, PROBLEM_BAD_REQUEST, "If-Match: one entity tag is expected");
	if (!read_number(&v, 1, INT64_MAX, &request->if_match))
		return refuse(why, PROBLEM_CHANGED, "If-Match: no document has that entity tag");
	return true;
}
