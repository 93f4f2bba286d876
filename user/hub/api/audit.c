/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who changed what: a line of the audit log before a change is made, and one for what came of it. What cannot be
 * written before is not done.
 */
#include "hub/api/api.h"

#include "audit/log.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/utf8.h"
#include "hub/api/budget.h"
#include "hub/event/event.h"
#include "ipc/problem.h"
#include "ipc/rows.h"
#include "ipc/verbs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DETAIL_MAX 400 /* bytes of what is told of an outcome */

struct hub_audit {
	const char *directory;
	struct audit_log *log; /* NULL: it could not be opened yet */
	struct {
		uint32_t request; /* 0: free */
		uint64_t number;  /* of the line that says what was asked */
		/* What it was, for the event that says what came of it. */
		uint32_t verb;
		int32_t tunnel;
		char site[SITE_NAME_SIZE], actor[BUS_ACTOR_SIZE];
	} open[API_CLIENTS_MAX];
	struct budget changes; /* by uid */
};

struct hub_audit *hub_audit_new(const char *directory)
{
	struct hub_audit *a = calloc(1, sizeof(*a));

	if (!a)
		abort();
	a->changes.burst = AUDIT_BURST;
	a->changes.each_ns = AUDIT_EACH_S * CLOCK_SECOND;
	a->directory = directory;
	return a;
}

void hub_audit_free(struct hub_audit *a)
{
	if (!a)
		return;
	if (!audit_close(a->log))
		log_error("%s: the disk stands still: the last entries may not be on it",
			a->directory);
	free(a);
}

/* Writes an entry; its number, or 0 with errno. */
static uint64_t note(struct hub_audit *a, json_t *own_entry)
{
	char why[AUDIT_WHY_SIZE];
	uint64_t number;

	if (!a->log) {
		errno = 0;
		a->log = audit_open(a->directory, why);
		if (why[0])
			log_error("%s", why);
	}
	if (!a->log) {
		json_decref(own_entry);
		return 0;
	}
	number = audit_write(a->log, own_entry, clock_wall(), why);
	if (why[0])
		log_error("%s", why);
	return number;
}

void hub_audit_keys(const struct imsg_api_request *r, char *keys, size_t size)
{
	const char *at = (const char *)(r + 1), *end = at + r->rows;
	bool many = false;
	struct row row;

	keys[0] = '\0';
	for (size_t n = 0; n < size && rows_next(&at, end, &row);) {
		many = many || row.kind == ROW_SITE;
		if (!many || row.kind == ROW_SITE)
			n += (size_t)snprintf(keys + n, size - n, "%s%s", n ? " " : "",
				many ? row.text : row.path);
	}
}

static json_t *keys_json(const struct imsg_api_request *r)
{
	char keys[DETAIL_MAX];

	hub_audit_keys(r, keys, sizeof(keys));
	return json_string(keys);
}

