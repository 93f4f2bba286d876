/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/revision.h"

#include "base/date.h"
#include "base/log.h"
#include "hub/hub.h"
#include "hub/revision_parts.h"
#include "hub/slots.h"
#include "store/inside.h"
#include "store/made.h"
#include "store/revisions.h"
#include "view/view.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct revision {
	struct revisions store;
	const char *path; /* of sluice.yaml */
	struct documents *documents;
	struct documents
		*before; /* what it would go back to, which needs no disk; NULL: it stays */
	json_t *info;    /* without a number: it is on no disk */
	json_t *slots;   /* of its sites */
	char why[128];   /* of the first one; "": it is a revision already */
	json_t *wrote;   /* and the files that have to become what it says; NULL: none */
	char damaged
		[CONFIG_ERROR_SIZE]; /* what is in force instead of one that cannot be used; "": nothing is */
	struct event *late; /* added: what is in force waits to be confirmed until then */
};

struct revision *revision_new(const char *directory, const char *path, struct revision_start *start)
{
	struct revision *v = calloc(1, sizeof(*v));

	if (!v)
		abort();
	v->store.directory = directory;
	v->path = path;
	v->documents = start->documents;
	v->info = start->info ? start->info : json_object();
	memcpy(v->damaged, start->damaged, sizeof(v->damaged));
	if (!start->info)
		memcpy(v->why, start->why, sizeof(v->why));
	v->wrote = start->wrote;
	return v;
}

void revision_free(struct revision *v)
{
	if (!v)
		return;
	if (v->late)
		event_free(v->late);
	documents_free(v->documents);
	documents_free(v->before);
	json_decref(v->info);
	json_decref(v->slots);
	json_decref(v->wrote);
	free(v);
}

/* ---- what is to be confirmed ---- */

static void wait_s(struct revision *v, int64_t seconds)
{
	struct timeval wait = {.tv_sec = seconds > 0 ? seconds : 0};

	event_add(v->late, &wait);
}

void revision_when_late(struct hub *h, event_callback_fn late)
{
	h->revision->late = event_new(h->base, -1, 0, late, h);
}

void revision_late_again(struct hub *h, unsigned int seconds)
{
	wait_s(h->revision, seconds);
}

uint64_t revision_before(const struct hub *h)
{
	return (uint64_t)number_in(h->revision->info, "before");
}

bool revision_is_held(const struct hub *h, uint64_t to, bool for_a_time, char *text, size_t size)
{
	const json_t *info = h->revision->info, *who = json_object_get(info, "who");
	char date[DATE_TEXT_SIZE], name[64] = "sluiced";

	if (!revision_waits(h) || (to && to == revision_before(h) && !for_a_time))
		return false;
	if (json_is_object(who))
		snprintf(name, sizeof(name), "uid %d", (int)number_in(who, "uid"));
	snprintf(text, size,
		"revision %" PRIu64 " of %s waits to be confirmed until %s; `sluice confirm` keeps "
		"it, `sluice rollback %d` ends it",
		revision_number(h), name, date_format(number_in(info, "confirm_by_s"), date),
		(int)revision_before(h));
	return true;
}

bool revision_confirm(struct hub *h, char *text, size_t size)
{
	struct revision *v = h->revision;
	json_t *confirmed;

	if (!revision_waits(h)) {
		snprintf(text, size, "no revision waits to be confirmed");
		return false;
	}
	if (h->applying) {
		snprintf(text, size, "another configuration is being applied; try again");
		return false;
	}
	confirmed = json_copy(v->info);
	json_object_del(confirmed, "confirm_by_s");
	json_object_del(confirmed, "wrote");
	if (!revisions_note(&v->store, revision_number(h), confirmed)) {
		snprintf(text, size, "%s: %s; it still waits", v->store.directory, strerror(errno));
		json_decref(confirmed);
		return false;
	}
	json_decref(v->info);
	v->info = confirmed;
	event_del(v->late);
	return true;
}

/* ---- what is in force ---- */

json_t *revision_info(const struct hub *h, const json_t *who, const char *why, uint32_t confirm_s)
{
	char date[DATE_TEXT_SIZE];
	json_t *info = json_pack("{s:s, s:I, s:s}", "time", date_format(wall_s(), date), "time_s",
		(json_int_t)wall_s(), "why", why);
	json_t *file = json_string(h->revision->path); /* NULL: not UTF-8, which JSON has not */

	json_object_set_new(info, "file", file ? file : json_string("?"));
	json_object_set_new(info, "who", who ? json_deep_copy(who) : json_string("sluiced"));
	json_object_set_new(info, "before",
		json_integer((
			json_int_t)(revision_number(h) ? revision_number(h) : revision_before(h))));
	if (confirm_s) {
		json_object_set_new(info, "confirm_s", json_integer(confirm_s));
		json_object_set_new(
			info, "confirm_by_s", json_integer((json_int_t)(wall_s() + confirm_s)));
	}
	return info;
}

