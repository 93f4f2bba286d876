/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice secret list`. */
#include "format.h"
#include "table.h"

#include <stdio.h>
#include <string.h>

#define USERS_SIZE 4096

/* What is to be known of a use beside who it is. */
static const char *remark(const json_t *user)
{
	const char *as = field_text(user, "as"), *shown = field_text(user, "shown");

	if (!strcmp(as, "psk_previous") && !strcmp(shown, "previous"))
		return " (old)";
	if (!strcmp(as, "psk_previous") && !strcmp(shown, "present"))
		return " (new)";
	if (!strcmp(as, "psk_previous") && !strcmp(shown, "none"))
		return " (down)";
	return !strcmp(as, "ppk") ? " (ppk)" : !strcmp(as, "bgp_password") ? " (BGP)" : "";
}

static const char *users_text(const json_t *secret, char text[USERS_SIZE])
{
	const json_t *o;
	size_t i;

	text[0] = '\0';
	json_array_foreach(json_object_get(secret, "used_by"), i, o) {
		size_t n = strlen(text);

		snprintf(text + n, USERS_SIZE - n, "%s%s %llu%s", n ? ", " : "",
			field_text(o, "site"), (unsigned long long)field_number(o, "tunnel"),
			remark(o));
	}
	if (json_is_true(json_object_get(secret, "waits")))
		return "waits for `sluice apply`";
	return text[0] ? text : "-";
}

void print_secrets(const json_t *document)
{
	static const struct table_column columns[] = {{.name = "NAME"}, {.name = "SET"},
		{.name = "READ", .rank = 1}, {.name = "USED BY", .wrap = true}, {.name = NULL}};
	char text[USERS_SIZE];
	const json_t *o;
	struct table t;
	size_t i;

	table_init(&t, columns);
	json_array_foreach(json_object_get(document, "secrets"), i, o) {
		table_row(&t);
		table_text(&t, field_text(o, "name"));
		table_text(&t, field_text(o, "set"));
		table_text(&t, json_object_get(o, "read") ? field_text(o, "read") : "-");
		table_text(&t, users_text(o, text));
	}
	table_print(&t, "no secrets are sealed here");
}
