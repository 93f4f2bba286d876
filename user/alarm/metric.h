/* SPDX-License-Identifier: Apache-2.0 */
/* What a minute says of each metric. */
#ifndef SLUICE_ALARM_METRIC_H
#define SLUICE_ALARM_METRIC_H

#include "alarm/rule.h"
#include "base/sample.h"

/* What there is to know of a minute beside its sample, to judge it, and what is not kept. */
struct alarm_facts {
	bool configured[TUNNELS_PER_SITE];
	bool quiet
		[TUNNELS_PER_SITE]; /* an operator had it down or drained, for a part of the minute or all of it */
	uint32_t
		single_s[TUNNELS_PER_SITE]; /* seconds in which it was down, and the other one up */
	uint64_t over_rate;                 /* packets that the site's own rate has cost */
	/* Of the hub. */
	uint32_t endpoints_down; /* in each second of the minute at least so many */
	uint32_t restarts, events_lost;
	bool has_certificates;
	int64_t certificate_s; /* until the first one ends */
};

/*
 * The value of a minute; tunnel: 0, 1, or -1 for the site or the hub. False: there is none, because the tunnel is not
 * configured, or an operator has taken it out of service: what is not there on purpose is no reason for an alarm; nor is a
 * state that was seen for less than half of the minute.
 */
bool alarm_measure(enum alarm_metric metric, const struct sample *s, const struct alarm_facts *f,
	int tunnel, double *value);

#endif
