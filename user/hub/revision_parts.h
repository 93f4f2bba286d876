/* SPDX-License-Identifier: Apache-2.0 */
/* What files of revisions have in common: revision.json is read with what may be missing, or of another kind. */
#ifndef SLUICE_HUB_REVISION_PARTS_H
#define SLUICE_HUB_REVISION_PARTS_H

#include "base/clock.h"

#include <jansson.h>

static inline int64_t wall_s(void)
{
	return (int64_t)(clock_wall() / CLOCK_SECOND);
}

static inline int64_t number_in(const json_t *info, const char *key)
{
	return json_integer_value(json_object_get(info, key));
}

static inline const char *text_in(const json_t *info, const char *key)
{
	const char *text = json_string_value(json_object_get(info, key));

	return text ? text : "";
}

/* revision.json of what is in force. */
struct hub;
json_t *revision_json(const struct hub *h);

#endif
