/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/reassembly.h"

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

uint64_t reassembly_number(const char *text, const char *prefix, const char *name)
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

struct reassembly_counts reassembly_now(void)
{
	static const char v6_name[] = "Ip6ReasmFails";
	struct reassembly_counts r = {0};
	char text[TEXT_MAX];
	const char *v6;

	if (slurp("/proc/net/snmp", text))
		r.failed = reassembly_number(text, "Ip:", "ReasmFails");
	if (slurp("/proc/net/netstat", text))
		r.overlapping = reassembly_number(text, "IpExt:", "ReasmOverlaps");
	if (slurp("/proc/net/snmp6", text)) { /* a name and a number in each line */
		v6 = line_of(text, v6_name);
		r.failed += v6 ? strtoull(v6, NULL, 10) : 0;
	}
	return r;
}
