/* SPDX-License-Identifier: Apache-2.0 */
/* The children: they start, report, and end. */
#include "hub/child/child.h"

#include "base/clock.h"
#include "base/log.h"
#include "hub/api/api.h"
#include "hub/api/events.h"
#include "hub/api/sums.h"
#include "hub/event/alarms.h"
#include "hub/event/event.h"
#include "hub/host/host.h"
#include "hub/route/route.h"
#include "hub/site/site.h"
#include "ipc/msg_bgp.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define DATA_TRUST_NS (5 * CLOCK_SECOND)

/* The SAs are lost with the data process: nothing may be routed to them. */
static void close_tunnels(struct hub *h)
{
	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		for (unsigned int t = 0; h->model.sites[i] && t < TUNNELS_PER_SITE; t++) {
			if (!h->model.sites[i]->conf.tunnels[t].configured)
				continue;
			h->model.sites[i]->tunnels[t].sa_count = 0;
			hub_tunnel_close(h, tunnel_number(h->model.sites[i], t));
		}
	}
}

static void set_bgp_idle(struct hub *h)
{
	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		for (unsigned int t = 0; h->model.sites[i] && t < TUNNELS_PER_SITE; t++) {
			struct tunnel_bgp *b = &h->model.sites[i]->tunnels[t].bgp;

			/* One that ends before it has heard of everybody hands on whom it waited for. */
			h->model.sites[i]->tunnels[t].bgp_was_up =
				b->state == BGP_ESTABLISHED ||
				(h->model.sites[i]->tunnels[t].bgp_was_up && !h->bgp_settled);
			if (b->state == BGP_ESTABLISHED)
				b->turned_wall_ns = clock_wall();
			b->state = BGP_IDLE;
			b->established_wall_ns = 0;
			/* What had not been heard from again is not handed on a second time. */
			h->model.sites[i]->tunnels[t].bfd_resume =
				h->model.sites[i]->tunnels[t].bfd.resume;
			h->model.sites[i]->tunnels[t].bfd = (struct tunnel_bfd){0};
			snprintf(b->detail, sizeof(b->detail), "the bgp process is starting again");
		}
	}
}

/*
 * The next one goes on with its SAs, and nothing changes for anybody. Unless it ended so soon that
 * what it took over may be the reason: then every tunnel is set up anew.
 */
static void on_data_end(struct hub *h, const struct process *p)
{
	if (!h->kernel_esp) /* the kernel goes on: what is on its way will be accounted for */
		maps_workers_ended(h->maps);
	if (p->asked || clock_now() - p->started_ns > DATA_TRUST_NS)
		return;
	log_warn("the SAs of the data process are given up");
	close_tunnels(h);
	/* An ike that starts now must not restore what describes them. */
	if (!hub_saved_clear(h) || ftruncate(h->host->checkpoint_fd, 0))
		log_error("saved SAs: %s", strerror(errno));
}

static void publish_end(struct hub *h, const struct process *p)
{
	unsigned int silent = process_silent_s(p);
	char text[128];

	if (p->asked)
		snprintf(text, sizeof(text), "%s ends, and starts with what has changed",
			process_names[p->role]);
	else if (WIFSIGNALED(p->status) && silent)
		snprintf(text, sizeof(text), "%s had not answered for %u s, and was ended",
			process_names[p->role], silent);
	else if (WIFSIGNALED(p->status))
		snprintf(text, sizeof(text), "%s was ended by signal %d (%s)",
			process_names[p->role], WTERMSIG(p->status),
			strsignal(WTERMSIG(p->status)));
	else
		snprintf(text, sizeof(text), "%s ended with status %d", process_names[p->role],
			WEXITSTATUS(p->status));
	hub_publish(h, &(struct happening){.kind = BUS_PROCESS,
			       .severity = p->asked ? BUS_INFO : BUS_ERROR,
			       .reason = "PROCESS_ENDED",
			       .detail = text});
}

static void on_end(void *context, struct process *p)
{
	struct hub *h = context;

	if (h->stopping)
		return;
	publish_end(h, p);
	switch (p->role) {
	case PROCESS_DATA:
		on_data_end(h, p);
		break;
	case PROCESS_BGP:
		hub_routes_mark_stale(h);
		set_bgp_idle(h);
		h->bgp_settled = false;
		hub_bgp_queries_expire(h, 0);
		break;
	case PROCESS_WATCH:
		hub_events_unheard(h);
		hub_alarms_unheard(h);
		hub_events_expire(h, 0);
		hub_sums_expire(h, 0);
		break;
	default:
		break; /* ike: SAs stay in data; api: holds nothing */
	}
}

/* One entry per role, so that a child can only say what its role may say. */
#define ON_MESSAGE(role, rows)                                                                     \
	static void on_##role##_message(void *context, const struct imsg *m)                       \
	{                                                                                          \
		(void)imsg_give(rows, context, m);                                                 \
	}

ON_MESSAGE(data, data_reports)
ON_MESSAGE(ike, ike_reports)
ON_MESSAGE(bgp, bgp_reports)
ON_MESSAGE(api, api_requests)
ON_MESSAGE(remote, remote_requests)
ON_MESSAGE(watch, watch_reports)

void hub_children_init(struct hub *h, bool verbose)
{
	static imsg_handler *const handlers[PROCESS_ROLES] = {
		[PROCESS_DATA] = on_data_message,
		[PROCESS_IKE] = on_ike_message,
		[PROCESS_BGP] = on_bgp_message,
		[PROCESS_API] = on_api_message,
		[PROCESS_REMOTE] = on_remote_message,
		[PROCESS_WATCH] = on_watch_message,
	};

	for (int i = 0; i < PROCESS_ROLES; i++) {
		h->processes[i] = (struct process){.role = (enum process_role)i,
			.base = h->base,
			.on_message = handlers[i],
			.on_start = child_start,
			.on_end = on_end,
			.context = h,
			.verbose = verbose};
	}
	h->processes[PROCESS_REMOTE].off = !addr_is_set(&h->config->concentrator.api.addr);
}
