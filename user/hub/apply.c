/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new configuration: read, checked whole, compared with the present one, applied site by site.
 * A bad one changes nothing; what did not change is not touched.
 */
#include "hub/apply.h"
#include "hub/apply_files.h"
#include "hub/guard.h"

#include "hub/api/access.h"
#include "hub/api/remote.h"
#include "hub/api/secret_overlap.h"
#include "hub/api/streams.h"
#include "base/log.h"
#include "base/utf8.h"
#include "hub/host/host.h"
#include "hub/event/event.h"
#include "hub/event/eventlog.h"
#include "hub/job.h"
#include "hub/live.h"
#include "hub/revision.h"
#include "hub/route/route.h"
#include "hub/secret/certificates.h"
#include "hub/secret/reads.h"
#include "hub/secret/secret.h"
#include "hub/site/admin.h"
#include "hub/site/site.h"
#include "plan/plan.h"
#include "store/documents.h"
#include "store/made.h"
#include "store/revisions.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct changes {
	unsigned int added, changed, removed;
};

static void apply_sites(struct hub *h, const struct config *c, struct changes *n)
{
	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		if (h->model.sites[i] && !config_site(c, h->model.sites[i]->conf.name)) {
			log_info("site %s: removed", h->model.sites[i]->conf.name);
			hub_site_remove(h, h->model.sites[i]);
			n->removed++;
		}
	}
	for (uint32_t i = 0; i < c->site_count; i++) {
		struct site *site = site_find(&h->model, c->sites[i].name);

		if (!site) {
			log_info("site %s: added", c->sites[i].name);
			hub_site_add(h, &c->sites[i], revision_slot(h, c->sites[i].name));
			n->added++;
		} else if (memcmp(&site->conf, &c->sites[i], sizeof(site->conf))) {
			log_info("site %s: changed", c->sites[i].name);
			hub_site_change(h, site, &c->sites[i]);
			n->changed++;
		}
	}
	hub_tunnels_moved(h);
	hub_claims_collect(h);
	hub_sites_settle(h);
	hub_sources_set(h);
	hub_reserved_refresh(h);
	hub_routes_judge_soon(h);
}

/* A burst belongs to every bucket. */
static void set_all_rates(struct hub *h)
{
	hub_aggregate_set(h);
	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		if (h->model.sites[i])
			hub_rates_set(h, h->model.sites[i]);
	}
}

/* A configuration on its way: checked, written as a revision, then until the tunnels that it ends have left. */
struct apply_pending {
	struct hub *hub;
	struct config *config;
	struct documents *documents;
	struct certificates *certificates;
	struct live *live;
	bool restore, restore_main, next_start;
	bool back_to;   /* a revision that was in force */
	bool only_some; /* the documents that it writes; files that others refer to are left alone */
	bool takes_secrets;       /* also those that wait to be in force */
	const char *secrets_wait; /* why they do all the same; NULL: they do not */
	bool asked;               /* over the control socket */
	bool only_tried;
	hub_apply_done *done;
	uint64_t of;
	struct event *timer; /* until it is written, then until they have left */
	json_t *warnings, *more;
	unsigned int unheard; /* warnings that were more than are told */

	/* While a job runs, its thread reads these, and writes what follows them. */
	struct job *job;
	const char *directory, *path; /* of the revisions, and of sluice.yaml; they outlive hub */
	json_t *info, *writes, *keys;
	struct documents *
		seen; /* the files, which are written over if they are still so; NULL: in any case */
	json_t *settled;                  /* revision.json when they are written; NULL: as it is */
	int error;                        /* 0: it is written */
	char restored[CONFIG_ERROR_SIZE]; /* what could not be written back; "": all was */

	bool late; /* the disk stands still, and nobody waits for the job any more, but for who would apply the next one */
	bool in_any_case, past_policy;
	struct apply_pending *stuck; /* the late one, whose place this one has without it */
	bool write_down;             /* that has ended meanwhile, and this one is on no disk */
};

enum { WRITTEN_WITHIN_MS = 5000, EACH_FILE_MS = 50 };
enum { WARNINGS_MAX = 100, WARNING_SIZE = 1024 };

