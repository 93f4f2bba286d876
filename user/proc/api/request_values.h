/* SPDX-License-Identifier: Apache-2.0 */
/* What a request says under a name, and whether that can be. */
#ifndef SLUICE_PROC_API_REQUEST_VALUES_H
#define SLUICE_PROC_API_REQUEST_VALUES_H

#include "proc/api/request.h"

#include <jansson.h>

enum parameter_kind {
	SITE,
	TUNNEL,
	PREFIX,
	REVISION,
	REVISION_FROM,
	REVISION_TO,
	SINCE,
	CONFIRM,
	SECRET,
	TOKEN,
	ROLE,
	SCOPE,
	DAYS,
	IKE,
	FORCE,
	NEXT_START,
	WITHOUT_SECRETS,
	DRY_RUN,
	ALLOW,
	FAIL,
	NEW_SITE,
	STEP,
	KINDS,
	FROM,
	UNTIL,
	AFTER,
	LIMIT,
	WITHIN,
	RULE,
	FOR,
	ALL,
	VALUES,
	SITES
};

/* Text of a path or a query, or what JSON has there. */
struct value {
	const char *text;
	const json_t *json;
};

/* False: it is no number, or none from `least` to `most`. */
bool value_number(const struct value *v, uint64_t least, uint64_t most, uint64_t *n);

/* Into the request. What is wrong with it; NULL: nothing. */
const char *value_take(enum parameter_kind kind, const struct value *v, struct imsg_api_request *r);

/* Why a request is not understood. Returns false. */
__attribute__((format(printf, 3, 4))) bool request_refuse(
	struct request_refusal *why, enum problem problem, const char *format, ...);

#endif
