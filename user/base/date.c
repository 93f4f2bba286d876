/* SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"

#include <stdio.h>
#include <time.h>

const char *date_format(int64_t seconds, char text[DATE_TEXT_SIZE])
{
	time_t t = (time_t)seconds;
	struct tm utc;

	if (!gmtime_r(&t, &utc) || !strftime(text, DATE_TEXT_SIZE, "%Y-%m-%dT%H:%M:%SZ", &utc))
		snprintf(text, DATE_TEXT_SIZE, "%lld", (long long)seconds);
	return text;
}