/* Who applies it is to see what would else be in the log of the daemon only. */
static void hear(void *context, const char *text)
{
	struct apply_pending *p = context;
	char clean[WARNING_SIZE];
	json_t *said;
	size_t i;

	snprintf(clean, sizeof(clean), "%s", text);
	utf8_clean(clean);
	json_array_foreach(p->warnings, i, said) {
		if (!strcmp(json_string_value(said), clean))
			return;
	}
	if (json_array_size(p->warnings) < WARNINGS_MAX)
		json_array_append_new(p->warnings, json_string(clean));
	else
		p->unheard++;
}

/* Nothing more is heard, and the answer is given. */
static void finish(
	struct hub *h, struct apply_pending *p, enum problem problem, const char *summary)
{
	const json_t *path;
	size_t i;

	log_hear(NULL, NULL);
	json_array_foreach(p->keys, i, path) {
		if (problem != PROBLEM_NONE)
			(void)unlink(json_string_value(path));
	}
	if (json_array_size(p->keys))
		made_noted(&(struct revisions){.directory = p->directory});
	if (p->unheard)
		json_array_append_new(p->warnings,
			json_sprintf("%u more warnings, which the log of sluiced has", p->unheard));
	if (p->done)
		p->done(h, p->of, problem, summary, p->warnings, p->more);
}

/*
 * All are read again; but a command that changes one site has nothing to do with what has become of the files of others.
 */
static bool prepare_certificates(
	struct hub *h, struct apply_pending *p, char summary[CONFIG_ERROR_SIZE])
{
	if (p->only_some && h->certificates &&
		certificates_suffice(h->certificates, &h->config->concentrator, p->config))
		return certificates_fit(h->certificates, p->config, summary);
	p->certificates = certificates_load(p->config, false, summary);
	return p->certificates;
}

/* Checks everything; changes nothing. With a sentence why not. */
static enum problem prepare(struct hub *h, struct apply_pending *p, char summary[CONFIG_ERROR_SIZE])
{
	const struct config *old = h->config;
	struct plan *plan;
	bool refused;

	p->config = documents_config(p->documents, summary);
	if (!p->config)
		return PROBLEM_INVALID;
	config_keep_router_id(&p->config->concentrator, &old->concentrator);
	if (!p->past_policy && !hub_guard(h, p->config, summary))
		return PROBLEM_POLICY;
	plan = plan_make(old, p->config, NULL);
	refused = plan_refusal(plan, p->next_start, summary, CONFIG_ERROR_SIZE);
	plan_free(plan);
	if (refused)
		return PROBLEM_REFUSED;
	if (p->only_tried)
		apply_leave_out(p->config, p->keys);
	if (!secrets_check(p->config, old, p->only_some, summary) ||
		!prepare_certificates(h, p, summary))
		return PROBLEM_INVALID;
	if (!p->only_tried)
		secrets_exposed(
			p->config, p->documents, p->only_some ? revision_documents(h) : NULL);
	if (p->next_start)
		return PROBLEM_NONE;
	p->live = hub_live_prepare(h, &p->config->concentrator, p->in_any_case, summary);
	return p->live ? PROBLEM_NONE : PROBLEM_REFUSED;
}

static void pending_free(struct apply_pending *p)
{
	if (p->timer)
		event_free(p->timer);
	config_free(p->config);
	documents_free(p->documents);
	documents_free(p->seen);
	certificates_free(p->certificates);
	live_free(p->live);
	json_decref(p->info);
	json_decref(p->settled);
	json_decref(p->writes);
	json_decref(p->keys);
	json_decref(p->more);
	json_decref(p->warnings);
	free(p);
}

static void pending_left(void *arg)
{
	pending_free(arg);
}

/* Tells those goodbye whom the new configuration ends; false: there is nobody to wait for. */
static bool tell_leavers(struct hub *h, const struct config *c)
{
	bool any = false;

	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		struct site *site = h->model.sites[i];

		for (unsigned int t = 0; site && t < TUNNELS_PER_SITE; t++) {
			bool moves = site->conf.tunnels[t].configured &&
				     plan_endpoint_moves(&h->config->concentrator, &c->concentrator,
					     &site->conf, t);

			if (moves ||
				hub_tunnel_is_replaced(site, t, config_site(c, site->conf.name)))
				any |= tunnel_leave(h, tunnel_number(site, t));
		}
	}
	return any;
}

