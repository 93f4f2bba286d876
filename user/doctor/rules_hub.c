/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with the hub itself: its addresses, its host, its processes. */
#include "doctor/rule.h"

#include "state/stats_fields.h"

#include <stdio.h>
#include <string.h>

#define SILENT_S    2
#define RESTARTED_S 300 /* it was started again within this time */

/* ---- its outside addresses ---- */

static const struct endpoint *endpoint(const struct doctor_case *c)
{
	return &c->s->model->endpoints[c->endpoint][c->address];
}

static bool endpoint_lost(struct doctor_case *c)
{
	if (!endpoint(c)->fault)
		return false;
	c->since_wall_ns = endpoint(c)->since_wall_ns;
	doctor_word(c, "what", "%s", endpoint_fault_text(endpoint(c)->fault));
	return true;
}

static bool no_way_out(struct doctor_case *c)
{
	return !endpoint(c)->fault && endpoint(c)->no_way;
}

const struct doctor_rule doctor_rules_endpoint[] = {
	{.id = "endpoint-lost",
		.rung = DOCTOR_HUB,
		.severity = DOCTOR_ERROR,
		.holds = endpoint_lost,
		.flags = DOCTOR_SWALLOWS,
		.sentence = "{device} {address} of the hub: {what}",
		.hub = "`ip addr show {device}`; see the cable, the port of the switch and what "
		       "sets "
		       "its address"},
	{.id = "no-way-out",
		.rung = DOCTOR_HUB,
		.severity = DOCTOR_ERROR,
		.holds = no_way_out,
		.flags = DOCTOR_SWALLOWS,
		.sentence = "no route of the hub leads over {device} but to its own network, so "
			    "sites elsewhere get no answer from {address}",
		.hub = "add a default route over {device}, or one to the sites"},
	{.id = NULL},
};

const struct doctor_rule doctor_rule_silent_address = {.id = "address-silent",
	.rung = DOCTOR_HUB,
	.severity = DOCTOR_ERROR,
	.sentence =
		"nothing comes to {device} {address} of the hub from any of the {count} tunnels "
		"that end there",
	.hub = "see what is behind {device}: the provider's line, a filter for UDP 500 and 4500 "
	       "and "
	       "ESP, the route back to the sites"};

/* ---- its host ---- */

static bool ike_unheard(struct doctor_case *c)
{
	return c->s->model->host.ike_unheard;
}

static bool not_forwarding(struct doctor_case *c)
{
	return c->s->model->host.settings_wrong;
}

static bool strict_filter(struct doctor_case *c)
{
	return c->s->model->host.rp_filter_strict;
}

static bool inside_gone(struct doctor_case *c)
{
	doctor_word(c, "inside", "%s", c->s->model->host.inside);
	return c->s->model->host.inside_gone;
}

static bool rule_wrong(struct doctor_case *c)
{
	const struct model_host *host = &c->s->model->host;

	for (uint32_t i = 0; i < host->outside_count; i++) {
		doctor_word(c, "what", "%s", host->outside[i].name);
		if (host->rule_wrong[i])
			return true;
	}
	return false;
}

static bool metrics_missing(struct doctor_case *c)
{
	return c->s->model->host.metrics_missing;
}

static bool api_missing(struct doctor_case *c)
{
	return c->s->model->host.api_missing;
}

/* ---- its processes ---- */

static bool process_gone(struct doctor_case *c)
{
	for (int i = 1; i < MODEL_PROCESSES; i++) {
		const struct model_process *p = &c->s->model->plane.processes[i];

		if (!p->name || p->pid)
			continue;
		doctor_word(c, "what", "%s", p->name);
		c->count = p->restarts;
		return true;
	}
	return false;
}

static bool process_hung(struct doctor_case *c)
{
	for (int i = 1; i < MODEL_PROCESSES; i++) {
		const struct model_process *p = &c->s->model->plane.processes[i];

		if (!p->name || !p->pid || p->silent_s < SILENT_S)
			continue;
		doctor_word(c, "what", "%s", p->name);
		doctor_word(c, "silent", "%u", p->silent_s);
		c->since_wall_ns = c->s->wall_ns - p->silent_s * CLOCK_SECOND;
		return true;
	}
	return false;
}

static bool process_restarted(struct doctor_case *c)
{
	for (int i = 1; i < MODEL_PROCESSES; i++) {
		const struct model_process *p = &c->s->model->plane.processes[i];
		char span[DOCTOR_SPAN_SIZE];

		if (!p->name || !p->pid || !p->restarts || p->uptime_s >= RESTARTED_S)
			continue;
		doctor_word(c, "what", "%s", p->name);
		doctor_word(c, "span", "%s", doctor_span(p->uptime_s, span));
		c->count = p->restarts;
		c->since_wall_ns = c->s->wall_ns - p->uptime_s * CLOCK_SECOND;
		return true;
	}
	return false;
}

/* ---- what is too much for it ---- */

static bool aggregate_short(struct doctor_case *c, enum sluice_direction d)
{
	const struct fair *fair = c->s->model->fair[d];
	struct site_rates all = sum_rates_now(c->s->model, d);
	char offered[DOCTOR_SPAN_SIZE], capacity[DOCTOR_SPAN_SIZE], level[DOCTOR_SPAN_SIZE];

	if (!fair || !fair->capacity || !fair_short(fair))
		return false;
	doctor_word(c, "offered", "%s", doctor_rate(all.offered_bps, offered));
	doctor_word(c, "capacity", "%s", doctor_rate(fair->capacity, capacity));
	doctor_word(c, "level", "%s", doctor_rate(fair->level, level));
	return true;
}

