/* SPDX-License-Identifier: Apache-2.0 */
/* Back to a configuration that was in force: planned as any other, tried, and applied. */
#include "hub/api/access.h"
#include "hub/api/api.h"
#include "hub/api/change.h"
#include "hub/api/site_change.h"
#include "hub/apply.h"
#include "hub/revision.h"

#include <inttypes.h>
#include <stdio.h>

static void on_back(struct hub *h, uint64_t of, enum problem problem, const char *summary,
	const json_t *warnings, const json_t *more)
{
	json_t *document = problem == PROBLEM_NONE ? json_pack("{s:s}", "ok", summary)
						   : api_refused(problem, summary);

	(void)more;
	if (json_array_size(warnings))
		json_object_set(document, "warnings", (json_t *)warnings);
	status_reply(h, (uint32_t)of, document);
}

/* The plan, with what the order would be refused for. */
static json_t *try_it(struct hub *h, struct apply_order order, json_t *own_plan)
{
	char why[CONFIG_ERROR_SIZE];
	enum problem problem;

	order.documents = documents_copy(order.documents);
	problem = hub_try(h, &order, why);
	if (problem != PROBLEM_NONE)
		json_object_set_new(own_plan, "refused", json_string(why));
	return own_plan;
}

/* NULL: it goes back. */
static json_t *plan_first(
	struct hub *h, const struct imsg_api_request *r, const struct apply_order *order)
{
	char why[CONFIG_ERROR_SIZE];
	json_t *plan = hub_plan(h, documents_copy(order->documents), PLAN_OF_ALL, NULL, why);

	if (!plan)
		return api_refused(PROBLEM_INVALID, why);
	return r->dry_run ? try_it(h, *order, plan) : change_exceeds(r, NULL, plan);
}

json_t *hub_rollback(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	char why[CONFIG_ERROR_SIZE];
	const struct asker *asker = access_asker(h);
	bool is_root = asker->who.uid == 0 && !asker->by_token;
	json_t *who = asker_json(asker), *answer = NULL;
	struct apply_order order = {.documents = revision_get(h, r->revisions[0], why),
		.back_to = r->revisions[0],
		.restore = true,
		.over_edits = r->force,
		/* The way back from what waits to be confirmed is always open. */
		.past_policy = (r->force && is_root) ||
			       (revision_waits(h) && r->revisions[0] == revision_before(h)),
		.confirm_s = r->confirm_s,
		.who = who,
		.done = on_back,
		.of = r->id};

	(void)site;
	if (order.documents)
		order.restore_main = revision_main_was_written(h, r->revisions[0]);
	if (!order.documents)
		answer = api_refused(PROBLEM_NO_SUCH_REVISION, why);
	else if (r->dry_run || r->allow[0])
		answer = plan_first(h, r, &order);
	if (answer) {
		documents_free(order.documents);
	} else {
		snprintf(why, sizeof(why), "back to revision %" PRIu64, r->revisions[0]);
		order.why = why;
		hub_apply(h, &order);
	}
	json_decref(who);
	return answer;
}
