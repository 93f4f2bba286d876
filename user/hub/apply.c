/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new configuration: read, checked whole, compared with the present one, on its way to the disk and into force.
 * A bad one changes nothing; what did not change is not touched.
 */
#include "base/log.h"
#include "hub/api/access.h"
#include "hub/apply_files.h"
#include "hub/apply_pending.h"
#include "hub/guard.h"
#include "hub/revision.h"
#include "hub/secret/secret.h"
#include "plan/plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* What has come into force while a disk stood still is written when that goes on. */
static void write_down(struct hub *h)
{
	hub_apply(h, &(struct apply_order){.documents = documents_copy(revision_documents(h)),
			     .writes = revision_unwritten(h), /* and nothing is read anew */
			     .over_edits = true,
			     .past_policy = true, /* it is in force */
			     .why = revision_why(h)});
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
	/* Of what was in force before everybody could read it already. */
	if (p->in_any_case || p->back_to)
		secrets_exposed(p->config, p->documents, NULL);
	else if (!secrets_stay_hidden(
			 p->config, p->documents, revision_documents(h), p->only_some, summary))
		return PROBLEM_INVALID;
	if (p->next_start)
		return PROBLEM_NONE;
	if (!p->only_tried)
		apply_count(p, p->only_some                           ? PLAN_OF_SOME
			       : p->takes_secrets && !p->secrets_wait ? PLAN_OF_FILES
								      : PLAN_OF_ALL);
	p->live = hub_live_prepare(h, &p->config->concentrator,
		p->in_any_case  ? LIVE_IN_ANY_CASE
		: p->only_tried ? LIVE_TRIED
				: LIVE_WHOLE,
		summary);
	return p->live ? PROBLEM_NONE : PROBLEM_REFUSED;
}

static struct apply_pending *pending_new(struct hub *h, const struct apply_order *order)
{
	struct apply_pending *p = calloc(1, sizeof(*p));

	if (!p)
		abort();
	p->hub = h;
	p->done = order->done;
	p->again = write_down;
	p->of = order->of;
	p->asked = order->who;
	p->restore = order->restore;
	p->only_some = order->writes && !order->restore;
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

/* Of one that waits for the next start a command that knows nothing of it would make an end. */
static bool would_end_the_next(const struct hub *h, const struct apply_order *order)
{
	return revision_next(h) && !order->in_any_case && !order->next_start &&
	       !order->over_edits &&
	       (order->back_to ? order->back_to != revision_number(h)
			       : json_array_size(order->writes) > 0);
}

/* By what another one waits for; with a sentence. */
static bool is_held(
	const struct hub *h, const struct apply_order *order, char summary[CONFIG_ERROR_SIZE])
{
	if (revision_is_held(h, order->back_to, order->confirm_s > 0, summary, CONFIG_ERROR_SIZE))
		return true;
	if (!would_end_the_next(h, order))
		return false;
	snprintf(summary, CONFIG_ERROR_SIZE,
		"revision %" PRIu64 " waits for the next start, and would be lost: start sluiced "
		"again, or `sluice rollback %" PRIu64 "` ends that",
		revision_next(h), revision_number(h));
	return true;
}

/* PROBLEM_NONE: it may begin. */
static enum problem take(struct hub *h, struct apply_pending *p, const struct apply_order *order,
	char summary[CONFIG_ERROR_SIZE])
{
	if (h->applying && !(order->in_any_case && h->applying->late)) {
		snprintf(summary, CONFIG_ERROR_SIZE, "%s; try again",
			!h->applying->late ? "another configuration is being applied"
			: apply_number(h->applying)
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
	if (is_held(h, order, summary))
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

	log_hear(apply_hear, p);
	problem = take(h, p, order, summary);
	if (problem != PROBLEM_NONE) {
		apply_answer(p, problem, summary);
		apply_pending_free(p);
		return;
	}
	log_hear(NULL, NULL);
	h->applying = p;
	p->instead_of = order->next_start ? 0 : revision_next(h);
	access_look_up(h, &p->config->concentrator.access);
	if (revision_is_newest(h) && !order->confirm_s && !order->next_start && !order->back_to &&
		!documents_differ(revision_documents(h), p->documents, NULL, NULL)) {
		/* What the documents refer to may have changed. */
		documents_free(p->documents);
		p->documents = NULL;
		apply_force(p);
		return;
	}
	p->info = revision_info(h, order->who, order->why, order->confirm_s);
	revision_note_since(h, p->info, p->documents);
	revision_note_gone(h, p->info, p->config);
	revision_note_slots(h, p->info, p->config);
	apply_note_writes(order, p->seen, p->documents, p->info);
	if (order->confirm_s) /* without these it would go back by halves */
		revision_note_wrote(p->info);
	if (json_array_size(p->keys))
		json_object_set(p->info, "keys", p->keys); /* see store/made.h */
	if (p->restore_main || apply_writes_main(p->writes))
		json_object_set_new(p->info, "wrote_main", json_true());
	if (stuck)
		apply_without_disk(p, stuck);
	else
		apply_to_disk(p);
}

enum problem hub_try(
	struct hub *h, const struct apply_order *order, char summary[CONFIG_ERROR_SIZE])
{
	struct apply_pending *p = pending_new(h, order);
	enum problem problem = PROBLEM_REFUSED;

	p->only_tried = true;
	p->only_some = !order->restore;
	if (order->restore && !order->over_edits)
		p->seen = documents_load(revision_path(h), false, summary);
	if (!is_held(h, order, summary) && (!order->restore || order->over_edits ||
						   apply_may_write(h, order, p->seen, summary)))
		problem = prepare(h, p, summary);
	apply_pending_free(p);
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

static void pending_left(void *arg)
{
	apply_pending_free(arg);
}

static void give_up(struct apply_pending *p)
{
	if (p->timer)
		event_free(p->timer);
	p->timer = NULL;
	live_free(p->live); /* it is hub's, which the thread may outlive */
	p->live = NULL;
	if (!p->job || job_end(p->job, pending_left))
		apply_pending_free(p);
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