void hub_log_doubt(
	void *context, enum config_doubt_kind kind, const struct site_conf *site, const char *text)
{
	(void)context, (void)kind, (void)site;
	log_warn("%s", text);
}

/* What has come into force while a disk stood still is written when that goes on. */
static void write_down(struct hub *h)
{
	hub_apply(h, &(struct apply_order){.documents = documents_copy(revision_documents(h)),
			     .past_policy = true, /* it is in force */
			     .why = revision_why(h)});
}

static void summarize(const struct hub *h, const struct changes *n, char summary[CONFIG_ERROR_SIZE])
{
	uint64_t number = revision_number(h);
	char which[40] = "on no disk";

	if (number)
		snprintf(which, sizeof(which), "revision %" PRIu64, number);
	snprintf(summary, CONFIG_ERROR_SIZE,
		"%s: %u sites added, %u changed, %u removed, %u untouched", which, n->added,
		n->changed, n->removed, h->config->site_count - n->added - n->changed);
}

static void publish_applied(struct hub *h, const struct apply_pending *p, const char *summary)
{
	const char *why = json_string_value(json_object_get(p->info, "why"));
	char text[BUS_DETAIL_SIZE], actor[BUS_ACTOR_SIZE];

	snprintf(text, sizeof(text), "%.200s%s%.200s%s", summary, why ? ": " : "", why ? why : "",
		json_object_get(p->info, "confirm_s") ? "; it waits to be confirmed" : "");
	hub_publish(h, &(struct happening){.kind = BUS_CONFIG,
			       .reason = p->back_to ? "CONFIG_ROLLED_BACK" : "CONFIG_APPLIED",
			       .detail = text,
			       .actor = hub_actor(json_object_get(p->info, "who"), actor)});
}

static void commit(struct hub *h, struct apply_pending *own)
{
	struct config *old = h->config, *c = own->config;
	char summary[CONFIG_ERROR_SIZE];
	bool unwritten = own->write_down, is_new;
	struct changes n = {0};

	log_hear(hear, own);
	h->applying = own->stuck;
	secret_reads_at("by apply");
	h->config = c;
	h->model.config = c;
	is_new = own->documents;
	if (is_new)
		revision_set(h, own->documents, own->info);
	if (own->takes_secrets && own->secrets_wait)
		secret_say_waiting(own->secrets_wait);
	else if (own->takes_secrets)
		secret_take_over(h);
	if (own->certificates) {
		certificates_free(h->certificates);
		h->certificates = own->certificates;
		certificates_send(h);
		remote_send_certificate(h);
		certificates_warn(h);
	}
	hub_live_networks(h, &old->concentrator.networks, &c->concentrator.networks);
	if (!eventlog_open(h->events, c->concentrator.log_directory))
		log_error("log_directory %s: %s; events of tunnels are in no file",
			c->concentrator.log_directory, strerror(errno));
	hub_live_change(h, &old->concentrator, own->live);
	apply_sites(h, c, &n);
	set_all_rates(h);
	access_set(h, -1);
	secret_reads_match(c);
	secret_reads_at("while sluiced runs");
	hub_streams_judge(h);
	hub_programs_ask(h, !own->only_some);
	hub_host_look(h);
	config_free(old);
	summarize(h, &n, summary);
	log_info("configuration applied: %s", summary);
	if (is_new)
		publish_applied(h, own, summary);
	config_doubts(c, hub_log_doubt, NULL);
	if (own->restored[0])
		log_warn("%s", own->restored);
	finish(h, own, PROBLEM_NONE, summary);
	own->config = NULL;
	own->documents = NULL;
	own->certificates = NULL;
	own->info = NULL;
	pending_free(own);
	if (unwritten)
		write_down(h);
}

static void on_left(evutil_socket_t fd, short what, void *arg)
{
	struct hub *h = arg;

	(void)fd, (void)what;
	commit(h, h->applying);
}

/* It is on the disk, or need not be. */
static void leave_and_commit(struct hub *h, struct apply_pending *p)
{
	struct timeval wait = {.tv_sec = LEAVE_MS / 1000, .tv_usec = LEAVE_MS % 1000 * 1000};

	if (!tell_leavers(h, p->config)) {
		commit(h, p);
		return;
	}
	p->timer = event_new(h->base, -1, 0, on_left, h);
	event_add(p->timer, &wait);
}

