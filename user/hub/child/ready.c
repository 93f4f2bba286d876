/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/child/child.h"

#include "base/log.h"
#include "base/version.h"
#include "hub/api/api.h"
#include "hub/event/event.h"
#include "hub/notify.h"
#include "hub/revision.h"
#include "hub/secret/reads.h"

void child_ready(void *context, struct imsg *m)
{
	struct hub *h = context;
	bool all = true;

	(void)m;
	for (int i = 0; i < PROCESS_ROLES; i++)
		all &= h->processes[i].was_ready || i == PROCESS_REMOTE;
	if (!all || h->started)
		return;
	h->started = true;
	secret_reads_at("while sluiced runs");
	log_info("concentrator %s: AS %u, %u sites", h->config->concentrator.name,
		h->config->concentrator.asn, h->config->site_count);
	notify_send("READY=1");
	(void)hub_audit_note(h, "start", "done", revision_path(h));
	hub_publish(h, &(struct happening){.kind = BUS_PROCESS,
			       .reason = "HUB_STARTED",
			       .detail = "sluiced " SLUICE_VERSION " has started"});
}
