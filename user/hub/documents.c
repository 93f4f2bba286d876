/* SPDX-License-Identifier: Apache-2.0 */
/* What several documents have in common. */
#include "hub/status.h"

#include "base/clock.h"

#include <time.h>

json_t *status_time(uint64_t wall_ns)
{
	time_t seconds = (time_t)(wall_ns / CLOCK_SECOND);
	char text[40];
	struct tm utc;

	gmtime_r(&seconds, &utc);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
	return json_string(text);
}