uint64_t revision_since(const struct hub *h, const char *site)
{
	const json_t *since = json_object_get(h->revision->info, "since");
	uint64_t number = (uint64_t)number_in(since, site);

	return number ? number : revision_number(h);
}

/* In the place of a name, in "since": what both files say of the hub itself. */
#define SAID_OF_HUB "/said"

/* What sluice.yaml has of sites is none of it. */
static json_t *said_of_hub(const struct documents *d)
{
	const struct document *main = documents_find(d, ""), *own = documents_find(d, DOCUMENT_HUB);
	json_t *said = json_pack("[o, o]", main ? inside_keys(main->text, main->len) : json_null(),
		own ? inside_keys(own->text, own->len) : json_null());
	json_t *keys, *o;
	const char *key;
	size_t i;

	json_array_foreach(said, i, keys) {
		json_object_foreach(keys, key, o)
			json_object_del(o, "line");
	}
	return said;
}

uint64_t revision_since_hub(const struct hub *h)
{
	return revision_since(h, SAID_OF_HUB);
}

static void note_since_hub(const struct hub *h, json_t *since, const struct documents *documents)
{
	json_t *was = said_of_hub(h->revision->documents), *is = said_of_hub(documents);

	if (revision_number(h) && json_equal(was, is))
		json_object_set_new(
			since, SAID_OF_HUB, json_integer((json_int_t)revision_since_hub(h)));
	json_decref(was);
	json_decref(is);
}

void revision_note_since(const struct hub *h, json_t *info, const struct documents *documents)
{
	json_t *since = json_object();

	note_since_hub(h, since, documents);

	for (size_t i = 0; i < documents->count; i++) {
		const char *site = documents->list[i].site;
		const struct document *was = documents_find(h->revision->documents, site);

		if (was && revision_number(h) && document_equal(was, &documents->list[i]))
			json_object_set_new(
				since, site, json_integer((json_int_t)revision_since(h, site)));
	}
	json_object_set_new(info, "since", since);
}

json_t *revision_gone(const struct hub *h)
{
	json_t *all = json_object_get(h->revision->info, "gone"), *gone = json_object(), *at;
	const char *name;

	json_object_foreach(all, name, at) {
		int64_t ago = wall_s() - json_integer_value(at);

		/* Of a clock that was set back since then nobody knows. */
		if (ago >= 0 && ago < REVISION_GONE_S)
			json_object_set(gone, name, at);
	}
	return gone;
}

void revision_note_gone(const struct hub *h, json_t *info, const struct config *is)
{
	json_t *gone = revision_gone(h);

	for (uint32_t i = 0; i < h->config->site_count; i++)
		json_object_set_new(gone, h->config->sites[i].name, json_integer(wall_s()));
	for (uint32_t i = 0; i < is->site_count; i++)
		json_object_del(gone, is->sites[i].name);
	json_object_set_new(info, "gone", gone);
}

void revision_note_slots(const struct hub *h, json_t *info, const struct config *c)
{
	json_object_set_new(info, "slots", slots_choose(&h->model, c, h->revision->slots));
}

uint32_t revision_slot(const struct hub *h, const char *site)
{
	return slots_find(h->revision->slots, site);
}

static void take_slots(struct revision *v, const json_t *info)
{
	json_t *slots = json_object_get(info, "slots");

	if (!json_is_object(slots))
		return;
	json_decref(v->slots);
	v->slots = json_incref(slots);
}

static void set(struct hub *h, struct documents *own_documents, json_t *own_info)
{
	struct revision *v = h->revision;
	int64_t by = number_in(own_info, "confirm_by_s"), most = number_in(own_info, "confirm_s");

	documents_free(v->before);
	v->before = NULL;
	if (own_documents) {
		if (by)
			v->before = v->documents;
		else
			documents_free(v->documents);
		v->documents = own_documents;
	}
	json_decref(v->info);
	v->info = own_info;
	event_del(v->late);
	/* A clock that was set back makes nobody wait for longer. */
	if (by)
		wait_s(v, by - wall_s() < most ? by - wall_s() : most);
}

void revision_set(struct hub *h, struct documents *own_documents, json_t *own_info)
{
	take_slots(h->revision, own_info);
	if (own_documents)
		h->revision->damaged[0] = '\0';
	set(h, own_documents, own_info);
}

/* The revision in which sluice.yaml became what it is in one of them. */
static uint64_t main_since(const json_t *info)
{
	uint64_t since = (uint64_t)number_in(json_object_get(info, "since"), "");

	return since ? since : (uint64_t)number_in(info, "number");
}

bool revision_main_was_written(const struct hub *h, uint64_t back_to)
{
	const struct revisions *store = &h->revision->store;
	json_t *info = json_incref(h->revision->info), *at;
	uint64_t number = main_since(info);
	bool ours = number > back_to;

	/* Each change of it since then was by a command. */
	while (ours && number > back_to) {
		at = revisions_info(store, number);
		json_decref(info);
		info = revisions_info(store, (uint64_t)number_in(at, "before"));
		/* What is not older than it is goes round and round. */
		ours = info && json_is_true(json_object_get(at, "wrote_main")) &&
		       main_since(info) < number;
		json_decref(at);
		number = main_since(info);
	}
	json_decref(info);
	return ours;
}

