/* SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

const char *date_format(int64_t seconds, char text[DATE_TEXT_SIZE])
{
	time_t t = (time_t)seconds;
	struct tm utc;

	if (!gmtime_r(&t, &utc) || !strftime(text, DATE_TEXT_SIZE, "%Y-%m-%dT%H:%M:%SZ", &utc))
		snprintf(text, DATE_TEXT_SIZE, "%lld", (long long)seconds);
	return text;
}

const char *date_format_ns(uint64_t wall_ns, char text[DATE_TEXT_SIZE])
{
	size_t len = strlen(date_format((int64_t)(wall_ns / CLOCK_SECOND), text));

	if (len && text[len - 1] == 'Z')
		snprintf(text + len - 1, DATE_TEXT_SIZE - len + 1, ".%03uZ",
			(unsigned int)(wall_ns / CLOCK_MILLISECOND % 1000));
	return text;
}

/* "99:99" as minutes; -1: it is none. */
static int read_hours(const char *text)
{
	unsigned int hours, minutes;
	int n = 0;

	if (sscanf(text, "%2u:%2u%n", &hours, &minutes, &n) != 2 || n != 5 || text[n] ||
		hours > 23 || minutes > 59)
		return -1;
	return (int)(hours * 60 + minutes);
}

/* ".25" as nanoseconds, and what follows; NULL: it is none. */
static const char *read_fraction(const char *text, uint64_t *ns)
{
	uint64_t unit = CLOCK_SECOND;
	const char *at = text + 1;

	*ns = 0;
	if (*text != '.')
		return text;
	for (; *at >= '0' && *at <= '9'; at++) {
		unit /= 10;
		*ns += unit * (uint64_t)(*at - '0');
	}
	return at == text + 1 ? NULL : at;
}

/* "2026-11-30T02:13:00", with a letter or a blank in between (5.6). */
static bool has_shape(const char *text)
{
	static const char shape[] = "0000-00-00T00:00:00";

	for (size_t i = 0; shape[i]; i++) {
		if (shape[i] == '0'       ? text[i] < '0' || text[i] > '9'
			: shape[i] == 'T' ? !text[i] || !strchr("Tt ", text[i])
					  : text[i] != shape[i])
			return false;
	}
	return true;
}

bool date_parse(const char *text, uint64_t *wall_ns)
{
	struct tm tm = {0}, same;
	int n = 0, offset = 0;
	const char *zone;
	uint64_t fraction;
	time_t t;

	if (!has_shape(text) || sscanf(text, "%4d-%2d-%2d%*c%2d:%2d:%2d%n", &tm.tm_year, &tm.tm_mon,
					&tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &n) != 6)
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	zone = read_fraction(text + n, &fraction);
	if (!zone)
		return false;
	if (*zone == '+' || *zone == '-') {
		offset = read_hours(zone + 1);
		if (offset < 0)
			return false;
		offset *= *zone == '-' ? -60 : 60;
	} else if (strcmp(zone, "Z") != 0 && strcmp(zone, "z") != 0) {
		return false;
	}
	if (tm.tm_sec == 60) /* a leap second */
		tm.tm_sec = 59;
	same = tm;
	t = timegm(&same);
	/* The 31st of November is the 1st of December for timegm(3). */
	if (same.tm_mday != tm.tm_mday || same.tm_mon != tm.tm_mon || same.tm_hour != tm.tm_hour ||
		same.tm_min != tm.tm_min || same.tm_sec != tm.tm_sec || t - offset < 0)
		return false;
	*wall_ns = (uint64_t)(t - offset) * CLOCK_SECOND + fraction;
	return true;
}
