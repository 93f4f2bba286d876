/* SPDX-License-Identifier: Apache-2.0 */
/* What is read only when somebody asks: counters of maps, processes, modes. */
#include "hub/api/api.h"

#include "base/clock.h"
#include "hub/route/closed.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static_assert(MODEL_PROCESSES == PROCESS_ROLES + 1, "hub and its children");

static unsigned long rss_kb(pid_t pid)
{
	char path[40], line[128];
	unsigned long kb = 0;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);

	FILE *f = fopen(path, "re");

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "VmRSS: %lu", &kb) == 1)
			break;
	}
	if (f)
		fclose(f);
	return kb;
}

void hub_look_at_tunnels(struct hub *h)
{
	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		struct site *site = h->model.sites[i];

		for (unsigned int t = 0; site && t < TUNNELS_PER_SITE; t++)
			maps_tunnel_stats(
				h->maps, tunnel_number(site, t), &site->tunnels[t].counted);
	}
}

void hub_look_at_processes(struct hub *h)
{
	struct model_process *to = h->model.plane.processes;
	uint64_t now = clock_now();

	to[0] = (struct model_process){.name = "hub",
		.pid = (int)getpid(),
		.uptime_s = (now - h->model.started_ns) / CLOCK_SECOND,
		.rss_kb = rss_kb(getpid())};
	for (int i = 0; i < PROCESS_ROLES; i++) {
		const struct process *p = &h->processes[i];
		bool there = p->pid > 0;

		if (p->off && !there) {
			to[i + 1] = (struct model_process){0};
			continue;
		}
		to[i + 1] = (struct model_process){.name = process_names[i],
			.pid = (int)p->pid,
			.restarts = p->restarts,
			.hangs = p->hangs,
			.silent_s = process_silent_s(p),
			.trouble = i == PROCESS_WATCH && h->model.plane.history_aside[0]
					   ? h->model.plane.history_aside
					   : NULL,
			.uptime_s = there ? (now - p->started_ns) / CLOCK_SECOND : 0,
			.rss_kb = there ? rss_kb(p->pid) : 0};
	}
}

void hub_look_at_plane(struct hub *h)
{
	struct model_plane *p = &h->model.plane;

	hub_look_at_processes(h);
	p->kernel_esp = h->kernel_esp;
	p->workers = h->workers;
	snprintf(p->offloads, sizeof(p->offloads), "%s", link_offloads(h->link));
	p->closed_count = closed_count(h->closed);
	maps_outside_stats(h->maps, &p->outside);
	maps_inside_stats(h->maps, &p->inside);
	p->reassembly = snmp_reassembly();
}

void hub_look_at_speeds(struct hub *h)
{
	const struct concentrator_conf *c = &h->config->concentrator;

	for (uint32_t e = 0; e < c->endpoint_count; e++)
		h->model.host.speed_bps[e] = link_speed_bps(c->endpoints[e].device);
}