static bool aggregate_short_in(struct doctor_case *c)
{
	return aggregate_short(c, SLUICE_IN);
}

static bool aggregate_short_out(struct doctor_case *c)
{
	return aggregate_short(c, SLUICE_OUT);
}

/* Packets that came while the data process did not keep up, in the last minute, of all sites. */
static bool ring_full(struct doctor_case *c)
{
	uint64_t from = c->s->now_ns > 60 * CLOCK_SECOND ? c->s->now_ns - 60 * CLOCK_SECOND : 0;
	uint64_t sum = 0;
	int place = 0;

	while (site_drop_fields[place].name &&
		strcmp(site_drop_fields[place].name, "ring_full") != 0)
		place++;
	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		const struct site *site = c->s->model->sites[i];

		for (int d = 0; site && site->history && d < SLUICE_DIRECTIONS; d++)
			sum += history_since(
				site->history, (enum sluice_direction)d, from, c->s->now_ns)
				       .drops[place];
	}
	doctor_word(c, "count", "%llu", (unsigned long long)sum);
	c->count = sum < UINT32_MAX ? (uint32_t)sum : UINT32_MAX;
	return sum > 0;
}

static bool events_lost(struct doctor_case *c)
{
	doctor_word(c, "count", "%llu", (unsigned long long)c->s->model->events_lost);
	return c->s->model->events_lost > 0;
}

#define HUB .rung = DOCTOR_HUB, .severity = DOCTOR_ERROR

const struct doctor_rule doctor_rules_hub[] = {
	{.id = "process-gone",
		HUB,
		.holds = process_gone,
		.sentence = "the process {what} is not there; it is being started again",
		.hub = "the log of the daemon says why it ended"},
	{.id = "process-hung",
		HUB,
		.holds = process_hung,
		.sentence = "the process {what} has not answered for {silent} s",
		.hub = "it is ended and started again soon; the log of the daemon has it"},
	{.id = "inside-gone",
		HUB,
		.holds = inside_gone,
		.flags = DOCTOR_SWALLOWS,
		.sentence = "the inside device {inside} has gone and cannot be made again: nothing "
			    "gets through",
		.hub = "the log of the daemon says why; `systemctl restart sluiced`"},
	{.id = "firewall",
		HUB,
		.holds = ike_unheard,
		.flags = DOCTOR_SWALLOWS_DEAD,
		.sentence = "IKE comes in and does not reach sluiced: a firewall of this host "
			    "probably drops UDP 500 and 4500",
		.hub = "`nft list ruleset`: let UDP 500 and 4500 in on the outside devices"},
	{.id = "not-forwarding",
		HUB,
		.holds = not_forwarding,
		.sentence = "this host does not forward, and that cannot be switched on",
		.hub = "`sysctl net.ipv4.ip_forward net.ipv6.conf.all.forwarding` must be 1; see "
		       "what sets them"},
	{.id = "rp-filter",
		HUB,
		.holds = strict_filter,
		.sentence = "the reverse path filter of this host is strict, and cannot be made "
			    "loose: what comes from sites may be dropped",
		.hub = "`sysctl net.ipv4.conf.all.rp_filter`: 0 or 2; see what sets it"},
	{.id = "kernel-rule",
		HUB,
		.holds = rule_wrong,
		.sentence =
			"the kernel's rule that lets nothing be forwarded from {what} is not as "
			"it should be",
		.hub = "the log of the daemon says what stands there; `ip rule`"},
	{.id = "ring-full",
		.rung = DOCTOR_RATES,
		.severity = DOCTOR_WARNING,
		.holds = ring_full,
		.sentence = "the hub did not keep up: {count} packets were dropped in the last "
			    "minute (`ring_full`)",
		.hub = "more `workers`, or a faster machine; `sluice show dataplane` has its load"},
	{.id = "aggregate-short",
		.rung = DOCTOR_RATES,
		.severity = DOCTOR_WARNING,
		.holds = aggregate_short_in,
		.sentence = "the sites send more together than `aggregate_rate`: {offered} are "
			    "offered, {capacity} allowed; each has {level} at most now",
		.hub = "`sluice top` says who sends most"},
	{.id = "aggregate-short",
		.rung = DOCTOR_RATES,
		.severity = DOCTOR_WARNING,
		.holds = aggregate_short_out,
		.sentence = "more goes to the sites together than `aggregate_rate`: {offered} are "
			    "offered, {capacity} allowed; each has {level} at most now",
		.hub = "`sluice top` says who gets most"},
	{.id = "process-restarted",
		.rung = DOCTOR_HUB,
		.severity = DOCTOR_WARNING,
		.holds = process_restarted,
		.sentence = "the process {what} was started again {span} ago",
		.hub = "the log of the daemon says why it ended"},
	{.id = "api-missing",
		.rung = DOCTOR_HUB,
		.severity = DOCTOR_WARNING,
		.holds = api_missing,
		.sentence = "the API over TCP is not there: its address cannot be had",
		.hub = "`api` of the concentrator, and the log of the daemon"},
	{.id = "metrics-missing",
		.rung = DOCTOR_HUB,
		.severity = DOCTOR_WARNING,
		.holds = metrics_missing,
		.sentence = "metrics are not served: their address cannot be had",
		.hub = "`metrics` of the concentrator, and the log of the daemon"},
	{.id = "events-lost",
		.rung = DOCTOR_HUB,
		.severity = DOCTOR_NOTE,
		.holds = events_lost,
		.sentence = "{count} events of tunnels could not be written into files since the "
			    "start",
		.hub = "see whether the disk of `log_directory` is full"},
	{.id = NULL},
};