/* Nothing of it is in force now. */
static void end(struct hub *h, struct apply_pending *own, bool ok, const char *summary)
{
	h->applying = own->stuck;
	log_hear(hear, own);
	finish(h, own, ok ? PROBLEM_NONE : PROBLEM_FAILED, summary);
	pending_free(own);
}

/* ---- the revision, written by a thread, and placed by hub ---- */

static void write_it(void *arg)
{
	struct apply_pending *p = arg;
	const struct revisions store = {.directory = p->directory};

	p->error = apply_files_on_disk(p->keys) && revisions_write(&store, p->documents, p->info)
			   ? 0
			   : errno;
}

static uint64_t number_of(const json_t *info)
{
	return (uint64_t)json_integer_value(json_object_get(info, "number"));
}

static void settle_it(void *arg)
{
	struct apply_pending *p = arg;
	const struct revisions store = {.directory = p->directory};

	revisions_settle(&store, made_pass_on);
	if ((p->restore || p->writes) && !documents_restore(p->documents, p->path, p->restore_main,
						 p->writes, p->seen, p->restored))
		return;
	if (p->settled && !revisions_note(&store, number_of(p->settled), p->settled) &&
		!p->restored[0])
		snprintf(p->restored, sizeof(p->restored),
			"%.200s: %s; files that are edited now may be taken for unwritten at the "
			"next start",
			p->directory, strerror(errno));
}

static void job_over(struct apply_pending *p)
{
	(void)job_end(p->job, NULL); /* it has ended */
	p->job = NULL;
	if (p->timer)
		event_free(p->timer);
	p->timer = NULL;
}

/* False with errno: there is no thread, and neither function is called. `late` is if it takes too long. */
static bool begin_job(
	struct apply_pending *p, void (*work)(void *), void (*done)(void *), event_callback_fn late)
{
	size_t files = p->documents->count + json_array_size(p->keys) + json_array_size(p->writes);
	size_t ms = WRITTEN_WITHIN_MS + EACH_FILE_MS * files;
	struct timeval limit = {
		.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)};

	p->job = job_start(p->hub->base, work, done, p);
	if (!p->job)
		return false;
	p->timer = event_new(p->hub->base, -1, 0, late, p);
	event_add(p->timer, &limit);
	return true;
}

static void go_on(struct apply_pending *p)
{
	char summary[128];

	if (!p->next_start) {
		leave_and_commit(p->hub, p);
		return;
	}
	snprintf(summary, sizeof(summary),
		"revision %" PRIu64 " is in force when sluiced starts again", number_of(p->info));
	log_info("configuration: %s", summary);
	end(p->hub, p, true, summary);
}

/* The disk goes on; what has come into force without it is written down now, where it is on no disk. */
static void late_is_over(struct apply_pending *own)
{
	struct hub *h = own->hub;
	bool leaving = h->applying != own;

	if (leaving) {
		h->applying->stuck = NULL;
		h->applying->write_down = !number_of(h->applying->info);
	} else {
		h->applying = NULL;
	}
	if (own->restored[0])
		log_warn("%s", own->restored);
	pending_free(own);
	if (!leaving && !revision_number(h))
		write_down(h);
}

static void on_settled(void *arg)
{
	struct apply_pending *p = arg;

	job_over(p);
	if (p->late) {
		late_is_over(p);
		return;
	}
	if (p->settled)
		json_object_del(p->info, "writes");
	go_on(p);
}

/* The thread keeps `p`, and whatever it reads; what goes on is another one. */
static struct apply_pending *go_on_without(struct apply_pending *p)
{
	struct apply_pending *own = calloc(1, sizeof(*own));

	if (!own)
		abort();
	event_free(p->timer);
	p->timer = NULL;
	*own = *p;
	own->job = NULL;
	own->documents = documents_copy(p->documents);
	own->info = json_deep_copy(p->info);
	own->writes = json_deep_copy(p->writes);
	own->keys = json_deep_copy(p->keys);
	own->seen = NULL;
	own->settled = NULL;
	p->config = NULL;
	p->certificates = NULL;
	p->live = NULL;
	p->warnings = NULL;
	p->more = NULL;
	own->hub->applying = own;
	return own;
}

