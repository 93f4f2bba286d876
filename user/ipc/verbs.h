/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may be asked over the control socket: a row for each verb. The api process reads requests by it, and hub
 * answers by it.
 */
#ifndef SLUICE_IPC_VERBS_H
#define SLUICE_IPC_VERBS_H

#include "ipc/msg_api.h"

/* What a request must name beside its verb. */
enum verb_object {
	OBJECT_NONE,
	OBJECT_SITES,   /* nothing: it is of all sites, or of the one that is named */
	OBJECT_TUNNELS, /* a site: it is of both tunnels, or of the one that is named */
	OBJECT_TUNNEL,  /* a site and one of its tunnels */
	OBJECT_PREFIX,  /* a prefix or an address */
};

/* What whoever asks must have the right to. */
enum verb_right {
	RIGHT_READ,
	RIGHT_CHANGE,
	RIGHT_SECRET,
};

struct verb_row {
	const char *name; /* NULL: it is not asked for by name */
	enum verb_object object;
	enum verb_right right;
};

extern const struct verb_row verbs[API_VERBS];

/* API_INVALID: there is none of that name. */
enum api_verb verb_find(const char *name);

#endif