static json_t *request_json(const struct imsg_api_request *r, const struct asker *who)
{
	char prefix[PREFIX_STR_SIZE], verb[VERB_NAME_SIZE];
	json_t *o = json_pack(
		"{s:o, s:s}", "who", asker_json(who), "verb", verb_name(&verbs[r->verb], verb));

	if (r->site[0])
		json_object_set_new(o, "site", json_string(r->site));
	if (r->tunnel >= 0 && r->site[0])
		json_object_set_new(o, "tunnel", json_integer(r->tunnel));
	if (verbs[r->verb].object == OBJECT_PREFIX)
		json_object_set_new(o, "prefix", json_string(prefix_format(&r->prefix, prefix)));
	if (r->revisions[0])
		json_object_set_new(o, "revision", json_integer((json_int_t)r->revisions[0]));
	if (r->confirm_s)
		json_object_set_new(o, "confirm_s", json_integer(r->confirm_s));
	if (verbs[r->verb].object == OBJECT_ALARM)
		json_object_set_new(o, "rule", json_string(r->rule));
	if (r->for_s)
		json_object_set_new(o, "for_s", json_integer(r->for_s));
	if (verbs[r->verb].object == OBJECT_TOKEN)
		json_object_set_new(o, "token", json_string(r->token));
	if (verbs[r->verb].object == OBJECT_SECRET)
		json_object_set_new(o, "secret", json_string(r->secret));
	if (verbs[r->verb].options & VERB_GRANT) {
		json_object_set_new(o, "role", json_string(role_names[r->role]));
		json_object_set_new(o, "scope", json_string(r->scope));
		json_object_set_new(o, "days", json_integer(r->days));
	}
	if (r->ike)
		json_object_set_new(o, "ike", json_true());
	if (r->next_start)
		json_object_set_new(o, "next_start", json_true());
	if (r->without_secrets)
		json_object_set_new(o, "without_secrets", json_true());
	if (r->force)
		json_object_set_new(o, "force", json_true());
	if (r->allow[0])
		json_object_set_new(o, "allow", json_string(r->allow));
	if (r->rows)
		json_object_set_new(o, "keys", keys_json(r));
	json_object_set_new(o, "outcome", json_string("asked"));
	return o;
}

/* The place of a request whose change is under way; API_CLIENTS_MAX: there is none. 0 finds a free place. */
static unsigned int place_of(const struct hub_audit *a, uint32_t request)
{
	unsigned int i = 0;

	while (i < API_CLIENTS_MAX && a->open[i].request != request)
		i++;
	return i;
}

bool hub_audit_is_open(const struct hub *h, uint32_t request)
{
	return place_of(h->audit, request) < API_CLIENTS_MAX;
}

bool hub_audit_allows(struct hub *h, uid_t uid, uint64_t now)
{
	struct hub_audit *a = h->audit;

	if (uid == 0)
		return true;
	if (!budget_has(&a->changes, uid, now))
		return false;
	budget_take(&a->changes, uid, now);
	return true;
}

static const char *actor_of(const struct asker *who, char actor[BUS_ACTOR_SIZE])
{
	json_t *json = asker_json(who);

	hub_actor(json, actor);
	json_decref(json);
	return actor;
}

bool hub_audit_begin(struct hub *h, const struct imsg_api_request *r, const struct asker *who)
{
	struct hub_audit *a = h->audit;
	unsigned int place = place_of(a, 0);

	if (place == API_CLIENTS_MAX) {
		errno = EBUSY;
		return false;
	}
	a->open[place].number = note(a, request_json(r, who));
	if (!a->open[place].number)
		return false;
	a->open[place].request = r->id;
	a->open[place].verb = r->verb;
	a->open[place].tunnel = r->site[0] ? r->tunnel : -1;
	memcpy(a->open[place].site, r->site, sizeof(r->site));
	(void)actor_of(who, a->open[place].actor);
	return true;
}

uint64_t hub_audit_secret(struct hub *h, const struct asker *who, const char *verb,
	const char *name, const char *refusal)
{
	char clean[SITE_NAME_SIZE];
	json_t *o;

	snprintf(clean, sizeof(clean), "%s", name);
	utf8_clean(clean);
	o = json_pack("{s:o, s:s, s:s, s:s}", "who", asker_json(who), "verb", verb, "secret", clean,
		"outcome", refusal ? "refused" : "asked");
	if (refusal)
		json_object_set_new(o, "detail", json_string(refusal));
	return note(h->audit, o);
}

bool hub_audit_wrong_token(struct hub *h, const struct imsg_api_request *r, const struct asker *who)
{
	json_t *o = request_json(r, who);

	json_object_set_new(o, "outcome", json_string("refused"));
	json_object_set_new(o, "detail", json_string("a wrong token"));
	return note(h->audit, o) != 0;
}

/* A sentence for people, of which a line of the log takes so much. */
static json_t *detail_json(const char *text)
{
	char detail[DETAIL_MAX];

	snprintf(detail, sizeof(detail), "%s", text);
	utf8_clean(detail);
	return json_string(detail);
}