/* It has been decided, and a kill of hub changes nothing of that; only a loss of power might. */
static void on_unsettled(evutil_socket_t fd, short what, void *arg)
{
	struct apply_pending *p = arg, *own = go_on_without(p);

	(void)fd, (void)what;
	log_warn("%s: the disk stands still: after a loss of power the revision before is in force",
		own->directory);
	/* Files that are still being written are no edits of a person: until then nothing else is applied. */
	p->late = true;
	own->stuck = p;
	if (p->settled)
		json_object_del(own->info, "writes");
	go_on(own);
}

static void not_written(struct apply_pending *p, const char *why)
{
	char text[CONFIG_ERROR_SIZE];

	snprintf(text, sizeof(text),
		"the revision could not be written, nothing was applied: %.200s: %s", p->directory,
		why);
	end(p->hub, p, false, text);
}

static void on_written(void *arg)
{
	struct apply_pending *p = arg;
	const struct revisions store = {.directory = p->directory};

	job_over(p);
	if (p->late) {
		late_is_over(p);
		return;
	}
	if (p->error || !revisions_place(&store, p->info)) {
		int error = p->error ? p->error : errno;

		/* The one that was not confirmed is the newest then, and a start goes back from it as well. */
		if (p->in_any_case)
			leave_and_commit(p->hub, p);
		else
			not_written(p, strerror(error));
		return;
	}
	if (json_object_get(p->info, "writes")) {
		p->settled = json_deep_copy(p->info);
		json_object_del(p->settled, "writes");
	}
	if (!begin_job(p, settle_it, on_settled, on_unsettled))
		go_on(p);
}

/* It goes back, though nothing of that is on a disk before this one goes on; a start before that goes back as well. */
static void go_back_without_disk(struct apply_pending *p, struct apply_pending *stuck)
{
	log_error("%s: the disk stands still: what was in force before is so again, and on no "
		  "disk; it is written when that goes on",
		p->directory);
	p->stuck = stuck;
	leave_and_commit(p->hub, p);
}

/* The thread cannot be ended, and until it has there is no other; what it writes is not placed. */
static void on_standstill(evutil_socket_t fd, short what, void *arg)
{
	static const char why[] =
		"the revision could not be written, nothing was applied: the disk stands still";
	struct apply_pending *p = arg;

	(void)fd, (void)what;
	if (p->in_any_case) {
		struct apply_pending *own = go_on_without(p);

		p->late = true;
		go_back_without_disk(own, p);
		return;
	}
	p->late = true;
	log_error("%s: %s", p->directory, why);
	log_hear(hear, p);
	finish(p->hub, p, PROBLEM_FAILED, why);
}

/* ---- orders ---- */

static struct apply_pending *pending_new(struct hub *h, const struct apply_order *order)
{
	struct apply_pending *p = calloc(1, sizeof(*p));

	if (!p)
		abort();
	p->hub = h;
	p->done = order->done;
	p->of = order->of;
	p->asked = order->who;
	p->restore = order->restore;
	p->only_some = order->writes;
	p->restore_main = order->restore_main;
	p->back_to = order->back_to;
	p->writes = order->writes;
	p->keys = order->keys;
	p->more = order->more;
	p->in_any_case = order->in_any_case;
	p->past_policy = order->past_policy || order->in_any_case;
	p->directory = revision_directory(h);
	p->path = revision_path(h);
	p->next_start = order->next_start;
	p->documents = order->documents;
	p->takes_secrets = !order->documents && !order->next_start;
	if (order->without_secrets)
		p->secrets_wait = "because what is applied is without them; `sluice apply` puts "
				  "them in force";
	if (order->confirm_s) /* it goes back by itself, and they would not */
		p->secrets_wait = "because an apply with --confirm puts none in force; after "
				  "`sluice confirm`, `sluice apply` does";
	p->warnings = json_array();
	return p;
}

