/* SPDX-License-Identifier: Apache-2.0 */
/* Events, a line each. */
#include "format.h"
#include "table.h"

#include "base/types.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "token 0badcafe of uid 0": a user is named, as everywhere. */
static void print_actor(const char *actor)
{
	const char *at = strstr(actor, "uid ");
	char user[FORMAT_SIZE], *end;
	uint64_t uid;

	if (!at || (at != actor && at[-1] != ' ')) {
		printf(" (%s)", actor);
		return;
	}
	uid = strtoull(at + 4, &end, 10);
	printf(" (%.*s%s)", (int)(at - actor), actor, *end ? at : format_user(uid, user));
}

void print_event(const json_t *e)
{
	const json_t *tunnel = json_object_get(e, "tunnel");
	const char *actor = json_string_value(json_object_get(e, "actor")),
		   *site = json_string_value(json_object_get(e, "site")),
		   *detail = field_text(e, "detail");
	uint64_t left_out = field_number(e, "left_out");
	char of[SITE_NAME_SIZE + 8];

	snprintf(of, sizeof(of), "%s", site ? site : "-");
	if (tunnel)
		snprintf(of + strlen(of), sizeof(of) - strlen(of), " %d",
			(int)json_integer_value(tunnel));
	printf("%s  %-7s  %-11s  %-16s  %s%s%s", field_text(e, "time"), field_text(e, "severity"),
		field_text(e, "kind"), of, field_text(e, "reason"), *detail ? ": " : "", detail);
	if (actor)
		print_actor(actor);
	if (left_out)
		printf(" [%llu before it were left out]", (unsigned long long)left_out);
	puts("");
}

void print_events(const json_t *document)
{
	const json_t *list = json_object_get(document, "events"), *e;
	size_t i;

	json_array_foreach(list, i, e)
		print_event(e);
	if (!json_array_size(list))
		puts("nothing has happened");
}

void print_timeline(const json_t *document)
{
	const json_t *list = json_object_get(document, "others"), *o;
	size_t i;

	printf("%s, %s to %s:\n", field_text(document, "site"), field_text(document, "from"),
		field_text(document, "to"));
	print_events(document);
	if (json_is_true(json_object_get(document, "more")))
		puts("there is more: a shorter time shows it (--within)");
	if (!json_array_size(list)) {
		puts("no other site had trouble then");
		return;
	}
	puts("other sites that had trouble then:");
	json_array_foreach(list, i, o)
		printf("  %-16s  %llu events, the first at %s: %s\n", field_text(o, "site"),
			(unsigned long long)field_number(o, "events"), field_text(o, "first"),
			field_text(o, "reason"));
	if (json_is_true(json_object_get(document, "others_more")))
		puts("there was more: a shorter time shows it (--within)");
}
