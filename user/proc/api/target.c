/* SPDX-License-Identifier: Apache-2.0 */
#include "proc/api/target.h"

#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool target_decode(char *text)
{
	char *to = text;

	for (const char *from = text; *from; from++, to++) {
		int high, low;

		*to = *from;
		if (*from != '%')
			continue;
		high = hex_digit(from[1]);
		low = high < 0 ? -1 : hex_digit(from[2]);
		if (low < 0)
			return false;
		*to = (char)(high << 4 | low);
		if (!*to)
			return false;
		from += 2;
	}
	*to = '\0';
	for (size_t left = (size_t)(to - text), n; left; left -= n) {
		n = utf8_printable((const uint8_t *)to - left, left);
		if (!n)
			return false;
	}
	return true;
}

char *target_split(char *target, char **query)
{
	static const char scheme[] = "http://";
	char *path = target;

	*query = strchr(target, '?');
	if (*query)
		*(*query)++ = '\0';
	if (!strncmp(path, scheme, sizeof(scheme) - 1))
		path = strchr(path + sizeof(scheme) - 1, '/');
	return path && *path == '/' ? path + 1 : NULL;
}

size_t target_segments(char *path, char *segments[TARGET_SEGMENTS_MAX])
{
	size_t n = 0;

	for (char *s; (s = strsep(&path, "/"));) {
		if (n == TARGET_SEGMENTS_MAX || !target_decode(s) || !*s)
			return 0;
		segments[n++] = s;
	}
	return n;
}

bool target_matches(const char *template, char *const segments[], size_t count)
{
	for (size_t i = 0; i < count; i++) {
		size_t len;

		if (*template ++ != '/')
			return false;
		len = strcspn(template, "/");
		if (*template != '{' && (strncmp(template, segments[i], len) || segments[i][len]))
			return false;
		template += len;
	}
	return !*template;
}
