/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/confirm.h"

#include "base/log.h"
#include "hub/api/api.h"
#include "hub/apply.h"
#include "hub/revision.h"

#include <inttypes.h>
#include <stdio.h>

/* What cannot go back is tried again, soon if it is only in another one's way. */
enum { AGAIN_S = 60, AGAIN_BUSY_S = 2 };

static void on_gone_back(struct hub *h, uint64_t entry, enum problem problem, const char *summary,
	const json_t *warnings, const json_t *more)
{
	bool ok = problem == PROBLEM_NONE;
	unsigned int again = problem == PROBLEM_BUSY ? AGAIN_BUSY_S : AGAIN_S;

	(void)warnings, (void)more; /* they are in the log */
	hub_audit_note_end(h, entry, ok ? "done" : "refused", summary);
	if (ok)
		return;
	log_error("what was not confirmed is still in force: %s; tried again in %u s", summary,
		again);
	revision_late_again(h, again);
}

/*
 * What the daemon has written when this came into force is written back. Other files stay as a person has edited them: what
 * was not confirmed is a pending edit from then on.
 */
static void on_late(evutil_socket_t fd, short what, void *arg)
{
	struct hub *h = arg;
	struct apply_order order = {.back_to = revision_before(h),
		.restore = true,
		.over_edits = true, /* those that have some are not written */
		.in_any_case = true,
		.done = on_gone_back};
	char why[128], error[CONFIG_ERROR_SIZE];

	(void)fd, (void)what;
	snprintf(why, sizeof(why), "revision %" PRIu64 " was not confirmed in time",
		revision_number(h));
	order.why = why;
	order.documents = revision_documents_before(h, error);
	if (!order.documents) {
		on_gone_back(h, 0, PROBLEM_FAILED, error, NULL, NULL);
		return;
	}
	order.writes = revision_wrote(h);
	/* Also where it cannot be written down: who waits is cut off, perhaps. */
	order.of = hub_audit_note(h, "rollback", "asked", why);
	log_warn("%s: back to revision %" PRIu64, why, order.back_to);
	hub_apply(h, &order);
}

void confirm_watch(struct hub *h)
{
	revision_when_late(h, on_late);
}