static uint64_t note_outcome(
	struct hub_audit *a, uint64_t of, const char *outcome, const char *detail)
{
	uint64_t number = note(a, json_pack("{s:I, s:s, s:o}", "of", (json_int_t)of, "outcome",
					  outcome, "detail", detail_json(detail)));

	if (!number)
		log_error("audit log: what came of entry %llu could not be written: %s",
			(unsigned long long)of, strerror(errno));
	return number;
}

/* What is done to tunnels is told here; what changes the configuration is told when that is in force. */
static void publish_outcome(struct hub *h, unsigned int place, const char *error)
{
	const struct verb_row *row = &verbs[h->audit->open[place].verb];
	char text[BUS_DETAIL_SIZE], verb[VERB_NAME_SIZE];
	int tunnel = h->audit->open[place].tunnel;

	if (!error && row->may != MAY_OPERATE && h->audit->open[place].verb != API_CONFIRM)
		return;
	snprintf(text, sizeof(text), "%s%s%s", verb_name(row, verb), error ? ": " : "",
		error ? error : "");
	hub_publish(h, &(struct happening){.kind = error                     ? BUS_AUDIT
						   : row->may == MAY_OPERATE ? BUS_MAINTENANCE
									     : BUS_CONFIG,
			       .severity = error ? BUS_WARNING : BUS_INFO,
			       .site = site_find(&h->model, h->audit->open[place].site),
			       .tunnel = tunnel,
			       .reason = error                     ? "REFUSED"
					 : row->may == MAY_OPERATE ? "OPERATOR"
								   : "CONFIG_CONFIRMED",
			       .detail = text,
			       .actor = h->audit->open[place].actor});
}

void hub_audit_end(struct hub *h, uint32_t request, const json_t *answer)
{
	const char *error = problem_status(answer) == 200
				    ? NULL
				    : json_string_value(json_object_get(answer, "detail"));
	const char *ok = json_string_value(json_object_get(answer, "ok"));
	struct hub_audit *a = h->audit;
	unsigned int place = request ? place_of(a, request) : API_CLIENTS_MAX;

	if (place == API_CLIENTS_MAX)
		return;
	a->open[place].request = 0;
	note_outcome(a, a->open[place].number, error ? "refused" : "done",
		error ? error
		: ok  ? ok
		      : "");
	publish_outcome(h, place, error);
}

void hub_audit_forget(struct hub *h, uint32_t of)
{
	struct hub_audit *a = h->audit;

	for (unsigned int i = 0; i < API_CLIENTS_MAX; i++) {
		if (!a->open[i].request || (a->open[i].request & API_OF_REMOTE) != of)
			continue;
		note_outcome(a, a->open[i].number, "unknown",
			"the api process ended before the change did");
		a->open[i].request = 0;
	}
}

uint64_t hub_audit_note(struct hub *h, const char *verb, const char *outcome, const char *detail)
{
	uint64_t number =
		note(h->audit, json_pack("{s:s, s:s, s:s, s:o}", "who", "sluiced", "verb", verb,
				       "outcome", outcome, "detail", detail_json(detail)));

	if (!number)
		log_error("audit log: %s", strerror(errno));
	return number;
}

void hub_audit_read(void *context, const char *ref, const char *why)
{
	struct hub *h = context;
	const char *name = strncmp(ref, "secret:", 7) ? ref : ref + 7;

	if (!note(h->audit,
		    json_pack("{s:s, s:s, s:o, s:s, s:s}", "who", "sluiced", "verb", "secret-read",
			    "secret", detail_json(name), "outcome", "done", "detail", why)))
		log_error("audit log: that %s was read could not be written: %s", name,
			strerror(errno));
}

void hub_audit_note_end(struct hub *h, uint64_t of, const char *outcome, const char *detail)
{
	note_outcome(h->audit, of, outcome, detail);
}
