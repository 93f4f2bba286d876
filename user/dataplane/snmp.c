/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/snmp.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 16384

static const char *line_of(const char *text, const char *prefix)
{
	size_t len = strlen(prefix);

	while (text && strncmp(text, prefix, len)) {
		text = strchr(text, '\n');
		text = text ? text + 1 : NULL;
	}
	return text ? text + len : NULL;
}

/* The next word of a line and its length, 0 at the end. Moves *at behind it. */
static size_t next_word(const char **at)
{
	size_t len;

	*at += strspn(*at, " ");
	len = strcspn(*at, " \n");
	*at += len;
	return len;
}

uint64_t snmp_number(const char *text, const char *prefix, const char *name)
{
	const char *names = line_of(text, prefix);
	const char *numbers = names ? line_of(names, prefix) : NULL;
	size_t len, digits;

	if (!numbers)
		return 0;
	while ((len = next_word(&names)) && (digits = next_word(&numbers))) {
		if (len == strlen(name) && !memcmp(names - len, name, len))
			return strtoull(numbers - digits, NULL, 10);
	}
	return 0;
}

static bool slurp(const char *path, char text[TEXT_MAX])
{
	FILE *f = fopen(path, "re");
	size_t n;

	if (!f)
		return false;
	n = fread(text, 1, TEXT_MAX - 1, f);
	fclose(f);
	text[n] = '\0';
	return true;
}

/* /proc/net/snmp6 has a name and a number in each line. */
static uint64_t number6(const char *text, const char *name)
{
	const char *at = line_of(text, name);

	return at ? strtoull(at, NULL, 10) : 0;
}

struct reassembly_counts snmp_reassembly(void)
{
	struct reassembly_counts r = {0};
	char text[TEXT_MAX];

	if (slurp("/proc/net/snmp", text))
		r.failed = snmp_number(text, "Ip:", "ReasmFails");
	if (slurp("/proc/net/netstat", text))
		r.overlapping = snmp_number(text, "IpExt:", "ReasmOverlaps");
	if (slurp("/proc/net/snmp6", text))
		r.failed += number6(text, "Ip6ReasmFails ");
	return r;
}

uint64_t snmp_undelivered(void)
{
	static const char *const names[][2] = {
		{"Ip:", "InHdrErrors"}, {"Ip:", "ReasmFails"}, {"Udp:", "InErrors"}};
	static const char *const names6[] = {"Ip6InHdrErrors ", "Ip6ReasmFails ", "Udp6InErrors "};
	char text[TEXT_MAX];
	uint64_t sum = 0;

	if (slurp("/proc/net/snmp", text)) {
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			sum += snmp_number(text, names[i][0], names[i][1]);
	}
	if (slurp("/proc/net/snmp6", text)) {
		for (size_t i = 0; i < sizeof(names6) / sizeof(names6[0]); i++)
			sum += number6(text, names6[i]);
	}
	return sum;
}
