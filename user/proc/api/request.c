/* SPDX-License-Identifier: Apache-2.0 */
#include "proc/api/request_values.h"

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
	enum parameter_kind kind;
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

struct reading {
	struct imsg_api_request *request;
	struct rows *rows;
	struct request_refusal *why;
	uint64_t seen; /* bit n: parameters[n] */
};

bool request_refuse(struct request_refusal *why, enum problem problem, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why->detail, sizeof(why->detail), format, args);
	va_end(args);
	utf8_clean(why->detail);
	why->problem = problem;
	return false;
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
		return request_refuse(to->why, PROBLEM_BAD_REQUEST, "values: %s",
			v->json ? why : "they belong into the body of the request");
	to->request->rows = (uint32_t)to->rows->len;
	return true;
}

static bool take_sites(struct reading *to, const struct value *v)
{
	char why[ROW_WHY_SIZE];

	if (!v->json || !rows_of_sites(v->json, to->rows, why))
		return request_refuse(to->why, PROBLEM_BAD_REQUEST, "sites: %s",
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
			return request_refuse(
				to->why, PROBLEM_BAD_REQUEST, "'%s' is said twice", p->name);
		if (of && !takes(of, p))
			break;
		to->seen |= UINT64_C(1) << i;
		if (p->kind == VALUES)
			return take_rows(to, v);
		if (p->kind == SITES)
			return take_sites(to, v);
		wrong = value_take(p->kind, v, to->request);
		if (!wrong)
			return true;
		/* A path that names what cannot be is one where nothing is. */
		return request_refuse(to->why,
			of                  ? PROBLEM_BAD_REQUEST
			: p->kind == SITE   ? PROBLEM_NO_SUCH_SITE
			: p->kind == TUNNEL ? PROBLEM_NO_SUCH_TUNNEL
			: p->kind == SECRET ? PROBLEM_NO_SUCH_SECRET
			: p->kind == TOKEN  ? PROBLEM_NO_SUCH_TOKEN
			: p->kind == RULE   ? PROBLEM_NO_SUCH_ALARM
					    : PROBLEM_NO_SUCH_REVISION,
			"%s: %s", p->name, wrong);
	}
	return request_refuse(to->why, PROBLEM_BAD_REQUEST, "'%.*s' is not for this request",
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
		(void)request_refuse(
			why, PROBLEM_WRONG_METHOD, "only %s is for that path", why->allow);
	else
		(void)request_refuse(why, PROBLEM_NO_SUCH_PATH, "nothing is at that path");
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
			return request_refuse(
				to->why, PROBLEM_BAD_REQUEST, "the query is not understood");
		if (verb->right == RIGHT_CHANGE && strcmp(verb_method(verb), "DELETE") != 0)
			return request_refuse(to->why, PROBLEM_BAD_REQUEST,
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
		return request_refuse(
			to->why, PROBLEM_BAD_REQUEST, "a %s has no body", verb_method(verb));
	o = json_loadb(body, len, JSON_REJECT_DUPLICATES, &error);
	if (!json_is_object(o)) {
		json_decref(o);
		return request_refuse(to->why, PROBLEM_BAD_REQUEST,
			"the body is not a JSON object: %s",
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
		return request_refuse(
			r->why, PROBLEM_BAD_REQUEST, "a prefix or an address is expected");
	if (verb->options & VERB_GRANT && q->role == ROLES)
		return request_refuse(r->why, PROBLEM_BAD_REQUEST, "a role is expected");
	if (verb->object == OBJECT_NEW_SITE && !q->site[0])
		return request_refuse(
			r->why, PROBLEM_BAD_REQUEST, "the name of the site is expected");
	if (verb->options & VERB_NEW && !q->new[0])
		return request_refuse(
			r->why, PROBLEM_BAD_REQUEST, "the new site is expected ('new')");
	if (verb->options & VERB_STEP && !q->step[0])
		return request_refuse(r->why, PROBLEM_BAD_REQUEST,
			"a step is expected: prepare, shift, finish or back");
	if (!q->rows && verb->options & VERB_SITES)
		return request_refuse(r->why, PROBLEM_BAD_REQUEST, "sites are expected");
	if (!q->rows && (verb->options & VERB_DOCUMENT ||
				(verb->options & VERB_VALUES && verb->object != OBJECT_NEW_SITE)))
		return request_refuse(r->why, PROBLEM_BAD_REQUEST, "values are expected");
	if (q->revisions[1] && !q->revisions[0])
		return request_refuse(r->why, PROBLEM_BAD_REQUEST, "'to' needs 'from'");
	if (q->confirm_s && q->next_start)
		return request_refuse(r->why, PROBLEM_BAD_REQUEST,
			"what begins at the next start cannot be confirmed");
	return true;
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
		return request_refuse(why, PROBLEM_NO_SUCH_PATH, "no path is that long");
	strcpy(copy, target);
	path = target_split(copy, &query);
	if (path)
		count = target_segments(path, segments);
	if (!count)
		return request_refuse(why, PROBLEM_NO_SUCH_PATH, "nothing is at that path");
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