/* The files as they were at the end of the run before, perhaps: then nothing new has come. */
static bool is_the_newest(const struct revision *v, uint64_t newest)
{
	char error[CONFIG_ERROR_SIZE];
	struct documents *d = newest ? revisions_get(&v->store, newest, error) : NULL;
	bool same = d && !documents_differ(d, v->documents, NULL, NULL);

	documents_free(d);
	return same;
}

static void become_a_revision(struct hub *h)
{
	struct revision *v = h->revision;
	uint64_t newest = revisions_newest(&v->store);
	json_t *info = is_the_newest(v, newest) ? revisions_info(&v->store, newest) : NULL;

	/* Who takes the files does not take over what waits to be confirmed. */
	if (info && json_object_get(info, "confirm_by_s")) {
		json_decref(info);
		info = NULL;
	}
	if (!info) {
		info = revision_info(h, NULL, v->why, 0);
		json_object_set_new(info, "before", json_integer((json_int_t)newest));
		revision_note_slots(h, info, h->config);
		if (v->wrote)
			json_object_set(info, "writes", v->wrote);
		if (revisions_write(&v->store, v->documents, info) &&
			revisions_place(&v->store, info))
			revisions_settle(&v->store, made_pass_on);
		else
			log_error("%s: %s; what is in force is no revision", v->store.directory,
				strerror(errno));
	}
	set(h, NULL, info);
}

/* Those of the newest revision, also where the files are in force instead. */
static void keep_slots(struct hub *h)
{
	struct revision *v = h->revision;
	uint64_t newest = revision_number(h) ? 0 : revisions_newest(&v->store);
	json_t *info = newest ? revisions_info(&v->store, newest) : json_incref(v->info);

	take_slots(v, info);
	json_decref(info);
	info = slots_choose(&h->model, h->config, v->slots);
	json_decref(v->slots);
	v->slots = info;
}

void revision_begin(struct hub *h)
{
	keep_slots(h);
	if (h->revision->why[0]) {
		become_a_revision(h);
	} else {
		char why[CONFIG_ERROR_SIZE];

		set(h, NULL, json_incref(h->revision->info));
		if (json_object_get(h->revision->info, "confirm_by_s"))
			h->revision->before = revision_get(h, revision_before(h), why);
	}
}

const char *revision_directory(const struct hub *h)
{
	return h->revision->store.directory;
}

const char *revision_path(const struct hub *h)
{
	return h->revision->path;
}

struct documents *revision_get(const struct hub *h, uint64_t number, char error[CONFIG_ERROR_SIZE])
{
	return revisions_get(&h->revision->store, number, error);
}

struct documents *revision_documents_before(const struct hub *h, char error[CONFIG_ERROR_SIZE])
{
	return h->revision->before ? documents_copy(h->revision->before)
				   : revision_get(h, revision_before(h), error);
}

const char *revision_damaged(const struct hub *h)
{
	return h->revision->damaged;
}

const char *revision_why(const struct hub *h)
{
	return text_in(h->revision->info, "why");
}

const struct documents *revision_documents(const struct hub *h)
{
	return h->revision->documents;
}

json_t *revision_json(const struct hub *h)
{
	return h->revision->info;
}

uint64_t revision_number(const struct hub *h)
{
	return (uint64_t)number_in(h->revision->info, "number");
}

void revision_tell_start_failed(const struct hub *h)
{
	if (!h->revision->why[0])
		log_error("revision %" PRIu64
			  " is in force, not the files; `sluiced --apply` starts "
			  "with them",
			revision_number(h));
}

uint64_t revision_newest(const struct hub *h)
{
	return revisions_newest(&h->revision->store);
}

bool revision_waits(const struct hub *h)
{
	return event_pending(h->revision->late, EV_TIMEOUT, NULL);
}

bool revision_is_newest(const struct hub *h)
{
	uint64_t number = revision_number(h);

	return number && number == revision_newest(h);
}

uint64_t revision_next(const struct hub *h)
{
	uint64_t newest = revision_newest(h);

	return revision_number(h) && newest > revision_number(h) ? newest : 0;
}

json_t *revision_history(const struct hub *h)
{
	const struct revisions *store = &h->revision->store;
	json_t *list = json_array();
	uint64_t *numbers;
	size_t count = revisions_list(store, &numbers);

	for (size_t i = 0; i < count; i++) {
		json_t *info = revisions_info(store, numbers[i]);

		/* What is for hub itself. */
		json_object_del(info, "since");
		json_object_del(info, "writes");
		json_object_del(info, "keys");
		json_object_del(info, "wrote");
		json_object_del(info, "wrote_main");
		json_object_del(info, "gone");
		json_object_del(info, "slots");
		json_array_append_new(
			list, info ? info : json_pack("{s:I}", "number", (json_int_t)numbers[i]));
	}
	free(numbers);
	return view_history(revision_number(h), list, h->revision->damaged);
}