/* PROBLEM_NONE: it may begin. */
static enum problem take(struct hub *h, struct apply_pending *p, const struct apply_order *order,
	char summary[CONFIG_ERROR_SIZE])
{
	if (h->applying && !(order->in_any_case && h->applying->late)) {
		snprintf(summary, CONFIG_ERROR_SIZE, "%s; try again",
			!h->applying->late ? "another configuration is being applied"
			: number_of(h->applying->info)
				? "files of the configuration are still being written"
				: "the disk stands still on which another configuration was to be "
				  "written");
		return PROBLEM_BUSY;
	}
	if (order->confirm_s && !revision_number(h)) {
		snprintf(summary, CONFIG_ERROR_SIZE,
			"what is in force is on no disk, so that nothing could go back to it; "
			"apply without --confirm first");
		return PROBLEM_REFUSED;
	}
	if (revision_is_held(h, order->back_to, summary, CONFIG_ERROR_SIZE))
		return PROBLEM_REFUSED;
	if (order->restore || order->writes)
		p->seen = documents_load(revision_path(h), false, summary);
	if ((order->restore || order->writes) && !order->over_edits &&
		!apply_may_write(h, order, p->seen, summary))
		return PROBLEM_REFUSED;
	if (!p->documents)
		p->documents = documents_load(revision_path(h), false, summary);
	else if (p->seen)
		apply_keep_owners(order, p->seen, p->documents);
	return p->documents ? prepare(h, p, summary) : PROBLEM_INVALID;
}

void hub_apply(struct hub *h, const struct apply_order *order)
{
	struct apply_pending *p = pending_new(h, order), *stuck = h->applying;
	char summary[CONFIG_ERROR_SIZE];
	enum problem problem;

	log_hear(hear, p);
	problem = take(h, p, order, summary);
	if (problem != PROBLEM_NONE) {
		finish(h, p, problem, summary);
		pending_free(p);
		return;
	}
	log_hear(NULL, NULL);
	h->applying = p;
	access_look_up(h, &p->config->concentrator.access);
	if (revision_is_newest(h) && !order->confirm_s && !order->next_start && !order->back_to &&
		!documents_differ(revision_documents(h), p->documents, NULL, NULL)) {
		/* What the documents refer to may have changed. */
		documents_free(p->documents);
		p->documents = NULL;
		leave_and_commit(h, p);
		return;
	}
	p->info = revision_info(h, order->who, order->why, order->confirm_s);
	revision_note_since(h, p->info, p->documents);
	revision_note_gone(h, p->info, p->config);
	revision_note_slots(h, p->info, p->config);
	apply_note_writes(order, p->seen, p->documents, p->info);
	if (json_array_size(p->keys))
		json_object_set(p->info, "keys", p->keys); /* see store/made.h */
	if (p->restore_main || apply_writes_main(p->writes))
		json_object_set_new(p->info, "wrote_main", json_true());
	if (stuck)
		go_back_without_disk(p, stuck);
	else if (!begin_job(p, write_it, on_written, on_standstill))
		not_written(p, strerror(errno));
}

enum problem hub_try(struct hub *h, struct documents *own_documents, const json_t *keys,
	char summary[CONFIG_ERROR_SIZE])
{
	struct apply_pending *p = pending_new(
		h, &(struct apply_order){.documents = own_documents, .keys = json_deep_copy(keys)});
	enum problem problem;

	p->only_tried = p->only_some = true;
	problem = prepare(h, p, summary);
	pending_free(p);
	return problem;
}

void hub_apply_nobody_waits(struct hub *h, uint32_t of)
{
	if (h->applying && h->applying->asked && (h->applying->of & API_OF_REMOTE) == of)
		h->applying->done = NULL;
}

const struct config *hub_apply_next(const struct hub *h)
{
	const struct apply_pending *p = h->applying;

	return p && !p->next_start && !p->late ? p->config : NULL;
}

bool hub_apply_is_writing(const struct hub *h)
{
	return h->applying && h->applying->job;
}

static void give_up(struct apply_pending *p)
{
	if (p->timer)
		event_free(p->timer);
	p->timer = NULL;
	if (!p->job || job_end(p->job, pending_left))
		pending_free(p);
}

void hub_apply_give_up(struct hub *h)
{
	struct apply_pending *p = h->applying, *stuck = p ? p->stuck : NULL;

	h->applying = NULL;
	if (stuck)
		give_up(stuck);
	if (p)
		give_up(p);
}
