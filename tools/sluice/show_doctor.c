/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice doctor`: what is wrong, the worst first; sentences within 80 columns. */
#include "format.h"
#include "table.h"

#include <stdio.h>
#include <string.h>

enum { COLUMNS = 80, INDENT = 11, NAMED = 8 };

/* Breaks between words; the second and further lines begin further in. */
static void wrapped(const char *label, const char *text)
{
	size_t at = (size_t)printf("%-*s", INDENT, label), len;

	for (; *text; text += len + strspn(text + len, " ")) {
		len = strcspn(text, " ");
		if (at > INDENT && at + 1 + len > COLUMNS) {
			printf("\n%*s", INDENT, "");
			at = INDENT;
		} else if (at > INDENT) {
			putchar(' ');
			at++;
		}
		printf("%.*s", (int)len, text);
		at += len;
	}
	putchar('\n');
}

static void wrapped_if(const char *label, const json_t *o, const char *name)
{
	const char *text = json_string_value(json_object_get(o, name));

	if (text)
		wrapped(label, text);
}

static void print_when(const json_t *o)
{
	const char *since = json_string_value(json_object_get(o, "since"));
	const char *last = json_string_value(json_object_get(o, "last"));
	unsigned long long count = field_number(o, "count");
	char text[160], times[40] = "";

	if (count)
		snprintf(times, sizeof(times), "%llu times", count);
	snprintf(text, sizeof(text), "%s%s%s%s%s%s%s", since ? "since " : "", since ? since : "",
		since && count ? ", " : "", times, (since || count) && last ? ", " : "",
		last ? "last at " : "", last ? last : "");
	if (text[0])
		wrapped("  when", text);
}

static void print_others(const json_t *o)
{
	const json_t *others = json_object_get(o, "others"), *name;
	size_t count = json_array_size(others), i;
	char text[NAMED * 40 + 40] = "";
	int n = 0;

	json_array_foreach(others, i, name) {
		if (i < NAMED)
			n += snprintf(text + n, sizeof(text) - (size_t)n, "%s%.31s", i ? ", " : "",
				json_string_value(name));
	}
	if (count > NAMED)
		snprintf(text + n, sizeof(text) - (size_t)n, " and %zu more", count - NAMED);
	if (count)
		wrapped(json_object_get(o, "site") ? "  also" : "  of", text);
}

static void print_finding(const json_t *o)
{
	char label[32];

	snprintf(label, sizeof(label), "%s:", field_text(o, "severity"));
	wrapped(label, field_text(o, "text"));
	print_when(o);
	wrapped_if("  seen", o, "evidence");
	print_others(o);
	wrapped_if("  hub", o, "hub");
	wrapped_if("  device", o, "device");
}

static void print_verdicts(const json_t *document)
{
	json_t *verdicts = json_object_get(document, "verdicts"), *count;
	const char *verdict, *between = "";

	printf("tunnels:   ");
	json_object_foreach(verdicts, verdict, count) {
		printf("%s%lld %s", between, (long long)json_integer_value(count), verdict);
		between = ", ";
	}
	puts(*between ? "" : "none");
}

void print_doctor(const json_t *document)
{
	const json_t *o;
	size_t i;

	print_verdicts(document);
	json_array_foreach(json_object_get(document, "findings"), i, o)
		print_finding(o);
	if (!json_array_size(json_object_get(document, "findings")))
		puts("nothing that is known here is wrong");
	if (field_number(document, "notes") && !doctor_finds(document))
		printf("(%llu notes: a site that is named has them)\n",
			(unsigned long long)field_number(document, "notes"));
}

bool doctor_finds(const json_t *document)
{
	const json_t *o;
	size_t i;

	json_array_foreach(json_object_get(document, "findings"), i, o) {
		if (strcmp(field_text(o, "severity"), "note") != 0)
			return true;
	}
	return false;
}
