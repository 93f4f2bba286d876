/* SPDX-License-Identifier: Apache-2.0 */
#include "format.h"

#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>

const char *format_quantity(uint64_t value, const char *unit, char text[FORMAT_SIZE])
{
	static const char *const steps[] = {"", "k", "M", "G", "T", "P", "E"};
	uint64_t whole = value, rest = 0;
	unsigned int step = 0;
	const char *gap = *unit ? " " : "";

	while (whole >= 1000) {
		rest = whole % 1000;
		whole /= 1000;
		step++;
	}
	if (step)
		snprintf(text, FORMAT_SIZE, "%u.%u%s%s%s", (unsigned int)whole,
			(unsigned int)(rest / 100), gap, steps[step], unit);
	else
		snprintf(text, FORMAT_SIZE, "%u%s%s", (unsigned int)whole, gap, unit);
	return text;
}

const char *format_duration(uint64_t seconds, char text[FORMAT_SIZE])
{
	unsigned long long s = seconds;

	if (s < 60)
		snprintf(text, FORMAT_SIZE, "%llus", s);
	else if (s < 3600)
		snprintf(text, FORMAT_SIZE, "%llum%02llus", s / 60, s % 60);
	else if (s < 86400)
		snprintf(text, FORMAT_SIZE, "%lluh%02llum", s / 3600, s / 60 % 60);
	else
		snprintf(text, FORMAT_SIZE, "%llud%02lluh", s / 86400, s / 3600 % 24);
	return text;
}

const char *field_text(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s && *s ? s : "-";
}

uint64_t field_number(const json_t *o, const char *name)
{
	const json_t *v = json_object_get(o, name);

	if (json_is_real(v))
		return json_real_value(v) > 0 ? (uint64_t)json_real_value(v) : 0;
	return json_integer_value(v) > 0 ? (uint64_t)json_integer_value(v) : 0;
}

double field_real(const json_t *o, const char *name)
{
	return json_number_value(json_object_get(o, name));
}

const char *format_path(const json_t *path, char *text, size_t size)
{
	size_t i, used = 0;
	const json_t *as;

	text[0] = '\0';
	json_array_foreach(path, i, as) {
		int n = snprintf(text + used, size - used, "%s%lld", i ? " " : "",
			(long long)json_integer_value(as));

		if (n < 0 || (size_t)n >= size - used)
			return text;
		used += (size_t)n;
	}
	if (!used)
		snprintf(text, size, "-");
	return text;
}

static bool users_are_elsewhere;

void format_users_elsewhere(void)
{
	users_are_elsewhere = true;
}

const char *format_user(uint64_t uid, char text[FORMAT_SIZE])
{
	const struct passwd *user = users_are_elsewhere ? NULL : getpwuid((uid_t)uid);

	if (user)
		snprintf(text, FORMAT_SIZE, "%.*s", FORMAT_SIZE - 1, user->pw_name);
	else
		snprintf(text, FORMAT_SIZE, "uid %llu", (unsigned long long)uid);
	return text;
}
