/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is wrong, since when, why, and what to do: rules over all that is known at one moment. A rule is a row of a table
 * (rule.h). For each tunnel the rows are tried from the lowest rung up, and the first that holds is the cause: what is
 * above follows from it. What is wrong with the hub, or with an address of it, is told once, and takes the place of what
 * would be told of the tunnels that end there. No I/O, no clock.
 */
#ifndef SLUICE_DOCTOR_DOCTOR_H
#define SLUICE_DOCTOR_DOCTOR_H

#include "state/model.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DOCTOR_TEXT_SIZE 640

/* What has to work before the next can. */
enum doctor_rung {
	DOCTOR_HUB,
	DOCTOR_IKE,
	DOCTOR_ESP,
	DOCTOR_INSIDE, /* addresses and sizes within the tunnel */
	DOCTOR_BGP,
	DOCTOR_RATES,
	DOCTOR_ROUTES,
	DOCTOR_RUNGS,
};

enum doctor_severity {
	DOCTOR_NOTE,    /* so it is; nothing is lost by it */
	DOCTOR_WARNING, /* less than there should be: one of two ways, a part of the traffic */
	DOCTOR_ERROR,   /* something is not reached */
	DOCTOR_SEVERITIES,
};

/* What IKE, ESP counters, BFD and BGP together say of a tunnel. */
enum doctor_verdict {
	VERDICT_NONE,         /* no such tunnel is configured */
	VERDICT_UP,           /* routes may lead there */
	VERDICT_STARTING,     /* it may come up yet: nothing is wrong so far */
	VERDICT_ONE_WAY,      /* ESP comes, and what is sent does not arrive */
	VERDICT_CONTROL_ONLY, /* there are keys, and no traffic: no ESP comes, or no session stands */
	VERDICT_DEAD,         /* no keys */
	VERDICT_OFF,          /* an operator has switched it off */
	DOCTOR_VERDICTS,
};

struct doctor_finding {
	const char *id; /* of the rule */
	enum doctor_rung rung;
	enum doctor_severity severity;
	char site[SITE_NAME_SIZE]; /* "": of the hub */
	uint32_t slot;             /* of the site */
	unsigned int tunnels;      /* of the site: a bit for each; 0: not of one of them */
	uint64_t since_wall_ns, last_wall_ns; /* 0: not known */
	uint32_t count;                       /* how often it was seen; 0: it was not counted */
	uint32_t tunnels_lost;                /* that do not carry because of it */
	/* Of the hub: whose tunnels those are; of a site: who else has the same. A bit for each slot. */
	uint64_t sites[SITE_SLOTS / 64];
	char text[DOCTOR_TEXT_SIZE];     /* one sentence */
	char evidence[DOCTOR_TEXT_SIZE]; /* what it was seen by; "": no more than that */
	char hub[DOCTOR_TEXT_SIZE];      /* what to do at the hub, and at the device; "": nothing */
	char device[DOCTOR_TEXT_SIZE];
};

struct doctor_snapshot {
	const struct model *model; /* with the counters as they are now */
	bool whole;                /* whoever asks may see all of it */
	uint64_t now_ns, wall_ns;  /* CLOCK_MONOTONIC, and since 1970 */
};

struct doctor_report {
	size_t count;
	struct doctor_finding *list; /* what matters most first */
	enum doctor_verdict verdicts[SITE_SLOTS][TUNNELS_PER_SITE];
};

/* Looks at all sites that the model has. For doctor_free(). */
struct doctor_report *doctor_look(const struct doctor_snapshot *s);
void doctor_free(struct doctor_report *r);

/* Whether it is of that site (and tunnel, unless -1), or its tunnels suffer from it. */
bool doctor_concerns(const struct doctor_finding *f, const struct site *site, int tunnel);

/* Whether the site of a slot is among those that it names beside its own. */
bool doctor_names(const struct doctor_finding *f, uint32_t slot);

/* "ike", "warning", "one-way" */
extern const char *const doctor_rungs[DOCTOR_RUNGS];
extern const char *const doctor_severities[DOCTOR_SEVERITIES];
extern const char *const doctor_verdicts[DOCTOR_VERDICTS];

#endif
